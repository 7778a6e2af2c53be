import fc from "fast-check";
import { test } from "vitest";
import type { EngineError } from "./engine.ts";
import type { EngineFixture } from "./engine.suite.ts";
import { type MemoryEngine, memoryEngine } from "./memory-engine.ts";
import { action, compareWithModel } from "./store.suite.ts";

/** A disk on which a crash keeps some of what was under way: by turns none, one, and all. */
function fixture(): EngineFixture {
  let scheduled: (() => void)[] = [];
  let lives = 0;
  let full = false;
  const fault = (): EngineError | undefined => {
    const error = full ? ({ code: "full", message: "no space" } as const) : undefined;
    full = false;
    return error;
  };
  let engine: MemoryEngine = memoryEngine({ schedule: (deliver) => void scheduled.push(deliver), fault });
  return {
    fillDisk: () => void (full = true),
    get engine() {
      return engine;
    },
    async until(condition) {
      while (!condition()) scheduled.shift()?.();
    },
    async reopen() {
      engine = engine.crash([0, 1, engine.undelivered][lives++ % 3]);
      scheduled = [];
    },
    async dispose() {},
  };
}

test("a store in memory is like the model", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 200, size: "max" }), (actions) =>
      compareWithModel(fixture(), actions),
    ),
    { numRuns: 150 },
  );
});
