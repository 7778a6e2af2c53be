import fc from "fast-check";
import { expect, test } from "vitest";
import { HybridClock, timestampOf, wallOf } from "./index.ts";

test("timestamps grow whatever the wall clock does, and never fall behind it", () => {
  const step = fc.record({ wall: fc.nat(1e12), seen: fc.option(fc.nat(1e15), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const clock = new HybridClock();
      let last = -1;
      for (const { wall, seen } of steps) {
        if (seen !== undefined) clock.observe(seen);
        const timestamp = clock.next({ mono: 0, wall, error: 0 });
        expect(timestamp).toBeGreaterThan(Math.max(last, seen ?? -1));
        expect(timestamp).toBeGreaterThanOrEqual(timestampOf(wall));
        last = timestamp;
      }
    }),
  );
});

test("the wall part of a fresh timestamp is the wall clock's", () => {
  expect(wallOf(new HybridClock().next({ mono: 0, wall: 1_800_000_000_123.7, error: 5 }))).toBe(1_800_000_000_123);
});
