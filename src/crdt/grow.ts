import { joinVectors, type Actor, type Vector } from "../clock/index.ts";

/** A grow-only counter: what each actor has added. Only the actor itself raises its own number. */
export type GCounter = Vector;

/** `by` is a whole number, not negative. */
export function growCounter(counter: GCounter, actor: Actor, by: number): GCounter {
  return new Map(counter).set(actor, (counter.get(actor) ?? 0) + by);
}

export function growValue(counter: GCounter): number {
  let sum = 0;
  for (const added of counter.values()) sum += added;
  return sum;
}

/** Each actor's number only grows, so the larger one is the later one. */
export const mergeGrow: (one: GCounter, other: GCounter) => GCounter = joinVectors;
