/** LMDB engines in directories of their own, for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineFixture } from "../store/engine.suite.ts";
import type { Engine } from "../store/index.ts";
import { openLmdbEngine } from "./lmdb-engine.ts";

export interface LmdbFixture extends EngineFixture {
  readonly directory: string;
}

/** The file begins small, so that growing is part of every test. */
export function openForTest(directory: string): Engine {
  return openLmdbEngine({ directory, mapSizeBytes: 256 * 1024 });
}

export async function lmdbFixture(parent = tmpdir()): Promise<LmdbFixture> {
  const directory = mkdtempSync(join(parent, "cohort-lmdb-"));
  let engine = openForTest(directory);
  return {
    directory,
    get engine() {
      return engine;
    },
    async until(condition) {
      while (!condition()) await sleep(1);
    },
    async reopen() {
      await closed(engine);
      engine = openForTest(directory);
    },
    async dispose() {
      await closed(engine);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function closed(engine: Engine): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.close(resolve);
  await promise;
}
