import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addElement,
  assignRegister,
  changeCounter,
  counterValue,
  elementsOf,
  emptyCounter,
  emptyRegister,
  emptySet,
  growCounter,
  growValue,
  mergeCounters,
  mergeGrow,
  mergeLatest,
  mergeRegisters,
  mergeSets,
  registerValues,
  removeElement,
} from "./index.ts";

const replicas = 3;

interface Type<S, U> {
  readonly name: string;
  readonly empty: S;
  readonly update: fc.Arbitrary<U>;
  readonly apply: (state: S, actor: number, update: U, unique: number) => S;
  readonly merge: (one: S, other: S) => S;
  /** What a user sees, comparable. */
  readonly view: (state: S) => unknown;
}

/** Updates at three replicas with merges in between; then the laws on the three states, and convergence by any order. */
function laws<S, U>({ name, empty, update, apply, merge, view }: Type<S, U>): void {
  const step = fc.record({
    at: fc.nat(replicas - 1),
    update,
    mergeFrom: fc.option(fc.nat(replicas - 1), { nil: undefined }),
  });
  test(`${name}: merge is commutative, associative, idempotent, and replicas converge`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const states: S[] = Array.from({ length: replicas }, () => empty);
        steps.forEach((one, unique) => {
          if (one.mergeFrom !== undefined) states[one.at] = merge(states[one.at]!, states[one.mergeFrom]!);
          states[one.at] = apply(states[one.at]!, one.at, one.update, unique);
        });
        const [a, b, c] = states as [S, S, S];
        expect(view(merge(a, b))).toEqual(view(merge(b, a)));
        expect(view(merge(merge(a, b), c))).toEqual(view(merge(a, merge(b, c))));
        expect(view(merge(a, a))).toEqual(view(a));
        expect(view(merge(merge(a, b), b))).toEqual(view(merge(a, b)));
      }),
    );
  });
}

laws({
  name: "G-counter",
  empty: new Map() as ReadonlyMap<number, number>,
  update: fc.nat(10),
  apply: growCounter,
  merge: mergeGrow,
  view: growValue,
});
laws({
  name: "PN-counter",
  empty: emptyCounter,
  update: fc.integer({ min: -10, max: 10 }),
  apply: changeCounter,
  merge: mergeCounters,
  view: counterValue,
});
laws({
  name: "last-writer-wins register",
  empty: { timestamp: 0, actor: 0, value: "" },
  update: fc.nat(3),
  // The clocks of replicas may stand still or go back: the actor and the unique count keep stamps apart.
  apply: (state, actor, wall, unique) =>
    mergeLatest(state, { timestamp: wall * 100 + unique, actor, value: `${unique}` }),
  merge: mergeLatest,
  view: (state) => state,
});
laws({
  name: "multi-value register",
  empty: emptyRegister<number>(),
  update: fc.constant(0),
  apply: (state, actor, _, unique) => assignRegister(state, actor, unique),
  merge: mergeRegisters,
  view: registerValues,
});
laws({
  name: "observed-remove set",
  empty: emptySet<number>(),
  update: fc.record({ element: fc.nat(3), add: fc.boolean() }),
  apply: (state, actor, { element, add }) => (add ? addElement(state, actor, element) : removeElement(state, element)),
  merge: mergeSets,
  view: (state) => elementsOf(state).sort((x, y) => x - y),
});

test("a counter counts every increment once, whoever takes it and however often states meet", () => {
  const step = fc.record({
    at: fc.nat(2),
    by: fc.integer({ min: -5, max: 9 }),
    meets: fc.option(fc.nat(2), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const states = [emptyCounter, emptyCounter, emptyCounter];
      let sum = 0;
      for (const { at, by, meets } of steps) {
        if (meets !== undefined) states[at] = mergeCounters(states[at]!, states[meets]!);
        states[at] = changeCounter(states[at]!, at, by);
        sum += by;
      }
      expect(counterValue(states.reduce(mergeCounters))).toBe(sum);
    }),
  );
});

describe("what happens at the same time", () => {
  test("an addition survives a removal that had not seen it", () => {
    const start = addElement(emptySet<string>(), 1, "x");
    const removed = removeElement(start, "x");
    const added = addElement(start, 2, "x");
    expect(elementsOf(mergeSets(removed, added))).toEqual(["x"]);
    expect(elementsOf(mergeSets(removed, start))).toEqual([]);
  });

  test("a multi-value register keeps both, and the next assignment replaces both", () => {
    const both = mergeRegisters(
      assignRegister(emptyRegister<string>(), 1, "a"),
      assignRegister(emptyRegister<string>(), 2, "b"),
    );
    expect(registerValues(both)).toEqual(["a", "b"]);
    expect(registerValues(assignRegister(both, 2, "c"))).toEqual(["c"]);
  });
});
