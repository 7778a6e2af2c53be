import { countBelow } from "../base/index.ts";
import { check, verdictText } from "../check/index.ts";
import { historyOf } from "./history.ts";
import { checkMerging } from "./merging.ts";
import { checkLocks } from "./locks.ts";
import type { OperationRecord } from "./operation.ts";
import { show } from "./show.ts";
import { checkTransactions } from "./transactions.ts";

/** A clause of the contract that a history breaks. */
export interface Complaint {
  readonly clause: string;
  readonly detail: string;
  /** True time of the answer that shows it, milliseconds. */
  readonly atMs: number;
}

/**
 * log: everything below. registers: keys are linearizable, counters and sets merge. merges: keys that have one writer
 * each keep what it wrote last, counters and sets lose nothing.
 */
export type Promised = "log" | "registers" | "merges";

/**
 * What the contract promises about every history. Counters go up by one and an increment answers with the value after
 * it, so the answers give the order: a plain test in linear time. Keys go to the checker of any model.
 */
export function checkRecords(records: readonly OperationRecord[], promise: Promised = "log"): Complaint[] {
  const complaints: Complaint[] = [];
  if (promise !== "log") checkMerging(records, complaints);
  if (promise === "merges") return complaints.sort((a, b) => a.atMs - b.atMs);
  if (promise === "registers") {
    checkKeys(records, complaints);
    return complaints;
  }
  const counters = new Map<string, OperationRecord[]>();
  for (const record of records) {
    const { operation } = record;
    if (operation.kind !== "increment" && operation.kind !== "readCounter") continue;
    const list = counters.get(operation.counter);
    if (list) list.push(record);
    else counters.set(operation.counter, [record]);
  }
  for (const [counter, list] of counters) checkCounter(counter, list, complaints);
  checkBounds(records, complaints);
  checkKeys(records, complaints);
  checkLocks(records, complaints);
  checkTransactions(records, complaints);
  return complaints.sort((a, b) => a.atMs - b.atMs);
}

function checkCounter(counter: string, records: readonly OperationRecord[], complaints: Complaint[]): void {
  const complain: Complain = (clause, detail, { completedAt }) =>
    void complaints.push({ clause, detail: `counter ${counter}: ${detail}`, atMs: completedAt });
  const owners = new Map<number, OperationRecord>();
  for (const record of records) {
    if (record.operation.kind !== "increment" || record.outcome !== "ok" || record.value === undefined) continue;
    const other = owners.get(record.value);
    if (other)
      complain(
        "exactly once",
        `two increments were answered ${record.value}: ${show(other)} and ${show(record)}`,
        record,
      );
    owners.set(record.value, record);
  }
  checkRealTime(records, complain);
  checkSessions(records, complain);
  checkStaleness(records, complain);
}

type Complain = (clause: string, detail: string, record: OperationRecord) => void;

interface Edge {
  readonly at: number;
  readonly ends: boolean;
  readonly record: OperationRecord;
}

/** Values known when an operation began bound what it may answer from below; increments begun bound it from above. */
function checkRealTime(records: readonly OperationRecord[], complain: Complain): void {
  const edges: Edge[] = [];
  for (const record of records) {
    if (record.outcome === "fail") continue;
    edges.push({ at: record.invokedAt, ends: false, record });
    if (record.outcome === "ok") edges.push({ at: record.completedAt, ends: true, record });
  }
  // At equal times beginnings come first: the two operations then count as concurrent.
  edges.sort((a, b) => a.at - b.at || Number(a.ends) - Number(b.ends));
  const known = new Map<OperationRecord, { value: number; acknowledged: number }>();
  let highest = 0;
  let acknowledged = 0;
  let begun = 0;
  for (const { ends, record } of edges) {
    const increments = record.operation.kind === "increment";
    if (!ends) {
      known.set(record, { value: highest, acknowledged });
      if (increments) begun++;
      continue;
    }
    const value = record.value ?? 0;
    const before = known.get(record)!;
    const strict =
      increments || (record.operation.kind === "readCounter" && record.operation.consistency === "linearizable");
    if (value > begun) complain("exactly once", `${show(record)}, but only ${begun} increments had begun`, record);
    if (strict) {
      const least = Math.max(before.value, before.acknowledged) + (increments ? 1 : 0);
      if (value < least)
        complain(
          "linearizable",
          `${show(record)}, but it must be at least ${least}: so much was known when it began`,
          record,
        );
      highest = Math.max(highest, value);
    }
    if (increments) acknowledged++;
  }
}

/** A client never goes back: reads under a session reflect what it has read and written before. */
function checkSessions(records: readonly OperationRecord[], complain: Complain): void {
  const highest = new Map<number, number>();
  for (const record of [...records].sort((a, b) => a.completedAt - b.completedAt)) {
    if (record.outcome !== "ok" || record.value === undefined) continue;
    const seen = highest.get(record.client) ?? 0;
    const { operation } = record;
    const session = operation.kind === "readCounter" && operation.consistency === "session" && !record.degraded;
    if (session && record.value < seen)
      complain("session", `${show(record)}, but its client had seen ${seen} before`, record);
    if (session && record.position < record.token)
      complain(
        "session",
        `${show(record)} at position ${record.position}, but its client had seen position ${record.token}`,
        record,
      );
    const weak =
      operation.kind === "readCounter" &&
      (operation.consistency === "eventual" || record.degraded || operation.consistency === "bounded");
    if (!weak) highest.set(record.client, Math.max(seen, record.value));
  }
}

/** An answer that says how old it may be contains everything acknowledged before that. */
function checkStaleness(records: readonly OperationRecord[], complain: Complain): void {
  const acknowledgedAt = records
    .filter((record) => record.operation.kind === "increment" && record.outcome === "ok")
    .map((record) => record.completedAt)
    .sort((a, b) => a - b);
  for (const record of records) {
    const { operation } = record;
    if (operation.kind !== "readCounter" || record.outcome !== "ok" || record.stalenessMs === undefined) continue;
    const least = countBelow(acknowledgedAt, record.invokedAt - record.stalenessMs);
    if ((record.value ?? 0) < least) {
      complain(
        "bounded staleness",
        `${show(record)} claims to be at most ${record.stalenessMs.toFixed(1)} ms old, but ${least} increments were acknowledged before that`,
        record,
      );
    }
  }
}

/** Puts, deletes and linearizable gets, by the checker of any model. */
function checkKeys(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const strict = ({ operation }: OperationRecord): boolean =>
    operation.kind === "get" && operation.consistency === "linearizable";
  const history = historyOf(records, "keys", strict);
  if (history.length === 0) return;
  const verdict = check(history, { model: "kv", property: "linearizable" });
  if (verdict.verdict === "broken") {
    const atMs = Math.max(0, ...history.map(({ retMs }) => retMs ?? 0));
    complaints.push({ clause: "linearizable", detail: verdictText(verdict, "keys"), atMs });
  } else if (verdict.verdict === "undecided") complaints.push({ clause: "undecided", detail: verdict.reason, atMs: 0 });
}

function checkBounds(records: readonly OperationRecord[], complaints: Complaint[]): void {
  for (const record of records) {
    const { operation } = record;
    if (operation.kind !== "readCounter" && operation.kind !== "get") continue;
    if (operation.consistency !== "bounded" || record.outcome !== "ok" || record.degraded) continue;
    // An answer that is as fresh as its question may be older than the bound by the time it took; it says so itself.
    const { stalenessMs, completedAt, invokedAt } = record;
    if (stalenessMs === undefined || stalenessMs > operation.boundMs + completedAt - invokedAt) {
      complaints.push({
        clause: "bounded staleness",
        detail: `${show(record)} is older than the bound of ${operation.boundMs} ms: ${stalenessMs ?? "it does not say how old"}`,
        atMs: completedAt,
      });
    }
  }
}
