import { compareBytes, toBinaryString, unreachable } from "../base/index.ts";
import type { CommitDemands, Compare, Relation, TransactionOperation, TransactionStep } from "./command.ts";
import type { Timestamp } from "../clock/index.ts";
import { StoreError } from "./errors.ts";
import type { Coordination } from "./coordination.ts";
import type { KeyspaceHandle, Keys } from "./keys.ts";
import type { KeyRow, StepResult } from "./result.ts";
import { currentKey, type Version } from "./rows.ts";

export interface TransactionOutcome {
  readonly succeeded: boolean;
  readonly steps: readonly StepResult[];
  /** Whether anything changed, and so the revision was used. */
  readonly changed: boolean;
}

/** Every key that the transaction may read or change; names of locks are none. */
export function keysOf({ compares, then, otherwise }: TransactionOperation): Uint8Array[] {
  const compared = compares.filter(({ target }) => target !== "lock");
  return [...compared, ...then, ...otherwise].map(({ key }) => key);
}

/** Runs as `version`, which is used up only where something changed. Throws a StoreError before it has changed anything. */
export function runTransaction(
  keys: Keys,
  locks: Coordination,
  keyspace: KeyspaceHandle,
  operation: TransactionOperation,
  version: Version,
): TransactionOutcome {
  // Both branches, so that whether a transaction is refused does not depend on the state.
  refuseDoubleChanges(operation.then);
  refuseDoubleChanges(operation.otherwise);
  const succeeded = operation.compares.every((compare) => holds(keys, locks, keyspace, compare));
  return { succeeded, ...runSteps(keys, keyspace, succeeded ? operation.then : operation.otherwise, version) };
}

type Demands = Omit<CommitDemands, "keyspace"> & { readonly planted?: ReadonlySet<string> | undefined };

/** Validates what an interactive transaction relies on, and writes, as `version`. Throws as `validate`. */
export function runCommit(
  keys: Keys,
  keyspace: KeyspaceHandle,
  demands: Demands,
  version: Version,
  clock: Timestamp,
): Pick<TransactionOutcome, "steps" | "changed"> {
  validate(keys, keyspace, demands, clock);
  return runSteps(keys, keyspace, stepsOf(demands), version);
}

function stepsOf({ writes }: Pick<Demands, "writes">): TransactionStep[] {
  return writes.map(({ key, value }) => (value === undefined ? { kind: "delete", key } : { kind: "put", key, value }));
}

/**
 * Whether everything that a transaction relies on is as it was. `clock` is the present time of this group. Throws a
 * StoreError `transaction-conflict` that says what changed.
 */
export function validate(keys: Keys, keyspace: KeyspaceHandle, demands: Demands, clock: Timestamp): void {
  const { snapshot, unchanged, ranges, planted } = demands;
  refuseDoubleChanges(stepsOf(demands));
  const relies = unchanged.length > 0 || ranges.length > 0;
  if (relies && snapshot < keys.compactedClock()) throw conflict("its snapshot is compacted");
  // Nothing at all has happened since: there is nothing to look at.
  if (snapshot < clock) {
    for (const key of planted?.has("reads-not-validated") === true ? [] : unchanged) {
      const place = keys.find(currentKey(keyspace.prefix, key))?.place;
      if (place !== undefined && place.timestamp > snapshot)
        throw conflict(`a key that it relies on changed at revision ${place.revision}, after its snapshot`);
    }
    for (const range of planted?.has("ranges-not-validated") === true ? [] : ranges) {
      if (keys.changedAfter(keyspace, range, snapshot))
        throw conflict("a key of a range that it read changed after its snapshot");
    }
  }
}

function conflict(reason: string): StoreError {
  return new StoreError("transaction-conflict", reason);
}

function runSteps(
  keys: Keys,
  keyspace: KeyspaceHandle,
  steps: readonly TransactionStep[],
  version: Version,
): Pick<TransactionOutcome, "steps" | "changed"> {
  let ordinal = 0;
  const results = steps.map((step): StepResult => {
    if (step.kind === "get") return { kind: "get", row: keys.get(keyspace, step.key) };
    const rowKey = currentKey(keyspace.prefix, step.key);
    const prior = keys.find(rowKey);
    const previousRevision = prior?.exists === true ? prior.place.revision : 0;
    const place = { ...version, ordinal };
    if (step.kind === "put") {
      keys.change(keyspace.id, step.key, rowKey, place, step.value, prior);
      ordinal++;
      return { kind: "put", previousRevision };
    }
    const deleted = previousRevision > 0;
    if (deleted) {
      keys.change(keyspace.id, step.key, rowKey, place, undefined, prior);
      ordinal++;
    }
    return { kind: "delete", deleted, previousRevision };
  });
  return { steps: results, changed: ordinal > 0 };
}

/** A key has one state at a revision. */
function refuseDoubleChanges(steps: readonly TransactionStep[]): void {
  const seen = new Set<string>();
  for (const step of steps) {
    if (step.kind === "get") continue;
    const key = currentKey("", step.key);
    if (seen.has(key)) throw new StoreError("malformed", "a transaction changes a key twice");
    seen.add(key);
  }
}

function holds(keys: Keys, locks: Coordination, keyspace: KeyspaceHandle, compare: Compare): boolean {
  if (compare.target === "lock") return locks.holds(toBinaryString(compare.key), compare.token);
  return compareHolds(compare, keys.get(keyspace, compare.key));
}

/** Whether the condition holds for a key in this state; undefined: it does not exist. */
export function compareHolds(compare: Exclude<Compare, { target: "lock" }>, row: KeyRow | undefined): boolean {
  switch (compare.target) {
    case "exists":
      return (row !== undefined) === compare.exists;
    case "value":
      return row !== undefined && related(compareBytes(row.value, compare.value), compare.relation);
    case "modRevision":
    case "createRevision":
    case "version":
      return related((row?.[compare.target] ?? 0) - compare.operand, compare.relation);
    default:
      return unreachable(compare);
  }
}

function related(order: number, relation: Relation): boolean {
  switch (relation) {
    case "equal":
      return order === 0;
    case "not-equal":
      return order !== 0;
    case "less":
      return order < 0;
    case "greater":
      return order > 0;
    default:
      return unreachable(relation);
  }
}

/** Keys that a transaction may change, whichever way it goes. */
export function changedKeys({ then, otherwise }: TransactionOperation): Uint8Array[] {
  return [...then, ...otherwise].filter(({ kind }) => kind !== "get").map(({ key }) => key);
}

/** Keys that it looks at. */
export function readKeys({ compares, then, otherwise }: TransactionOperation): Uint8Array[] {
  const gets = [...then, ...otherwise].filter(({ kind }) => kind === "get");
  return [...compares.filter(({ target }) => target !== "lock"), ...gets].map(({ key }) => key);
}
