import {
  ByteReader,
  ByteWriter,
  CodecError,
  fromBinaryString,
  toBinaryString,
  unreachable,
  utf8,
} from "../base/index.ts";
import { mergeSiblings, readSiblings, timestampOf, writeSiblings } from "../clock/index.ts";
import { hasKey, keyedValue, mergeKeyed, mergeLatest, readKeyedCounter, writeKeyedCounter } from "../crdt/index.ts";
import { hash32 } from "../placement/index.ts";
import type { Known, Name, State, Written } from "./types.ts";

export function keyName(key: Uint8Array): Name {
  return `k${toBinaryString(key)}`;
}

export function counterName(name: string): Name {
  return `c${toBinaryString(utf8(name))}`;
}

/** The key of a name made by `keyName`; undefined: it names a counter. */
export function keyOfName(name: Name): Uint8Array | undefined {
  return name.startsWith("k") ? fromBinaryString(name.slice(1)) : undefined;
}

/** Commutative, associative and idempotent. Two states of one name are of one kind; where they are not, the keyspace's `conflicts` changed and the one of the kind that is later in the list counts. */
export function mergeStates(
  one: State | undefined,
  other: State | undefined,
  bugs?: ReadonlySet<string>,
): State | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.kind === "register" && other.kind === "register")
    return {
      kind: "register",
      register: mergeLatest(one.register, other.register),
      known: mergeKnown(one.known, other.known),
    };
  if (one.kind === "siblings" && other.kind === "siblings") {
    const siblings = mergeSiblings(one.siblings, other.siblings);
    const known = mergeKnown(one.known, other.known);
    // A planted mistake: of siblings only the one with the latest time stays.
    if (bugs?.has("siblings-by-time") && siblings.versions.length > 1) {
      const latest = siblings.versions.reduce((a, b) => (b.value.timestamp > a.value.timestamp ? b : a));
      return { kind: "siblings", siblings: { context: siblings.context, versions: [latest] }, known };
    }
    return { kind: "siblings", siblings, known };
  }
  if (one.kind === "counter" && other.kind === "counter") {
    // A planted mistake: the larger sum counts, as if nobody else had counted.
    if (bugs?.has("counter-takes-larger")) return keyedValue(one.counter) >= keyedValue(other.counter) ? one : other;
    return { kind: "counter", counter: mergeKeyed(one.counter, other.counter) };
  }
  return kinds.indexOf(one.kind) >= kinds.indexOf(other.kind) ? one : other;
}

/** Writes of a name are known by their keys while they are so much older than the latest at most, and among so many. */
const knownFor = timestampOf(10_000);
const maximumKnown = 128;

/** Latest first; of the same key the later one. What is dropped is so by what remains, so merging stays associative. */
export function mergeKnown(one: readonly Known[], other: readonly Known[]): readonly Known[] {
  if (one.length === 0 || one === other) return other;
  if (other.length === 0) return one;
  const all = [...one, ...other].sort((a, b) => b.timestamp - a.timestamp || (a.key < b.key ? -1 : 1));
  const keys = new Set<string>();
  const since = all[0]!.timestamp - knownFor;
  return all
    .filter(({ key, timestamp }) => timestamp >= since && !keys.has(key) && keys.add(key))
    .slice(0, maximumKnown);
}

/** Whether the state shows that the write of this key was made. */
export function knows(state: State | undefined, key: string | undefined): boolean {
  if (key === undefined || state === undefined) return false;
  return state.kind === "counter" ? hasKey(state.counter, key) : state.known.some((known) => known.key === key);
}

/** The latest time that a state shows; 0: none. */
export function timestampOfState(state: State | undefined): number {
  if (state?.kind === "register") return state.register.timestamp;
  if (state?.kind === "siblings")
    return state.siblings.versions.reduce((latest, { value }) => Math.max(latest, value.timestamp), 0);
  return 0;
}

// Append only: places are bytes on disk.
const kinds = ["register", "siblings", "counter"] as const satisfies readonly State["kind"][];

export function writeState(writer: ByteWriter, state: State): void {
  writer.u8(kinds.indexOf(state.kind));
  switch (state.kind) {
    case "register": {
      const { timestamp, actor, value } = state.register;
      writer.uint(timestamp).uint(actor);
      writeBytes(writer, value);
      return writeKnown(writer, state.known);
    }
    case "siblings":
      writeSiblings(writer, state.siblings, writeWritten);
      return writeKnown(writer, state.known);
    case "counter":
      return writeKeyedCounter(writer, state.counter);
    default:
      return unreachable(state);
  }
}

/** Throws a CodecError. Bytes are views into the input. */
export function readState(reader: ByteReader): State {
  const place = reader.u8();
  const kind = kinds[place];
  switch (kind) {
    case "register": {
      const timestamp = reader.uint();
      const register = { timestamp, actor: reader.uint(), value: readBytes(reader) };
      return { kind, register, known: readKnown(reader) };
    }
    case "siblings":
      return { kind, siblings: readSiblings(reader, readWritten), known: readKnown(reader) };
    case "counter":
      return { kind, counter: readKeyedCounter(reader) };
    default:
      throw new CodecError(`no kind of state: ${place}`);
  }
}

/** Equal states have equal bytes. */
export function encodeState(state: State): Uint8Array {
  const writer = new ByteWriter(128);
  writeState(writer, state);
  return writer.finish();
}

export function decodeState(bytes: Uint8Array): State {
  const reader = new ByteReader(bytes);
  const state = readState(reader);
  reader.end();
  return state;
}

/** 64 bits over a name and its state, as two numbers. */
export function hashRow(name: Name, state: Uint8Array): readonly [number, number] {
  const bytes = fromBinaryString(name);
  const low = hash32(state, hash32(bytes, 1));
  return [low, hash32(state, hash32(bytes, low ^ 0x5bd1e995))];
}

function writeKnown(writer: ByteWriter, known: readonly Known[]): void {
  writer.uint(known.length);
  for (const { key, timestamp } of known) writer.bytes(fromBinaryString(key)).uint(timestamp);
}

function readKnown(reader: ByteReader): readonly Known[] {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} elements in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => ({ key: toBinaryString(reader.bytes()), timestamp: reader.uint() }));
}

function writeWritten(writer: ByteWriter, { timestamp, bytes }: Written): void {
  writer.uint(timestamp);
  writeBytes(writer, bytes);
}

function readWritten(reader: ByteReader): Written {
  const timestamp = reader.uint();
  return { timestamp, bytes: readBytes(reader) };
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array | undefined): void {
  writer.bool(bytes !== undefined);
  if (bytes !== undefined) writer.bytes(bytes);
}

function readBytes(reader: ByteReader): Uint8Array | undefined {
  return reader.bool() ? reader.bytes() : undefined;
}
