import { countUpTo, type Random } from "../base/index.ts";
import { draw, type Distribution } from "./distributions.ts";
import { choose, shareOf, type Estimate } from "./statistics.ts";

/** Replicas, and how many of them answer a read or a write. */
export interface Quorums {
  readonly n: number;
  readonly r: number;
  readonly w: number;
}

/** What is wrong with the numbers, and what to give instead; undefined: nothing. */
export function quorumProblem({ n, r, w }: Quorums): string | undefined {
  if (!Number.isInteger(n) || n < 1) return `N=${n}: give a whole number of replicas, at least 1`;
  for (const [name, value] of [
    ["R", r],
    ["W", w],
  ] as const)
    if (!Number.isInteger(value) || value < 1 || value > n)
      return `${name}=${value}: give a whole number from 1 to N=${n}`;
  return undefined;
}

/**
 * The probability that a read quorum misses the last write when no replica but the W that took it has it: of all ways to
 * choose R replicas, those without any of the W (Bailis et al., "Probabilistically Bounded Staleness", VLDB 2012,
 * equation 1). Zero where R + W > N: quorums intersect.
 */
export function missProbability({ n, r, w }: Quorums): number {
  return choose(n - w, r) / choose(n, r);
}

/** The probability that a read is more than k versions old (the same paper, equation 2). */
export function kStaleness(quorums: Quorums, k: number): number {
  return missProbability(quorums) ** k;
}

/**
 * As `missProbability`, `afterMs` after the acknowledgement, while the write spreads to each further replica in
 * exponential time, and answers and questions take none: an exponential delay forgets how long it has taken already.
 */
export function missAfter(quorums: Quorums, meanMs: number, afterMs: number): number {
  return missProbability(quorums) * Math.exp((-quorums.r * afterMs) / meanMs);
}

/** One-way delays of the four messages of an operation (the same paper, section 4.1). */
export interface Wars {
  /** Write to a replica. */
  readonly w: Distribution;
  /** Acknowledgement. */
  readonly a: Distribution;
  /** Question of a read. */
  readonly r: Distribution;
  /** Its answer. */
  readonly s: Distribution;
}

export interface WarsResult {
  /** The probability that a read begun so long after the write's acknowledgement sees it, by `afterMs`. */
  readonly visible: readonly { readonly afterMs: number; readonly share: Estimate }[];
  /** Sorted, milliseconds. */
  readonly reads: Float64Array;
  readonly writes: Float64Array;
  /** Sorted: for each trial how long after the acknowledgement a read has to begin to see the write. */
  readonly needed: Float64Array;
}

/**
 * WARS: a write goes to N replicas and is acknowledged by the W-th answer; a read goes to N replicas and takes the first
 * R answers. A replica's answer is stale where the question arrived before the write. Monte Carlo.
 */
export function wars(
  quorums: Quorums,
  delays: Wars,
  afterMs: readonly number[],
  random: Random,
  trials = 50_000,
): WarsResult {
  const { n, r, w } = quorums;
  const reads = new Float64Array(trials);
  const writes = new Float64Array(trials);
  const needed = new Float64Array(trials);
  for (let trial = 0; trial < trials; trial++) {
    const arrives = Array.from({ length: n }, () => draw(delays.w, random));
    const acknowledged = arrives.map((at) => at + draw(delays.a, random)).sort((a, b) => a - b)[w - 1]!;
    const asked = Array.from({ length: n }, () => draw(delays.r, random));
    const answers = asked
      .map((at, replica) => ({ replica, at: at + draw(delays.s, random) }))
      .sort((one, other) => one.at - other.at)
      .slice(0, r);
    writes[trial] = acknowledged;
    reads[trial] = answers.at(-1)!.at;
    // Seen where the question comes after the write at one of those that answered.
    needed[trial] = Math.max(
      0,
      Math.min(...answers.map(({ replica }) => arrives[replica]! - acknowledged - asked[replica]!)),
    );
  }
  const sort = (samples: Float64Array): Float64Array => samples.sort();
  sort(needed);
  const seen = afterMs.map((after) => ({ afterMs: after, share: shareOf(countUpTo(needed, after), trials) }));
  return { visible: seen, reads: sort(reads), writes: sort(writes), needed };
}

const paretoMix = (share: number, scaleMs: number, shape: number, rate: number): Distribution => ({
  kind: "mixture",
  parts: [
    { share, of: { kind: "pareto", scaleMs, shape } },
    { share: 1 - share, of: { kind: "exponential", meanMs: 1 / rate } },
  ],
});

const solidState = paretoMix(0.9122, 0.235, 10, 1.66);
const spinning = paretoMix(0.38, 1.05, 1.51, 0.183);
const yammerWrite = paretoMix(0.939, 3, 3.35, 0.0028);
const yammerOther = paretoMix(0.982, 1.5, 3.8, 0.0217);

/** Delays measured in production, as the paper fits them (its table 3). */
export const productionWars: Readonly<Record<"linkedin-ssd" | "linkedin-disk" | "yammer", Wars>> = {
  "linkedin-ssd": { w: solidState, a: solidState, r: solidState, s: solidState },
  "linkedin-disk": { w: spinning, a: solidState, r: solidState, s: solidState },
  yammer: { w: yammerWrite, a: yammerOther, r: yammerOther, s: yammerOther },
};

/** Exponential delays on all ways, by their means. */
export function exponentialWars(writeMs: number, otherMs: number): Wars {
  const other: Distribution = { kind: "exponential", meanMs: otherMs };
  return { w: { kind: "exponential", meanMs: writeMs }, a: other, r: other, s: other };
}

/**
 * A follower read of a log with a leader, WARS with W a majority and R = 1: the news of the commit is on its way to the
 * follower while the acknowledgement is on its way to the writer. All ways exponential of the same mean m: two such
 * delays race, and the difference exceeds t with probability ½·e^(−t/m); here by draws, for any distributions.
 */
export function followerLag(news: Distribution, answer: Distribution, random: Random, trials = 20_000): Float64Array {
  return Float64Array.from({ length: trials }, () => Math.max(0, draw(news, random) - draw(answer, random))).sort();
}
