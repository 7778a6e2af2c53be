import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../base/index.ts";
import {
  compareVectors,
  covers,
  emptySiblings,
  emptyVector,
  joinVectors,
  LamportClock,
  mergeSiblings,
  readSiblings,
  tick,
  writeSiblings,
  writeVersion,
  type Siblings,
  type Vector,
} from "./index.ts";

const vector: fc.Arbitrary<Vector> = fc
  .array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 5 })), { maxLength: 4 })
  .map((entries) => new Map(entries));

/** Steps of processes that work, send and receive, as both clocks see them. */
const step = fc.record({ process: fc.nat(2), from: fc.option(fc.nat(2), { nil: undefined }) });

test("Lamport: what happened before has the smaller number; vectors: exactly what happened before", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const clocks = [0, 1, 2].map(() => new LamportClock());
      const vectors: Vector[] = [emptyVector, emptyVector, emptyVector];
      const events: { lamport: number; vector: Vector; before: Set<number> }[] = [];
      const lastOf: (number | undefined)[] = [undefined, undefined, undefined];
      for (const { process, from } of steps) {
        const source = from === undefined ? undefined : lastOf[from];
        const before = new Set<number>();
        for (const cause of [source, lastOf[process]]) {
          if (cause === undefined) continue;
          before.add(cause);
          for (const earlier of events[cause]!.before) before.add(earlier);
        }
        if (source !== undefined) vectors[process] = joinVectors(vectors[process]!, events[source]!.vector);
        const vector = tick(vectors[process]!, process);
        vectors[process] = vector;
        const clock = clocks[process]!;
        const lamport = source === undefined ? clock.next() : clock.receive(events[source]!.lamport);
        lastOf[process] = events.length;
        events.push({ lamport, vector, before });
      }
      events.forEach((one, i) => {
        events.forEach((other, j) => {
          if (i === j) return;
          const causal = other.before.has(i);
          if (causal) expect(one.lamport).toBeLessThan(other.lamport);
          expect(compareVectors(one.vector, other.vector) === "before").toBe(causal);
        });
      });
    }),
  );
});

test("vectors form a lattice", () => {
  fc.assert(
    fc.property(vector, vector, vector, (a, b, c) => {
      const joined = joinVectors(a, b);
      expect(covers(joined, a) && covers(joined, b)).toBe(true);
      expect(compareVectors(joined, joinVectors(b, a))).toBe("equal");
      expect(compareVectors(joinVectors(joined, c), joinVectors(a, joinVectors(b, c)))).toBe("equal");
      if (covers(c, a) && covers(c, b)) expect(covers(c, joined)).toBe(true);
    }),
  );
});

describe("dotted version vectors", () => {
  type Action =
    | { readonly kind: "write"; readonly at: number; readonly knows: number }
    | { readonly kind: "sync"; readonly from: number; readonly to: number };
  const place = fc.nat(2);
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), at: place, knows: fc.nat(3) }),
    fc.record({ kind: fc.constant("sync" as const), from: place, to: place }),
  );

  /** The truth beside it: each write knows exactly the set of writes that it overwrites. */
  interface Truth {
    readonly seen: Set<number>;
    readonly gone: Set<number>;
  }

  test("siblings are exactly the writes that no known write overwrote", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
        const replicas: Siblings<number>[] = [emptySiblings(), emptySiblings(), emptySiblings()];
        const truths: Truth[] = replicas.map(() => ({ seen: new Set(), gone: new Set() }));
        const readers: { context: Vector; seen: Set<number> }[] = [{ context: emptyVector, seen: new Set() }];
        let next = 0;
        for (const act of actions) {
          if (act.kind === "write") {
            const { context, seen } = readers[act.knows % readers.length]!;
            const value = next++;
            replicas[act.at] = writeVersion(replicas[act.at]!, context, act.at, value);
            const truth = truths[act.at]!;
            for (const old of seen) truth.gone.add(old).add(old);
            for (const old of seen) truth.seen.add(old);
            truth.seen.add(value);
          } else {
            replicas[act.to] = mergeSiblings(replicas[act.to]!, replicas[act.from]!);
            for (const value of truths[act.from]!.seen) truths[act.to]!.seen.add(value);
            for (const value of truths[act.from]!.gone) truths[act.to]!.gone.add(value);
          }
          const at = act.kind === "write" ? act.at : act.to;
          const truth = truths[at]!;
          const expected = [...truth.seen].filter((value) => !truth.gone.has(value)).sort((a, b) => a - b);
          expect(replicas[at]!.versions.map(({ value }) => value).sort((a, b) => a - b)).toEqual(expected);
          readers.push({ context: replicas[at]!.context, seen: new Set(truth.seen) });
        }
        const [a, b, c] = replicas as [Siblings<number>, Siblings<number>, Siblings<number>];
        expect(bytesOf(mergeSiblings(a, b))).toEqual(bytesOf(mergeSiblings(b, a)));
        expect(bytesOf(mergeSiblings(mergeSiblings(a, b), c))).toEqual(bytesOf(mergeSiblings(a, mergeSiblings(b, c))));
        expect(bytesOf(mergeSiblings(a, a))).toEqual(bytesOf(a));
        const reader = new ByteReader(bytesOf(a));
        expect(bytesOf(readSiblings(reader, (from) => from.uint()))).toEqual(bytesOf(a));
        reader.end();
      }),
    );
  });

  test("two blind writes through one server stay apart, which a plain vector for each server could not tell", () => {
    const first = writeVersion(emptySiblings<string>(), emptyVector, 1, "a");
    const second = writeVersion(first, emptyVector, 1, "b");
    expect(second.versions.map(({ value }) => value)).toEqual(["a", "b"]);
    const third = writeVersion(second, first.context, 1, "c");
    expect(third.versions.map(({ value }) => value)).toEqual(["b", "c"]);
  });
});

function bytesOf(siblings: Siblings<number>): Uint8Array {
  const writer = new ByteWriter();
  writeSiblings(writer, siblings, (to, value) => void to.uint(value));
  return writer.finish();
}
