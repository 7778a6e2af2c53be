import type { Operation } from "../history/index.ts";
import type { OperationRecord } from "./operation.ts";

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

/** Places in real time; what happens at one moment is concurrent, so calls come before returns. */
function placesOf(records: readonly OperationRecord[]): Map<OperationRecord, { call: number; ret: number }> {
  const ends = records.flatMap((record) => [
    { at: record.invokedAt, returns: false, record },
    ...(record.outcome === "ok" ? [{ at: record.completedAt, returns: true, record }] : []),
  ]);
  ends.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns));
  const places = new Map<OperationRecord, { call: number; ret: number }>();
  ends.forEach(({ returns, record }, place) => {
    if (returns) places.get(record)!.ret = place;
    else places.set(record, { call: place, ret: Number.POSITIVE_INFINITY });
  });
  return places;
}
