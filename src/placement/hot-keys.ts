import { assert } from "../base/index.ts";

export interface HotKey {
  readonly key: string;
  /** Requests a second, at most; at least `rate - error`. */
  readonly rate: number;
  readonly error: number;
}

interface Counted {
  count: number;
  error: number;
}

/**
 * The keys asked for most, in little memory: Space-Saving (Metwally, Agrawal and El Abbadi, 2005). Any key with more
 * than 1/capacity of the requests is among them. Counts decay exponentially, so that yesterday's are forgotten.
 */
export class HotKeys {
  readonly #capacity: number;
  readonly #halfLifeMs: number;
  readonly #counted = new Map<string, Counted>();
  /** Counts are kept as if decayed at this time. */
  #decayedAt: number | undefined;

  constructor(capacity = 64, halfLifeMs = 10_000) {
    assert(capacity >= 1 && halfLifeMs > 0, "capacity and half-life are positive");
    this.#capacity = capacity;
    this.#halfLifeMs = halfLifeMs;
  }

  get size(): number {
    return this.#counted.size;
  }

  note(mono: number, key: string): void {
    this.#decay(mono);
    const known = this.#counted.get(key);
    if (known) {
      known.count++;
      return;
    }
    if (this.#counted.size < this.#capacity) {
      this.#counted.set(key, { count: 1, error: 0 });
      return;
    }
    // The newcomer takes the place of the least, and may have been asked for as often before.
    let least: string | undefined;
    let lowest = Number.POSITIVE_INFINITY;
    for (const [candidate, { count }] of this.#counted) {
      if (count < lowest) {
        lowest = count;
        least = candidate;
      }
    }
    this.#counted.delete(least!);
    this.#counted.set(key, { count: lowest + 1, error: lowest });
  }

  /** Those with at least so many requests a second, the hottest first. */
  hot(mono: number, atLeastPerSecond: number): HotKey[] {
    this.#decay(mono);
    // A steady rate r adds up to r × half-life / ln 2 under exponential decay.
    const perSecond = (1000 * Math.LN2) / this.#halfLifeMs;
    return [...this.#counted]
      .map(([key, { count, error }]) => ({ key, rate: count * perSecond, error: error * perSecond }))
      .filter(({ rate, error }) => rate - error >= atLeastPerSecond)
      .sort((one, other) => other.rate - one.rate || (one.key < other.key ? -1 : 1));
  }

  /** In steps, so that most notes cost no more than a count. */
  #decay(mono: number): void {
    this.#decayedAt ??= mono;
    const passed = mono - this.#decayedAt;
    if (passed < this.#halfLifeMs / 16) return;
    const factor = 2 ** (-passed / this.#halfLifeMs);
    this.#decayedAt = mono;
    for (const [key, counted] of this.#counted) {
      counted.count *= factor;
      counted.error *= factor;
      if (counted.count < 0.01) this.#counted.delete(key);
    }
  }
}

/** Places of shards with more than `factor` times the mean load; none where nothing happens. */
export function hotShards(loads: readonly number[], factor = 2): number[] {
  const mean = loads.reduce((sum, load) => sum + load, 0) / Math.max(1, loads.length);
  return loads.flatMap((load, place) => (load > factor * mean ? [place] : []));
}
