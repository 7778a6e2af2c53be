import { assert, copyBytes, type RangeOptions } from "../base/index.ts";
import type { Batch, Engine, EngineError, EngineReader, EngineSnapshot, TableName } from "./engine.ts";
import { tableNames } from "./engine.ts";
import { Layer, layeredChanges, layeredReader, layeredRows } from "./layer.ts";

export interface OverlaySnapshot extends EngineReader {
  close(): void;
}

/**
 * The delta in front of the engine: reads see it, the engine receives it later, coalesced, in one transaction.
 *
 *     active (changes) → frozen… (waiting, unchanged) → engine
 *
 * A layer is frozen when it is committed or when a snapshot needs it, and goes when the engine has it durably.
 * One commit is under way at a time; after a failed one its layers simply wait for the next.
 */
export class Overlay implements EngineReader {
  readonly #engine: Engine;
  readonly #reader: EngineReader;
  #active = new Layer();
  /** Newest first. */
  #frozen: Layer[] = [];
  /** `active` and `frozen`. */
  #layers: readonly Layer[] = [this.#active];
  #committing = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#reader = layeredReader(() => this.#layers, engine);
  }

  /** About how much memory waits for the engine. */
  get bytes(): number {
    let bytes = this.#active.bytes;
    for (const layer of this.#frozen) bytes += layer.bytes;
    return bytes;
  }

  get committing(): boolean {
    return this.#committing;
  }

  get(table: TableName, key: string): Uint8Array | undefined {
    const row = this.#active.get(table, key);
    if (row !== undefined) return row ?? undefined;
    return this.#frozen.length === 0 ? this.#engine.get(table, key) : this.#reader.get(table, key);
  }

  range(table: TableName, options: RangeOptions): Iterable<readonly [string, Uint8Array]> {
    return this.#reader.range(table, options);
  }

  /** Only what the engine does not have durably. */
  recent(table: TableName, options: RangeOptions): Iterable<readonly [string, Uint8Array]> {
    return layeredRows(this.#layers, table, options);
  }

  keys(table: TableName, options: RangeOptions): Iterable<string> {
    return this.#reader.keys(table, options);
  }

  /** Copies `row`. */
  put(table: TableName, key: string, row: Uint8Array): void {
    this.#active.set(table, key, copyBytes(row));
  }

  delete(table: TableName, key: string): void {
    this.#active.set(table, key, null);
  }

  /** Takes back a row that is put only once, if no commit has carried it: it never reaches the engine. */
  forget(table: TableName, key: string): boolean {
    return this.#active.forget(table, key);
  }

  /** How many rows of a table the next commit writes, at least. */
  dirtyRows(table: TableName): number {
    return this.#active.count(table);
  }

  /** Starts moving everything to the engine. After an error nothing has moved. */
  commit(done: (error?: EngineError) => void): void {
    assert(!this.#committing, "one commit at a time: wait for the last one to be done");
    this.#freeze();
    const moving = this.#frozen;
    this.#committing = true;
    this.#engine.commit(batchOf(moving), (error) => {
      this.#committing = false;
      if (error === undefined) {
        this.#frozen = this.#frozen.filter((layer) => !moving.includes(layer));
        this.#layers = [this.#active, ...this.#frozen];
      }
      done(error);
    });
  }

  /** The present content, unaffected by what follows. */
  snapshot(): OverlaySnapshot {
    this.#freeze();
    const layers = this.#frozen;
    const below: EngineSnapshot = this.#engine.snapshot();
    return { ...layeredReader(() => layers, below), close: () => below.close() };
  }

  /** Forgets every change: the engine has a new content. */
  clear(): void {
    assert(!this.#committing, "a commit is under way");
    this.#active = new Layer();
    this.#frozen = [];
    this.#layers = [this.#active];
  }

  #freeze(): void {
    if (tableNames.every((table) => this.#active.count(table) === 0)) return;
    this.#frozen = [this.#active, ...this.#frozen];
    this.#active = new Layer();
    this.#layers = [this.#active, ...this.#frozen];
  }
}

function batchOf(layers: readonly Layer[]): Batch {
  return tableNames
    .filter((table) => layers.some((layer) => layer.count(table) > 0))
    .map((table) => ({ table, rows: layeredChanges(layers, table) }));
}
