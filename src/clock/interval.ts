import type { Reading } from "../base/index.ts";

/** True time lies inside, both ends included: what TrueTime's `now` answers. Milliseconds. */
export interface Interval {
  readonly earliest: number;
  readonly latest: number;
}

/**
 * Time as an interval (Corbett et al., "Spanner", 2012, section 3): as good as the error that the clock service claims.
 * Whoever takes `latest` as its timestamp and waits until that has passed everywhere (`commitWaitMs`) gives timestamps
 * in the order of real time, on any machine: the price is about twice the error.
 */
export function intervalOf({ wall, error }: Reading): Interval {
  return { earliest: wall - error, latest: wall + error };
}

/** Whether the moment has certainly passed. */
export function isAfter(now: Reading, moment: number): boolean {
  return intervalOf(now).earliest > moment;
}

/** Whether the moment has certainly not come yet. */
export function isBefore(now: Reading, moment: number): boolean {
  return intervalOf(now).latest < moment;
}

/** How long to wait, by a clock that runs right, until the moment has certainly passed; 0: it has. Ask again then. */
export function commitWaitMs(now: Reading, moment: number): number {
  const { earliest } = intervalOf(now);
  if (earliest > moment) return 0;
  // A little more than the distance: equal is not after, and what is added must not be lost in rounding.
  return moment - earliest + Math.max(1e-3, Math.abs(moment) * 2 ** -50);
}
