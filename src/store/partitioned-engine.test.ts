import { expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { describeEngine, type EngineFixture } from "./engine.suite.ts";
import { type MemoryEngine, memoryEngine } from "./memory-engine.ts";
import { PartitionedEngine } from "./partitioned-engine.ts";

interface Fixture extends EngineFixture {
  readonly all: PartitionedEngine;
}

function fixture(): Fixture {
  const scheduled: (() => void)[] = [];
  let engine: MemoryEngine = memoryEngine({ schedule: (deliver) => void scheduled.push(deliver) });
  const neighbours = (all: PartitionedEngine): void => {
    // Rows of others, below and above, that must neither show nor change.
    for (const group of [1, 300])
      all.view(group).commit([{ table: "current", rows: [["b", utf8("theirs")]] }], () => {});
    for (const deliver of scheduled.splice(0)) deliver();
  };
  let all = new PartitionedEngine(engine);
  neighbours(all);
  let view = all.view(2);
  return {
    get engine() {
      return view;
    },
    get all() {
      return all;
    },
    async until(condition) {
      while (!condition()) scheduled.shift()?.();
    },
    async reopen() {
      engine = engine.crash();
      scheduled.length = 0;
      all = new PartitionedEngine(engine);
      view = all.view(2);
    },
    async dispose() {
      for (const group of [1, 300]) expect([...all.view(group).range("current", {})]).toEqual([["b", utf8("theirs")]]);
    },
  };
}

describeEngine("one group of many in an engine", async () => fixture());

test("the rows of an old content go, also after a restart in between", async () => {
  const f = fixture();
  const rows = Array.from({ length: 5000 }, (_, i) => [`k${10_000 + i}`, utf8("old")] as const);
  let done = 0;
  f.engine.commit([{ table: "current", rows }], () => void done++);
  await f.until(() => done === 1);
  const next = f.engine.replace();
  next.put("current", "new", utf8("new"));
  next.activate(() => void done++);
  await f.until(() => done === 2);
  await f.reopen();
  expect([...f.engine.keys("current", {})]).toEqual(["new"]);
  const left = (): number => [...f.all.engine.keys("current", {})].length;
  expect(left()).toBeGreaterThan(3);
  await f.until(() => left() === 3);
  expect(f.all.groups).toEqual([1, 2, 300]);
});
