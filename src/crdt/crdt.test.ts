import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addElement,
  assignRegister,
  changeCounter,
  countKeyed,
  counterValue,
  elementsOf,
  emptyCounter,
  emptyKeyedCounter,
  emptyRegister,
  emptySet,
  growCounter,
  growValue,
  hasKey,
  keyedValue,
  mergeCounters,
  mergeGrow,
  mergeKeyed,
  mergeLatest,
  mergeRegisters,
  mergeSets,
  registerValues,
  removeElement,
  settle,
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
  name: "keyed counter",
  empty: emptyKeyedCounter,
  // Few keys, so that several replicas count the same; undefined: without one.
  update: fc.option(fc.nat(5), { nil: undefined }),
  apply: (state, actor, key, unique) =>
    settle(countKeyed(state, actor, 1, key === undefined ? undefined : `k${key}`, unique), actor, 0, 2),
  merge: mergeKeyed,
  view: keyedValue,
});

test("a keyed counter counts each key once, whoever counted it and whenever its sums are closed", () => {
  const step = fc.record({
    at: fc.nat(replicas - 1),
    key: fc.nat(6),
    kind: fc.constantFrom("count", "merge", "settle"),
    from: fc.nat(replicas - 1),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const states = Array.from({ length: replicas }, () => emptyKeyedCounter);
      const keys = new Set<string>();
      const mergeAll = (): void => {
        const all = states.reduce(mergeKeyed);
        states.fill(all);
      };
      for (const { at, key, kind, from } of steps) {
        if (kind === "count") {
          states[at] = countKeyed(states[at]!, at, 3, `k${key}`, 0);
          keys.add(`k${key}`);
        } else if (kind === "merge") states[at] = mergeKeyed(states[at]!, states[from]!);
        else {
          // Nobody sends again what is closed: everyone has heard of it by then.
          mergeAll();
          for (const known of keys) if (!hasKey(states[0]!, known)) keys.delete(known);
          const before = keyedValue(states[0]!);
          for (let actor = 0; actor < replicas; actor++) states[actor] = settle(states[actor]!, actor, 1, 100);
          mergeAll();
          expect(keyedValue(states[0]!)).toBe(before);
          return;
        }
      }
      mergeAll();
      expect(keyedValue(states[0]!)).toBe(3 * keys.size);
    }),
  );
});

test("of three that counted the same, one goes on counting it", () => {
  let states = [1, 2, 3].map((actor) => countKeyed(emptyKeyedCounter, actor, 5, "again", 0));
  for (let round = 0; round < 3; round++) {
    const all = states.reduce(mergeKeyed);
    expect(keyedValue(all)).toBe(5);
    states = [1, 2, 3].map((actor) => settle(all, actor, 10, 100));
  }
  const all = states.reduce(mergeKeyed);
  expect([...all.values()].flatMap(({ open }) => open)).toEqual([]);
  expect(keyedValue(all)).toBe(5);
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
