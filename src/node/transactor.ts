import { fromBinaryString, type GroupId, toBinaryString } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import { failure, type Failure, type Kept, type Outcome, parseReadContract, type Query } from "../contract/index.ts";
import {
  type CommitOperation,
  compareHolds,
  decodeCommand,
  decodeResult,
  encodeResult,
  type Envelope,
  errorCodeOf,
  type KeyRow,
  shardOf,
  type ShardedKeyspace,
  type StepResult,
  type StoreErrorCode,
  storeErrorCodes,
  type TransactionOperation,
  type TransactionStep,
} from "../store/index.ts";
import { type CommitOutcome, type CommitPlan, type GroupPart, waitOut } from "../txn/index.ts";
import { Coordinator, type CoordinatorNode } from "./coordinator.ts";
import type { RequestBody } from "./types.ts";

/** What a read needs of a group. */
export interface TransactorNode extends CoordinatorNode {
  /** Asks a group on this node; undefined: it is not here. */
  read(
    group: GroupId,
    body: Extract<RequestBody, { type: "read" }>,
    deadline: number,
    reply: (outcome: Outcome) => void,
  ): void;
  /** As the map that this node has now says. */
  shardedKeyspace(name: string): ShardedKeyspace | undefined;
  /** Index in group 0's log of a map that has what the group has. */
  epochOf(group: GroupId): number;
}

type Reply = (outcome: Outcome) => void;
type Part = {
  readonly unchanged: Uint8Array[];
  readonly ranges: GroupPart["ranges"][number][];
  readonly writes: GroupPart["writes"][number][];
};

const linearizable = parseReadContract("linearizable");
/**
 * How long a transaction's groups remember it after its client has given up, so that a late try finds what became of it;
 * longer where somebody else may try, under an idempotency key.
 */
const memoryMs = 2000;
const idempotentMemoryMs = 600_000;
const retryMs = 5;
const maxRetryMs = 100;

/**
 * Whole transactions over several groups on behalf of a client: interactive ones at their commit, and those that compare,
 * then change. A client's name for its request names the transaction, so that the same request again is the same one.
 */
export class Transactor {
  readonly coordinator: Coordinator;
  readonly #node: TransactorNode;
  readonly #prefix: string;
  #count = 0;

  constructor(node: TransactorNode, life: number) {
    this.#node = node;
    this.#prefix = `n${node.id}.${life.toString(36)}.`;
    this.coordinator = new Coordinator(node);
  }

  commit(keyspace: ShardedKeyspace, command: Uint8Array, deadline: number, reply: Reply): void {
    const { envelope, operation } = decodeCommand(command);
    const name = nameOf(envelope);
    if (operation.kind === "commit") {
      const parts = this.partsOf(keyspace, operation);
      const [home] = parts.keys();
      // Where its keys have moved to another group since, the same request is another transaction, of which one is committed.
      const transaction = name === "" ? this.newName() : `${name}@${home}`;
      const plan = this.plan(keyspace, operation, parts, transaction, deadline, name);
      return this.coordinator.commit(plan, (outcome) => reply(this.answer(outcome, true, [])));
    }
    if (operation.kind === "transaction")
      return new Comparison(this, this.#node, keyspace, operation, name, deadline, reply).attempt(1);
    reply({ ok: false, failure: failure("internal", `a ${operation.kind} over several groups`, true) });
  }

  /** The groups that an interactive transaction has to do with. */
  partsOf(
    keyspace: ShardedKeyspace,
    demands: Pick<CommitOperation, "unchanged" | "ranges" | "writes">,
  ): Map<GroupId, Part> {
    const parts = new Map<GroupId, Part>();
    const partOf = (group: GroupId): Part => {
      let part = parts.get(group);
      if (part === undefined) parts.set(group, (part = { unchanged: [], ranges: [], writes: [] }));
      return part;
    };
    // The home is where the first write is: there is always one.
    for (const write of demands.writes) partOf(shardOf(keyspace, write.key).group).writes.push(write);
    for (const key of demands.unchanged) partOf(shardOf(keyspace, key).group).unchanged.push(key);
    // Where keys lie by hash, those of a range are everywhere.
    for (const range of demands.ranges)
      for (const { value } of keyspace.shards) {
        const part = partOf(value.group);
        if (part.ranges.at(-1) !== range) part.ranges.push(range);
      }
    return parts;
  }

  plan(
    keyspace: ShardedKeyspace,
    { snapshot, age, strict }: Pick<CommitOperation, "snapshot" | "age" | "strict">,
    parts: ReadonlyMap<GroupId, GroupPart>,
    transaction: string,
    deadline: number,
    once = "",
  ): CommitPlan {
    const { now } = this.#node;
    return {
      transaction,
      age: age > 0 ? age : this.coordinator.snapshot(),
      deadline: Math.ceil(
        now.wall + Math.max(0, deadline - now.mono) + (isIdempotent(once) ? idempotentMemoryMs : memoryMs),
      ),
      once,
      keyspace: keyspace.name,
      snapshot,
      strict,
      parts,
    };
  }

  /** Holds a strict commit in one group back until its timestamp has passed. */
  afterCommitWait(outcome: Outcome, reply: Reply): void {
    const result = outcome.ok && errorCodeOf(outcome.result) === undefined ? decodeResult(outcome.result) : undefined;
    if (result?.kind !== "transaction") return reply(outcome);
    waitOut(this.coordinator, result.timestamp, () => reply(outcome));
  }

  /** The end of a strict transaction that has only read: what it saw is the past by then, on every clock. */
  afterReading(snapshot: Timestamp, reply: Reply): void {
    const outcome = { ok: true, timestamp: snapshot, positions: new Map(), isRepeated: false } as const;
    waitOut(this.coordinator, snapshot, () => reply(this.answer(outcome, true, [])));
  }

  answer(outcome: CommitOutcome, succeeded: boolean, steps: readonly StepResult[]): Outcome {
    if (!outcome.ok) return this.refusal(outcome.failure);
    const { timestamp, positions } = outcome;
    const result = encodeResult({ kind: "transaction", revision: 0, timestamp, succeeded, steps });
    return { ok: true, result, kept: this.#kept(positions) };
  }

  /** What the groups refused is a result, as it is where one group refuses: nobody need ask again elsewhere. */
  refusal(problem: Failure): Outcome {
    const code = problem.code === "bad-request" ? "malformed" : problem.code;
    const isResult = (storeErrorCodes as readonly string[]).includes(code) && problem.definite;
    if (!isResult) return { ok: false, failure: problem };
    const result = encodeResult({
      kind: "error",
      code: code as StoreErrorCode,
      detail: problem.detail,
      revision: undefined,
    });
    return { ok: true, result, kept: this.#kept(new Map()) };
  }

  #kept(positions: ReadonlyMap<GroupId, number>): Kept {
    const shards = Array.from(positions, ([group, position]) => ({ group, position }));
    const position = Math.max(0, ...shards.map(({ group }) => this.#node.epochOf(group)));
    return { guarantee: "Linearizable", position, shards, stalenessMs: 0, degraded: false };
  }

  /** Of a transaction that nobody else coordinates. */
  newName(): string {
    return this.#prefix + String(++this.#count);
  }
}

/** What the client calls it, however often it asks; empty: nothing. */
function nameOf(envelope: Envelope): string {
  switch (envelope.kind) {
    case "session":
      return `s${envelope.session}.${envelope.sequence}`;
    case "idempotent":
      return idempotentPrefix + envelope.key;
    case "none":
      return "";
  }
}

/**
 * Compare, then change, over several groups: reads all keys as of one snapshot, and commits what follows from that where
 * nothing of it has changed; otherwise once more. Each try is a transaction of its own, of which one at most is committed
 * under the client's name, also where nothing is changed: so the same request again is told what came of the first.
 */
class Comparison {
  readonly #transactor: Transactor;
  readonly #node: TransactorNode;
  #keyspace: ShardedKeyspace;
  readonly #operation: TransactionOperation;
  readonly #name: string;
  readonly #deadline: number;
  readonly #reply: Reply;
  readonly #keys: readonly Uint8Array[];
  #age = 0;

  constructor(
    transactor: Transactor,
    node: TransactorNode,
    keyspace: ShardedKeyspace,
    operation: TransactionOperation,
    name: string,
    deadline: number,
    reply: Reply,
  ) {
    this.#transactor = transactor;
    this.#node = node;
    this.#keyspace = keyspace;
    this.#operation = operation;
    this.#name = name;
    this.#deadline = deadline;
    this.#reply = reply;
    const { compares, then, otherwise } = operation;
    const names = new Set([...compares, ...then, ...otherwise].map(({ key }) => toBinaryString(key)));
    this.#keys = [...names].map(fromBinaryString);
  }

  attempt(number: number): void {
    const twice = firstTwice(this.#operation.then) ?? firstTwice(this.#operation.otherwise);
    if (twice)
      return this.#reply(this.#transactor.refusal(failure("bad-request", "a transaction changes a key twice", true)));
    // Its shards may have moved since the last attempt.
    this.#keyspace = this.#node.shardedKeyspace(this.#operation.keyspace) ?? this.#keyspace;
    const snapshot = this.#transactor.coordinator.snapshot();
    if (this.#age === 0) this.#age = snapshot;
    const then = (rows: Rows): void => this.#onRows(number, snapshot, rows);
    this.#readAll(snapshot, then, () => {
      const reason = failure("transaction-conflict", "a key of it is being moved");
      if (!this.#again(number)) this.#reply(this.#transactor.refusal(reason));
    });
  }

  #onRows(number: number, snapshot: Timestamp, rows: Rows): void {
    const { succeeded, steps, writes } = evaluate(this.#operation, rows);
    if (writes.length === 0 && this.#name === "") {
      const positions = new Map<GroupId, number>();
      return this.#reply(
        this.#transactor.answer({ ok: true, timestamp: snapshot, positions, isRepeated: false }, succeeded, steps),
      );
    }
    const demands = { unchanged: this.#keys, ranges: [], writes };
    const parts = inOrder(
      this.#transactor.partsOf(this.#keyspace, demands),
      shardOf(this.#keyspace, this.#keys[0]!).group,
    );
    const name = this.#transactor.newName();
    const plan = this.#transactor.plan(
      this.#keyspace,
      { snapshot, age: this.#age, strict: false },
      parts,
      name,
      this.#deadline,
      this.#name,
    );
    this.#transactor.coordinator.commit(plan, (outcome) => this.#onCommitted(number, outcome, succeeded, steps));
  }

  #onCommitted(number: number, outcome: CommitOutcome, succeeded: boolean, steps: readonly StepResult[]): void {
    if (outcome.ok && outcome.isRepeated) {
      // An earlier try of the client was this one: what it saw is what was there just before.
      const then = (rows: Rows): void => {
        const was = evaluate(this.#operation, rows);
        this.#reply(this.#transactor.answer(outcome, was.succeeded, was.steps));
      };
      return this.#readAll(outcome.timestamp - 1, then, () => {
        const reason = failure("compacted", "it was done before, and what it answered is no longer known", false);
        this.#reply({ ok: false, failure: reason });
      });
    }
    const isConflict = !outcome.ok && outcome.failure.code === "transaction-conflict";
    if (!isConflict || !this.#again(number)) this.#reply(this.#transactor.answer(outcome, succeeded, steps));
  }

  /** Whether there is time for another attempt. */
  #again(number: number): boolean {
    const pauseMs = Math.min(maxRetryMs, retryMs * 2 ** Math.min(number, 6));
    if (this.#node.now.mono + pauseMs >= this.#deadline) return false;
    this.#transactor.coordinator.after(pauseMs, () => this.attempt(number + 1));
    return true;
  }

  /** `onGone`: a key is on its way to another group, or has come there after the snapshot. */
  #readAll(snapshot: Timestamp, then: (rows: Rows) => void, onGone: () => void): void {
    const rows: Rows = new Map();
    let left = this.#keys.length;
    let failed = false;
    for (const key of this.#keys) {
      const query: Query = { type: "get", keyspace: this.#keyspace.name, key, revision: undefined, snapshot };
      const body = { type: "read", query, contract: linearizable, position: 0 } as const;
      this.#node.read(shardOf(this.#keyspace, key).group, body, this.#deadline, (outcome) => {
        if (failed) return;
        const result = outcome.ok ? decodeResult(outcome.result) : undefined;
        if (result?.kind !== "row") {
          failed = true;
          const isGone = result?.kind === "error" && (result.code === "moved" || result.code === "compacted");
          if (isGone) onGone();
          else this.#reply(outcome);
          return;
        }
        rows.set(toBinaryString(key), result.row);
        if (--left === 0) then(rows);
      });
    }
  }
}

const idempotentPrefix = "k";

function isIdempotent(transaction: string): boolean {
  return transaction.startsWith(idempotentPrefix);
}

type Rows = Map<string, KeyRow | undefined>;

/** What the transaction does where its keys are so. */
function evaluate(
  { compares, then, otherwise }: TransactionOperation,
  rows: ReadonlyMap<string, KeyRow | undefined>,
): { succeeded: boolean; steps: StepResult[]; writes: GroupPart["writes"][number][] } {
  const now = new Map(rows);
  const succeeded = compares.every(
    (compare) => compare.target !== "lock" && compareHolds(compare, now.get(toBinaryString(compare.key))),
  );
  const writes: GroupPart["writes"][number][] = [];
  const steps = (succeeded ? then : otherwise).map((step): StepResult => {
    const name = toBinaryString(step.key);
    const row = now.get(name);
    if (step.kind === "get") return { kind: "get", row };
    const previousRevision = row?.modRevision ?? 0;
    if (step.kind === "put") {
      writes.push({ key: step.key, value: step.value });
      // Its revision is not known before it is committed.
      now.set(name, {
        value: step.value,
        createRevision: row?.createRevision ?? 0,
        modRevision: 0,
        version: (row?.version ?? 0) + 1,
      });
      return { kind: "put", previousRevision };
    }
    if (row !== undefined) writes.push({ key: step.key, value: undefined });
    now.set(name, undefined);
    return { kind: "delete", deleted: row !== undefined, previousRevision };
  });
  return { succeeded, steps, writes };
}

function firstTwice(steps: readonly TransactionStep[]): boolean | undefined {
  const seen = new Set<string>();
  for (const step of steps) {
    if (step.kind === "get") continue;
    const name = toBinaryString(step.key);
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return undefined;
}

/** The same groups, with the home in front: every attempt has the same one. */
function inOrder(parts: ReadonlyMap<GroupId, GroupPart>, home: GroupId): Map<GroupId, GroupPart> {
  const first = parts.get(home);
  return new Map(first === undefined ? parts : [[home, first], ...parts]);
}
