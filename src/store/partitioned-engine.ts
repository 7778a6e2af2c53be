import { assert, type GroupId, type RangeOptions } from "../base/index.ts";
import type {
  Batch,
  Engine,
  EngineError,
  EngineReader,
  EngineReplacement,
  EngineSnapshot,
  TableChanges,
  TableName,
} from "./engine.ts";
import { tableNames } from "./engine.ts";
import { numberKey, numberOfKey } from "./values.ts";

/** Rows of a replacement that are written in one transaction, and rows of an old content that go in one. */
const replacementBatchBytes = 4 * 1024 * 1024;
const sweptRows = 4096;

/** In front of the rows that say which slot a group has; slots begin at 1. */
const ownPrefix = prefixOf(0);
const nextSlotKey = `${ownPrefix}next`;

/**
 * Many engines in one, a view for each group: its rows lie under a slot of their own, a number of four bytes in front
 * of every key.
 *
 *     meta: 0 group → slot, 0 "next" → the first slot that was never used
 *     any table: slot key → value
 *
 * A whole new content is written under a new slot and takes over in one small commit; rows of slots that no group has
 * are removed a few at a time, from the next opening on at the latest.
 */
export class PartitionedEngine {
  readonly engine: Engine;
  readonly #slots = new Map<GroupId, number>();
  #nextSlot = 1;
  /** Slots whose rows go. */
  readonly #leftovers: number[] = [];
  #sweeping = false;

  constructor(engine: Engine) {
    this.engine = engine;
    const owned = new Set<number>();
    for (const [key, row] of engine.range("meta", { from: ownPrefix, to: prefixOf(1) })) {
      if (key === nextSlotKey) this.#nextSlot = numberOfRow(row);
      else {
        this.#slots.set(numberOfKey(key.slice(ownPrefix.length)), numberOfRow(row));
        owned.add(numberOfRow(row));
      }
    }
    for (let slot = 1; slot < this.#nextSlot; slot++) if (!owned.has(slot)) this.#leftovers.push(slot);
    this.#sweep();
  }

  /** Groups that have committed something. */
  get groups(): GroupId[] {
    return [...this.#slots.keys()].sort((a, b) => a - b);
  }

  /** The engine of one group; ask once for each. */
  view(group: GroupId): Engine {
    let slot = this.#slots.get(group);
    let known = slot !== undefined;
    slot ??= this.#nextSlot++;
    const reader = readerOf(this.engine, () => prefixOf(slot!));
    let staging = false;
    return {
      ...reader,
      commit: (batch, done) => {
        const changes = prefixed(batch, prefixOf(slot!));
        if (known) return this.engine.commit(changes, done);
        const claimed = slot!;
        this.engine.commit(withMeta(changes, this.#claim(group, claimed)), (error) => {
          if (error === undefined && claimed === slot) {
            known = true;
            this.#slots.set(group, claimed);
          }
          done(error);
        });
      },
      snapshot: () => {
        const below: EngineSnapshot = this.engine.snapshot();
        const prefix = prefixOf(slot!);
        return { ...readerOf(below, () => prefix), close: () => below.close() };
      },
      replace: () => {
        assert(!staging, "one replacement at a time");
        staging = true;
        const next = this.#nextSlot++;
        const end = (): void => void (staging = false);
        return this.#stage(group, next, end, () => {
          const old = slot!;
          slot = next;
          known = true;
          this.#slots.set(group, next);
          this.#leave(old);
        });
      },
      close: (done) => done?.(),
    };
  }

  /** The rows that give a slot to a group. */
  #claim(group: GroupId, slot: number): [string, Uint8Array][] {
    return [
      [ownPrefix + numberKey(group), rowOf(slot)],
      [nextSlotKey, rowOf(this.#nextSlot)],
    ];
  }

  #stage(group: GroupId, slot: number, onEnd: () => void, onActive: () => void): EngineReplacement {
    const { engine } = this;
    const prefix = prefixOf(slot);
    let rows = new Map<TableName, [string, Uint8Array][]>();
    let rowBytes = 0;
    let writingBytes = 0;
    let failed: EngineError | undefined;
    let named = false;
    const write = (): void => {
      const changes: TableChanges[] = [...rows].map(([table, of]) => ({ table, rows: of }));
      const bytes = rowBytes;
      rows = new Map();
      rowBytes = 0;
      if (failed !== undefined) return;
      writingBytes += bytes;
      // Before there is a row under it, it is known that the slot was taken.
      const taken: [string, Uint8Array][] = named ? [] : [[nextSlotKey, rowOf(this.#nextSlot)]];
      named = true;
      engine.commit(withMeta(changes, taken), (error) => {
        writingBytes -= bytes;
        failed ??= error;
      });
    };
    return {
      get pendingBytes() {
        return rowBytes + writingBytes;
      },
      put(table, key, value) {
        const row: [string, Uint8Array] = [prefix + key, value];
        const of = rows.get(table);
        if (of === undefined) rows.set(table, [row]);
        else of.push(row);
        rowBytes += key.length + value.length;
        if (rowBytes >= replacementBatchBytes) write();
      },
      activate: (done) => {
        if (rowBytes > 0) write();
        // Commits are done in order: what was staged is durable, or failed, when this one is done.
        const swap = (error: EngineError | undefined): void => {
          onEnd();
          if (error === undefined) onActive();
          else this.#leave(slot);
          done(error);
        };
        engine.commit([], (barrier) => {
          const error = failed ?? barrier;
          if (error !== undefined) return swap(error);
          engine.commit([{ table: "meta", rows: this.#claim(group, slot) }], swap);
        });
      },
      abort: () => {
        onEnd();
        this.#leave(slot);
      },
    };
  }

  #leave(slot: number): void {
    this.#leftovers.push(slot);
    this.#sweep();
  }

  /** Removes rows of a slot that nobody has, a few in each transaction. What fails is left for the next opening. */
  #sweep(): void {
    const slot = this.#leftovers[0];
    if (this.#sweeping || slot === undefined) return;
    const prefix = prefixOf(slot);
    const batch: TableChanges[] = [];
    let left = sweptRows;
    for (const table of tableNames) {
      const keys = [...this.engine.keys(table, { from: prefix, to: prefixOf(slot + 1), limit: left })];
      if (keys.length > 0) batch.push({ table, rows: keys.map((key) => [key, undefined] as const) });
      left -= keys.length;
      if (left === 0) break;
    }
    if (left > 0) this.#leftovers.shift();
    if (batch.length === 0) return this.#sweep();
    this.#sweeping = true;
    this.engine.commit(batch, (error) => {
      this.#sweeping = false;
      if (error === undefined) this.#sweep();
    });
  }
}

function prefixOf(slot: number): string {
  return String.fromCharCode(slot >>> 24, (slot >>> 16) & 0xff, (slot >>> 8) & 0xff, slot & 0xff);
}

function rowOf(value: number): Uint8Array {
  const key = numberKey(value);
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}

function numberOfRow(row: Uint8Array): number {
  return numberOfKey(String.fromCharCode(...row));
}

function readerOf(engine: EngineReader, prefixNow: () => string): EngineReader {
  return {
    get: (table, key) => engine.get(table, prefixNow() + key),
    *range(table, options) {
      const prefix = prefixNow();
      if (options.to === "") return;
      for (const [key, value] of engine.range(table, within(prefix, options))) yield [key.slice(prefix.length), value];
    },
    *keys(table, options) {
      const prefix = prefixNow();
      if (options.to === "") return;
      for (const key of engine.keys(table, within(prefix, options))) yield key.slice(prefix.length);
    },
  };
}

function within(prefix: string, options: RangeOptions): RangeOptions {
  const { from = "", to } = options;
  return { ...options, from: prefix + from, to: to === undefined ? after(prefix) : prefix + to };
}

/** The first key behind all that begin with the prefix. */
function after(prefix: string): string {
  let slot = 0;
  for (let i = 0; i < prefix.length; i++) slot = slot * 256 + prefix.charCodeAt(i);
  return prefixOf(slot + 1);
}

function* prefixed(batch: Batch, prefix: string): Generator<TableChanges> {
  for (const { table, rows } of batch) yield { table, rows: prefixedRows(rows, prefix) };
}

function* prefixedRows(
  rows: TableChanges["rows"],
  prefix: string,
): Generator<readonly [string, Uint8Array | undefined]> {
  for (const [key, value] of rows) yield [prefix + key, value];
}

/** The batch with rows of `meta` that come before all others of that table. */
function* withMeta(batch: Batch, first: readonly (readonly [string, Uint8Array])[]): Generator<TableChanges> {
  let put = first.length === 0;
  for (const changes of batch) {
    if (changes.table !== "meta" || put) yield changes;
    else {
      put = true;
      yield { table: "meta", rows: [...first, ...changes.rows] };
    }
  }
  if (!put) yield { table: "meta", rows: first };
}
