import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Operation, Value } from "../history/index.ts";
import { createBudget } from "./budget.ts";
import { objectChecks } from "./objects.ts";
import type { ObjectModel } from "./objects.ts";
import { answered, hasOrder, historiesOf, inRealTime, operationsFrom } from "./reference.suite.ts";
import type { Menu, Sketch } from "./reference.suite.ts";
import { partitionByKey } from "./linearizable.ts";

const none = fc.constant<Value>(null);
const small = fc.integer({ min: 0, max: 3 });
const pair = fc.tuple(small, small);
const anyOf = (...values: Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values);

interface Case {
  readonly name: string;
  readonly model: ObjectModel;
  readonly menus: readonly Menu[];
  /** Makes written values different from each other, so that the fast algorithms apply. */
  readonly distinct?: (operation: Operation, at: number) => Operation;
}

const withInput = (operation: Operation, input: Value): Operation => ({ ...operation, input });

const cases: readonly Case[] = [
  {
    name: "register",
    model: "register",
    menus: [
      { f: "read", input: none, output: fc.oneof(small, none) },
      { f: "write", input: small, output: none },
    ],
  },
  {
    name: "register with different values",
    model: "register",
    menus: [
      { f: "read", input: none, output: fc.oneof(fc.integer({ min: 100, max: 106 }), none) },
      { f: "write", input: small, output: none },
    ],
    distinct: (operation, at) => (operation.f === "write" ? withInput(operation, 100 + at) : operation),
  },
  {
    name: "cas-register",
    model: "cas-register",
    menus: [
      { f: "read", input: none, output: small },
      { f: "write", input: small, output: none },
      { f: "cas", input: pair, output: none },
    ],
  },
  {
    name: "cas-register with different values",
    model: "cas-register",
    menus: [
      { f: "read", input: none, output: fc.oneof(fc.integer({ min: 100, max: 106 }), none) },
      { f: "write", input: small, output: none },
      { f: "cas", input: fc.tuple(fc.oneof(fc.integer({ min: 100, max: 106 }), none), small), output: none },
    ],
    distinct: (operation, at) => {
      if (operation.f === "write") return withInput(operation, 100 + at);
      const { input } = operation;
      return operation.f === "cas" && Array.isArray(input)
        ? withInput(operation, [(input as Value[])[0] ?? null, 100 + at])
        : operation;
    },
  },
  {
    name: "kv",
    model: "kv",
    menus: [
      { f: "get", input: none, output: anyOf("", "a", "ab", "ba", "b", null) },
      { f: "append", input: anyOf("a", "b"), output: none },
      { f: "put", input: anyOf("a", "b"), output: none },
    ],
  },
  {
    name: "kv, appends only",
    model: "kv",
    menus: [
      { f: "get", input: none, output: anyOf("", "a", "ab", "ba", "b", "abc") },
      { f: "append", input: anyOf("a", "b", "c"), output: none },
    ],
  },
  {
    name: "counter",
    model: "counter",
    menus: [
      { f: "read", input: none, output: fc.integer({ min: 0, max: 4 }) },
      { f: "add", input: anyOf(1, 2), output: none },
      { f: "increment", input: none, output: fc.oneof(fc.integer({ min: 1, max: 4 }), none) },
    ],
  },
  {
    name: "counter with decrements",
    model: "counter",
    menus: [
      { f: "read", input: none, output: fc.integer({ min: -2, max: 2 }) },
      { f: "increment", input: none, output: none },
      { f: "decrement", input: none, output: none },
    ],
  },
  {
    name: "set",
    model: "set",
    menus: [
      { f: "add", input: small, output: none },
      { f: "remove", input: small, output: none },
      { f: "contains", input: small, output: fc.boolean() },
    ],
  },
  {
    name: "set, read whole",
    model: "set",
    menus: [
      { f: "add", input: small, output: none },
      { f: "read", input: none, output: fc.subarray([100, 101, 102, 103]) },
    ],
    distinct: (operation, at) => (operation.f === "add" ? withInput(operation, 100 + at) : operation),
  },
  {
    name: "queue",
    model: "queue",
    menus: [
      { f: "enqueue", input: small, output: none },
      { f: "dequeue", input: none, output: fc.oneof(fc.integer({ min: 100, max: 105 }), none) },
    ],
    distinct: (operation, at) => (operation.f === "enqueue" ? withInput(operation, 100 + at) : operation),
  },
  {
    name: "queue with equal values",
    model: "queue",
    menus: [
      { f: "enqueue", input: anyOf(1, 2), output: none },
      { f: "dequeue", input: none, output: anyOf(1, 2, null) },
    ],
  },
  {
    name: "stack",
    model: "stack",
    menus: [
      { f: "push", input: small, output: none },
      { f: "pop", input: none, output: fc.oneof(fc.integer({ min: 100, max: 105 }), none) },
    ],
    distinct: (operation, at) => (operation.f === "push" ? withInput(operation, 100 + at) : operation),
  },
  {
    name: "mutex",
    model: "mutex",
    menus: [
      { f: "acquire", input: none, output: none },
      { f: "release", input: none, output: none },
    ],
  },
  {
    name: "mutex with tokens",
    model: "mutex",
    menus: [
      { f: "acquire", input: none, output: fc.oneof(small, none) },
      { f: "release", input: none, output: none },
    ],
  },
];

/** What the object would have answered in the given state. */
function answerOf(state: unknown, operation: Operation): Value {
  const plain = state as Value;
  switch (operation.f) {
    case "read":
    case "get":
      return Array.isArray(plain) ? (plain as string[]).map((text) => JSON.parse(text) as Value) : plain;
    case "contains":
      return (plain as readonly string[]).includes(JSON.stringify(operation.input));
    case "dequeue":
      return (plain as readonly Value[])[0] ?? null;
    case "pop":
      return (plain as readonly Value[]).at(-1) ?? null;
    case "acquire":
    case "increment":
      return null;
    default:
      return operation.input;
  }
}

describe.each(cases)("$name", ({ model, menus, distinct }) => {
  const checks = objectChecks(model, undefined);
  const shape = (operations: readonly Operation[]): Operation[] =>
    distinct === undefined ? [...operations] : operations.map(distinct);
  const agree = (operations: readonly Operation[]): void => {
    const expected = checks.with((plain) => hasOrder(plain, operations, inRealTime)) ? "holds" : "broken";
    const verdict = checks.linearizable(operations, createBudget());
    expect(verdict.verdict).toBe(expected);
    if (verdict.verdict !== "broken") return;
    const { witness } = verdict;
    expect(witness.kind).toBe("order");
    if (witness.kind !== "order") return;
    // What the witness shows is broken by itself: later operations cannot mend it.
    const shown = operations.filter(({ line }) => witness.operations.some((other) => other.line === line));
    const end = shown.find(({ line }) => line === witness.operations[witness.stuck]?.line)?.ret ?? Infinity;
    const truncated = shown.filter(({ call }) => call < end);
    const optional = (operation: Operation): boolean => operation.ret > end;
    const mended = checks.with((plain) => orderedUpTo(plain, truncated, optional));
    // A witness that begins later leaves out what its first read makes superfluous.
    if (!witness.summary.includes("(from line")) expect(mended).toBe(false);
  };

  test("agrees with trying every order, on results out of thin air", () => {
    fc.assert(
      fc.property(historiesOf(menus), (operations) => agree(shape(operations))),
      { numRuns: 250 },
    );
  });

  test("agrees with trying every order, on results that are nearly right", () => {
    const dice = fc.array(fc.nat(100), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(historiesOf(menus, { most: 7 }), dice, fc.option(fc.nat(6)), (operations, points, spoiled) => {
        const shaped = shape(operations);
        const right = checks.with((plain) =>
          answered(plain, shaped, (state, operation) => answerOf(state, operation), points),
        );
        // One operation keeps its result out of thin air.
        agree(right.map((operation, at) => (at === spoiled ? shaped[at]! : operation)));
      }),
      { numRuns: 250 },
    );
  });
});

/** Every order of what returned in time; the others may be left out. */
function orderedUpTo<State>(
  model: {
    step(state: State, operation: Operation): State | undefined;
    initial: State;
    isPure(operation: Operation): boolean;
  },
  operations: readonly Operation[],
  optional: (operation: Operation) => boolean,
): boolean {
  const real = operations.filter(({ outcome }) => outcome !== "fail");
  const place = (state: State, left: readonly Operation[]): boolean => {
    if (left.every(optional)) return true;
    return left.some((next) => {
      if (left.some((other) => other !== next && other.ret < next.call)) return false;
      const rest = left.filter((other) => other !== next);
      const after = model.step(state, next);
      return (after !== undefined && place(after, rest)) || (optional(next) && place(state, rest));
    });
  };
  return place(model.initial, real);
}

describe("named histories", () => {
  const op = (owner: number, f: string, call: number, ret: number, rest: Partial<Sketch> = {}): Sketch => ({
    owner,
    f,
    call,
    ret,
    ...rest,
  });
  const table: readonly (readonly [string, ObjectModel, "holds" | "broken", readonly Sketch[], Value?])[] = [
    [
      "stale read",
      "register",
      "broken",
      [op(0, "write", 0, 1, { input: 1 }), op(0, "write", 2, 3, { input: 2 }), op(1, "read", 4, 5, { output: 1 })],
    ],
    [
      "new then old",
      "register",
      "broken",
      [op(0, "write", 0, 9, { input: 1 }), op(1, "read", 1, 2, { output: 1 }), op(1, "read", 3, 4, { output: null })],
    ],
    [
      "a write that timed out shows up late",
      "register",
      "holds",
      [
        op(0, "write", 0, 0, { input: 1, outcome: "unknown" }),
        op(1, "read", 1, 2, { output: null }),
        op(1, "read", 3, 4, { output: 1 }),
      ],
    ],
    [
      "a write that timed out shows up and is gone",
      "register",
      "broken",
      [
        op(0, "write", 0, 0, { input: 1, outcome: "unknown" }),
        op(1, "read", 1, 2, { output: 1 }),
        op(1, "read", 3, 4, { output: null }),
      ],
    ],
    [
      "a failed write is seen",
      "register",
      "broken",
      [op(0, "write", 0, 1, { input: 1, outcome: "fail" }), op(1, "read", 2, 3, { output: 1 })],
    ],
    [
      "lost increment",
      "counter",
      "broken",
      [op(0, "increment", 0, 1), op(1, "increment", 0.5, 1.5), op(0, "read", 2, 3, { output: 1 })],
    ],
    ["two hold the lock", "mutex", "broken", [op(0, "acquire", 0, 1), op(1, "acquire", 2, 3), op(0, "release", 4, 5)]],
    [
      "a fencing token goes back",
      "mutex",
      "broken",
      [op(0, "acquire", 0, 1, { output: 7 }), op(0, "release", 2, 3), op(1, "acquire", 4, 5, { output: 7 })],
    ],
    [
      "keys do not meet",
      "register",
      "holds",
      [op(0, "write", 0, 1, { input: 1, key: "a" }), op(1, "read", 2, 3, { output: null, key: "b" })],
    ],
    ["initial value", "register", "holds", [op(0, "read", 0, 1, { output: 5 })], 5],
    ["nothing at all", "register", "holds", []],
    [
      "dequeued by an operation without an answer",
      "queue",
      "holds",
      [
        op(0, "enqueue", 0, 1, { input: 1 }),
        op(0, "enqueue", 2, 3, { input: 2 }),
        op(1, "dequeue", 0.5, 9, { outcome: "unknown" }),
        op(0, "dequeue", 4, 5, { output: 2 }),
      ],
    ],
  ];
  test.each(table.map(([name, model, verdict, sketches, initial]) => ({ name, model, verdict, sketches, initial })))(
    "$name",
    ({ model, verdict, sketches, initial }) => {
      expect(objectChecks(model, initial).linearizable(operationsFrom(sketches), createBudget()).verdict).toBe(verdict);
    },
  );

  test("a witness is small and says where it got stuck", () => {
    const writes = Array.from({ length: 300 }, (_, at) => op(0, "write", at * 10, at * 10 + 1, { input: at % 7 }));
    const reads = writes.map((write, at) =>
      op(1, "read", at * 10 + 2, at * 10 + 3, { output: at === 250 ? 3 : (write.input ?? null) }),
    );
    const verdict = objectChecks("register", undefined).linearizable(
      operationsFrom([...writes, ...reads]),
      createBudget(),
    );
    expect(verdict).toMatchObject({
      verdict: "broken",
      witness: { kind: "order", deadEnds: [{ reason: "it answered 3, but the register then holds 4" }] },
    });
    if (verdict.verdict === "broken") expect(verdict.witness.operations.length).toBe(2);
  });
});

test("the budget ends a search that is too long, with the reason", () => {
  // Many writes at once, none of which explains the last read: every order must be tried.
  const writes = Array.from({ length: 18 }, (_, at): Sketch => ({
    owner: at,
    f: "add",
    call: at / 100,
    ret: 50 + at,
    input: 2 ** at * 3,
  }));
  const history = operationsFrom([
    ...writes,
    { owner: 99, f: "read", call: 1, ret: 49, output: 7 },
    { owner: 98, f: "add", call: 1.5, ret: 90, input: -1 },
  ]);
  const checks = objectChecks("counter", undefined);
  expect(checks.linearizable(history, createBudget({ steps: 1000 }))).toEqual({
    verdict: "undecided",
    reason: "the search needs more than 1000 steps",
  });
  let clock = 0;
  expect(checks.linearizable(history, createBudget({ timeMs: 5, now: () => clock++ * 10 })).verdict).toBe("undecided");
  expect(checks.linearizable(history, createBudget({ bytes: 100_000 })).verdict).toBe("undecided");
});

test("keys are told apart by content", () => {
  const operations = operationsFrom(
    [1, "1", [1], null].map((key, at) => ({ owner: at, f: "read", call: at, ret: at + 1, key })),
  );
  expect(partitionByKey(operations)).toHaveLength(4);
});
