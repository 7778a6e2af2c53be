/** Where applied state rests: an ordered, transactional key-value store. Keys are binary strings, never empty. */
import type { RangeOptions } from "../base/index.ts";

/**
 * meta: position, counts, settings, membership. keyspaces: name → keyspace. current: keyspace, key → latest state.
 * history: revision, ordinal → event. tombstones: revision, ordinal → key of `current`. counters: name → value.
 * sessions: id → window. idempotency: key → result. idempotencyOrder: log index → key.
 * coordination: lock or barrier → claims. transactions: id → this group's part in one over several groups.
 * placement: which group has which range of keys, or what of them is held here.
 * In the order in which snapshots carry them.
 */
export const tableNames = [
  "meta",
  "keyspaces",
  "current",
  "history",
  "tombstones",
  "counters",
  "sessions",
  "idempotency",
  "idempotencyOrder",
  "coordination",
  "transactions",
  "placement",
] as const;

export type TableName = (typeof tableNames)[number];

/** The longest key that every engine holds, in bytes. */
export const maximumEngineKeyBytes = 1900;

/** A row is not what was written: the disk has changed it. Nothing can be built on this state; the other nodes have it. */
export class DamagedStateError extends Error {
  override readonly name = "DamagedStateError";
}

/** What can be read, live or from a snapshot. Every read may throw a DamagedStateError. */
export interface EngineReader {
  /** The value is borrowed: copy what must outlive the next call of anything on this engine. Never write to it. */
  get(table: TableName, key: string): Uint8Array | undefined;
  /**
   * Rows in key order. The values are the caller's to keep, not to change. Reading and committing in between is
   * fine: the range goes on over what was there when it began.
   */
  range(table: TableName, options: RangeOptions): Iterable<readonly [string, Uint8Array]>;
  /** The same without the values, which can be much cheaper. */
  keys(table: TableName, options: RangeOptions): Iterable<string>;
}

export interface Engine extends EngineReader {
  /**
   * Takes the whole batch or nothing of it. Reads see it at the latest when `done` is called without an error,
   * and before that either all of it or nothing. Batches become durable in the order in which they were given.
   */
  commit(batch: Batch, done: EngineDone): void;
  /** A view of one moment that later commits do not change. It may or may not hold commits that are not done. */
  snapshot(): EngineSnapshot;
  /** Stages a whole new content beside the present one. One at a time. */
  replace(): EngineReplacement;
  /** Lets what is under way finish first. */
  close(done?: () => void): void;
}

export interface EngineSnapshot extends EngineReader {
  close(): void;
}

export interface EngineReplacement {
  /** How much has been put and is not yet in the engine: whoever feeds it waits when this grows. */
  readonly pendingBytes: number;
  /** Tables in the order of `tableNames`, keys growing. `value` is borrowed by the engine until `activate` is done. */
  put(table: TableName, key: string, value: Uint8Array): void;
  /**
   * Swaps the contents, after every commit that is under way. When `done` is called without an error the new content is
   * what reads see, and durable; a crash before that leaves the old one, or the whole new one. After an error the
   * old content is in place and the staged one is gone.
   */
  activate(done: EngineDone): void;
  /** Drops what was staged. */
  abort(): void;
}

/** The rows of one table in key order; undefined deletes. The bytes are never changed by anyone afterwards. */
export interface TableChanges {
  readonly table: TableName;
  readonly rows: Iterable<readonly [string, Uint8Array | undefined]>;
}

/** Each table at most once. Consumed before `commit` returns. */
export type Batch = Iterable<TableChanges>;

/** Called exactly once, and never before the call that it belongs to has returned. */
export type EngineDone = (error?: EngineError) => void;

export interface EngineError {
  /**
   * full: no space; nothing of the batch happened, the engine goes on, and the same batch may be given again.
   * io: the device or the library failed; what is durable is unknown, and the engine refuses everything from here
   * on: the process must start anew, and recovers what was durable.
   */
  readonly code: "full" | "io";
  readonly message: string;
}
