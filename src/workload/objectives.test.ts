import { expect, test } from "vitest";
import { parseContract } from "../contract/index.ts";
import { agesOf, countObjectives, judgeObjectives } from "./objectives.ts";
import type { OperationRecord } from "./operation.ts";

const contract = parseContract(
  "bounded(100ms); PartitionBehavior: AvailabilityPreferred; Latency: reads p90 < 20ms, writes p50 < 5ms; Availability: 99% over 30d",
);

function operation(kind: "read" | "write", tookMs: number, rest: Partial<OperationRecord> = {}): OperationRecord {
  const what =
    kind === "read"
      ? ({ kind: "readCounter", counter: "c", consistency: "promised", boundMs: 0 } as const)
      : ({ kind: "increment", counter: "c", by: 1 } as const);
  return {
    client: 0,
    operation: what,
    invokedAt: 100,
    completedAt: 100 + tookMs,
    outcome: "ok",
    value: 1,
    position: 0,
    token: 0,
    stalenessMs: undefined,
    degraded: false,
    note: "",
    ...rest,
  };
}

const times = (count: number, record: OperationRecord): OperationRecord[] =>
  Array.from({ length: count }, () => record);

test("each objective is judged by the share of its own operations, over several histories", () => {
  const histories = [
    [...times(89, operation("read", 3, { stalenessMs: 4 })), ...times(5, operation("write", 4))],
    [operation("read", 19, { stalenessMs: 90 }), ...times(10, operation("read", 20)), operation("write", 50)],
    [operation("read", Infinity, { outcome: "unknown" })],
  ];
  const counts = new Map<string, number>();
  for (const history of histories)
    for (const [name, count] of countObjectives(history, contract)) counts.set(name, (counts.get(name) ?? 0) + count);
  expect(judgeObjectives(contract, counts)).toEqual([
    { clause: "Latency: reads p90 < 20ms", verdict: "kept", operations: 100, within: 90, wantedPercent: 90 },
    { clause: "Latency: writes p50 < 5ms", verdict: "kept", operations: 6, within: 5, wantedPercent: 50 },
    { clause: "Availability: 99% over 30d", verdict: "kept", operations: 107, within: 106, wantedPercent: 99 },
  ]);
  expect(agesOf(counts, 0.5)).toBe(5);
  expect(agesOf(counts, 1)).toBe(100);
});

test("one operation too many is a miss; nothing is judged without operations", () => {
  const slow = countObjectives([...times(89, operation("read", 3)), ...times(11, operation("read", 20))], contract);
  expect(judgeObjectives(contract, slow).map(({ verdict }) => verdict)).toEqual(["missed", "untested", "kept"]);
  expect(agesOf(slow, 0.5)).toBeUndefined();
});

test("what is read beside the promised reads does not count", () => {
  const audit = operation("read", 500, {
    operation: { kind: "readCounter", counter: "c", consistency: "linearizable", boundMs: 0 },
  });
  expect(judgeObjectives(contract, countObjectives([audit], contract)).map(({ operations }) => operations)).toEqual([
    0, 0, 0,
  ]);
});
