import { CodecError, type ByteReader, type ByteWriter } from "../base/index.ts";

/** Who makes events, one after the other: a node, or one life of a node. A whole number up to 2^53 - 1. */
export type Actor = number;

/** How many events of each actor are known; who is missing counts as 0. */
export type Vector = ReadonlyMap<Actor, number>;

export const emptyVector: Vector = new Map();

export type Causality = "equal" | "before" | "after" | "concurrent";

/** The vector after one more event of the actor. */
export function tick(vector: Vector, actor: Actor): Vector {
  return new Map(vector).set(actor, (vector.get(actor) ?? 0) + 1);
}

/** Everything that either knows: the least upper bound. */
export function joinVectors(one: Vector, other: Vector): Vector {
  const joined = new Map(one);
  for (const [actor, count] of other) if (count > (joined.get(actor) ?? 0)) joined.set(actor, count);
  return joined;
}

/** Whether `one` knows everything that `other` knows. */
export function covers(one: Vector, other: Vector): boolean {
  for (const [actor, count] of other) if (count > (one.get(actor) ?? 0)) return false;
  return true;
}

/** How what `one` knows relates to what `other` knows. */
export function compareVectors(one: Vector, other: Vector): Causality {
  const after = covers(one, other);
  const before = covers(other, one);
  if (after) return before ? "equal" : "after";
  return before ? "before" : "concurrent";
}

/** In order of actors, so that equal vectors have equal bytes. */
export function writeVector(writer: ByteWriter, vector: Vector): void {
  const known = [...vector].filter(([, count]) => count > 0).sort(([one], [other]) => one - other);
  writer.uint(known.length);
  for (const [actor, count] of known) writer.uint(actor).uint(count);
}

/** Throws a CodecError. */
export function readVector(reader: ByteReader): Vector {
  const length = reader.uint();
  if (length > reader.remaining) throw new CodecError(`${length} actors in ${reader.remaining} bytes`);
  const vector = new Map<Actor, number>();
  for (let i = 0; i < length; i++) vector.set(reader.uint(), reader.uint());
  return vector;
}
