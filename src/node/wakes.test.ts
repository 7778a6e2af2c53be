import fc from "fast-check";
import { expect, test } from "vitest";
import { Wakes } from "./wakes.ts";

test("as a list that is sorted each time", () => {
  const step = fc.oneof(
    fc.record({ group: fc.nat(20), at: fc.option(fc.nat(50), { nil: undefined }) }),
    fc.record({ now: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const wakes = new Wakes();
      const plain = new Map<number, number>();
      for (const one of steps) {
        if ("now" in one) {
          const due = [...plain].filter(([, at]) => at <= one.now).map(([group]) => group);
          for (const group of due) plain.delete(group);
          expect(wakes.takeDue(one.now)).toEqual(due.sort((a, b) => a - b));
        } else {
          wakes.set(one.group, one.at);
          if (one.at === undefined) plain.delete(one.group);
          else plain.set(one.group, one.at);
        }
        expect(wakes.earliest).toBe(plain.size === 0 ? undefined : Math.min(...plain.values()));
      }
    }),
  );
});
