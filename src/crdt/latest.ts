import type { Actor, Timestamp } from "../clock/index.ts";

/** When something was written, and by whom: no two writes have the same. */
export interface Stamp {
  readonly timestamp: Timestamp;
  /** Decides between equal timestamps. */
  readonly actor: Actor;
}

/** A last-writer-wins register (the later stamp wins; the other write is lost, which is what it promises). */
export interface Stamped<T> extends Stamp {
  readonly value: T;
}

/** Positive where `one` is the later. */
export function laterStamp(one: Stamp, other: Stamp): number {
  return one.timestamp - other.timestamp || one.actor - other.actor;
}

export function mergeLatest<T>(one: Stamped<T>, other: Stamped<T>): Stamped<T> {
  return laterStamp(one, other) >= 0 ? one : other;
}
