import fc from "fast-check";
import { expect, test } from "vitest";
import { HostClock } from "./clock.ts";

function clockAt(): { clock: HostClock; jumps: number[]; pass: (ms: number, wallMs?: number) => void } {
  let mono = 5000;
  let wall = 1_800_000_000_000;
  const jumps: number[] = [];
  const clock = new HostClock({ errorMs: 10 }, (ms) => jumps.push(ms), {
    mono: () => mono,
    wall: () => Math.floor(wall),
  });
  const pass = (ms: number, wallMs = ms): void => {
    mono += ms;
    wall += wallMs;
  };
  return { clock, jumps, pass };
}

test("a clock that runs keeps the operator's bound, and a millisecond for its resolution", () => {
  const { clock, jumps, pass } = clockAt();
  for (let i = 0; i < 100_000; i++) {
    pass(7.3);
    expect(clock.read().error).toBe(11);
  }
  expect(jumps).toEqual([]);
});

test("slow slewing never adds up to a jump", () => {
  const { clock, jumps, pass } = clockAt();
  for (let i = 0; i < 10_000; i++) {
    pass(100, 100.05);
    clock.read();
  }
  expect(jumps).toEqual([]);
});

test("a step widens the error for a minute, and is told", () => {
  const { clock, jumps, pass } = clockAt();
  pass(10, -390);
  expect(clock.read().error).toBe(411);
  pass(30_000);
  expect(clock.read().error).toBe(411);
  pass(31_000);
  clock.read();
  expect(clock.read().error).toBe(11);
  expect(jumps).toEqual([-400]);
});

test("after a machine slept the monotonic clock has leapt: leases are over", () => {
  const { clock, pass } = clockAt();
  const before = clock.read().mono;
  pass(1, 60_000);
  expect(clock.read().mono - before).toBe(60_000);
  expect(clock.mono() - before).toBe(60_000);
});

test("whatever the wall clock does, mono never goes back", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: -10_000, max: 10_000 }))), (steps) => {
      const { clock, pass } = clockAt();
      let last = clock.read().mono;
      for (const [ms, wallMs] of steps) {
        pass(ms, wallMs);
        const { mono, error } = clock.read();
        expect(mono).toBeGreaterThanOrEqual(last);
        expect(error).toBeGreaterThanOrEqual(11);
        last = mono;
      }
    }),
  );
});
