import {
  ByteReader,
  ByteWriter,
  CodecError,
  fromBinaryString,
  toBinaryString,
  unreachable,
  utf8,
} from "../base/index.ts";
import { mergeSiblings, readSiblings, writeSiblings } from "../clock/index.ts";
import { counterValue, mergeCounters, mergeLatest, readCounter, writeCounter } from "../crdt/index.ts";
import { hash32 } from "../placement/index.ts";
import type { Name, State, Written } from "./types.ts";

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
    return { kind: "register", register: mergeLatest(one.register, other.register) };
  if (one.kind === "siblings" && other.kind === "siblings") {
    const siblings = mergeSiblings(one.siblings, other.siblings);
    // A planted mistake: of siblings only the one with the latest time stays.
    if (bugs?.has("siblings-by-time") && siblings.versions.length > 1) {
      const latest = siblings.versions.reduce((a, b) => (b.value.timestamp > a.value.timestamp ? b : a));
      return { kind: "siblings", siblings: { context: siblings.context, versions: [latest] } };
    }
    return { kind: "siblings", siblings };
  }
  if (one.kind === "counter" && other.kind === "counter") {
    // A planted mistake: the larger sum counts, as if nobody else had counted.
    if (bugs?.has("counter-takes-larger"))
      return counterValue(one.counter) >= counterValue(other.counter) ? one : other;
    return { kind: "counter", counter: mergeCounters(one.counter, other.counter) };
  }
  return kinds.indexOf(one.kind) >= kinds.indexOf(other.kind) ? one : other;
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
      return writeBytes(writer, value);
    }
    case "siblings":
      return writeSiblings(writer, state.siblings, writeWritten);
    case "counter":
      return writeCounter(writer, state.counter);
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
      return { kind, register: { timestamp, actor: reader.uint(), value: readBytes(reader) } };
    }
    case "siblings":
      return { kind, siblings: readSiblings(reader, readWritten) };
    case "counter":
      return { kind, counter: readCounter(reader) };
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
