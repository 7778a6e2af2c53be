import { emptySiblings, emptyVector, mergeSiblings, writeVersion, type Actor, type Siblings } from "../clock/index.ts";

/**
 * An observed-remove set without tombstones (Bieniusa et al., "An optimized conflict-free replicated set", 2012): each
 * addition has a dot, a removal drops the dots it has seen. An addition that is concurrent with a removal wins.
 */
export type ObservedSet<T> = Siblings<T>;

export function emptySet<T>(): ObservedSet<T> {
  return emptySiblings();
}

export function addElement<T>(set: ObservedSet<T>, actor: Actor, element: T): ObservedSet<T> {
  return writeVersion(removeElement(set, element), emptyVector, actor, element);
}

export function removeElement<T>(set: ObservedSet<T>, element: T): ObservedSet<T> {
  return { context: set.context, versions: set.versions.filter(({ value }) => value !== element) };
}

export function hasElement<T>(set: ObservedSet<T>, element: T): boolean {
  return set.versions.some(({ value }) => value === element);
}

/** Each once, in the order of their dots. */
export function elementsOf<T>(set: ObservedSet<T>): T[] {
  return [...new Set(set.versions.map(({ value }) => value))];
}

export const mergeSets: <T>(one: ObservedSet<T>, other: ObservedSet<T>) => ObservedSet<T> = mergeSiblings;
