import type { Operation } from "../history/index.ts";
import type { OperationRecord } from "./operation.ts";
import { placesOf } from "./places.ts";

/** The linearizable operations on keys, as a history that checkers read: values as texts, in order of invocation. */
export function keyHistory(records: readonly OperationRecord[]): Operation[] {
  const relevant = records.filter(({ operation, outcome }) => {
    if (outcome === "fail") return false;
    return (
      operation.kind === "put" ||
      operation.kind === "delete" ||
      (operation.kind === "get" && operation.consistency === "linearizable")
    );
  });
  const places = placesOf(relevant);
  relevant.sort((a, b) => places.get(a)!.call - places.get(b)!.call);
  return relevant.flatMap((record, index): Operation[] => {
    const { operation, outcome, client } = record;
    if (operation.kind !== "put" && operation.kind !== "get" && operation.kind !== "delete") return [];
    const { call, ret } = places.get(record)!;
    return [
      {
        index,
        process: client,
        f: operation.kind,
        key: operation.key,
        input: operation.kind === "put" ? operation.value : null,
        output: operation.kind === "get" && outcome === "ok" ? (record.value ?? null) : null,
        outcome,
        call,
        ret,
        callMs: record.invokedAt,
        retMs: outcome === "ok" ? record.completedAt : undefined,
        line: index + 1,
        retLine: outcome === "ok" ? index + 1 : undefined,
        consistency: undefined,
      },
    ];
  });
}
