import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OrderedMap, type RangeOptions } from "./ordered-map.ts";

type Step =
  | { readonly kind: "set"; readonly key: string; readonly value: number }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "clone" };

const key = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 3 }),
  fc.integer({ min: 0, max: 400 }).map((n) => String(n).padStart(3, "0")),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), key, value: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.constant({ kind: "clone" as const }) },
);
const range: fc.Arbitrary<RangeOptions> = fc.record(
  { from: key, to: key, reverse: fc.boolean(), limit: fc.nat(20) },
  { requiredKeys: [] },
);

/** The plain implementation: sort everything, then filter. */
function expected(model: ReadonlyMap<string, number>, options: RangeOptions): [string, number][] {
  const rows = [...model]
    .filter(([k]) => (options.from === undefined || k >= options.from) && (options.to === undefined || k < options.to))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (options.reverse === true) rows.reverse();
  return rows.slice(0, options.limit ?? rows.length);
}

describe("a map and its clones behave like plain maps", () => {
  test("any steps, any range", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.array(range, { maxLength: 6 }), (steps, ranges) => {
        const pairs = [{ map: new OrderedMap<number>(), model: new Map<string, number>() }];
        steps.forEach((change, i) => {
          const { map, model } = pairs[i % pairs.length]!;
          if (change.kind === "set") {
            map.set(change.key, change.value);
            model.set(change.key, change.value);
          } else if (change.kind === "delete") {
            expect(map.delete(change.key)).toBe(model.delete(change.key));
          } else if (pairs.length < 4) pairs.push({ map: map.clone(), model: new Map(model) });
        });
        for (const { map, model } of pairs) {
          expect(map.size).toBe(model.size);
          expect([...map.range()]).toEqual(expected(model, {}));
          for (const options of ranges) expect([...map.range(options)]).toEqual(expected(model, options));
          for (const [k, value] of model) expect(map.get(k)).toBe(value);
          for (const change of steps) {
            if (change.kind !== "clone") expect(map.has(change.key)).toBe(model.has(change.key));
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test("thousands of keys, in order, backwards and shuffled, and empty again", () => {
    const size = 5000;
    for (const place of [(i: number) => i, (i: number) => size - 1 - i, (i: number) => (i * 7919) % size]) {
      const map = new OrderedMap<number>();
      for (let i = 0; i < size; i++) map.set(String(place(i)).padStart(5, "0"), place(i));
      const half = map.clone();
      expect([...map.range()].map(([, value]) => value)).toEqual(Array.from({ length: size }, (_, i) => i));
      for (let i = 0; i < size; i++) expect(map.delete(String(place(i)).padStart(5, "0"))).toBe(true);
      expect(map.size).toBe(0);
      expect([...map.range()]).toEqual([]);
      expect(half.size).toBe(size);
      expect([...half.range({ reverse: true })].at(-1)).toEqual(["00000", 0]);
      map.set("again", 1);
      expect(map.get("again")).toBe(1);
    }
  });
});

test("a range notices that the map changed", () => {
  const map = new OrderedMap<number>().set("a", 1).set("b", 2);
  const walk = map.range();
  expect(walk.next().value).toEqual(["a", 1]);
  map.set("c", 3);
  expect(() => walk.next()).toThrow(/changed/);
  const safe = map.clone().range();
  safe.next();
  map.delete("b");
  expect(safe.next().value).toEqual(["b", 2]);
});
