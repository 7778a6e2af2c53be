import { check, verdictText, type PropertyName } from "../check/index.ts";
import type { Operation, Value } from "../history/index.ts";
import type { Complaint } from "./checks.ts";
import { show } from "./show.ts";
import type { OperationRecord, SeenStep, TransactionWork } from "./operation.ts";
import { placesOf } from "./places.ts";

/** What each level promises: serializable transactions of one log are so in real time. */
function propertyOf({ isolation, spread }: TransactionWork): PropertyName {
  if (isolation === "repeatable-read") return "snapshot-isolation";
  return isolation === "serializable" && spread !== true ? "strict-serializable" : isolation;
}

/** Transactions, by the checker of isolation levels: lists that grow, or registers where lost updates are allowed. */
export function checkTransactions(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const relevant = records.filter(({ operation, outcome }) => operation.kind === "transaction" && outcome !== "fail");
  const first = relevant[0]?.operation;
  if (first?.kind !== "transaction") return;
  const history = transactionHistory(relevant);
  const { isolation } = first;
  const model = isolation === "read-committed" ? "rw-register" : "list-append";
  const verdict = check(history, { model, property: propertyOf(first) });
  if (isolation === "strict-serializable") checkTimestamps(relevant, complaints);
  if (verdict.verdict === "holds") return;
  const clause = verdict.verdict === "broken" ? isolation : "undecided";
  const detail = verdict.verdict === "broken" ? verdictText(verdict, "transactions") : verdict.reason;
  complaints.push({ clause, detail, atMs: Math.max(0, ...history.map(({ retMs }) => retMs ?? 0)) });
}

/** External consistency (Spanner, section 1): what was answered before another began has the lower timestamp. */
function checkTimestamps(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const written = records.filter(({ outcome, timestamp }) => outcome === "ok" && timestamp !== undefined);
  const byEnd = [...written].sort((a, b) => a.completedAt - b.completedAt);
  const byBegin = [...written].sort((a, b) => a.invokedAt - b.invokedAt);
  let ended = 0;
  let highest: OperationRecord | undefined;
  for (const record of byBegin) {
    for (; ended < byEnd.length && byEnd[ended]!.completedAt < record.invokedAt; ended++) {
      if (highest === undefined || byEnd[ended]!.timestamp! > highest.timestamp!) highest = byEnd[ended];
    }
    if (highest === undefined || highest.timestamp! < record.timestamp!) continue;
    const detail = `${show(highest)} was answered before ${show(record)} began, and has a later timestamp`;
    complaints.push({ clause: "external consistency", detail, atMs: record.completedAt });
    return;
  }
}

function transactionHistory(records: OperationRecord[]): Operation[] {
  const places = placesOf(records);
  records.sort((a, b) => places.get(a)!.call - places.get(b)!.call);
  return records.map((record, index): Operation => {
    const { operation, outcome, client } = record;
    const { call, ret } = places.get(record)!;
    const seen = record.steps ?? [];
    const isOk = outcome === "ok";
    return {
      index,
      process: client,
      f: "txn",
      key: undefined,
      input: seen.map((step) => (step.f === "r" ? ["r", step.key, null] : stepOf(step))),
      output: isOk ? seen.map(stepOf) : null,
      outcome,
      call,
      ret,
      callMs: record.invokedAt,
      retMs: isOk ? record.completedAt : undefined,
      line: index + 1,
      retLine: isOk ? index + 1 : undefined,
      consistency: operation.kind === "transaction" ? operation.isolation : undefined,
    };
  });
}

function stepOf({ f, key, value }: SeenStep): Value {
  return [f, key, value];
}
