import fc from "fast-check";
import { expect, test } from "vitest";
import { Timer, TimerWheel } from "./wheel.ts";
import { VirtualWorld } from "./world.suite.ts";

test("timers fire once, in order of their ticks, never early and at most two ticks late", async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("set"), timer: fc.nat(7), after: fc.integer({ min: 0, max: 12_000 }) }),
    fc.record({ kind: fc.constant("clear"), timer: fc.nat(7) }),
    fc.record({ kind: fc.constant("pass"), ms: fc.nat(300) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      const world = new VirtualWorld();
      const wheel = new TimerWheel(world);
      const due = new Map<number, number>();
      const timers = Array.from({ length: 8 }, (_, i) => new Timer(() => onDue(i)));
      const onDue = (i: number): void => {
        const late = world.now() - due.get(i)!;
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThanOrEqual(20);
        due.delete(i);
      };
      for (const step of actions) {
        if (step.kind === "pass") await world.pass(step.ms);
        else if (step.kind === "clear") {
          wheel.clear(timers[step.timer]!);
          due.delete(step.timer);
        } else {
          due.set(step.timer, world.now() + step.after);
          wheel.set(timers[step.timer]!, world.now() + step.after);
        }
      }
      for (const [i, timer] of timers.entries()) expect(timer.armed).toBe(due.has(i));
      await world.pass(12_100);
      expect(due.size).toBe(0);
      expect(world.timers).toBe(0);
    }),
    { numRuns: 15 },
  );
});

test("a timer may be set and others cleared by one that fires", async () => {
  const world = new VirtualWorld();
  const wheel = new TimerWheel(world);
  let count = 0;
  const again = new Timer(() => {
    wheel.clear(cleared);
    if (++count < 3) wheel.set(again, world.now());
  });
  const cleared = new Timer(() => expect.unreachable("it was cleared"));
  wheel.set(again, world.now() + 15);
  wheel.set(cleared, world.now() + 15);
  await world.pass(100);
  expect(count).toBe(3);
});
