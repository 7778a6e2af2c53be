import { assert, OrderedMap, type RangeOptions } from "../base/index.ts";
import type {
  Batch,
  Engine,
  EngineDone,
  EngineError,
  EngineReader,
  EngineReplacement,
  EngineSnapshot,
  TableName,
} from "./engine.ts";
import { tableNames } from "./engine.ts";

export interface MemoryEngineOptions {
  /** Runs `deliver` later, in the order given: then the commit is durable and its caller hears of it. */
  readonly schedule: (deliver: () => void) => void;
  /** Asked once for each commit and activation: the error it meets, if any. */
  readonly fault?: (() => EngineError | undefined) | undefined;
}

export interface MemoryEngine extends Engine {
  /**
   * The engine of the next life, after the power failed. Of the commits that were not delivered, the first
   * `survivors` had reached the disk nevertheless. This engine is dead: deliveries that come late do nothing.
   */
  crash(survivors?: number): MemoryEngine;
  /** How many commits were given and not delivered. */
  readonly undelivered: number;
}

type Tables = Readonly<Record<TableName, OrderedMap<Uint8Array>>>;

interface Undelivered {
  readonly content: Tables;
  readonly done: EngineDone;
  readonly error: EngineError | undefined;
}

/** An engine that forgets like a disk: for tests, the simulator and the browser. */
export function memoryEngine(options: MemoryEngineOptions): MemoryEngine {
  return openMemoryEngine(options, emptyTables());
}

function openMemoryEngine(options: MemoryEngineOptions, content: Tables): MemoryEngine {
  let visible = cloneTables(content);
  let durable = content;
  let queue: Undelivered[] = [];
  let dead = false;
  let staging = false;

  const deliver = (): void => {
    const next = queue.shift();
    if (dead || next === undefined) return;
    if (next.error === undefined) durable = next.content;
    next.done(next.error);
  };
  const enqueue = (after: Tables, done: EngineDone, error: EngineError | undefined): void => {
    queue.push({ content: after, done, error });
    options.schedule(deliver);
  };

  const engine: MemoryEngine = {
    ...readerOf(() => visible),
    get undelivered() {
      return queue.length;
    },
    commit(batch, done) {
      const error = options.fault?.();
      if (error === undefined) applyBatch(visible, batch);
      enqueue(cloneTables(visible), done, error);
    },
    snapshot(): EngineSnapshot {
      const frozen = cloneTables(visible);
      return { ...readerOf(() => frozen), close: () => {} };
    },
    replace(): EngineReplacement {
      assert(!staging, "one replacement at a time");
      staging = true;
      const staged = emptyTables();
      return {
        pendingBytes: 0,
        put: (table, key, value) => void staged[table].set(key, value),
        activate(done) {
          const error = options.fault?.();
          // Like on a disk, the old content is what reads see until the swap is durable.
          enqueue(
            staged,
            (failed) => {
              staging = false;
              if (failed === undefined) visible = cloneTables(staged);
              done(failed);
            },
            error,
          );
        },
        abort: () => void (staging = false),
      };
    },
    close: (done) => done?.(),
    crash(survivors = 0) {
      dead = true;
      for (const { content: after, error } of queue.slice(0, survivors)) if (error === undefined) durable = after;
      queue = [];
      return openMemoryEngine(options, durable);
    },
  };
  return engine;
}

function readerOf(tables: () => Tables): EngineReader {
  return {
    get: (table, key) => tables()[table].get(key),
    range: (table, range: RangeOptions) => tables()[table].clone().range(range),
    keys: (table, range: RangeOptions) => keysOf(tables()[table].clone().range(range)),
  };
}

function* keysOf(rows: Iterable<readonly [string, Uint8Array]>): Generator<string> {
  for (const [key] of rows) yield key;
}

function applyBatch(tables: Tables, batch: Batch): void {
  for (const { table, rows } of batch) {
    const content = tables[table];
    for (const [key, value] of rows) {
      if (value === undefined) content.delete(key);
      else content.set(key, value);
    }
  }
}

function emptyTables(): Tables {
  return mapTables(() => new OrderedMap<Uint8Array>());
}

function cloneTables(tables: Tables): Tables {
  return mapTables((name) => tables[name].clone());
}

function mapTables(make: (name: TableName) => OrderedMap<Uint8Array>): Tables {
  const tables: Partial<Record<TableName, OrderedMap<Uint8Array>>> = {};
  for (const name of tableNames) tables[name] = make(name);
  return tables as Tables;
}
