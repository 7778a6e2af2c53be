import { check, createBudget, verdictText, type PropertyName, properties } from "../check/index.ts";
import {
  implies,
  parse,
  readCatalogue,
  readText,
  writeText,
  type Contract,
  type ReadGuarantee,
} from "../contract/index.ts";
import { checkRecords } from "./checks.ts";
import { historyOf } from "./history.ts";
import type { OperationRecord } from "./operation.ts";
import { show } from "./show.ts";

/** What became of one clause of a contract in a history. */
export interface ClauseVerdict {
  /** As in the contract: `MonotonicRead`, `WriteConsistency: Linearizable`, `AvailabilityPreferred`. */
  readonly clause: string;
  readonly verdict: "kept" | "broken" | "undecided";
  /** How many answers claim that it was kept. */
  readonly claimed: number;
  /** How many answers say that it was not. */
  readonly degraded: number;
  /** The witness, or why it is undecided. */
  readonly detail: string;
  /** True time by which it shows, milliseconds. */
  readonly atMs: number;
}

/**
 * Judges the reads that were promised a contract, clause by clause: an answer counts for a guarantee where it does
 * not say that it was degraded, or says that this guarantee held nevertheless. The judges are those that the
 * catalogue names.
 */
export function checkContract(records: readonly OperationRecord[], contract: Contract): ClauseVerdict[] {
  const promised = records.filter(isPromised);
  const verdicts = contract.reads.map((guarantee) => checkGuarantee(records, promised, contract, guarantee));
  return [...verdicts, checkWrites(records, contract), checkPartition(promised, contract)];
}

function isPromised({ operation }: OperationRecord): boolean {
  return "consistency" in operation && operation.consistency === "promised";
}

function checkGuarantee(
  records: readonly OperationRecord[],
  promised: readonly OperationRecord[],
  contract: Contract,
  guarantee: ReadGuarantee,
): ClauseVerdict {
  const answered = promised.filter(({ outcome }) => outcome === "ok");
  const claimed = answered.filter((record) => claims(record, guarantee));
  const about = {
    clause: readText(guarantee),
    claimed: claimed.length,
    degraded: answered.length - claimed.length,
    atMs: Math.max(0, ...claimed.map(({ completedAt }) => completedAt)),
  };
  const counted = new Set(witnesses(claimed, contract, guarantee));
  let open = "";
  for (const objects of ["keys", "counters"] as const) {
    const history = historyOf(records, objects, (record) => counted.has(record) || isAudit(record));
    if (history.length === 0) continue;
    for (const property of propertiesOf(guarantee, objects)) {
      const boundMs = guarantee.guarantee === "BoundedStaleness" ? guarantee.boundMs : undefined;
      const model = objects === "keys" ? "kv" : "counter";
      const verdict = check(history, { model, property, boundMs }, createBudget(judgeLimits));
      if (verdict.verdict === "broken") return { ...about, verdict: "broken", detail: verdictText(verdict, objects) };
      if (verdict.verdict === "undecided") open ||= `${property} of ${objects}: ${verdict.reason}`;
    }
  }
  return { ...about, verdict: open === "" ? "kept" : "undecided", detail: open };
}

/** Linearizable reads beside the promised ones: they show in which order writes took effect. */
function isAudit({ operation }: OperationRecord): boolean {
  return "consistency" in operation && operation.consistency === "linearizable";
}

/**
 * The reads that tell whether a guarantee held. The order of writes can be seen only by who does not go back
 * between two reads: where that was not promised, the audits alone show it.
 */
function witnesses(
  claimed: readonly OperationRecord[],
  contract: Contract,
  { guarantee }: ReadGuarantee,
): readonly OperationRecord[] {
  if (guarantee !== "MonotonicWrite" && guarantee !== "WritesFollowReads") return claimed;
  const forward: ReadGuarantee = { guarantee: "MonotonicRead" };
  return implies(contract.reads, forward) ? claimed.filter((record) => claims(record, forward)) : [];
}

/** What a counter cannot tell, keys do. `Eventual` is judged by the replicas themselves, when a run has come to rest. */
function propertiesOf({ guarantee }: ReadGuarantee, objects: "keys" | "counters"): PropertyName[] {
  if (guarantee === "Eventual" || guarantee === "Quorum") return [];
  const onlyKeys: readonly PropertyName[] = ["causal", "monotonic-writes", "writes-follow-reads"];
  return properties.filter(
    (name) => readCatalogue[guarantee].checker.includes(name) && (objects === "keys" || !onlyKeys.includes(name)),
  );
}

/** About half a second: histories of a few hundred operations rarely need more. */
const judgeLimits = { steps: 5_000_000 } as const;

const readsByText = new Map<string, readonly ReadGuarantee[]>();

function claims({ degraded, guarantee = "" }: OperationRecord, wanted: ReadGuarantee): boolean {
  if (!degraded) return true;
  let reads = readsByText.get(guarantee);
  if (reads === undefined) {
    reads = parse(guarantee).contract?.reads ?? [];
    readsByText.set(guarantee, reads);
  }
  return wanted.guarantee !== "Eventual" && implies(reads, wanted);
}

/** Increments and puts are linearizable among themselves and with reads that are, and happen once. */
function checkWrites(records: readonly OperationRecord[], contract: Contract): ClauseVerdict {
  const writes = records.filter(({ operation, outcome }) => !("consistency" in operation) && outcome === "ok");
  const [complaint] = checkRecords(records);
  return {
    clause: `WriteConsistency: ${writeText(contract.write)}`,
    verdict: complaint === undefined ? "kept" : complaint.clause === "undecided" ? "undecided" : "broken",
    claimed: writes.length,
    degraded: 0,
    detail: complaint === undefined ? "" : `${complaint.clause}: ${complaint.detail}`,
    atMs: complaint?.atMs ?? 0,
  };
}

/** AvailabilityPreferred: no node that runs refuses a read. ConsistencyPreferred: no answer is degraded. */
function checkPartition(promised: readonly OperationRecord[], { partition }: Contract): ClauseVerdict {
  const available = partition === "AvailabilityPreferred";
  const degraded = promised.filter((record) => record.degraded);
  const wrong = available ? promised.filter(({ refused }) => refused !== undefined) : degraded;
  const [first] = wrong;
  return {
    clause: partition,
    verdict: first === undefined ? "kept" : "broken",
    claimed: promised.length,
    degraded: degraded.length,
    detail: first === undefined ? "" : `${show(first)}: ${available ? `refused, ${first.refused}` : "degraded"}`,
    atMs: first === undefined || first.completedAt === Infinity ? 0 : first.completedAt,
  };
}
