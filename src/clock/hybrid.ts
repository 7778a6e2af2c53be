import type { Reading } from "../base/index.ts";

/**
 * A hybrid logical timestamp in one number: wall-clock milliseconds × 4096 + a logical count.
 * Exact until the year 4199 (2^53 / 4096 ms). When more than 4096 events share a millisecond the count
 * spills into the wall part, which only brings the timestamp a little ahead of the wall clock.
 */
export type Timestamp = number;

const LOGICAL = 4096;

/** The smallest timestamp of a wall-clock instant, in milliseconds. */
export function timestampOf(wallMs: number): Timestamp {
  return Math.floor(wallMs) * LOGICAL;
}

/** The wall-clock part of a timestamp, in milliseconds. */
export function wallOf(timestamp: Timestamp): number {
  return Math.floor(timestamp / LOGICAL);
}

export class HybridClock {
  #last: Timestamp;

  constructor(last: Timestamp = 0) {
    this.#last = last;
  }

  get last(): Timestamp {
    return this.#last;
  }

  /** A timestamp above every one that this clock gave or saw. */
  next(now: Reading): Timestamp {
    this.#last = Math.max(this.#last + 1, timestampOf(now.wall));
    return this.#last;
  }

  /** Takes note of a timestamp from elsewhere: what comes next is above it. */
  observe(timestamp: Timestamp): void {
    if (timestamp > this.#last) this.#last = timestamp;
  }
}
