import type { Complaint } from "./checks.ts";
import type { OperationRecord } from "./operation.ts";
import { show } from "./show.ts";

interface Grant {
  readonly token: number;
  readonly record: OperationRecord;
}

/**
 * What locks promise: tokens grow from grant to grant; once a later token is known, nothing is done under an
 * earlier one; and nobody gets a lock before its holder has given it back or its lease has run its time.
 */
export function checkLocks(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const byLock = new Map<string, OperationRecord[]>();
  for (const record of records) {
    if (!("lock" in record.operation)) continue;
    const list = byLock.get(record.operation.lock);
    if (list) list.push(record);
    else byLock.set(record.operation.lock, [record]);
  }
  for (const list of byLock.values()) {
    checkOrder(list, complaints);
    checkLeases(list, complaints);
  }
}

/** Of what was answered: the token of a grant, or the one that something was done under. */
const tokenOf = ({ outcome, value }: OperationRecord): number => (outcome === "ok" ? (value ?? 0) : 0);

function checkOrder(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const edges = records
    .filter((record) => tokenOf(record) > 0)
    .flatMap((record) => [
      { at: record.invokedAt, ends: false, record },
      { at: record.completedAt, ends: true, record },
    ])
    // At equal times beginnings come first: the two then count as concurrent.
    .sort((a, b) => a.at - b.at || Number(a.ends) - Number(b.ends));
  const owners = new Map<number, OperationRecord>();
  const known = new Map<OperationRecord, number>();
  let highest = 0;
  for (const { ends, record } of edges) {
    if (!ends) {
      known.set(record, highest);
      continue;
    }
    const token = tokenOf(record);
    const least = known.get(record)! + (record.operation.kind === "acquire" ? 1 : 0);
    if (token < least) {
      const detail = `${show(record)}, but token ${known.get(record)!} was known when it began`;
      complaints.push({ clause: "fencing", detail, atMs: record.completedAt });
    }
    if (record.operation.kind === "acquire") {
      const other = owners.get(token);
      if (other) {
        const detail = `two grants have one token: ${show(other)} and ${show(record)}`;
        complaints.push({ clause: "fencing", detail, atMs: record.completedAt });
      }
      owners.set(token, record);
    }
    highest = Math.max(highest, token);
  }
}

/** A grant or a renewal holds for its whole time from when it was asked for, unless it was given back. */
function checkLeases(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const grants = records
    .filter((record) => record.operation.kind === "acquire" && tokenOf(record) > 0)
    .map((record): Grant => ({ token: tokenOf(record), record }))
    .sort((a, b) => a.token - b.token);
  for (const record of records) {
    const { operation } = record;
    if ((operation.kind !== "acquire" && operation.kind !== "renew") || tokenOf(record) === 0) continue;
    const token = tokenOf(record);
    const until = record.invokedAt + operation.ttlMs;
    const next = grants.find((grant) => grant.token > token);
    if (next === undefined || next.record.completedAt >= until) continue;
    const wasReleased = records.some(
      ({ operation: other, outcome, fence, invokedAt }) =>
        other.kind === "release" && fence === token && outcome !== "fail" && invokedAt <= next.record.completedAt,
    );
    if (wasReleased) continue;
    const detail = `${show(record)} holds until ${until.toFixed(1)} ms, but ${show(next.record)}`;
    complaints.push({ clause: "lease", detail, atMs: next.record.completedAt });
  }
}
