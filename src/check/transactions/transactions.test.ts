import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../base/index.ts";
import type { Operation, Value } from "../../history/index.ts";
import { createBudget } from "../budget.ts";
import { operationsFrom } from "../reference.suite.ts";
import type { Sketch } from "../reference.suite.ts";
import type { Verdict } from "../verdict.ts";
import { checkIsolation, isolationLevels } from "./levels.ts";
import type { IsolationLevel } from "./levels.ts";
import { TransactionTable } from "./table.ts";
import type { TransactionModel } from "./table.ts";

type Step = readonly [kind: string, key: string, value: Value];

function judge(
  operations: readonly Operation[],
  model: TransactionModel,
  level: IsolationLevel,
  sessionOrder = false,
): Verdict {
  const budget = createBudget({ steps: 20_000_000 });
  const table = new TransactionTable(model, null, budget);
  for (const operation of operations) table.add(operation);
  return checkIsolation(table, { level, sessionOrder, realTime: true }, budget);
}

interface Drafted {
  readonly session: number;
  readonly steps: readonly { readonly kind: "r" | "w"; readonly key: string; readonly pick: number }[];
  readonly gap: number;
  readonly length: number;
  readonly unknown: boolean;
}

const drafts = fc.array(
  fc.record({
    session: fc.nat(2),
    steps: fc.array(
      fc.record({
        kind: fc.constantFrom("r" as const, "w" as const),
        key: fc.constantFrom("x", "y"),
        pick: fc.nat(20),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    gap: fc.nat(4),
    length: fc.integer({ min: 1, max: 9 }),
    unknown: fc.nat(9).map((n) => n === 0),
  }),
  { minLength: 2, maxLength: 4 },
);

/** Gives every write its own value, and lays the transactions of each session one behind the other. */
function layOut(
  list: readonly Drafted[],
): { readonly sketch: Sketch; readonly steps: Step[]; readonly picks: number[] }[] {
  const free = new Map<number, number>();
  let value = 0;
  return list.map(({ session, steps, gap, length, unknown }, at) => {
    const call = (free.get(session) ?? 0) + (gap + 1) * 100 + at;
    const ret = call + length * 100;
    free.set(session, ret - at + 50);
    const sketch: Sketch = { owner: session, f: "txn", call, ret, outcome: unknown ? "unknown" : "ok" };
    return {
      sketch,
      steps: steps.map(({ kind, key }): Step => [kind, key, kind === "w" ? ++value : null]),
      picks: steps.map(({ pick }) => pick),
    };
  });
}

/** A history of registers or lists whose reads come from random versions, or with `serial` from a run one after the other. */
function historyOf(list: readonly Drafted[], model: TransactionModel, serial: boolean, spoil: number): Operation[] {
  const laid = layOut(list);
  const all: Record<string, number[]> = { x: [], y: [] };
  for (const { steps } of laid)
    for (const [kind, key, value] of steps) if (kind === "w") all[key]!.push(value as number);
  const state: Record<string, number[]> = { x: [], y: [] };
  const sketches = laid.map(({ sketch, steps, picks }, index): Sketch => {
    const filled = steps.map(([kind, key, value], at): Step => {
      if (kind === "w") {
        state[key]!.push(value as number);
        return [model === "list-append" ? "append" : "w", key, value];
      }
      const length = !serial || index === spoil ? picks[at]! % (all[key]!.length + 1) : state[key]!.length;
      const versions = !serial || index === spoil ? all[key]! : state[key]!;
      if (model === "list-append") return ["r", key, versions.slice(0, length)];
      return ["r", key, versions[length - 1] ?? null];
    });
    const asked = filled.map(([kind, key, value]): Step => [kind, key, kind === "r" ? null : value]);
    return { ...sketch, input: asked, output: filled };
  });
  return operationsFrom(sketches);
}

const stepsOf = (operation: Operation): readonly Step[] =>
  (operation.outcome === "ok" ? operation.output : operation.input) as unknown as readonly Step[];

type Store = Readonly<Record<string, readonly number[]>>;

/** Whether the reads of a transaction are right when it begins with `store`; what it wrote. */
function replay(operation: Operation, store: Store, model: TransactionModel): Record<string, number[]> | undefined {
  const own: Record<string, number[]> = {};
  for (const [kind, key, value] of stepsOf(operation)) {
    const now = [...(store[key] ?? []), ...(own[key] ?? [])];
    if (kind !== "r") (own[key] ??= []).push(value as number);
    else if (operation.outcome === "ok") {
      const expected: Value = model === "list-append" ? now : (now.at(-1) ?? null);
      if (JSON.stringify(value ?? []) !== JSON.stringify(expected ?? [])) return undefined;
    }
  }
  return own;
}

const merge = (store: Store, own: Readonly<Record<string, readonly number[]>>): Store => {
  const next: Record<string, readonly number[]> = { ...store };
  for (const [key, values] of Object.entries(own)) next[key] = [...(next[key] ?? []), ...values];
  return next;
};

/** Every order of transactions, or of their beginnings and ends. Those of unknown outcome may be left out. */
function explainable(
  operations: readonly Operation[],
  model: TransactionModel,
  before: (a: Operation, b: Operation) => boolean,
  snapshots: boolean,
): boolean {
  interface Open {
    readonly operation: Operation;
    readonly own: Record<string, number[]>;
  }
  const go = (left: readonly Operation[], open: readonly Open[], store: Store): boolean => {
    if (open.length === 0 && left.every(({ outcome }) => outcome === "unknown")) return true;
    for (const { operation, own } of open) {
      if (
        go(
          left,
          open.filter((other) => other.operation !== operation),
          merge(store, own),
        )
      )
        return true;
    }
    return left.some((next) => {
      if (
        left.some((other) => other !== next && before(other, next)) ||
        open.some(({ operation }) => before(operation, next))
      )
        return false;
      const rest = left.filter((other) => other !== next);
      if (next.outcome === "unknown" && go(rest, open, store)) return true;
      const own = replay(next, store, model);
      if (own === undefined) return false;
      if (!snapshots) return go(rest, [], merge(store, own));
      if (open.some((other) => Object.keys(other.own).some((key) => key in own))) return false;
      return go(rest, [...open, { operation: next, own }], store);
    });
  };
  return go(operations, [], {});
}

/** The weak levels by their definition: some total order of transactions contains sessions and reads, and obeys the axiom. */
function weaklyExplainable(
  operations: readonly Operation[],
  level: "read-committed" | "read-atomic" | "causal",
): boolean {
  const n = operations.length;
  const writer = new Map<string, number>();
  for (const [at, operation] of operations.entries())
    for (const [kind, key, value] of stepsOf(operation)) if (kind === "w") writer.set(JSON.stringify([key, value]), at);
  const writes = (at: number, key: string): boolean =>
    stepsOf(operations[at]!).some(([kind, other]) => kind === "w" && other === key);
  const session = (a: number, b: number): boolean =>
    operations[a]!.outcome === "ok" &&
    operations[a]!.process === operations[b]!.process &&
    operations[a]!.call < operations[b]!.call;
  const reads: { readonly by: number; readonly at: number; readonly key: string; readonly from: number }[] = [];
  for (const [by, operation] of operations.entries()) {
    if (operation.outcome !== "ok") continue;
    const own = new Map<string, Value>();
    for (const [at, [kind, key, value]] of stepsOf(operation).entries()) {
      if (kind === "w") own.set(key, value);
      else if (own.has(key)) {
        if (own.get(key) !== value) return false;
      } else {
        const from = value === null ? -1 : writer.get(JSON.stringify([key, value]));
        if (from === undefined || from === by) return false;
        const last =
          from < 0
            ? value
            : stepsOf(operations[from]!)
                .filter(([k, other]) => k === "w" && other === key)
                .at(-1)?.[2];
        if (last !== value) return false;
        reads.push({ by, at, key, from });
      }
    }
  }
  const real = operations.map(({ outcome }, at) => outcome === "ok" || reads.some(({ from }) => from === at));
  const direct = (a: number, b: number): boolean =>
    session(a, b) || reads.some(({ by, from }) => by === b && from === a);
  const past = Array.from({ length: n }, (_, a) =>
    Array.from({ length: n }, (_unused, b) => real[a]! && real[b]! && direct(a, b)),
  );
  for (let k = 0; k < n; k++)
    for (let a = 0; a < n; a++) for (let b = 0; b < n; b++) if (past[a]![k]! && past[k]![b]!) past[a]![b] = true;
  const visible = (t1: number, read: (typeof reads)[number]): boolean => {
    if (level === "read-committed")
      return reads.some(({ by, at, from }) => by === read.by && from === t1 && at < read.at);
    if (level === "read-atomic") return direct(t1, read.by);
    return past[t1]![read.by]!;
  };
  const place = (order: readonly number[], left: readonly number[]): boolean => {
    if (left.length === 0) {
      const rank = (at: number): number => (at < 0 ? -1 : order.indexOf(at));
      return reads.every((read) =>
        order.every(
          (t1) =>
            t1 === read.from ||
            t1 === read.by ||
            !writes(t1, read.key) ||
            !visible(t1, read) ||
            rank(t1) < rank(read.from),
        ),
      );
    }
    return left.some(
      (next) =>
        !left.some((other) => past[other]![next]!) &&
        place(
          [...order, next],
          left.filter((other) => other !== next),
        ),
    );
  };
  return place(
    [],
    real.flatMap((is, at) => (is ? [at] : [])),
  );
}

const always = (): boolean => false;
const inRealTime = (a: Operation, b: Operation): boolean => a.ret < b.call;
const inSession = (a: Operation, b: Operation): boolean =>
  a.outcome === "ok" && a.process === b.process && a.call < b.call;

function expected(
  operations: readonly Operation[],
  model: TransactionModel,
  level: IsolationLevel,
  sessions: boolean,
): boolean {
  if (level === "read-committed" || level === "read-atomic" || level === "causal")
    return weaklyExplainable(operations, level);
  const before = level === "strict-serializable" ? inRealTime : sessions ? inSession : always;
  return explainable(operations, model, before, level === "snapshot-isolation");
}

const modelLevels: readonly (readonly [TransactionModel, IsolationLevel, boolean])[] = [
  ...isolationLevels.map((level) => ["rw-register", level, false] as const),
  ["rw-register", "serializable", true],
  ["rw-register", "snapshot-isolation", true],
  ...(["snapshot-isolation", "serializable", "repeatable-read", "strict-serializable"] as const).map(
    (level) => ["list-append", level, false] as const,
  ),
  ["list-append", "serializable", true],
];

describe.each(modelLevels)("%s, %s, session order %s", (model, level, sessions) => {
  const agree = (operations: readonly Operation[]): void => {
    const verdict = judge(operations, model, level, sessions);
    expect(verdict.verdict).toBe(expected(operations, model, level, sessions) ? "holds" : "broken");
    if (verdict.verdict === "broken" && verdict.witness.kind === "cycle") {
      expect(verdict.witness.steps.length).toBeGreaterThanOrEqual(2);
      expect(verdict.witness.steps.every(({ explanation }) => explanation !== "")).toBe(true);
    }
  };
  test("agrees with the definition, on reads of random versions", () => {
    fc.assert(
      fc.property(drafts, (list) => agree(historyOf(list, model, false, -1))),
      { numRuns: 300 },
    );
  });
  test("agrees with the definition, on reads that are nearly right", () => {
    fc.assert(
      fc.property(drafts, fc.nat(4), (list, spoil) => agree(historyOf(list, model, true, spoil))),
      { numRuns: 300 },
    );
  });
});

test("a level implies the weaker ones", () => {
  const stronger: readonly (readonly [IsolationLevel, IsolationLevel])[] = [
    ["strict-serializable", "serializable"],
    ["serializable", "snapshot-isolation"],
    ["serializable", "repeatable-read"],
    ["causal", "read-atomic"],
    ["read-atomic", "read-committed"],
  ];
  fc.assert(
    fc.property(
      drafts,
      fc.nat(5),
      fc.constantFrom("rw-register" as const, "list-append" as const),
      (list, spoil, model) => {
        const operations = historyOf(list, model, true, spoil);
        for (const [strong, weak] of stronger)
          if (judge(operations, model, strong).verdict === "holds")
            expect(judge(operations, model, weak).verdict).toBe("holds");
      },
    ),
    { numRuns: 200 },
  );
});

describe("named anomalies", () => {
  const txn = (
    owner: number,
    at: number,
    steps: readonly Step[],
    outcome: "ok" | "fail" | "unknown" = "ok",
  ): Sketch => ({
    owner,
    f: "txn",
    call: at * 10,
    ret: at * 10 + 5,
    input: steps,
    output: steps,
    outcome,
  });
  const r = (key: string, ...list: number[]): Step => ["r", key, list];
  const a = (key: string, value: number): Step => ["append", key, value];
  const get = (key: string, value: number | null): Step => ["r", key, value];
  const w = (key: string, value: number): Step => ["w", key, value];
  const lists: readonly (readonly [
    anomaly: string,
    holds: IsolationLevel | undefined,
    breaks: IsolationLevel,
    readonly Sketch[],
  ])[] = [
    [
      "G0",
      undefined,
      "read-committed",
      [txn(0, 0, [a("x", 1), a("y", 1)]), txn(1, 1, [a("x", 2), a("y", 2)]), txn(2, 2, [r("x", 1, 2), r("y", 2, 1)])],
    ],
    ["G1a", undefined, "read-committed", [txn(0, 0, [a("x", 1)], "fail"), txn(1, 1, [r("x", 1)])]],
    [
      "G1b",
      undefined,
      "read-committed",
      [txn(0, 0, [a("x", 1), a("x", 2)]), txn(1, 1, [r("x", 1)]), txn(1, 2, [r("x", 1, 2)])],
    ],
    ["G1c", undefined, "read-committed", [txn(0, 0, [a("x", 1), r("y", 2)]), txn(1, 1, [a("y", 2), r("x", 1)])]],
    [
      "dirty update",
      undefined,
      "read-committed",
      [txn(0, 0, [a("x", 1)], "fail"), txn(1, 1, [a("x", 2)]), txn(2, 2, [r("x", 1, 2)])],
    ],
    ["unwritten value", undefined, "read-committed", [txn(0, 0, [r("x", 9)])]],
    ["duplicate element", undefined, "read-committed", [txn(0, 0, [a("x", 1)]), txn(1, 1, [r("x", 1, 1)])]],
    [
      "incompatible order",
      undefined,
      "read-committed",
      [txn(0, 0, [a("x", 1)]), txn(1, 1, [a("x", 2)]), txn(2, 2, [r("x", 1, 2)]), txn(3, 3, [r("x", 2, 1)])],
    ],
    ["internal", "read-committed", "snapshot-isolation", [txn(0, 0, [a("x", 1)]), txn(1, 1, [r("x"), r("x", 1)])]],
    ["future read", undefined, "read-committed", [txn(0, 0, [r("x", 1), a("x", 1)])]],
    [
      "G-single",
      "read-committed",
      "snapshot-isolation",
      [txn(0, 0, [a("x", 1), a("y", 1)]), txn(1, 1, [r("x"), r("y", 1)]), txn(2, 2, [r("x", 1)])],
    ],
    [
      "lost update",
      "read-committed",
      "snapshot-isolation",
      [txn(0, 0, [r("x"), a("x", 1)]), txn(1, 1, [r("x"), a("x", 2)]), txn(2, 2, [r("x", 1, 2)])],
    ],
    [
      "write skew",
      "snapshot-isolation",
      "serializable",
      [txn(0, 0, [r("x"), a("y", 1)]), txn(1, 1, [r("y"), a("x", 1)])],
    ],
    [
      "long fork",
      "causal",
      "snapshot-isolation",
      [
        txn(0, 0, [a("x", 1)]),
        txn(1, 1, [a("y", 1)]),
        txn(2, 2, [r("x", 1), r("y")]),
        txn(3, 3, [r("y", 1), r("x")]),
        txn(4, 4, [r("x", 1), r("y", 1)]),
      ],
    ],
    [
      "G-single-realtime",
      "serializable",
      "strict-serializable",
      [txn(0, 0, [a("x", 1)]), txn(1, 1, [r("x")]), txn(2, 2, [r("x", 1)])],
    ],
  ];
  test.each(lists.map(([anomaly, holds, breaks, sketches]) => ({ anomaly, holds, breaks, sketches })))(
    "list-append: $anomaly",
    ({ anomaly, holds, breaks, sketches }) => {
      const operations = operationsFrom(sketches);
      const verdict = judge(operations, "list-append", breaks);
      expect(verdict).toMatchObject({ verdict: "broken" });
      const found = new Set<string>();
      for (const level of isolationLevels) {
        const each = judge(operations, "list-append", level);
        if (each.verdict === "broken") found.add(each.witness.anomaly.replace(/ \(.*\)/, ""));
      }
      expect([...found]).toContain(anomaly);
      if (holds !== undefined) expect(judge(operations, "list-append", holds)).toEqual({ verdict: "holds" });
    },
  );

  const registers: readonly (readonly [
    anomaly: RegExp,
    holds: IsolationLevel | undefined,
    breaks: IsolationLevel,
    readonly Sketch[],
  ])[] = [
    [/G1a/, undefined, "read-committed", [txn(0, 0, [w("x", 1)], "fail"), txn(1, 1, [get("x", 1)])]],
    [/G1b/, undefined, "read-committed", [txn(0, 0, [w("x", 1), w("x", 2)]), txn(1, 1, [get("x", 1)])]],
    [/G1c/, undefined, "read-committed", [txn(0, 0, [w("x", 1), get("y", 2)]), txn(1, 1, [w("y", 2), get("x", 1)])]],
    [/internal/, undefined, "read-committed", [txn(0, 0, [w("x", 1), get("x", null)])]],
    [
      /fractured read/,
      "read-committed",
      "read-atomic",
      [txn(0, 0, [w("x", 1), w("y", 1)]), txn(0, 1, [w("x", 2), w("y", 2)]), txn(1, 2, [get("x", 1), get("y", 2)])],
    ],
    [
      /causality violation/,
      "read-atomic",
      "causal",
      [
        txn(0, 0, [w("x", 1)]),
        txn(0, 1, [w("x", 2)]),
        txn(1, 2, [get("x", 2), w("y", 1)]),
        txn(2, 3, [get("y", 1), get("x", 1)]),
      ],
    ],
    [
      /lost update/,
      "causal",
      "snapshot-isolation",
      [txn(0, 0, [w("x", 1)]), txn(1, 1, [get("x", 1), w("x", 2)]), txn(2, 2, [get("x", 1), w("x", 3)])],
    ],
    [
      /long fork/,
      "causal",
      "snapshot-isolation",
      [
        txn(0, 0, [w("x", 1)]),
        txn(1, 1, [w("y", 1)]),
        txn(2, 2, [get("x", 1), get("y", null)]),
        txn(3, 3, [get("y", 1), get("x", null)]),
      ],
    ],
    [
      /write skew/,
      "snapshot-isolation",
      "serializable",
      [txn(0, 0, [get("x", null), w("y", 1)]), txn(1, 1, [get("y", null), w("x", 1)])],
    ],
    [/realtime/, "serializable", "strict-serializable", [txn(0, 0, [w("x", 1)]), txn(1, 1, [get("x", null)])]],
  ];
  test.each(registers.map(([anomaly, holds, breaks, sketches]) => ({ anomaly, holds, breaks, sketches })))(
    "rw-register: $anomaly",
    ({ anomaly, holds, breaks, sketches }) => {
      const operations = operationsFrom(sketches);
      const verdict = judge(operations, "rw-register", breaks);
      expect(verdict.verdict).toBe("broken");
      if (verdict.verdict === "broken") expect(verdict.witness.anomaly).toMatch(anomaly);
      if (holds !== undefined) expect(judge(operations, "rw-register", holds)).toEqual({ verdict: "holds" });
    },
  );

  test("a value written twice leaves it undecided, with the lines", () => {
    const operations = operationsFrom([txn(0, 0, [w("x", 1)]), txn(1, 1, [w("x", 1)])]);
    expect(judge(operations, "rw-register", "serializable")).toMatchObject({
      verdict: "undecided",
      reason: expect.stringContaining("lines 1 and 2") as string,
    });
  });

  test("many appends that nobody read are told apart from their readers", () => {
    const many = Array.from({ length: 9 }, (_, at) => txn(at, at, [r("x"), a("x", at)]));
    expect(judge(operationsFrom(many), "list-append", "serializable").verdict).toBe("broken");
    const blind = Array.from({ length: 9 }, (_, at) => txn(at, at, [a("x", at)]));
    const reader = txn(20, 20, [r("x")]);
    expect(judge(operationsFrom([...blind, reader]), "list-append", "serializable").verdict).toBe("holds");
    expect(judge(operationsFrom([...blind, reader]), "list-append", "strict-serializable").verdict).toBe("broken");
  });
});

describe("long histories of registers", () => {
  /** A run in real time with several sessions at once; spoiled, one late read finds a key's first version. */
  function longHistory(count: number, spoiled: boolean): Operation[] {
    const random = seededRandom(11);
    const versions = new Map<string, number[]>();
    let value = 0;
    const sketches = Array.from({ length: count }, (_, at): Sketch => {
      const first = random.below(40);
      const steps = Array.from({ length: 1 + random.below(4) }, (_unused, step): Step => {
        const key = `k${(first + step * 7) % 40}`;
        const list = versions.get(key) ?? [];
        const old = spoiled && at === count - 50;
        if (old || random.float() < 0.5) return ["r", key, (old ? list[0] : list.at(-1)) ?? null];
        versions.set(key, [...list.slice(0, 1), ++value]);
        return ["w", key, value];
      });
      const begin = at * 1000;
      const [call, ret] = [begin - random.below(3000), begin + 500 + random.below(3000)];
      return { owner: at, f: "txn", input: steps, output: steps, call: call + 10_000, ret: ret + 10_000 };
    });
    return operationsFrom(sketches);
  }

  test.each(["strict-serializable", "serializable", "snapshot-isolation"] as const)(
    "%s is found window by window",
    (level) => {
      expect(judge(longHistory(9000, false), "rw-register", level)).toEqual({ verdict: "holds" });
    },
  );

  test("a late stale read is found", () => {
    for (const count of [3000, 9000]) {
      const verdict = judge(longHistory(count, true), "rw-register", "strict-serializable");
      expect(verdict).toMatchObject({ verdict: "broken", witness: { kind: "cycle" } });
    }
  });
});
