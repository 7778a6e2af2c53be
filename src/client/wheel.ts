import type { World } from "./world.ts";

/** Something that becomes due, at most once a `set`. Kept by one wheel. */
export class Timer {
  readonly run: () => void;
  tick = -1;
  previous: Timer | undefined;
  next: Timer | undefined;

  constructor(run: () => void) {
    this.run = run;
  }

  get armed(): boolean {
    return this.tick >= 0;
  }
}

const slots = 512;

/**
 * Many coarse timers over one real one, which runs only while there are any (Varghese and Lauck, "Hashed and
 * Hierarchical Timing Wheels", 1987). Setting and clearing costs a few assignments; due times are kept to
 * `tickMs`, never early.
 */
export class TimerWheel {
  readonly #world: World;
  readonly #tickMs: number;
  /** Rings of timers, each with a head of its own. */
  readonly #heads: (Timer | undefined)[] = Array.from({ length: slots }, () => undefined);
  #count = 0;
  #lastTick = 0;
  #running = false;

  constructor(world: World, tickMs = 10) {
    this.#world = world;
    this.#tickMs = tickMs;
  }

  /** Makes the timer due at `at` (monotonic milliseconds), in place of any earlier time. */
  set(timer: Timer, at: number): void {
    this.clear(timer);
    const now = this.#nowTick();
    if (!this.#running) {
      this.#running = true;
      this.#lastTick = now;
      this.#world.after(this.#tickMs, this.#onTick);
    }
    timer.tick = Math.max(this.#lastTick + 1, Math.ceil(at / this.#tickMs));
    const slot = timer.tick % slots;
    const head = this.#heads[slot];
    timer.next = head;
    if (head !== undefined) head.previous = timer;
    this.#heads[slot] = timer;
    this.#count++;
  }

  clear(timer: Timer): void {
    if (timer.tick < 0) return;
    if (timer.previous === undefined) this.#heads[timer.tick % slots] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    timer.previous = timer.next = undefined;
    timer.tick = -1;
    this.#count--;
  }

  #nowTick(): number {
    return Math.floor(this.#world.now() / this.#tickMs);
  }

  readonly #onTick = (): void => {
    const now = this.#nowTick();
    const due: Timer[] = [];
    const rounds = Math.min(now - this.#lastTick, slots);
    for (let i = 1; i <= rounds; i++) {
      const slot = (this.#lastTick + i) % slots;
      for (let timer = this.#heads[slot]; timer !== undefined; timer = timer.next) {
        if (timer.tick <= now) due.push(timer);
      }
    }
    this.#lastTick = now;
    // Each ring has its newest first; those of one tick go in the order in which they were set.
    due.reverse().sort((a, b) => a.tick - b.tick);
    for (const timer of due) this.#fire(timer, now);
    this.#running = this.#count > 0;
    if (this.#running) this.#world.after(this.#tickMs, this.#onTick);
  };

  /** An earlier one of the same tick may have cleared it, or set it anew. */
  #fire(timer: Timer, now: number): void {
    if (timer.tick < 0 || timer.tick > now) return;
    this.clear(timer);
    timer.run();
  }
}
