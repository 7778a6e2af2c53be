import type { Budget } from "./budget.ts";

/**
 * A set of search configurations: rows of whole numbers, open addressing over one growing array. The last
 * `counts` numbers of a row say how often each kind of optional operation was used: a row that is equal in the
 * rest, and used no more of any, can do all that this one can, so this one need not be visited.
 */
export class ConfigSet {
  readonly #width: number;
  readonly #counts: number;
  readonly #budget: Budget;
  #rows: Int32Array;
  #next: Int32Array;
  #used = 0;
  #table: Int32Array;

  constructor(width: number, counts: number, budget: Budget) {
    this.#width = width;
    this.#counts = counts;
    this.#budget = budget;
    this.#rows = new Int32Array(256 * (width + counts));
    this.#next = new Int32Array(256);
    this.#table = new Int32Array(1024).fill(-1);
  }

  get size(): number {
    return this.#used;
  }

  #hash(row: Int32Array): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.#width; i++) {
      hash = Math.imul(hash ^ row[i]!, 0x01000193);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  /** Adds the row unless a row in the set dominates it. Returns whether it was added. */
  add(row: Int32Array): boolean {
    const stride = this.#width + this.#counts;
    const mask = this.#table.length - 1;
    let at = this.#hash(row) & mask;
    for (;;) {
      const head = this.#table[at]!;
      if (head < 0) break;
      if (this.#sameKey(head, row)) {
        for (let entry = head; entry >= 0; entry = this.#next[entry]!) if (this.#dominates(entry, row)) return false;
        this.#append(row, stride);
        // Later rows come behind the head, so that the table keeps pointing at it.
        this.#next[this.#used - 1] = this.#next[head]!;
        this.#next[head] = this.#used - 1;
        return true;
      }
      at = (at + 1) & mask;
    }
    this.#append(row, stride);
    this.#next[this.#used - 1] = -1;
    this.#table[at] = this.#used - 1;
    if (this.#used * 2 > this.#table.length) this.#growTable();
    return true;
  }

  /** Whether a row that is equal in all but the counts is in the set. */
  has(row: Int32Array): boolean {
    const mask = this.#table.length - 1;
    for (let at = this.#hash(row) & mask; this.#table[at]! >= 0; at = (at + 1) & mask)
      if (this.#sameKey(this.#table[at]!, row)) return true;
    return false;
  }

  #sameKey(entry: number, row: Int32Array): boolean {
    const start = entry * (this.#width + this.#counts);
    for (let i = 0; i < this.#width; i++) if (this.#rows[start + i] !== row[i]) return false;
    return true;
  }

  #dominates(entry: number, row: Int32Array): boolean {
    const start = entry * (this.#width + this.#counts);
    const end = this.#width + this.#counts;
    for (let i = this.#width; i < end; i++) if (this.#rows[start + i]! > row[i]!) return false;
    return true;
  }

  #append(row: Int32Array, stride: number): void {
    if ((this.#used + 1) * stride > this.#rows.length) {
      this.#budget.hold(this.#rows.length * 4 + this.#next.length * 4);
      const rows = new Int32Array(this.#rows.length * 2);
      rows.set(this.#rows);
      this.#rows = rows;
      const next = new Int32Array(this.#next.length * 2);
      next.set(this.#next);
      this.#next = next;
    }
    this.#rows.set(row, this.#used * stride);
    this.#used++;
  }

  #growTable(): void {
    const old = this.#table;
    this.#budget.hold(old.length * 4);
    this.#table = new Int32Array(old.length * 2).fill(-1);
    const mask = this.#table.length - 1;
    const stride = this.#width + this.#counts;
    for (const head of old) {
      if (head < 0) continue;
      let at = this.#hash(this.#rows.subarray(head * stride, head * stride + this.#width)) & mask;
      while (this.#table[at]! >= 0) at = (at + 1) & mask;
      this.#table[at] = head;
    }
  }
}

/** A map from whole numbers (to 2^53) to whole numbers from -1 up. Unlike Map, it has no limit of entries. */
export class NumberMap {
  #keys: Float64Array = new Float64Array(1024).fill(-1);
  #values: Int32Array = new Int32Array(1024);
  #used = 0;
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  #place(key: number): number {
    const mask = this.#keys.length - 1;
    let hash = Math.imul(key | 0, 0x9e3779b1) ^ Math.imul(Math.floor(key / 2 ** 32) + 1, 0x85ebca6b);
    hash ^= hash >>> 15;
    let at = (hash >>> 0) & mask;
    while (this.#keys[at] !== key && this.#keys[at] !== -1) at = (at + 1) & mask;
    return at;
  }

  get(key: number): number | undefined {
    const at = this.#place(key);
    return this.#keys[at] === -1 ? undefined : this.#values[at];
  }

  set(key: number, value: number): void {
    const at = this.#place(key);
    if (this.#keys[at] === -1) this.#used++;
    this.#keys[at] = key;
    this.#values[at] = value;
    if (this.#used * 2 > this.#keys.length) this.#grow();
  }

  #grow(): void {
    const { length } = this.#keys;
    this.#budget.hold(length * 24);
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Float64Array(length * 2).fill(-1);
    this.#values = new Int32Array(length * 2);
    for (let i = 0; i < length; i++) {
      if (keys[i] === -1) continue;
      const at = this.#place(keys[i]!);
      this.#keys[at] = keys[i]!;
      this.#values[at] = values[i]!;
    }
  }
}
