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
import { DamagedStateError, tableNames } from "./engine.ts";

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
  /** Damages a row, chosen by `place` from 0 to 1: whoever reads it is told. Whether there was one. */
  damage(place: number): boolean;
  /** Whether a damaged row is still there. Costs reading everything. */
  readonly isDamaged: boolean;
}

type Tables = Readonly<Record<TableName, OrderedMap<Uint8Array>>>;

interface Undelivered {
  readonly content: Tables;
  readonly done: EngineDone;
  readonly error: EngineError | undefined;
}

/** An engine that forgets like a disk: for tests, the simulator and the browser. */
export function memoryEngine(options: MemoryEngineOptions): MemoryEngine {
  return openMemoryEngine(options, emptyTables(), new Set());
}

/** `damaged`: rows that are not what was written, by identity. */
function openMemoryEngine(options: MemoryEngineOptions, content: Tables, damaged: Set<Uint8Array>): MemoryEngine {
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
    ...readerOf(() => visible, damaged),
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
      return { ...readerOf(() => frozen, damaged), close: () => {} };
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
      return openMemoryEngine(options, durable, damaged);
    },
    damage(place) {
      const rows = tableNames.flatMap((table) =>
        Array.from(durable[table].clone().range({}), ([key, value]) => ({ table, key, value })),
      );
      const row = rows[Math.floor(place * rows.length)];
      if (row === undefined) return false;
      const { table, key, value } = row;
      const bad = value.slice();
      damaged.add(bad);
      for (const tables of [durable, visible, ...queue.map((each) => each.content)])
        if (tables[table].get(key) === value) tables[table].set(key, bad);
      return true;
    },
    get isDamaged() {
      if (damaged.size === 0) return false;
      return tableNames.some((table) =>
        Array.from(visible[table].clone().range({})).some(([, row]) => damaged.has(row)),
      );
    },
  };
  return engine;
}

function readerOf(tables: () => Tables, damaged: ReadonlySet<Uint8Array>): EngineReader {
  return {
    get: (table, key) => whole(tables()[table].get(key), damaged),
    range(table, range: RangeOptions) {
      const rows = tables()[table].clone().range(range);
      return damaged.size === 0 ? rows : wholeRows(rows, damaged);
    },
    keys: (table, range: RangeOptions) => keysOf(tables()[table].clone().range(range)),
  };
}

function whole<T extends Uint8Array | undefined>(row: T, damaged: ReadonlySet<Uint8Array>): T {
  if (damaged.size > 0 && row !== undefined && damaged.has(row))
    throw new DamagedStateError("a row of the state is damaged");
  return row;
}

function* wholeRows(
  rows: Iterable<readonly [string, Uint8Array]>,
  damaged: ReadonlySet<Uint8Array>,
): Generator<readonly [string, Uint8Array]> {
  for (const [key, row] of rows) yield [key, whole(row, damaged)];
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
