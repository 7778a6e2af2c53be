import type { Operation } from "../history/index.ts";
import type { OperationRecord } from "./operation.ts";
import { placesOf } from "./places.ts";

const kinds = {
  keys: ["put", "get", "delete"],
  counters: ["increment", "readCounter"],
  sets: ["add", "members"],
} as const;
const reads: readonly string[] = ["get", "readCounter", "members"];
const writes: readonly string[] = ["put", "delete", "add"];

/** The operations on keys or counters as a history that checkers read, in order of invocation: all writes, and some reads. */
export function historyOf(
  records: readonly OperationRecord[],
  objects: keyof typeof kinds,
  includes: (read: OperationRecord) => boolean,
): Operation[] {
  const wanted: readonly string[] = kinds[objects];
  const relevant = records.filter((record) => {
    const { operation, outcome } = record;
    if (outcome === "fail" || !wanted.includes(operation.kind)) return false;
    return !reads.includes(operation.kind) || includes(record);
  });
  const places = placesOf(relevant);
  relevant.sort((a, b) => places.get(a)!.call - places.get(b)!.call);
  return relevant.flatMap((record, index): Operation[] => {
    const { operation, outcome, client } = record;
    const { call, ret } = places.get(record)!;
    const answers = outcome === "ok" && !writes.includes(operation.kind);
    return [
      {
        index,
        process: client,
        f: operation.kind === "readCounter" || operation.kind === "members" ? "read" : operation.kind,
        key: "counter" in operation ? operation.counter : "key" in operation ? operation.key : "",
        input: inputOf(operation),
        output: answers ? (record.members ?? record.value ?? null) : null,
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

function inputOf(operation: OperationRecord["operation"]): number | null {
  if (operation.kind === "put" || operation.kind === "add") return operation.value;
  return operation.kind === "increment" ? operation.by : null;
}
