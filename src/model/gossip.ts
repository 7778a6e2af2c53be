import type { Random } from "../base/index.ts";
import { binomial } from "./statistics.ts";

/** Who tells whom: those who know tell a random other, those who do not ask one, or both. */
export const gossipModes = ["push", "pull", "push-pull"] as const;
export type GossipMode = (typeof gossipModes)[number];

export interface Convergence {
  /** By round, from 0: the expected share of nodes that know. */
  readonly informed: readonly number[];
  /** By round, from 0: the probability that all know. */
  readonly complete: readonly number[];
  readonly meanRounds: number;
  /** Rounds after which all know with 99 % probability. */
  readonly p99Rounds: number;
}

/**
 * Rounds of gossip or anti-entropy until all of n nodes know what one knew: each node contacts one other at random in a
 * round (Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987, section 1.3). A contact
 * fails with probability `loss`. Exact: a Markov chain over how many know; meant for up to some hundred nodes.
 */
export function gossipConvergence(n: number, mode: GossipMode, loss = 0): Convergence {
  let now: number[] = Array.from({ length: n + 1 }, (_, k) => (k === 1 ? 1 : 0));
  const step: number[][] = Array.from({ length: n + 1 }, (_, k) => (k === 0 ? [1] : nextOf(n, k, mode, loss)));
  const informed: number[] = [];
  const complete: number[] = [];
  for (let round = 0; round < 10_000; round++) {
    informed.push(now.reduce((sum, probability, k) => sum + probability * k, 0) / n);
    complete.push(now[n]!);
    if (now[n]! > 1 - 1e-9) break;
    const next = Array<number>(n + 1).fill(0);
    for (const [k, probability] of now.entries())
      if (probability > 1e-15) for (const [more, chance] of step[k]!.entries()) next[k + more]! += probability * chance;
    now = next;
  }
  return {
    informed,
    complete,
    meanRounds: complete.reduce((sum, probability) => sum + 1 - probability, 0),
    p99Rounds: complete.findIndex((probability) => probability >= 0.99),
  };
}

/** With k of n knowing: the probability of each number of newly informed nodes. */
function nextOf(n: number, k: number, mode: GossipMode, loss: number): number[] {
  const others = n - k;
  // Those who tell hit one after the other: a hit counts where the node did not know and was not hit yet.
  let hits = [1, ...Array<number>(others).fill(0)];
  if (mode !== "pull" && n > 1)
    for (let teller = 0; teller < k; teller++) {
      const next = Array<number>(others + 1).fill(0);
      for (const [hit, probability] of hits.entries()) {
        if (probability === 0) continue;
        const chance = ((1 - loss) * (others - hit)) / (n - 1);
        next[hit]! += probability * (1 - chance);
        if (hit < others) next[hit + 1]! += probability * chance;
      }
      hits = next;
    }
  if (mode === "push" || n === 1) return hits;
  const asks = ((1 - loss) * k) / (n - 1);
  const all = Array<number>(others + 1).fill(0);
  for (const [hit, probability] of hits.entries())
    for (let more = 0; more <= others - hit; more++)
      all[hit + more]! += probability * binomial(others - hit, more, asks);
  return all;
}

/** One epidemic, played: rounds until all know. */
export function playGossip(n: number, mode: GossipMode, loss: number, random: Random): number {
  let knows = Array.from({ length: n }, (_, i) => i === 0);
  for (let round = 0; ; round++) {
    if (knows.every(Boolean)) return round;
    const next = [...knows];
    for (let node = 0; node < n; node++) {
      const other = (node + 1 + random.below(n - 1)) % n;
      if (mode !== "pull" && knows[node] && random.float() >= loss) next[other] = true;
      if (mode !== "push" && knows[other] && random.float() >= loss) next[node] = true;
    }
    knows = next;
  }
}

/** log₂ n + ln n: what push takes for large n, up to a constant (Pittel, "On spreading a rumor", 1987). */
export function pushAsymptote(n: number): number {
  return Math.log2(n) + Math.log(n);
}

/**
 * Anti-entropy between pairs by chance, one exchange a node every `intervalMs`, without rounds in step: mean time until
 * all know. With k informed, one of k·(n−k) pairs meets at rate 2k(n−k)/((n−1)·interval): a sum of exponential times,
 * (n−1)/n · interval · Hₙ₋₁ (Kermack and McKendrick's epidemic as a pure birth process; Bailey, 1957).
 */
export function antiEntropyMeanMs(n: number, intervalMs: number): number {
  let sum = 0;
  for (let k = 1; k < n; k++) sum += ((n - 1) * intervalMs) / (2 * k * (n - k));
  return sum;
}
