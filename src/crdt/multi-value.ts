import {
  coveringContext,
  emptySiblings,
  mergeSiblings,
  writeVersion,
  type Actor,
  type Siblings,
} from "../clock/index.ts";

/** A register that keeps every value written concurrently; the next write that has seen them replaces them all. */
export type MultiValue<T> = Siblings<T>;

export function emptyRegister<T>(): MultiValue<T> {
  return emptySiblings();
}

export function assignRegister<T>(register: MultiValue<T>, actor: Actor, value: T): MultiValue<T> {
  return writeVersion(register, coveringContext(register), actor, value);
}

export function registerValues<T>(register: MultiValue<T>): T[] {
  return register.versions.map(({ value }) => value);
}

export const mergeRegisters: <T>(one: MultiValue<T>, other: MultiValue<T>) => MultiValue<T> = mergeSiblings;
