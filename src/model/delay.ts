import type { Random } from "../base/index.ts";
import { majority } from "../quorum/index.ts";
import { draw, type Distribution } from "./distributions.ts";
import { harmonic, meanEstimate, type Estimate } from "./statistics.ts";

/** How a write gets to `n` replicas, the first of which takes it. */
export type Replication =
  | { readonly kind: "sync" }
  | { readonly kind: "async" }
  | { readonly kind: "quorum"; readonly w: number }
  | { readonly kind: "raft" };

export interface ConsistencyDelay {
  /** From the call to the acknowledgement. */
  readonly writeMs: Estimate;
  /** From the acknowledgement until every replica shows the write: the window of inconsistency; 0: none. */
  readonly windowMs: Estimate;
  /** From the call until every replica shows the write. */
  readonly everywhereMs: Estimate;
}

/**
 * Expected consistency delay under a strategy of replication. Synchronous: acknowledged when all have it. Asynchronous:
 * at once. Quorum: when w have it, the first included. Raft: when a majority has it; the others show it when they hear
 * of the commit. (Syllabus, modules 1.3 and 2.2; Gray et al., "The dangers of replication", SIGMOD 1996, for the two
 * ends; Ongaro, 2014, section 3.5.) Monte Carlo; `oneWay` is any way between two replicas.
 */
export function consistencyDelay(
  strategy: Replication,
  n: number,
  oneWay: Distribution,
  random: Random,
  trials = 20_000,
): ConsistencyDelay {
  const write = new Float64Array(trials);
  const window = new Float64Array(trials);
  const everywhere = new Float64Array(trials);
  for (let trial = 0; trial < trials; trial++) {
    const arrives = Array.from({ length: n - 1 }, () => draw(oneWay, random));
    const heard = [0, ...arrives.map((at) => at + draw(oneWay, random))].sort((a, b) => a - b);
    const acknowledged = heard[neededOf(strategy, n) - 1]!;
    // A follower of Raft shows nothing before it knows of the commit.
    const shown =
      strategy.kind === "raft" ? arrives.map((at) => Math.max(at, acknowledged + draw(oneWay, random))) : arrives;
    const last = Math.max(0, ...shown);
    write[trial] = acknowledged;
    everywhere[trial] = last;
    window[trial] = Math.max(0, last - acknowledged);
  }
  return { writeMs: meanEstimate(write), windowMs: meanEstimate(window), everywhereMs: meanEstimate(everywhere) };
}

function neededOf(strategy: Replication, n: number): number {
  switch (strategy.kind) {
    case "sync":
      return n;
    case "async":
      return 1;
    case "quorum":
      return strategy.w;
    case "raft":
      return majority(n);
  }
}

/**
 * The mean of the k-th smallest of n exponential delays: m·(Hₙ − Hₙ₋ₖ) (Rényi, 1953). For k = n, m·Hₙ: what asynchronous
 * replication needs to be everywhere, with n−1 ways.
 */
export function exponentialOrderMean(n: number, k: number, meanMs: number): number {
  return meanMs * (harmonic(n) - harmonic(n - k));
}
