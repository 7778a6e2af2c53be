import type { Random } from "../base/index.ts";
import type { Quorums } from "./pbs.ts";
import { binomial, choose } from "./statistics.ts";

/** What a network that loses messages leaves of an operation without retries. */
export interface Reliability {
  /** The probability that a write is acknowledged: at least W of N replicas got it and were heard. */
  readonly write: number;
  /** The probability that a read is answered: R of N replicas were asked and heard. */
  readonly read: number;
  /** Of a read that is answered after a write that was acknowledged: it sees the write. */
  readonly consistent: number;
}

/**
 * Consistency as a function of network reliability: each message of an operation arrives with probability `p`, on its
 * own. A replica has the write with probability p, and is heard of by the writer with p²; a read is answered by a replica
 * with p². Closed form: the replicas that have the write are counted (binomial, given the acknowledgement), and R random
 * ones miss all of them as in equation 1 of Bailis et al. (VLDB 2012); the setting is that of Gifford's weighted voting
 * (SOSP 1979) with messages that get lost.
 */
export function consistencyProbability({ n, r, w }: Quorums, p: number): Reliability {
  const atLeast = (needed: number, chance: number): number => {
    let sum = 0;
    for (let k = needed; k <= n; k++) sum += binomial(n, k, chance);
    return sum;
  };
  const write = atLeast(w, p * p);
  const read = atLeast(r, p * p);
  if (write === 0 || read === 0) return { write, read, consistent: 0 };
  let missed = 0;
  for (let heard = w; heard <= n; heard++) {
    const acknowledged = binomial(n, heard, p * p);
    // Of those that were not heard, some have the write all the same: p(1−p) of 1−p².
    const silent = p === 1 ? 0 : (p * (1 - p)) / (1 - p * p);
    for (let more = 0; more <= n - heard; more++) {
      const have = heard + more;
      missed += acknowledged * binomial(n - heard, more, silent) * (choose(n - have, r) / choose(n, r));
    }
  }
  return { write, read, consistent: 1 - missed / write };
}

/** The same by playing it. */
export function playReliability(
  { n, r, w }: Quorums,
  p: number,
  random: Random,
  trials: number,
): { acknowledged: number; answered: number; seen: number } {
  const tally = { acknowledged: 0, answered: 0, seen: 0 };
  for (let trial = 0; trial < trials; trial++) {
    const has = Array.from({ length: n }, () => random.float() < p);
    const heard = has.filter((got) => got && random.float() < p).length;
    if (heard < w) continue;
    tally.acknowledged++;
    const answers = has.filter(() => random.float() < p && random.float() < p);
    if (answers.length < r) continue;
    tally.answered++;
    // The first R of those that answer, in random order.
    for (let i = 0; i < r; i++) {
      const other = i + random.below(answers.length - i);
      [answers[i], answers[other]] = [answers[other]!, answers[i]!];
    }
    if (answers.slice(0, r).includes(true)) tally.seen++;
  }
  return tally;
}

/** One way to configure N replicas on such a network. */
export interface SurfacePoint extends Reliability {
  readonly r: number;
  readonly w: number;
  /** Both a read and a write get through. */
  readonly available: number;
  /** No other point is at least as good in both and better in one. */
  readonly onFrontier: boolean;
}

/**
 * The consistency–availability trade-off surface of N replicas at a reliability: every R and W (Yu and Vahdat, "The
 * costs and limits of availability for replicated services", SOSP 2001, draw the same two axes).
 */
export function tradeOffSurface(n: number, p: number): SurfacePoint[] {
  const points: Omit<SurfacePoint, "onFrontier">[] = [];
  for (let r = 1; r <= n; r++)
    for (let w = 1; w <= n; w++) {
      const reliability = consistencyProbability({ n, r, w }, p);
      points.push({ r, w, ...reliability, available: reliability.read * reliability.write });
    }
  const beats = (one: Omit<SurfacePoint, "onFrontier">, other: Omit<SurfacePoint, "onFrontier">): boolean =>
    one.consistent >= other.consistent - 1e-12 &&
    one.available >= other.available - 1e-12 &&
    (one.consistent > other.consistent + 1e-12 || one.available > other.available + 1e-12);
  return points.map((point) => ({ ...point, onFrontier: !points.some((other) => beats(other, point)) }));
}
