import { describe, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import type { EngineError } from "./engine.ts";
import { describeEngine, type EngineFixture } from "./engine.suite.ts";
import { type MemoryEngine, memoryEngine } from "./memory-engine.ts";

function fixture(): EngineFixture {
  const scheduled: (() => void)[] = [];
  let engine: MemoryEngine = memoryEngine({ schedule: (deliver) => void scheduled.push(deliver) });
  return {
    get engine() {
      return engine;
    },
    async until(condition) {
      while (!condition()) scheduled.shift()?.();
    },
    async reopen() {
      engine = engine.crash();
    },
    async dispose() {},
  };
}

describeEngine("the engine in memory", async () => fixture());

describe("the engine in memory forgets like a disk", () => {
  const put = (engine: MemoryEngine, key: string, log: (string | undefined)[]): void =>
    engine.commit([{ table: "current", rows: [[key, utf8(key)]] }], (error) => void log.push(error?.code ?? key));

  test("what was not delivered is gone, but for what had reached the disk", () => {
    const scheduled: (() => void)[] = [];
    const engine = memoryEngine({ schedule: (deliver) => void scheduled.push(deliver) });
    const log: string[] = [];
    for (const key of ["a", "b", "c", "d"]) put(engine, key, log);
    scheduled[0]!();
    expect(engine.undelivered).toBe(3);
    expect([...engine.keys("current", {})]).toEqual(["a", "b", "c", "d"]);
    expect([...engine.crash(2).keys("current", {})]).toEqual(["a", "b", "c"]);
    for (const deliver of scheduled) deliver();
    expect(log).toEqual(["a"]);
  });

  test("a commit that fails changes nothing", () => {
    const scheduled: (() => void)[] = [];
    const faults: (EngineError | undefined)[] = [undefined, { code: "full", message: "no space" }, undefined];
    const engine = memoryEngine({ schedule: (deliver) => void scheduled.push(deliver), fault: () => faults.shift() });
    const log: string[] = [];
    for (const key of ["a", "b", "c"]) put(engine, key, log);
    for (const deliver of scheduled) deliver();
    expect(log).toEqual(["a", "full", "c"]);
    expect([...engine.crash().keys("current", {})]).toEqual(["a", "c"]);
  });

  test("a replacement that fails leaves the old content, also after a crash", () => {
    const scheduled: (() => void)[] = [];
    const faults: (EngineError | undefined)[] = [undefined, { code: "full", message: "no space" }];
    const engine = memoryEngine({ schedule: (deliver) => void scheduled.push(deliver), fault: () => faults.shift() });
    const log: string[] = [];
    put(engine, "a", log);
    const staged = engine.replace();
    staged.put("current", "b", utf8("b"));
    staged.activate((error) => void log.push(error?.code ?? "swapped"));
    for (const deliver of scheduled) deliver();
    expect(log).toEqual(["a", "full"]);
    expect([...engine.keys("current", {})]).toEqual(["a"]);
    expect([...engine.crash().keys("current", {})]).toEqual(["a"]);
  });
});
