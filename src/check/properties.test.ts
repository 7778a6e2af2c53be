import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Operation, Value } from "../history/index.ts";
import { createBudget } from "./budget.ts";
import { check, combinations, models, properties, requestProblem } from "./check.ts";
import type { CheckRequest, ModelName, PropertyName } from "./check.ts";
import type { Model } from "./model.ts";
import { bankModel } from "./models/bank.ts";
import { objectChecks } from "./objects.ts";
import { answered, hasOrder, historiesOf, operationsFrom } from "./reference.suite.ts";
import type { Sketch } from "./reference.suite.ts";

const judge = (operations: readonly Operation[], request: CheckRequest): string =>
  check(operations, request, createBudget({ steps: 30_000_000 })).verdict;
const inSession = (a: Operation, b: Operation): boolean =>
  a.process === b.process && a.call < b.call && a.ret !== Infinity;
const none = fc.constant<Value>(null);
const spread = fc.array(fc.nat(100), { minLength: 7, maxLength: 7 });

const registerMenus = [
  { f: "read", input: none, output: fc.oneof(fc.integer({ min: 100, max: 105 }), none) },
  { f: "write", input: fc.integer({ min: 0, max: 3 }), output: none },
];
const distinct = (operations: readonly Operation[]): Operation[] =>
  operations.map((operation, at) =>
    operation.f === "write" ? { ...operation, input: 100 + at, output: null } : operation,
  );
/** Whole numbers for positions, as recorded histories have them. */
const whole = (operations: readonly Operation[]): Operation[] =>
  operations.map((operation) => ({
    ...operation,
    call: Math.round(operation.call * 1000),
    ret: operation.ret === Infinity ? Infinity : Math.round(operation.ret * 1000),
  }));
const registers = fc
  .tuple(historiesOf(registerMenus, { most: 6 }), spread, fc.boolean(), fc.nat(6))
  .map(([drafted, points, right, spoiled]) => {
    const shaped = distinct(whole(drafted));
    if (!right) return shaped;
    const checks = objectChecks("register", undefined);
    const run = checks.with((model) =>
      answered(model, shaped, (state, { f, input }) => (f === "read" ? (state as Value) : input), points),
    );
    return run.map((operation, at) => (at === spoiled ? shaped[at]! : operation));
  });

describe("sequential", () => {
  const agree = (model: ModelName & ("register" | "counter" | "queue"), operations: readonly Operation[]): void => {
    const expected = objectChecks(model, undefined).with((plain) => hasOrder(plain, operations, inSession));
    expect(judge(operations, { model, property: "sequential" })).toBe(expected ? "holds" : "broken");
  };
  test("registers with different values", () => {
    fc.assert(
      fc.property(registers, (operations) => agree("register", operations)),
      { numRuns: 300 },
    );
  });
  test("registers with equal values", () => {
    const menus = [
      { f: "read", input: none, output: fc.integer({ min: 0, max: 2 }) },
      { f: "write", input: fc.integer({ min: 0, max: 2 }), output: none },
    ];
    fc.assert(
      fc.property(historiesOf(menus), (operations) => agree("register", whole(operations))),
      { numRuns: 300 },
    );
  });
  test("counters", () => {
    const menus = [
      { f: "read", input: none, output: fc.integer({ min: 0, max: 3 }) },
      { f: "increment", input: none, output: none },
    ];
    fc.assert(
      fc.property(historiesOf(menus), (operations) => agree("counter", operations)),
      { numRuns: 200 },
    );
  });
  test("queues", () => {
    const menus = [
      { f: "enqueue", input: fc.integer({ min: 1, max: 2 }), output: none },
      { f: "dequeue", input: none, output: fc.constantFrom<Value>(1, 2, null) },
    ];
    fc.assert(
      fc.property(historiesOf(menus), (operations) => agree("queue", operations)),
      { numRuns: 200 },
    );
  });
  test("each key alone may be sequential, and all together not", () => {
    const op = (owner: number, at: number, f: string, key: string, rest: Partial<Sketch>): Sketch => ({
      owner,
      f,
      key,
      call: at * 10,
      ret: at * 10 + 5,
      ...rest,
    });
    const operations = operationsFrom([
      op(0, 0, "write", "x", { input: 1 }),
      op(0, 2, "read", "y", { output: null }),
      op(1, 1, "write", "y", { input: 1 }),
      op(1, 3, "read", "x", { output: null }),
    ]);
    expect(judge(operations, { model: "register", property: "sequential" })).toBe("broken");
    for (const key of ["x", "y"])
      expect(
        judge(
          operations.filter((operation) => operation.key === key),
          { model: "register", property: "sequential" },
        ),
      ).toBe("holds");
  });
});

describe("bounded staleness", () => {
  test("by time: as if reads had begun earlier", () => {
    fc.assert(
      fc.property(registers, fc.nat(12), (operations, bound) => {
        const timed = operations.map((operation) => ({
          ...operation,
          callMs: operation.call / 1000,
          retMs: operation.ret === Infinity ? undefined : operation.ret / 1000,
        }));
        const beginMs = (operation: Operation): number =>
          (operation.callMs ?? 0) - (operation.f === "read" ? bound : 0);
        const expected = objectChecks("register", undefined).with((model) =>
          hasOrder(model, timed, (a, b) => (a.retMs ?? Infinity) < beginMs(b)),
        );
        expect(judge(timed, { model: "register", property: "bounded-staleness", boundMs: bound })).toBe(
          expected ? "holds" : "broken",
        );
      }),
      { numRuns: 300 },
    );
  });
  test("by versions: from one of the last", () => {
    fc.assert(
      fc.property(registers, fc.integer({ min: 1, max: 3 }), (operations, versions) => {
        const written: Model<readonly Value[]> = {
          ...objectChecks("register", undefined).with((model) => model as unknown as Model<readonly Value[]>),
          initial: [null],
          step: (state, { f, input, output }) =>
            f === "read" ? (state.slice(-versions).includes(output) ? state : undefined) : [...state, input],
        };
        const expected = hasOrder(written, operations, (a, b) => a.ret < b.call);
        expect(judge(operations, { model: "register", property: "bounded-staleness", boundVersions: versions })).toBe(
          expected ? "holds" : "broken",
        );
      }),
      { numRuns: 300 },
    );
  });
  test("needs times", () => {
    const [operation] = operationsFrom([{ owner: 0, f: "read", call: 0, ret: 1 }]);
    expect(() =>
      judge([{ ...operation!, callMs: undefined }], { model: "register", property: "bounded-staleness", boundMs: 5 }),
    ).toThrow(/line 1: an event without a time/);
  });
});

/** Every order of the versions of each key. */
function* ordersOf(versions: readonly Operation[]): Generator<readonly Operation[]> {
  if (versions.length === 0) yield [];
  for (const first of versions) {
    for (const rest of ordersOf(versions.filter((other) => other !== first))) yield [first, ...rest];
  }
}

/** What must be visible to a read, by the definition of each guarantee; undefined: nothing that was written. */
function visibleTo(read: Operation, operations: readonly Operation[], guarantee: PropertyName): Set<Operation> {
  const writerOf = (operation: Operation): Operation | undefined =>
    operations.find(({ f, input }) => f === "write" && input === operation.output);
  const earlier = (operation: Operation): Operation[] =>
    operations.filter(
      (other) => other.process === operation.process && other.call < operation.call && other.outcome === "ok",
    );
  const found = (list: readonly Operation[]): Operation[] =>
    list
      .filter(({ f, outcome }) => f === "read" && outcome === "ok")
      .map(writerOf)
      .filter((writer) => writer !== undefined);
  if (guarantee === "read-your-writes") return new Set(earlier(read).filter(({ f }) => f === "write"));
  const seen = new Set(found(earlier(read)));
  if (guarantee === "monotonic-reads") return seen;
  const own = writerOf(read);
  if (own !== undefined) seen.add(own);
  for (let size = -1; size !== seen.size;) {
    size = seen.size;
    for (const write of Array.from(seen))
      for (const other of guarantee === "monotonic-writes"
        ? earlier(write).filter(({ f }) => f === "write")
        : found(earlier(write)))
        seen.add(other);
  }
  return seen;
}

function guaranteeHolds(operations: readonly Operation[], guarantee: PropertyName): boolean {
  const reads = operations.filter(({ f, outcome }) => f === "read" && outcome === "ok");
  const writes = operations.filter(
    (operation) =>
      operation.f === "write" && (operation.outcome === "ok" || reads.some(({ output }) => output === operation.input)),
  );
  if (reads.some(({ output }) => output !== null && !writes.some(({ input }) => input === output))) return false;
  const guarantees: PropertyName[] =
    guarantee === "monotonic-writes" || guarantee === "writes-follow-reads"
      ? ["monotonic-reads", guarantee]
      : [guarantee];
  for (const order of ordersOf(writes)) {
    const rank = (operation: Operation | undefined): number =>
      operation === undefined ? -1 : order.indexOf(operation);
    const inTime = writes.every((a) => writes.every((b) => !(a.ret < b.call) || rank(a) < rank(b)));
    const sessions = writes.every((b) => {
      const before = operations.filter((a) => a.process === b.process && a.call < b.call && a.outcome === "ok");
      const owed =
        guarantee === "monotonic-writes"
          ? before.filter((a) => writes.includes(a))
          : guarantee === "writes-follow-reads"
            ? before.filter((a) => reads.includes(a)).map(({ output }) => writes.find(({ input }) => input === output))
            : [];
      return owed.every((a) => rank(a) < rank(b) || a === b);
    });
    const right = reads.every((read) => {
      const at = rank(writes.find(({ input }) => input === read.output));
      return guarantees.every((each) => [...visibleTo(read, operations, each)].every((write) => rank(write) <= at));
    });
    if (inTime && sessions && right) return true;
  }
  return false;
}

describe("session guarantees", () => {
  test.each(["monotonic-reads", "read-your-writes", "monotonic-writes", "writes-follow-reads"] as const)(
    "%s agrees with its definition",
    (property) => {
      fc.assert(
        fc.property(registers, (operations) => {
          // Reads that contradict each other are left out by the last two; and nothing may be read from its own future.
          fc.pre(
            property === "monotonic-reads" ||
              property === "read-your-writes" ||
              guaranteeHolds(operations, "monotonic-reads"),
          );
          fc.pre(judge(operations, { model: "register", property: "causal" }) === "holds" || !causalCircle(operations));
          expect(judge(operations, { model: "register", property })).toBe(
            guaranteeHolds(operations, property) ? "holds" : "broken",
          );
        }),
        { numRuns: 400 },
      );
    },
  );

  const r = (owner: number, at: number, key: string, output: Value): Sketch => ({
    owner,
    f: "read",
    key,
    output,
    call: at * 10,
    ret: at * 10 + 5,
  });
  const w = (owner: number, at: number, key: string, input: Value): Sketch => ({
    owner,
    f: "write",
    key,
    input,
    call: at * 10,
    ret: at * 10 + 5,
  });
  const table: readonly (readonly [string, PropertyName, string, readonly Sketch[]])[] = [
    [
      "a session goes back",
      "monotonic-reads",
      "broken",
      [w(0, 0, "x", 1), w(0, 1, "x", 2), r(1, 2, "x", 2), r(1, 3, "x", 1)],
    ],
    [
      "a session goes back to nothing",
      "monotonic-reads",
      "broken",
      [w(0, 0, "x", 1), r(1, 2, "x", 1), r(1, 3, "x", null)],
    ],
    [
      "another session is behind",
      "monotonic-reads",
      "holds",
      [w(0, 0, "x", 1), w(0, 1, "x", 2), r(1, 2, "x", 2), r(2, 3, "x", 1)],
    ],
    ["its own write is missing", "read-your-writes", "broken", [w(1, 0, "x", 1), w(0, 1, "x", 2), r(0, 2, "x", 1)]],
    ["its own write is not there yet", "read-your-writes", "broken", [w(0, 1, "x", 2), r(0, 2, "x", null)]],
    ["another's write is missing", "read-your-writes", "holds", [w(1, 0, "x", 1), w(0, 1, "x", 2), r(1, 2, "x", 1)]],
    [
      "later write seen, earlier one on another key not",
      "monotonic-writes",
      "broken",
      [w(0, 0, "x", 1), w(0, 1, "y", 2), r(1, 2, "y", 2), r(1, 3, "x", null)],
    ],
    [
      "reply seen, what it replies to not",
      "writes-follow-reads",
      "broken",
      [w(0, 0, "x", 1), r(1, 1, "x", 1), w(1, 2, "y", 2), r(2, 3, "y", 2), r(2, 4, "x", null)],
    ],
    [
      "reply seen, what it replies to not",
      "monotonic-writes",
      "holds",
      [w(0, 0, "x", 1), r(1, 1, "x", 1), w(1, 2, "y", 2), r(2, 3, "y", 2), r(2, 4, "x", null)],
    ],
    [
      "reply seen, what it replies to not",
      "causal",
      "broken",
      [w(0, 0, "x", 1), r(1, 1, "x", 1), w(1, 2, "y", 2), r(2, 3, "y", 2), r(2, 4, "x", null)],
    ],
  ];
  test.each(table)("%s: %s %s", (_name, property, verdict, sketches) => {
    expect(judge(operationsFrom(sketches), { model: "register", property })).toBe(verdict);
  });

  test("eventual writes may be ordered against time", () => {
    const operations = operationsFrom([w(0, 0, "x", 1), w(1, 1, "x", 2), r(2, 2, "x", 2), r(2, 3, "x", 1)]);
    expect(judge(operations, { model: "register", property: "monotonic-reads" })).toBe("broken");
    expect(judge(operations, { model: "register", property: "monotonic-reads", eventualWrites: true })).toBe("holds");
  });

  test("lists and transactions have them too", () => {
    const txn = (owner: number, at: number, ...steps: Value[]): Sketch => ({
      owner,
      f: "txn",
      input: steps,
      output: steps,
      call: at * 10,
      ret: at * 10 + 5,
    });
    const operations = operationsFrom([
      txn(0, 0, ["append", "x", 1]),
      txn(0, 1, ["append", "x", 2]),
      txn(1, 2, ["r", "x", [1, 2]]),
      txn(1, 3, ["r", "x", [1]]),
    ]);
    expect(judge(operations, { model: "list-append", property: "monotonic-reads" })).toBe("broken");
    expect(judge(operations, { model: "list-append", property: "read-your-writes" })).toBe("holds");
  });

  test.each([
    [
      "counter",
      "monotonic-reads",
      "broken",
      [
        ["increment", null],
        ["read", 1],
        ["read", 0],
      ],
    ],
    [
      "counter",
      "monotonic-reads",
      "holds",
      [
        ["read", 1],
        ["read", 1],
        ["read", 4],
      ],
    ],
    [
      "counter",
      "read-your-writes",
      "broken",
      [
        ["increment", null],
        ["increment", null],
        ["read", 1],
      ],
    ],
    [
      "counter",
      "monotonic-reads",
      "undecided",
      [
        ["decrement", null],
        ["read", 1],
      ],
    ],
    [
      "set",
      "monotonic-reads",
      "broken",
      [
        ["read", [1, 2]],
        ["read", [2, 3]],
      ],
    ],
    [
      "set",
      "read-your-writes",
      "holds",
      [
        ["add", 7],
        ["read", [7]],
      ],
    ],
    [
      "set",
      "read-your-writes",
      "broken",
      [
        ["add", 7],
        ["read", [8]],
      ],
    ],
  ] as const)("%s, %s: %s", (model, property, verdict, steps) => {
    const operations = operationsFrom(
      steps.map(([f, value], at): Sketch => ({
        owner: 0,
        f,
        input: f === "add" ? (value as Value) : null,
        output: f === "read" ? (value as Value) : null,
        call: at * 10,
        ret: at * 10 + 5,
      })),
    );
    expect(judge(operations, { model, property })).toBe(verdict);
  });
});

/** Whether somebody read what was written only after that read, in a circle of sessions and reads. */
function causalCircle(operations: readonly Operation[]): boolean {
  const n = operations.length;
  const past = operations.map((a) =>
    operations.map(
      (b) =>
        (a.process === b.process && a.call < b.call && a.outcome === "ok") ||
        (a.f === "write" && b.f === "read" && b.outcome === "ok" && a.input === b.output),
    ),
  );
  for (let k = 0; k < n; k++)
    for (let a = 0; a < n; a++) for (let b = 0; b < n; b++) if (past[a]![k]! && past[k]![b]!) past[a]![b] = true;
  return past.some((row, at) => row[at]);
}

describe("convergent", () => {
  const inc = (at: number, rest: Partial<Sketch> = {}): Sketch => ({
    owner: at,
    f: "increment",
    call: at,
    ret: at + 0.5,
    ...rest,
  });
  const read = (at: number, output: Value): Sketch => ({ owner: at, f: "read", output, call: at, ret: at + 0.5 });
  const add = (at: number, input: Value): Sketch => ({ owner: at, f: "add", input, call: at, ret: at + 0.5 });
  const table: readonly (readonly [string, ModelName, string, readonly Sketch[], number?])[] = [
    ["all agree", "counter", "holds", [inc(0), inc(1), read(2, 2), read(3, 2)]],
    ["an increment is lost", "counter", "broken", [inc(0), inc(1), read(2, 1)]],
    ["replicas differ for ever", "counter", "broken", [inc(0), inc(1), read(2, 2), read(3, 1)]],
    ["early reads may be behind", "counter", "holds", [inc(0), { ...read(0.6, 0), ret: 0.9 }, inc(1), read(2, 2)]],
    [
      "no read may be ahead of everything",
      "counter",
      "broken",
      [inc(0), { ...read(0.6, 2), ret: 0.9 }, inc(1), read(2, 2)],
    ],
    [
      "an increment without an answer counts or not",
      "counter",
      "holds",
      [inc(0), inc(1, { outcome: "unknown" }), read(2, 1), read(3, 1)],
    ],
    ["but it counts once", "counter", "broken", [inc(0), inc(1, { outcome: "unknown" }), read(2, 3)]],
    ["nobody looked afterwards", "counter", "undecided", [read(0, 0), inc(1)]],
    ["nobody looked late enough", "counter", "undecided", [inc(0), read(1, 1)], 100],
    ["after settling", "counter", "holds", [inc(0), read(1, 0), read(200, 1)], 100],
    ["a set has it all", "set", "holds", [add(0, 1), add(1, 2), read(2, [2, 1])]],
    ["a set lost one", "set", "broken", [add(0, 1), add(1, 2), read(2, [2])]],
    ["a set made one up", "set", "broken", [add(0, 1), read(2, [1, 9])]],
    [
      "a register has a written value",
      "register",
      "holds",
      [
        { owner: 0, f: "write", input: 1, call: 0, ret: 1 },
        { owner: 1, f: "write", input: 2, call: 0.5, ret: 1.5 },
        read(2, 1),
        read(3, 1),
      ],
    ],
    ["a register has another", "register", "broken", [{ owner: 0, f: "write", input: 1, call: 0, ret: 1 }, read(2, 7)]],
  ];
  test.each(table.map(([name, model, verdict, sketches, settleMs]) => ({ name, model, verdict, sketches, settleMs })))(
    "$name",
    ({ model, verdict, sketches, settleMs }) => {
      expect(judge(operationsFrom(sketches), { model, property: "convergent", settleMs })).toBe(verdict);
    },
  );
});

describe("bank", () => {
  const initial = { a: 2, b: 1 };
  const menus = [
    {
      f: "transfer",
      input: fc.record({
        from: fc.constantFrom("a", "b"),
        to: fc.constantFrom("a", "b"),
        amount: fc.integer({ min: 1, max: 2 }),
      }),
      output: none,
    },
    {
      f: "read",
      input: none,
      output: fc.constantFrom<Value>({ a: 2, b: 1 }, { a: 1, b: 2 }, { a: 0, b: 3 }, { a: 3, b: 0 }),
    },
  ];
  test.each([
    ["strict-serializable", true],
    ["serializable", false],
  ] as const)("%s agrees with trying every order", (property, time) => {
    fc.assert(
      fc.property(historiesOf(menus, { most: 5 }), (operations) => {
        const expected = hasOrder(bankModel(initial), operations, (a, b) => time && a.ret < b.call);
        expect(judge(operations, { model: "bank", property, initial })).toBe(expected ? "holds" : "broken");
      }),
      { numRuns: 200 },
    );
  });
  test("a wrong total breaks every level, without knowing the beginning", () => {
    const read = (at: number, output: Value): Sketch => ({ owner: at, f: "read", output, call: at, ret: at + 0.5 });
    const operations = operationsFrom([read(0, { a: 1, b: 1 }), read(1, { a: 2, b: 1 })]);
    for (const property of ["snapshot-isolation", "serializable", "strict-serializable"] as const)
      expect(judge(operations, { model: "bank", property })).toBe("broken");
    expect(judge(operations.slice(0, 1), { model: "bank", property: "serializable" })).toBe("undecided");
    expect(judge(operationsFrom([read(0, { a: 3, b: -1 })]), { model: "bank", property: "serializable" })).toBe(
      "broken",
    );
  });
});

describe("requests", () => {
  test("what makes no sense is refused with what would", () => {
    expect(requestProblem({ model: "mutex", property: "causal" })).toMatch(
      /not defined for the model mutex; there are: linearizable, sequential/,
    );
    expect(requestProblem({ model: "register", property: "bounded-staleness" })).toMatch(/needs a bound/);
    expect(requestProblem({ model: "register", property: "bounded-staleness", boundVersions: 0 })).toMatch(
      /whole number from 1/,
    );
    expect(requestProblem({ model: "counter", property: "linearizable", initial: "x" })).toMatch(/whole number/);
    expect(requestProblem({ model: "queue", property: "linearizable", initial: 1 })).toMatch(/a list/);
    expect(requestProblem({ model: "register", property: "linearizable", initial: 1 })).toBeUndefined();
  });
  test("every model has properties, and every property a model", () => {
    expect(new Set(models.flatMap(combinations))).toEqual(new Set(properties));
    for (const model of models)
      for (const property of combinations(model))
        expect(requestProblem({ model, property, boundMs: 1 })).toBeUndefined();
  });
  test("every combination judges an empty history", () => {
    for (const model of models) {
      for (const property of combinations(model)) {
        const verdict = check([], { model, property, boundMs: 1 });
        expect([model, property, verdict.verdict]).toEqual([
          model,
          property,
          property === "convergent" || model === "bank" ? verdict.verdict : "holds",
        ]);
      }
    }
  });
  test("without real time, what needs it is undecided", () => {
    expect(judge([], { model: "rw-register", property: "strict-serializable", realTime: false })).toBe("undecided");
    expect(judge([], { model: "register", property: "linearizable", realTime: false })).toBe("undecided");
    expect(judge([], { model: "rw-register", property: "serializable", realTime: false })).toBe("holds");
  });
});
