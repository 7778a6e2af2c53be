import { check, verdictText } from "../check/index.ts";
import type { Complaint } from "./checks.ts";
import { historyOf } from "./history.ts";
import type { OperationRecord } from "./operation.ts";
import { show } from "./show.ts";

/**
 * What keyspaces without a leader promise once they have come together: reads after everything else find the sum of
 * all increments, every element that was added, and of a key with one writer what it wrote last.
 */
export function checkMerging(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const observer = records.reduce((last, { client }) => Math.max(last, client), 0);
  for (const [objects, model] of [
    ["counters", "counter"],
    ["sets", "set"],
  ] as const) {
    // An update of unknown outcome may still be on its way while others read: only who looks last is heard.
    const history = historyOf(records, objects, ({ client }) => client === observer);
    if (history.length === 0) continue;
    const verdict = check(history, { model, property: "convergent" });
    const atMs = Math.max(0, ...history.map(({ retMs }) => retMs ?? 0));
    if (verdict.verdict === "broken")
      complaints.push({ clause: "nothing lost", detail: verdictText(verdict, objects), atMs });
    else if (verdict.verdict === "undecided") complaints.push({ clause: "undecided", detail: verdict.reason, atMs: 0 });
  }
  checkLastWrites(records, complaints);
}

/** Keys that only one client writes: the last read finds its last write, or a later one of unknown outcome. */
function checkLastWrites(records: readonly OperationRecord[], complaints: Complaint[]): void {
  const writers = new Map<string, Set<number>>();
  for (const { operation, client } of records)
    if (operation.kind === "put" || operation.kind === "delete")
      writers.set(operation.key, (writers.get(operation.key) ?? new Set()).add(client));
  for (const [key, clients] of writers) {
    if (clients.size > 1) continue;
    const puts = records.filter(
      ({ operation, outcome }) => operation.kind === "put" && operation.key === key && outcome !== "fail",
    );
    const final = records.findLast(
      ({ operation, outcome }) => operation.kind === "get" && operation.key === key && outcome === "ok",
    );
    const last = puts.findLast(({ outcome }) => outcome === "ok");
    if (final === undefined || last === undefined) continue;
    const possible = puts.filter((put) => put === last || put.outcome === "unknown");
    const found = possible.some(({ operation }) => operation.kind === "put" && operation.value === final.value);
    if (!found)
      complaints.push({
        clause: "nothing lost",
        detail: `key ${key}: ${show(final)} in the end, but its only writer was told that ${show(last)}`,
        atMs: final.completedAt,
      });
  }
}
