import { CodecError, type ByteReader, type ByteWriter } from "../base/index.ts";
import { emptyVector, joinVectors, readVector, tick, writeVector, type Actor, type Vector } from "./vector.ts";

/** One event: the `count`-th of its actor. */
export interface Dot {
  readonly actor: Actor;
  readonly count: number;
}

export interface Version<T> {
  readonly dot: Dot;
  readonly value: T;
}

/**
 * What a replica knows of one key (Almeida, Baquero et al., "Scalable and accurate causality tracking for eventually
 * consistent stores", 2014). `context` counts every event that is here or was overwritten; `versions` are those that
 * nothing overwrote: more than one where writers did not know of each other. Versions are in order of their dots.
 */
export interface Siblings<T> {
  readonly context: Vector;
  readonly versions: readonly Version<T>[];
}

const nothing: Siblings<never> = { context: emptyVector, versions: [] };

export function emptySiblings<T>(): Siblings<T> {
  return nothing;
}

/** What a reader knows who has seen these siblings: hand it to `writeVersion` to overwrite them. */
export function coveringContext<T>(siblings: Siblings<T>): Vector {
  return siblings.context;
}

/**
 * A write of `actor` by someone who knows `context`: it overwrites what they knew, and stays beside the rest.
 * The siblings must hold every earlier event of the actor.
 */
export function writeVersion<T>(siblings: Siblings<T>, context: Vector, actor: Actor, value: T): Siblings<T> {
  const known = tick(siblings.context, actor);
  const dot = { actor, count: known.get(actor)! };
  const kept = siblings.versions.filter((version) => !knows(context, version.dot));
  return { context: joinVectors(known, context), versions: sorted([...kept, { dot, value }]) };
}

/** A version stays where both have it, or where the other never knew of it. Commutative, associative, idempotent. */
export function mergeSiblings<T>(one: Siblings<T>, other: Siblings<T>): Siblings<T> {
  if (one === other) return one;
  const kept = one.versions.filter(({ dot }) => !knows(other.context, dot) || has(other, dot));
  const added = other.versions.filter(({ dot }) => !knows(one.context, dot));
  return { context: joinVectors(one.context, other.context), versions: sorted([...kept, ...added]) };
}

function knows(context: Vector, { actor, count }: Dot): boolean {
  return count <= (context.get(actor) ?? 0);
}

function has<T>({ versions }: Siblings<T>, { actor, count }: Dot): boolean {
  return versions.some(({ dot }) => dot.actor === actor && dot.count === count);
}

function sorted<T>(versions: Version<T>[]): readonly Version<T>[] {
  return versions.sort((a, b) => a.dot.actor - b.dot.actor || a.dot.count - b.dot.count);
}

export function writeSiblings<T>(
  writer: ByteWriter,
  siblings: Siblings<T>,
  writeValue: (writer: ByteWriter, value: T) => void,
): void {
  writeVector(writer, siblings.context);
  writer.uint(siblings.versions.length);
  for (const { dot, value } of siblings.versions) {
    writer.uint(dot.actor).uint(dot.count);
    writeValue(writer, value);
  }
}

/** Throws a CodecError. */
export function readSiblings<T>(reader: ByteReader, readValue: (reader: ByteReader) => T): Siblings<T> {
  const context = readVector(reader);
  const length = reader.uint();
  if (length > reader.remaining) throw new CodecError(`${length} versions in ${reader.remaining} bytes`);
  const versions: Version<T>[] = [];
  for (let i = 0; i < length; i++) {
    const dot = { actor: reader.uint(), count: reader.uint() };
    versions.push({ dot, value: readValue(reader) });
  }
  return { context, versions };
}
