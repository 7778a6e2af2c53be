import { describe, expect, test } from "vitest";
import { seededRandom } from "../base/index.ts";
import { checkRecords, generate, type OperationRecord, type WorkOperation } from "./index.ts";

type Given = Partial<OperationRecord> & { readonly operation: WorkOperation };

const record = (given: Given): OperationRecord => ({
  client: 0,
  invokedAt: 0,
  completedAt: 1,
  outcome: "ok",
  value: undefined,
  position: 0,
  stalenessMs: undefined,
  degraded: false,
  token: 0,
  note: "",
  ...given,
});
const increment = { kind: "increment", counter: "c", by: 1 } as const;
const read = (consistency: "linearizable" | "session" | "bounded", boundMs = 100): WorkOperation => ({
  kind: "readCounter",
  counter: "c",
  consistency,
  boundMs,
});
const at = (from: number, to: number): { invokedAt: number; completedAt: number } => ({
  invokedAt: from,
  completedAt: to,
});
const clauses = (...records: OperationRecord[]): string[] => checkRecords(records).map(({ clause }) => clause);

describe("counters", () => {
  test("what a correct store does passes, whatever is unknown", () => {
    const records = [
      record({ operation: increment, ...at(0, 5), value: 1 }),
      record({ operation: increment, client: 1, ...at(2, Number.POSITIVE_INFINITY), outcome: "unknown" }),
      record({ operation: read("linearizable"), client: 2, ...at(6, 7), value: 1 }),
      record({ operation: read("linearizable"), client: 2, ...at(8, 9), value: 2 }),
    ];
    expect(clauses(...records)).toEqual([]);
  });

  test("each mistake has its clause", () => {
    const one = record({ operation: increment, ...at(0, 5), value: 1 });
    expect(clauses(one, record({ operation: increment, client: 1, ...at(1, 6), value: 1 }))).toContain("exactly once");
    expect(clauses(one, record({ operation: read("linearizable"), ...at(6, 7), value: 2 }))).toContain("exactly once");
    expect(clauses(one, record({ operation: read("linearizable"), ...at(6, 7), value: 0 }))).toEqual(["linearizable"]);
    expect(clauses(one, record({ operation: read("session"), ...at(6, 7), value: 0 }))).toEqual(["session"]);
    expect(clauses(one, record({ operation: read("session"), client: 1, ...at(6, 7), value: 0 }))).toEqual([]);
    expect(
      clauses(one, record({ operation: read("session"), client: 1, ...at(6, 7), value: 1, position: 3, token: 4 })),
    ).toEqual(["session"]);
    expect(clauses(one, record({ operation: read("bounded"), ...at(50, 51), value: 0, stalenessMs: 40 }))).toEqual([
      "bounded staleness",
    ]);
    expect(clauses(one, record({ operation: read("bounded"), ...at(50, 51), value: 0, stalenessMs: 46 }))).toEqual([]);
    expect(clauses(one, record({ operation: read("bounded", 30), ...at(50, 51), value: 1, stalenessMs: 40 }))).toEqual([
      "bounded staleness",
    ]);
    expect(
      clauses(
        one,
        record({ operation: read("bounded", 30), ...at(50, 51), value: 0, stalenessMs: 90, degraded: true }),
      ),
    ).toEqual([]);
  });
});

test("keys go to the checker of any model", () => {
  const put = (value: number, from: number, to: number): OperationRecord =>
    record({ operation: { kind: "put", key: "k", value, bytes: 0 }, ...at(from, to) });
  const get = (value: number | undefined, from: number, to: number): OperationRecord =>
    record({
      operation: { kind: "get", key: "k", consistency: "linearizable", boundMs: 0 },
      client: 1,
      ...at(from, to),
      value,
    });
  expect(clauses(put(1, 0, 1), put(2, 2, 3), get(2, 4, 5))).toEqual([]);
  expect(clauses(put(1, 0, 1), put(2, 2, 3), get(1, 4, 5))).toEqual(["linearizable"]);
  expect(clauses(put(1, 0, 1), get(undefined, 2, 3))).toEqual(["linearizable"]);
  expect(
    clauses(
      put(1, 0, 1),
      record({ operation: { kind: "delete", key: "k" }, ...at(2, 9) }),
      get(undefined, 3, 4),
      get(undefined, 5, 6),
    ),
  ).toEqual([]);
});

test("the same random numbers give the same operations, in order of time and within the duration", () => {
  const options = {
    clients: 3,
    durationMs: 1000,
    operationsPerSecond: 50,
    counters: 2,
    keys: 2,
    valueBytes: 10,
    mix: { increment: 1, readCounter: 1, put: 1, get: 1, delete: 1 },
    reads: ["linearizable", "session"],
    boundMs: 100,
  } as const;
  const planned = generate(options, seededRandom(1));
  expect(planned).toHaveLength(50);
  expect(generate(options, seededRandom(1))).toEqual(planned);
  expect(planned.map(({ at: time }) => time)).toEqual(planned.map(({ at: time }) => time).sort((a, b) => a - b));
  expect(new Set(planned.map(({ operation }) => operation.kind)).size).toBe(5);
  expect(planned.every(({ at: time, client }) => time >= 0 && time <= 1000 && client < 3)).toBe(true);
});
