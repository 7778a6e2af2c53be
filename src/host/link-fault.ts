import { must, type Random } from "../base/index.ts";
import type { LinkFault } from "./types.ts";

/** Delivers what it is given, after the delay that a fault asks for, in order as one TCP connection would. */
export class DelayLine<T> {
  readonly #deliver: (item: T) => void;
  readonly #random: Random;
  readonly #maxItems: number;
  #waiting: { readonly due: number; readonly item: T }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Above `maxItems` waiting, what comes is dropped. */
  constructor(deliver: (item: T) => void, random: Random, maxItems = 100_000) {
    this.#deliver = deliver;
    this.#random = random;
    this.#maxItems = maxItems;
  }

  /** `fault` undefined, and nothing older waiting: delivered at once. */
  push(item: T, fault: LinkFault | undefined, blocked: boolean): void {
    if (blocked || (fault !== undefined && this.#random.float() < fault.drop)) return;
    const delayMs = fault === undefined ? 0 : fault.delayMs + fault.jitterMs * this.#random.float();
    if (delayMs === 0 && this.#waiting.length === 0) {
      this.#deliver(item);
      return;
    }
    if (this.#waiting.length >= this.#maxItems) return;
    const due = Math.max(performance.now() + delayMs, this.#waiting.at(-1)?.due ?? 0);
    this.#waiting.push({ due, item });
    this.#timer ??= this.#arm();
  }

  clear(): void {
    this.#waiting = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): NodeJS.Timeout {
    const next = must(this.#waiting[0], "a waiting message").due;
    return setTimeout(this.#onTimer, Math.max(0, next - performance.now()));
  }

  readonly #onTimer = (): void => {
    const now = performance.now();
    const later = this.#waiting.findIndex((entry) => entry.due > now);
    const due = later === -1 ? this.#waiting : this.#waiting.slice(0, later);
    this.#waiting = later === -1 ? [] : this.#waiting.slice(later);
    this.#timer = this.#waiting.length > 0 ? this.#arm() : undefined;
    for (const { item } of due) this.#deliver(item);
  };
}
