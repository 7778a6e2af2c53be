import { mkdirSync } from "node:fs";
import { type Database, open, type RootDatabase } from "lmdb";
import { assert, type RangeOptions } from "../base/index.ts";
import {
  type Batch,
  DamagedStateError,
  type EngineDone,
  type EngineError,
  type EngineReader,
  type EngineSnapshot,
  maximumEngineKeyBytes,
  type TableName,
  tableNames,
} from "../store/index.ts";
import { commitError } from "./lmdb-error.ts";
import { checkFile, prepareFile, reserveLockFile } from "./lmdb-file.ts";
import { seal, unseal } from "./lmdb-seal.ts";
import { syncDirectory } from "./sync-directory.ts";

/** What of lmdb-js its declarations leave out. */
interface Table extends Database<Uint8Array, string> {
  /** `length` is that of the value, but the bytes are those of a buffer that the next read overwrites. */
  getBinaryFast(key: string, options?: ReadOptions): Buffer | undefined;
}
type ReadTransaction = ReturnType<Database["useReadTransaction"]>;
interface ReadOptions {
  readonly transaction: ReadTransaction;
}
type Tables = Readonly<Record<TableName, Table>>;

/** Keys are binary strings: one byte a character. Comparing bytes is then what `<` does. */
const keyEncoder = {
  writeKey(key: string, target: Uint8Array, start: number): number {
    for (let i = 0; i < key.length; i++) target[start + i] = key.charCodeAt(i);
    return start + key.length;
  },
  readKey: (source: Buffer, start: number, end: number): string => source.toString("latin1", start, end),
};

/**
 * One LMDB environment: one directory, one file, one transaction for each commit.
 *
 * Durability. `overlappingSync` is off, so a commit is LMDB's own protocol, run on lmdb-js's write thread: new
 * pages are written beside the old ones, `fdatasync`, then one page that points to them through a descriptor
 * opened with O_DSYNC; only then the promise of the batch settles (seen in the sources of lmdb-js 3.5.6, and in a
 * trace of system calls). Whenever the process or the power goes, the pointer page is the old or the new one, and
 * both point to whole trees. With `overlappingSync`, the default, a failed flush leaves a transaction visible that is
 * not durable, and `flushed` does not wait for synchronous transactions; it gains nothing where one commit is under way at a time.
 *
 * Reads go through one read transaction that is renewed when a commit is done: nothing is visible before it is durable.
 */
export class LmdbEnvironment implements EngineReader {
  readonly directory: string;
  readonly #root: RootDatabase<Uint8Array, string>;
  readonly #tables: Tables;
  #read: ReadOptions;
  /** Settles when the last commit has, whatever became of it. */
  #last: Promise<void> = Promise.resolve();
  #failure: EngineError | undefined;
  #closed: Promise<void> | undefined;
  #snapshots = 0;
  #onIdle: (() => void) | undefined;

  /** Throws what lmdb-js throws, and an Error for what is not a file of LMDB. */
  constructor(directory: string, mapSizeBytes: number) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    checkFile(directory);
    reserveLockFile(directory);
    const options = { keyEncoder, encoding: "binary", cache: false } as const;
    this.#root = open<Uint8Array, string>(directory, {
      ...options,
      noSubdir: false,
      maxDbs: tableNames.length,
      mapSize: mapSizeBytes,
      overlappingSync: false,
      // A batch is a transaction by itself; with this on, it is put into another one whose failure nobody can catch.
      eventTurnBatching: false,
    });
    prepareFile(directory, this.#root.getStats());
    const tables: Partial<Record<TableName, Table>> = {};
    for (const name of tableNames) tables[name] = this.#root.openDB<Uint8Array, string>(name, options);
    this.#tables = tables as Record<TableName, Table>;
    this.#read = { transaction: this.#root.useReadTransaction() };
    syncDirectory(directory);
  }

  get(table: TableName, key: string): Uint8Array | undefined {
    return getFrom(this.#tables[table], key, this.#read);
  }

  range(table: TableName, options: RangeOptions): Iterable<readonly [string, Uint8Array]> {
    return rangeOf(this.#tables[table], options, this.#read.transaction);
  }

  keys(table: TableName, options: RangeOptions): Iterable<string> {
    return keysOf(this.#tables[table], options, this.#read.transaction);
  }

  commit(batch: Batch, done: EngineDone): void {
    const changes = sealBatch(batch);
    const failure = this.#closed !== undefined ? closedError : this.#failure;
    const written = failure === undefined ? this.#write(changes) : Promise.resolve(failure);
    this.#last = this.#finish(this.#last, written, done);
  }

  snapshot(): EngineSnapshot {
    this.#root.resetReadTxn();
    const transaction = this.#root.useReadTransaction();
    const read = { transaction };
    this.#snapshots++;
    let closed = false;
    return {
      get: (table, key) => getFrom(this.#tables[table], key, read),
      range: (table, options) => rangeOf(this.#tables[table], options, transaction),
      keys: (table, options) => keysOf(this.#tables[table], options, transaction),
      close: () => {
        if (closed) return;
        closed = true;
        transaction.done();
        if (--this.#snapshots === 0) this.#onIdle?.();
      },
    };
  }

  /** Refuses every commit from here on. */
  fail(error: EngineError): void {
    this.#failure ??= error;
  }

  /** When the commits given so far are done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Refuses commits from here on, and waits for those under way and for snapshots. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#last;
    if (this.#snapshots > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      await promise;
    }
    this.#read.transaction.done();
    await this.#root.close();
  }

  /** In the order in which commits were given, also where one is refused at once. */
  async #finish(before: Promise<void>, written: Promise<EngineError | undefined>, done: EngineDone): Promise<void> {
    await before;
    const error = await written;
    if (error === undefined) this.#renew();
    else if (error.code === "io") this.#failure ??= error;
    done(error);
  }

  async #write(changes: readonly SealedChanges[]): Promise<EngineError | undefined> {
    try {
      await this.#root.batch(() => {
        for (const { table, rows } of changes) {
          const target = this.#tables[table];
          // Nothing in here may throw: what was put before would be committed all the same.
          for (const [key, row] of rows) void (row === undefined ? target.remove(key) : target.put(key, row));
        }
      });
      return undefined;
    } catch (error) {
      return await commitError(error, this.directory);
    }
  }

  #renew(): void {
    this.#root.resetReadTxn();
    const next = { transaction: this.#root.useReadTransaction() };
    this.#read.transaction.done();
    this.#read = next;
  }
}

const closedError: EngineError = { code: "io", message: "the engine is closed" };

interface SealedChanges {
  readonly table: TableName;
  readonly rows: readonly (readonly [string, Uint8Array | undefined])[];
}

/** Everything that can go wrong with a batch goes wrong here, before LMDB has heard of it. */
function sealBatch(batch: Batch): SealedChanges[] {
  const changes: SealedChanges[] = [];
  for (const { table, rows } of batch) {
    const sealed: (readonly [string, Uint8Array | undefined])[] = [];
    for (const [key, value] of rows) {
      assert(key.length > 0 && key.length <= maximumEngineKeyBytes, `a key of ${key.length} bytes`);
      sealed.push([key, value === undefined ? undefined : seal(value, key)]);
    }
    changes.push({ table, rows: sealed });
  }
  return changes;
}

function getFrom(table: Table, key: string, options: ReadOptions): Uint8Array | undefined {
  try {
    const found = table.getBinaryFast(key, options);
    return found === undefined ? undefined : unseal(found, key);
  } catch (error) {
    throw damaged(error);
  }
}

function* rangeOf(
  table: Table,
  options: RangeOptions,
  transaction: ReadTransaction,
): Generator<readonly [string, Uint8Array]> {
  if (isEmpty(options)) return;
  try {
    for (const { key, value } of table.getRange(bounds(options, transaction))) yield [key, unseal(value, key)];
  } catch (error) {
    throw damaged(error);
  }
}

function* keysOf(table: Table, options: RangeOptions, transaction: ReadTransaction): Generator<string> {
  if (isEmpty(options)) return;
  try {
    yield* table.getKeys(bounds(options, transaction));
  } catch (error) {
    throw damaged(error);
  }
}

/** A read has no other way to fail. */
function damaged(error: unknown): DamagedStateError {
  if (error instanceof DamagedStateError) return error;
  return new DamagedStateError(`the state cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

function isEmpty({ from, to, limit }: RangeOptions): boolean {
  return limit === 0 || to === "" || (from !== undefined && to !== undefined && from >= to);
}

/** Both bounds are always said: left out, lmdb-js puts its own in their place, and an empty one is none. */
function bounds({ from, to, reverse, limit }: RangeOptions, transaction: ReadTransaction): object {
  const lowest = from === "" ? undefined : from;
  const common = { transaction, ...(limit === undefined ? {} : { limit }) };
  return reverse === true
    ? { ...common, reverse, start: to, exclusiveStart: to !== undefined, end: lowest, inclusiveEnd: true }
    : { ...common, start: lowest, end: to };
}
