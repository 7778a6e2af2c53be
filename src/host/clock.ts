import type { Reading } from "../base/index.ts";
import type { ClockErrorSource } from "./clock-error.ts";

/** The two clocks of the machine, milliseconds. */
export interface ClockSource {
  mono(): number;
  wall(): number;
}

export const systemClock: ClockSource = { mono: () => performance.now(), wall: () => Date.now() };

/** A wall clock that runs off by more than this much, and this share of the time passed, has been set. */
const jumpMs = 20;
const slewShare = 0.001;
/** After this long without another jump the clock is believed again. */
const doubtMs = 60_000;
/** A leap forward of this much may be a machine that slept, whose monotonic clock stood still meanwhile. */
const sleepMs = 1000;

/**
 * Readings with an honest error. The operator's bound holds for a clock that runs; when somebody sets it, nobody
 * can say whether it was right before or is right now, so the error grows by the step for a while. A machine that
 * slept wakes with leases that ran out in truth but not by its monotonic clock: that one leaps along.
 */
export class HostClock {
  readonly #source: ClockSource;
  readonly #errors: Pick<ClockErrorSource, "errorMs">;
  readonly #onJump: (ms: number) => void;
  /** wall − mono as last believed. */
  #offset: number;
  #readAt: number;
  #leapt = 0;
  #doubt = 0;
  #doubtUntil = 0;

  constructor(
    errors: Pick<ClockErrorSource, "errorMs">,
    onJump: (ms: number) => void,
    source: ClockSource = systemClock,
  ) {
    this.#source = source;
    this.#errors = errors;
    this.#onJump = onJump;
    this.#readAt = source.mono();
    this.#offset = source.wall() - this.#readAt;
  }

  /** Monotonic milliseconds, as in readings. */
  mono(): number {
    return this.#source.mono() + this.#leapt;
  }

  read(): Reading {
    const raw = this.#source.mono();
    const wall = this.#source.wall();
    const passed = raw - this.#readAt;
    const jump = wall - raw - this.#offset;
    this.#readAt = raw;
    if (Math.abs(jump) > jumpMs + passed * slewShare) this.#onStep(jump, raw);
    else {
      // What is slewed slowly is followed, so that it never adds up to a jump.
      this.#offset += Math.max(-passed * slewShare, Math.min(passed * slewShare, jump));
      if (this.#doubt > 0 && raw > this.#doubtUntil) this.#doubt = 0;
    }
    // A wall clock in whole milliseconds may be one behind.
    return { mono: raw + this.#leapt, wall, error: this.#errors.errorMs + 1 + this.#doubt };
  }

  #onStep(jump: number, raw: number): void {
    this.#offset += jump;
    if (jump > sleepMs) this.#leapt += jump;
    this.#doubt += Math.abs(jump);
    this.#doubtUntil = raw + doubtMs;
    this.#onJump(jump);
  }
}
