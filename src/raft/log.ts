import { assert, must, type LogIndex, type Term } from "../base/index.ts";
import type { Entry, Position } from "./types.ts";

/**
 * The entries above the last compaction, in memory. Entry `base.index + 1` is `entries[0]`.
 * Invariant: indices are consecutive, terms and timestamps never fall.
 */
export class Log {
  #base: Position;
  #entries: Entry[] = [];
  /** Bytes of entry data held. */
  #bytes = 0;

  constructor(base: Position = { index: 0, term: 0 }) {
    this.#base = base;
  }

  /** The last compacted entry: its term is still known, its data is gone. */
  get base(): Position {
    return this.#base;
  }

  get firstIndex(): LogIndex {
    return this.#base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#base.index + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  get last(): Position {
    return { index: this.lastIndex, term: this.lastTerm };
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The term at an index, or undefined where the log does not reach or no longer does. */
  term(index: LogIndex): Term | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term;
  }

  has(position: Position): boolean {
    return this.term(position.index) === position.term;
  }

  entry(index: LogIndex): Entry {
    return must(this.#entries[index - this.#base.index - 1], `log entry ${index}`);
  }

  /** Entries from `from` through `to`; both must be in the log. */
  slice(from: LogIndex, to: LogIndex): Entry[] {
    assert(
      from >= this.firstIndex && to <= this.lastIndex,
      `log slice ${from}..${to} of ${this.firstIndex}..${this.lastIndex}`,
    );
    return this.#entries.slice(from - this.firstIndex, to - this.#base.index);
  }

  /** Entries from `from` on, at least one, until `maxBytes` of data. */
  batch(from: LogIndex, maxBytes: number): Entry[] {
    const start = from - this.firstIndex;
    assert(start >= 0, `log batch from compacted index ${from}`);
    let bytes = 0;
    let end = start;
    while (end < this.#entries.length) {
      bytes += entryBytes(this.#entries[end]!);
      if (bytes > maxBytes && end > start) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, `append ${entry.index} after ${this.lastIndex}`);
    assert(entry.term >= this.lastTerm, `append of term ${entry.term} after term ${this.lastTerm}`);
    this.#entries.push(entry);
    this.#bytes += entryBytes(entry);
  }

  /** Drops the entries from `index` on. */
  truncateFrom(index: LogIndex): void {
    assert(index > this.#base.index, `truncate at compacted index ${index}`);
    const removed = this.#entries.splice(index - this.firstIndex);
    for (const entry of removed) this.#bytes -= entryBytes(entry);
  }

  /** Forgets the entries at or below `index`. */
  compactTo(index: LogIndex): void {
    const term = must(this.term(index), `term of ${index}`);
    const removed = this.#entries.splice(0, index - this.#base.index);
    for (const entry of removed) this.#bytes -= entryBytes(entry);
    this.#base = { index, term };
  }

  /** Begins anew above a snapshot. */
  reset(base: Position): void {
    this.#base = base;
    this.#entries = [];
    this.#bytes = 0;
  }

  /** The last index at or below `index` whose term is at most `term` (fast backtracking). */
  lastAtMost(index: LogIndex, term: Term): Position {
    let at = Math.min(index, this.lastIndex);
    while (at > this.#base.index && this.term(at)! > term) at--;
    return { index: at, term: at <= this.#base.index ? this.#base.term : this.term(at)! };
  }
}

/** What an entry weighs in limits: its data and a flat share for the rest. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + 32;
}
