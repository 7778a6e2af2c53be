import type { Reading } from "../base/index.ts";

/** True time 0 of the simulated world, as a wall clock shows it. */
export const epochMs = 1_700_000_000_000;

/**
 * The clocks of one machine. True time is the world's; the monotonic clock runs at its own rate, the wall clock is
 * off by an offset, and the clock service claims an error that is honest where it is at least the offset.
 */
export class SimClock {
  #mono: number;
  #since: number;
  #rate = 1;
  #last = 0;
  offsetMs = 0;
  errorMs: number;

  constructor(now: number, mono: number, errorMs: number) {
    this.#mono = mono;
    this.#since = now;
    this.errorMs = errorMs;
  }

  get rate(): number {
    return this.#rate;
  }

  setRate(now: number, rate: number): void {
    this.#mono = this.#monoAt(now);
    this.#since = now;
    this.#rate = rate;
  }

  /** A new life: the monotonic clock begins anew, anywhere. */
  restart(now: number, mono: number): void {
    this.#mono = mono;
    this.#since = now;
    this.#last = 0;
  }

  read(now: number): Reading {
    // Rounding may differ on both sides of a change of rate; a monotonic clock never shows it.
    this.#last = Math.max(this.#last, this.#monoAt(now));
    return { mono: this.#last, wall: epochMs + now + this.offsetMs, error: this.errorMs };
  }

  /** The true time at which the monotonic clock shows `mono`, if its rate stays. */
  trueTimeOf(mono: number): number {
    return this.#since + (mono - this.#mono) / this.#rate;
  }

  #monoAt(now: number): number {
    return this.#mono + (now - this.#since) * this.#rate;
  }
}
