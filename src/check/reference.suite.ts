/** Plain references and small histories for the tests of this room: slow, and easy to believe. */
import fc from "fast-check";
import type { Operation, Value } from "../history/index.ts";
import type { Model } from "./model.ts";

export interface Sketch {
  readonly owner: number;
  readonly f: string;
  readonly input?: Value;
  readonly output?: Value;
  readonly outcome?: "ok" | "fail" | "unknown";
  readonly call: number;
  readonly ret: number;
  readonly key?: Value;
}

/** Operations from sketches; calls and returns are any numbers. */
export function operationsFrom(sketches: readonly Sketch[]): Operation[] {
  return [...sketches]
    .sort((a, b) => a.call - b.call)
    .map(({ owner, f, input = null, output = null, outcome = "ok", call, ret, key }, index) => ({
      index,
      process: owner,
      f,
      key,
      input,
      output: outcome === "ok" ? output : null,
      outcome,
      call,
      ret: outcome === "unknown" ? Infinity : ret,
      callMs: call,
      retMs: outcome === "unknown" ? undefined : ret,
      line: index + 1,
      retLine: outcome === "unknown" ? undefined : index + 1,
      consistency: undefined,
    }));
}

/**
 * Tries every order: `before` says which operation must precede which. Operations of unknown outcome may be
 * left out; those that failed are.
 */
export function hasOrder<State>(
  model: Model<State>,
  operations: readonly Operation[],
  before: (a: Operation, b: Operation) => boolean,
): boolean {
  const real = operations.filter(({ outcome }) => outcome !== "fail");
  const place = (state: State, left: readonly Operation[]): boolean => {
    if (left.every(({ outcome }) => outcome === "unknown")) return true;
    return left.some((next) => {
      if (left.some((other) => other !== next && before(other, next))) return false;
      const rest = left.filter((other) => other !== next);
      const after = next.outcome === "unknown" && model.isPure(next) ? state : model.step(state, next);
      return (after !== undefined && place(after, rest)) || (next.outcome === "unknown" && place(state, rest));
    });
  };
  return place(model.initial, real);
}

export const inRealTime = (a: Operation, b: Operation): boolean => a.ret < b.call;

/** What one operation of a random history asks for, and how it may answer. */
export interface Menu {
  readonly f: string;
  readonly input: fc.Arbitrary<Value>;
  readonly output: fc.Arbitrary<Value>;
}

interface Draft {
  readonly owner: number;
  readonly pick: { readonly f: string; readonly input: Value; readonly output: Value };
  readonly unknown: boolean;
  readonly gap: number;
  readonly length: number;
}

/** Random small histories of well-formed processes, with results out of thin air. */
export function historiesOf(
  menus: readonly Menu[],
  options: { readonly most?: number; readonly processes?: number; readonly unknowns?: boolean } = {},
): fc.Arbitrary<Operation[]> {
  const pick = fc.oneof(...menus.map(({ f, input, output }) => fc.record({ f: fc.constant(f), input, output })));
  const draft = fc.record({
    owner: fc.nat((options.processes ?? 3) - 1),
    pick,
    unknown: options.unknowns === false ? fc.constant(false) : fc.nat(7).map((n) => n === 0),
    gap: fc.nat(6),
    length: fc.integer({ min: 1, max: 12 }),
  });
  return fc.array(draft, { minLength: 1, maxLength: options.most ?? 6 }).map(layOut);
}

/** Lays operations of each process one behind the other; every moment is used once. */
function layOut(drafts: readonly Draft[]): Operation[] {
  const free = new Map<number, number>();
  const sketches: Sketch[] = [];
  for (const [at, { owner, pick, unknown, gap, length }] of drafts.entries()) {
    const call = (free.get(owner) ?? 0) + gap + 1;
    const ret = call + length;
    free.set(owner, ret);
    // A hundredth of each draft's own keeps moments apart.
    sketches.push({
      ...pick,
      owner,
      outcome: unknown ? "unknown" : "ok",
      call: call + at / 100,
      ret: ret + at / 100 + 0.005,
    });
  }
  return operationsFrom(sketches);
}

/** Replaces results by those of a run in which each operation takes effect somewhere inside, so that many histories hold. */
export function answered<State>(
  model: Model<State>,
  operations: readonly Operation[],
  answer: (state: State, operation: Operation) => Value,
  dice: readonly number[],
): Operation[] {
  const points = operations.map((operation, at) => ({
    at,
    point:
      operation.call +
      ((dice[at % Math.max(1, dice.length)] ?? 50) / 100) *
        (Math.min(operation.ret, operation.call + 10) - operation.call),
  }));
  points.sort((a, b) => a.point - b.point);
  const outputs: Value[] = [];
  let state = model.initial;
  for (const { at } of points) {
    const operation = operations[at]!;
    outputs[at] = operation.outcome === "ok" ? answer(state, operation) : null;
    state = model.step(state, { ...operation, output: outputs[at] ?? null }) ?? state;
  }
  return operations.map((operation, at) => ({ ...operation, output: outputs[at] ?? null }));
}
