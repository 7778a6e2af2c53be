/** Transactions as a function: read, decide, write; committed as a whole, and run again where others came in between. */
import { emptyBytes } from "../base/index.ts";
import { CohortError, fail, failure } from "../contract/index.ts";
import { type CommitOperation, defaultKeyspace } from "../store/index.ts";
import { isIsolation, isolations, pageRange, Transaction } from "../txn/index.ts";
import { toBytes, wholeNumber } from "./input.ts";
import type { CallSettings, Data, Item, ListResult, ListSettings, ReadSettings, TransactionSettings } from "./types.ts";
import type { World } from "./world.ts";

/** A key as a transaction sees it: `revision` 0 where it is its own write. */
export interface SeenItem {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface TransactionListSettings {
  readonly prefix?: Data;
  readonly after?: Data;
  /** Of the page that is read, to which what the transaction wrote is added. Default 1000. */
  readonly limit?: number;
}

/** What transactions need of the session that they belong to. */
export interface TransactionAccess {
  readonly world: World;
  /** `at.snapshot` undefined: the latest; 0: one that the answer tells of, and that is no lower than `at.since`. */
  get(
    keyspace: string,
    key: Uint8Array,
    at: SnapshotChoice,
    settings: ReadSettings,
  ): Promise<{ readonly row: Item | undefined; readonly timestamp: number }>;
  list(settings: ListSettings, at: SnapshotChoice): Promise<ListResult & { readonly timestamp: number }>;
  commit(
    operation: CommitOperation,
    settings: CallSettings,
  ): Promise<{ readonly revision: number; readonly timestamp: number }>;
  /** The latest timestamp that a transaction of this session has seen or got: the next one sees that too. */
  readonly since: number;
  onSeen(timestamp: number): void;
}

export interface SnapshotChoice {
  readonly snapshot: number | undefined;
  readonly since: number;
}

/** How long to wait before another try, at first and at most, milliseconds. */
const firstPauseMs = 2;
const maxPauseMs = 200;

/** What the function of a transaction is given. After its end every use rejects with `transaction-ended`. */
export class OpenTransaction {
  readonly #access: TransactionAccess;
  readonly #keyspace: string;
  readonly #settings: ReadSettings;
  readonly #transaction: Transaction;
  #ended = false;
  /** Settles when the read that fixes the snapshot has, however that ends. */
  #fixing: Promise<void> | undefined;

  constructor(access: TransactionAccess, keyspace: string, transaction: Transaction, settings: ReadSettings) {
    this.#access = access;
    this.#keyspace = keyspace;
    this.#transaction = transaction;
    this.#settings = settings;
  }

  /** The key as of this transaction's snapshot, its own writes included; undefined: there is none. */
  async get(key: Data): Promise<SeenItem | undefined> {
    this.#open();
    const name = toBytes(key);
    const own = this.#transaction.own(name);
    if (own !== undefined) return own.value && { key: name, value: own.value, revision: 0 };
    const row = await this.#reading(async (readAt) => {
      const found = await this.#access.get(this.#keyspace, name, this.#choice(readAt), this.#settings);
      this.#open();
      this.#transaction.read(name, found.timestamp);
      return found.row;
    });
    return row && { key: name, value: row.value, revision: row.revision };
  }

  /** One page of keys as of this transaction's snapshot, its own writes included. */
  async list(settings: TransactionListSettings = {}): Promise<{ items: SeenItem[]; more: boolean }> {
    this.#open();
    return this.#reading((readAt) => this.#listAt(readAt, settings));
  }

  async #listAt(
    readAt: number | undefined,
    settings: TransactionListSettings,
  ): Promise<{ items: SeenItem[]; more: boolean }> {
    const wanted = {
      ...this.#settings,
      keyspace: this.#keyspace,
      prefix: settings.prefix ?? emptyBytes,
      ...(settings.after === undefined ? {} : { after: settings.after }),
      ...(settings.limit === undefined ? {} : { limit: settings.limit }),
    };
    const snapshot = this.#transaction.isolation === "read-committed" ? this.#transaction.listAt : readAt;
    const page = await this.#access.list(wanted, this.#choice(snapshot));
    this.#open();
    const after = settings.after === undefined ? undefined : toBytes(settings.after);
    const range = pageRange(toBytes(settings.prefix), after, page.items.at(-1)?.key, page.more);
    const items: SeenItem[] = page.items.map(({ key, value, revision }) => ({ key, value, revision }));
    const rowOf = (key: Uint8Array, value: Uint8Array): SeenItem => ({ key, value, revision: 0 });
    return { items: this.#transaction.listed(range, items, page.timestamp, rowOf), more: page.more };
  }

  put(key: Data, value: Data): void {
    this.#open();
    this.#transaction.put(nonEmpty(key), toBytes(value));
  }

  delete(key: Data): void {
    this.#open();
    this.#transaction.delete(nonEmpty(key));
  }

  /** Ends it. The revision of its writes, 0 where they were in several shards; undefined: it had none. */
  async commit(): Promise<number | undefined> {
    this.#open();
    this.end();
    const plan = this.#transaction.plan();
    this.#access.onSeen(this.#transaction.since);
    if (plan === undefined) return undefined;
    const operation = { kind: "commit", keyspace: this.#keyspace, ...plan } as const;
    const { revision, timestamp } = await this.#access.commit(operation, this.#settings);
    this.#access.onSeen(timestamp);
    return plan.writes.length === 0 ? undefined : revision;
  }

  /** When its first attempt began: of two that are in each other's way the older one goes first. */
  get age(): number {
    return this.#transaction.age;
  }

  end(): void {
    this.#ended = true;
  }

  /** Runs a read. The first one fixes the snapshot, and those that begin meanwhile wait for it. */
  async #reading<T>(read: (readAt: number | undefined) => Promise<T>): Promise<T> {
    const { isolation } = this.#transaction;
    if (isolation === "read-committed") return read(undefined);
    while (this.#transaction.readAt === 0 && this.#fixing !== undefined) await this.#fixing;
    this.#open();
    const { readAt } = this.#transaction;
    if (readAt !== 0) return read(readAt);
    const first = read(0);
    const settled = (): void => {
      this.#fixing = undefined;
    };
    this.#fixing = first.then(settled, settled);
    return first;
  }

  #choice(snapshot: number | undefined): SnapshotChoice {
    return { snapshot, since: this.#transaction.since };
  }

  #open(): void {
    if (this.#ended) throw fail("transaction-ended", "it was used after its function had returned");
  }
}

/**
 * Runs the function until what it did can be committed, within `timeoutMs`. It may run several times, so it must do
 * nothing that cannot be repeated; what it throws ends the transaction, and nothing of it is written.
 */
export async function runTransaction<T>(
  access: TransactionAccess,
  run: (transaction: OpenTransaction) => Promise<T>,
  settings: TransactionSettings & { readonly timeoutMs: number },
): Promise<T> {
  const { isolation = "serializable", keyspace = defaultKeyspace, maxAttempts, signal, timeoutMs } = settings;
  if (!isIsolation(isolation))
    throw fail("bad-request", `"${String(isolation)}" is no isolation level; there are: ${isolations.join(", ")}`);
  const { world } = access;
  wholeNumber(maxAttempts, "maxAttempts", 1);
  const deadline = world.now() + timeoutMs;
  let age = 0;
  for (let attempt = 1; ; attempt++) {
    const leftMs = deadline - world.now();
    if (leftMs <= 0) throw fail("deadline", `the transaction was not committed within ${timeoutMs} ms`, true);
    // Snapshots are exact, whatever the contract of the keyspace lets other reads do.
    const call = { consistency: "linearizable", timeoutMs: leftMs, ...(signal === undefined ? {} : { signal }) };
    const transaction = new OpenTransaction(
      access,
      keyspace,
      new Transaction(isolation, { age, since: access.since }),
      call,
    );
    try {
      const result = await run(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      if (!isConflict(error)) throw error;
      ({ age } = transaction);
      const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(attempt, 10)) * (0.5 + world.random.float());
      if (attempt >= (maxAttempts ?? Number.POSITIVE_INFINITY) || world.now() + pauseMs >= deadline)
        throw conflictAfter(attempt, error);
      await new Promise<void>((resolve) => {
        world.after(pauseMs, resolve);
      });
    } finally {
      transaction.end();
    }
  }
}

/** Also a snapshot that is too old to be read any more: another try has another one. */
function isConflict(error: unknown): error is CohortError {
  return error instanceof CohortError && (error.code === "transaction-conflict" || error.code === "compacted");
}

function conflictAfter(attempts: number, error: CohortError): CohortError {
  const tries = attempts === 1 ? "once" : `${attempts} times`;
  return new CohortError(failure("transaction-conflict", `${error.failure.detail}; tried ${tries}`), { cause: error });
}

function nonEmpty(key: Data): Uint8Array {
  const bytes = toBytes(key);
  if (bytes.length === 0) throw fail("bad-request", "a key is empty");
  return bytes;
}
