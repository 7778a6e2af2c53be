import type { ByteReader, ByteWriter } from "../base/index.ts";
import { emptyVector, readVector, writeVector, type Actor } from "../clock/index.ts";
import { growCounter, growValue, mergeGrow, type GCounter } from "./grow.ts";

/** A counter that goes up and down: two that only grow. */
export interface PnCounter {
  readonly plus: GCounter;
  readonly minus: GCounter;
}

export const emptyCounter: PnCounter = { plus: emptyVector, minus: emptyVector };

/** `by` is a whole number, of either sign. */
export function changeCounter(counter: PnCounter, actor: Actor, by: number): PnCounter {
  return by >= 0
    ? { plus: growCounter(counter.plus, actor, by), minus: counter.minus }
    : { plus: counter.plus, minus: growCounter(counter.minus, actor, -by) };
}

export function counterValue({ plus, minus }: PnCounter): number {
  return growValue(plus) - growValue(minus);
}

export function mergeCounters(one: PnCounter, other: PnCounter): PnCounter {
  return { plus: mergeGrow(one.plus, other.plus), minus: mergeGrow(one.minus, other.minus) };
}

export function writeCounter(writer: ByteWriter, { plus, minus }: PnCounter): void {
  writeVector(writer, plus);
  writeVector(writer, minus);
}

/** Throws a CodecError. */
export function readCounter(reader: ByteReader): PnCounter {
  const plus = readVector(reader);
  return { plus, minus: readVector(reader) };
}
