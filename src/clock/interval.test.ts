import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reading } from "../base/index.ts";
import { commitWaitMs, intervalOf, isAfter, isBefore } from "./index.ts";

/** A machine whose wall clock is off by no more than it admits. */
const machine = fc
  .record({ error: fc.double({ min: 0, max: 500, noNaN: true }), share: fc.double({ min: -1, max: 1, noNaN: true }) })
  .map(({ error, share }) => (trueTime: number): Reading => ({
    mono: 0,
    wall: trueTime + share * error,
    error: error + 1e-3,
  }));
const time = fc.double({ min: 0, max: 2e12, noNaN: true });

test("true time lies inside", () => {
  fc.assert(
    fc.property(machine, time, (clock, now) => {
      const { earliest, latest } = intervalOf(clock(now));
      expect(earliest).toBeLessThanOrEqual(now);
      expect(latest).toBeGreaterThanOrEqual(now);
    }),
  );
});

test("what is said to have passed has passed, and what is said to come comes; never both", () => {
  fc.assert(
    fc.property(machine, time, fc.double({ min: -2000, max: 2000, noNaN: true }), (clock, now, distance) => {
      const moment = now + distance;
      const reading = clock(now);
      if (isAfter(reading, moment)) expect(now).toBeGreaterThan(moment);
      if (isBefore(reading, moment)) expect(now).toBeLessThan(moment);
      expect(isAfter(reading, moment) && isBefore(reading, moment)).toBe(false);
      expect(commitWaitMs(reading, moment) === 0).toBe(isAfter(reading, moment));
    }),
  );
});

test("after its wait a commit is certainly in the past, on every machine, and not much later", () => {
  fc.assert(
    fc.property(machine, machine, time, fc.double({ min: 0, max: 100, noNaN: true }), (one, other, now, laterMs) => {
      const reading = one(now);
      const timestamp = intervalOf(reading).latest;
      const waitMs = commitWaitMs(reading, timestamp);
      const done = now + waitMs;
      expect(isAfter(one(done), timestamp)).toBe(true);
      // External consistency: whoever begins after the end gets a later timestamp, by any clock.
      expect(intervalOf(other(done + laterMs)).latest).toBeGreaterThan(timestamp);
      expect(waitMs).toBeLessThanOrEqual(2 * reading.error + 0.01);
    }),
  );
});
