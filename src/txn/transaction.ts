import { assert, concatBytes, fromBinaryString, OrderedMap, toBinaryString } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";

/**
 * Weakest first. read-committed: each read sees the latest that is committed. repeatable-read: all reads see one
 * snapshot, and no key is overwritten that changed since (snapshot isolation: write skew is possible).
 * serializable: as if one transaction ran after the other. strict-serializable: and in the order of real time, which
 * a keyspace with one log gives to every serializable transaction.
 */
export const isolations = ["read-committed", "repeatable-read", "serializable", "strict-serializable"] as const;
export type Isolation = (typeof isolations)[number];

export function isIsolation(name: string): name is Isolation {
  return isolations.some((known) => known === name);
}

/** From `from` on, up to but not including `to`; undefined: there is no end. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
}

/** `value` undefined: the key is deleted. */
export interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** What a commit demands and does. */
export interface TransactionPlan {
  /** Nothing of `unchanged` and `ranges` may have changed after this timestamp. */
  readonly snapshot: Timestamp;
  readonly unchanged: readonly Uint8Array[];
  readonly ranges: readonly KeyRange[];
  readonly writes: readonly Write[];
  /** When its first attempt began. */
  readonly age: Timestamp;
  /** Its timestamp follows real time. */
  readonly strict: boolean;
}

export interface TransactionOptions {
  /** When its first attempt began; 0: this is it. */
  readonly age?: Timestamp;
  /** What its client has seen: it sees that too. */
  readonly since?: Timestamp;
  /** Mistakes to be found by tests; never set in production. */
  readonly planted?: ReadonlySet<string>;
}

/** One transaction in the making: what it has read and what it will write. */
export class Transaction {
  readonly isolation: Isolation;
  #snapshot: Timestamp | undefined;
  readonly #reads = new Set<string>();
  readonly #ranges: KeyRange[] = [];
  readonly #writes = new OrderedMap<Uint8Array | undefined>();

  readonly #skewed: boolean;
  readonly #age: Timestamp;
  #since: Timestamp;

  constructor(isolation: Isolation, { age = 0, since = 0, planted }: TransactionOptions = {}) {
    this.isolation = isolation;
    this.#age = age;
    this.#since = since;
    this.#skewed = planted?.has("snapshot-skewed") === true;
  }

  /** What to read at; 0: at a snapshot that the answer tells of; undefined: the latest. */
  get readAt(): Timestamp | undefined {
    return this.isolation === "read-committed" || this.#skewed ? undefined : (this.#snapshot ?? 0);
  }

  /** When its first attempt began, as far as is known; 0: it has not yet. */
  get age(): Timestamp {
    return this.#age > 0 ? this.#age : (this.#snapshot ?? 0);
  }

  /** The same for a list, which is of one moment at every level. */
  get listAt(): Timestamp | undefined {
    return this.isolation === "read-committed" ? 0 : this.readAt;
  }

  /** A snapshot that is chosen now must be no lower than that. */
  get since(): Timestamp {
    return this.#since;
  }

  /** What this transaction itself has made of the key; undefined: nothing. */
  own(key: Uint8Array): { readonly value: Uint8Array | undefined } | undefined {
    const name = toBinaryString(key);
    return this.#writes.has(name) ? { value: this.#writes.get(name) } : undefined;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#writes.set(toBinaryString(key), value);
  }

  delete(key: Uint8Array): void {
    this.#writes.set(toBinaryString(key), undefined);
  }

  /** The store was asked for a key, and answered as of `snapshot`. */
  read(key: Uint8Array, snapshot: Timestamp): void {
    this.#observe(snapshot);
    this.#reads.add(toBinaryString(key));
  }

  /**
   * The store was asked for the keys of a range, and answered with those of `rows`, as of `snapshot`. Returns them with
   * what this transaction has made of the range.
   */
  listed<Row extends { readonly key: Uint8Array }>(
    range: KeyRange,
    rows: readonly Row[],
    snapshot: Timestamp,
    rowOf: (key: Uint8Array, value: Uint8Array) => Row,
  ): Row[] {
    this.#observe(snapshot);
    this.#ranges.push(range);
    const merged = new OrderedMap<Row>();
    for (const row of rows) merged.set(toBinaryString(row.key), row);
    const bounds = { from: toBinaryString(range.from), to: range.to && toBinaryString(range.to) };
    for (const [name, value] of this.#writes.range(bounds)) {
      if (value === undefined) merged.delete(name);
      else merged.set(name, rowOf(fromBinaryString(name), value));
    }
    return [...merged.range()].map(([, row]) => row);
  }

  /**
   * What has to be committed; undefined: it has only read, and so it is done. A strict one that has only read is done when
   * its snapshot has certainly passed, which whoever commits it finds out.
   */
  plan(): TransactionPlan | undefined {
    const writes = [...this.#writes.range()].map(([name, value]) => ({ key: fromBinaryString(name), value }));
    const { age } = this;
    const strict = this.isolation === "strict-serializable";
    const demands = { snapshot: this.#snapshot ?? 0, writes, age, strict };
    if (writes.length === 0)
      return strict && demands.snapshot > 0 ? { ...demands, unchanged: [], ranges: [] } : undefined;
    switch (this.isolation) {
      case "read-committed":
        return { ...demands, unchanged: [], ranges: [] };
      case "repeatable-read":
        // Without a read there is no snapshot: it begins when it commits.
        return { ...demands, unchanged: this.#snapshot === undefined ? [] : writes.map(({ key }) => key), ranges: [] };
      case "serializable":
      case "strict-serializable":
        return { ...demands, unchanged: [...this.#reads].sort().map(fromBinaryString), ranges: this.#ranges };
    }
  }

  #observe(snapshot: Timestamp): void {
    this.#since = Math.max(this.#since, snapshot);
    const { readAt = 0 } = this;
    if (readAt > 0) assert(snapshot === readAt, `read at ${snapshot}, not ${readAt}`);
    this.#snapshot ??= snapshot;
  }
}

/** The range that a page of a list has told everything about: behind `after`, up to its last key where there is `more`. */
export function pageRange(
  prefix: Uint8Array,
  after: Uint8Array | undefined,
  last: Uint8Array | undefined,
  more: boolean,
): KeyRange {
  const behind = after === undefined ? prefix : next(after);
  const from = toBinaryString(behind) > toBinaryString(prefix) ? behind : prefix;
  return { from, to: more && last !== undefined ? next(last) : afterPrefix(prefix) };
}

/** The smallest key above this one. */
function next(key: Uint8Array): Uint8Array {
  return concatBytes([key, Uint8Array.of(0)]);
}

/** The smallest key above all that begin with the prefix; undefined: there is none. */
function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] ?? 0;
    if (byte === 0xff) continue;
    const end = prefix.slice(0, last + 1);
    end[last] = byte + 1;
    return end;
  }
  return undefined;
}
