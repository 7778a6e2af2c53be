import { expect, test } from "vitest";
import { parseContract } from "../contract/index.ts";
import { checkContract } from "./contract.ts";
import type { OperationRecord } from "./operation.ts";

const workshop = parseContract("monotonic and bounded(100ms); PartitionBehavior: AvailabilityPreferred");

function increment(at: number, value: number, client = 0): OperationRecord {
  return {
    ...blank,
    client,
    operation: { kind: "increment", counter: "c", by: 1 },
    invokedAt: at,
    completedAt: at + 1,
    value,
  };
}

function read(at: number, value: number, rest: Partial<OperationRecord> = {}): OperationRecord {
  const operation = { kind: "readCounter", counter: "c", consistency: "promised", boundMs: 0 } as const;
  return { ...blank, client: 1, operation, invokedAt: at, completedAt: at + 1, value, ...rest };
}

const blank = {
  outcome: "ok",
  position: 0,
  token: 0,
  stalenessMs: undefined,
  degraded: false,
  guarantee: workshop.text,
  note: "node 1",
} as const;

const verdictsOf = (...records: OperationRecord[]): Record<string, string> =>
  Object.fromEntries(checkContract(records, workshop).map(({ clause, verdict }) => [clause, verdict]));

const kept = {
  MonotonicRead: "kept",
  "BoundedStaleness(100ms)": "kept",
  "WriteConsistency: Linearizable": "kept",
  AvailabilityPreferred: "kept",
};

test("each clause is judged by itself", () => {
  const two = [increment(0, 1), increment(10, 2)];
  expect(verdictsOf(...two, read(20, 1), read(30, 2))).toEqual(kept);
  // 1 was allowed when it was read, 2 had been seen before.
  expect(verdictsOf(...two, read(20, 2), read(30, 1))).toEqual({ ...kept, MonotonicRead: "broken" });
  expect(verdictsOf(...two, read(500, 1))).toEqual({ ...kept, "BoundedStaleness(100ms)": "broken" });
  expect(verdictsOf(increment(0, 1), increment(10, 1))).toMatchObject({ "WriteConsistency: Linearizable": "broken" });
  expect(verdictsOf(...two, read(500, 2, { refused: "node 1: unavailable" }))).toEqual({
    ...kept,
    AvailabilityPreferred: "broken",
  });
});

test("an answer that owns up to less is held to what it still claims", () => {
  const two = [increment(0, 1), increment(10, 2)];
  const degraded = { degraded: true, guarantee: "MonotonicRead" };
  expect(verdictsOf(...two, read(500, 1, degraded))).toEqual(kept);
  expect(verdictsOf(...two, read(20, 2), read(500, 1, degraded))).toEqual({ ...kept, MonotonicRead: "broken" });
  expect(verdictsOf(...two, read(20, 2), read(500, 1, { ...degraded, guarantee: "Eventual" }))).toEqual(kept);
  // How old it says it is has to be true as well.
  const young = { ...degraded, stalenessMs: 5 };
  expect(verdictsOf(...two, read(500, 1, young))).toMatchObject({ "WriteConsistency: Linearizable": "broken" });
});

test("who prefers consistency gets no degraded answer", () => {
  const strict = parseContract("monotonic");
  const [, , partition] = checkContract([increment(0, 1), read(5, 1, { degraded: true })], strict);
  expect(partition).toMatchObject({ clause: "ConsistencyPreferred", verdict: "broken" });
});
