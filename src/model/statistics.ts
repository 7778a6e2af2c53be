/** Counting, summing and estimating: what several models share. */

/** The value below which `share` of the sorted samples lie, interpolated. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.ceil(place);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (place - low);
}

/** What a set of durations looks like, in milliseconds. */
export interface Percentiles {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export function percentilesOf(samples: Iterable<number>): Percentiles {
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number => percentile(sorted, share);
  return { meanMs: meanOfSamples(sorted), p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), p999Ms: at(0.999) };
}

export function meanOfSamples(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i]!;
  return samples.length === 0 ? Number.NaN : sum / samples.length;
}

/** An estimate with the bounds between which the truth lies with 95 % confidence. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const z95 = 1.959963984540054;

/** A share, estimated from trials (Wilson, 1927). */
export function shareOf(hits: number, trials: number): Estimate {
  if (trials === 0) return { value: Number.NaN, low: 0, high: 1 };
  const p = hits / trials;
  const z2 = z95 ** 2 / trials;
  const middle = (p + z2 / 2) / (1 + z2);
  const half = (z95 / (1 + z2)) * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials));
  return { value: p, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** A mean, estimated from independent samples. */
export function meanEstimate(samples: ArrayLike<number>): Estimate {
  const mean = meanOfSamples(samples);
  let squares = 0;
  for (let i = 0; i < samples.length; i++) squares += (samples[i]! - mean) ** 2;
  const half = z95 * Math.sqrt(squares / Math.max(1, samples.length - 1) / samples.length);
  return { value: mean, low: mean - half, high: mean + half };
}

/** n over k, as a number. */
export function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i;
  return result;
}

/** The probability of exactly k successes in n trials. */
export function binomial(n: number, k: number, p: number): number {
  if (p <= 0) return k === 0 ? 1 : 0;
  if (p >= 1) return k === n ? 1 : 0;
  return choose(n, k) * p ** k * (1 - p) ** (n - k);
}

/** 1 + 1/2 + … + 1/n. */
export function harmonic(n: number): number {
  let sum = 0;
  for (let i = 1; i <= n; i++) sum += 1 / i;
  return sum;
}

/** The probability that a sum of k exponential variables of mean 1 exceeds x (Erlang); k whole, from 0. */
export function erlangTail(k: number, x: number): number {
  if (k === 0) return 0;
  let term = Math.exp(-x);
  // Beyond what a double can hold the first term is 0; the sum is then as good as 1 where x is far below k.
  if (term === 0) return k > x ? normalTail((x - k) / Math.sqrt(k)) : 0;
  let sum = term;
  for (let i = 1; i < k; i++) {
    term *= x / i;
    sum += term;
  }
  return Math.min(1, sum);
}

/** The probability that a standard normal variable exceeds z (Abramowitz and Stegun, 26.2.17). */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
