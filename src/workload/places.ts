import type { OperationRecord } from "./operation.ts";

/** Places in real time; what happens at one moment is concurrent, so calls come before returns. */
export function placesOf(records: readonly OperationRecord[]): Map<OperationRecord, { call: number; ret: number }> {
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
