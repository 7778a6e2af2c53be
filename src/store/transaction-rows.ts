/** The row of a transaction over several groups: what one of them has to do with it. */
import { ByteReader, ByteWriter, CodecError, fromBinaryString, toBinaryString } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";

export interface Part {
  readonly transaction: string;
  /** Wall-clock milliseconds: nothing new is accepted for it afterwards. */
  readonly deadline: number;
  /** When its first attempt began: what is older goes first. */
  readonly age: Timestamp;
  /** The group with its record. */
  readonly home: number;
  /** Wall-clock milliseconds of the log at which it came here. */
  readonly since: number;
  state: "prepared" | "committed" | "aborted";
  /** prepared: no lower than any change or snapshot that this group had; committed: that of its changes. */
  timestamp: Timestamp;
  readonly keyspace: number;
  /** Keys of `current`. What is finished has none. */
  reads: readonly string[];
  ranges: readonly { readonly from: string; readonly to: string | undefined }[];
  writes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[];
  /** none: this is not its home. */
  record: "none" | "pending" | "committed" | "aborted";
  /** At home: the other groups, until all of them have resolved. */
  participants: readonly number[];
  /** At home: what at most one committed transaction has; empty: nothing. */
  readonly once: string;
}

const states = ["prepared", "committed", "aborted"] as const satisfies readonly Part["state"][];
const records = ["none", "pending", "committed", "aborted"] as const satisfies readonly Part["record"][];

export function writePart(part: Part): Uint8Array {
  const writer = new ByteWriter(256);
  writer.text(part.transaction).uint(part.deadline).uint(part.age).uint(part.home).uint(part.since);
  writer.u8(states.indexOf(part.state)).uint(part.timestamp).uint(part.keyspace);
  writer.u8(records.indexOf(part.record)).uint(part.participants.length);
  for (const group of part.participants) writer.uint(group);
  writer.text(part.once);
  writer.uint(part.reads.length);
  for (const key of part.reads) writer.bytes(fromBinaryString(key));
  writer.uint(part.ranges.length);
  for (const { from, to } of part.ranges) {
    writer.bytes(fromBinaryString(from)).bool(to !== undefined);
    if (to !== undefined) writer.bytes(fromBinaryString(to));
  }
  writer.uint(part.writes.length);
  for (const { key, value } of part.writes) {
    writer.bytes(fromBinaryString(key)).bool(value !== undefined);
    if (value !== undefined) writer.bytes(value);
  }
  return writer.finish();
}

/** Throws a CodecError. */
export function readPart(row: Uint8Array): Part {
  const reader = new ByteReader(row);
  const part: Part = {
    transaction: reader.text(),
    deadline: reader.uint(),
    age: reader.uint(),
    home: reader.uint(),
    since: reader.uint(),
    state: kindOf(states, reader.u8()),
    timestamp: reader.uint(),
    keyspace: reader.uint(),
    record: kindOf(records, reader.u8()),
    participants: readMany(reader, () => reader.uint()),
    once: reader.text(),
    reads: readMany(reader, () => toBinaryString(reader.bytes())),
    ranges: readMany(reader, () => {
      const from = toBinaryString(reader.bytes());
      return { from, to: reader.bool() ? toBinaryString(reader.bytes()) : undefined };
    }),
    writes: readMany(reader, () => {
      const key = toBinaryString(reader.bytes());
      return { key, value: reader.bool() ? reader.bytes().slice() : undefined };
    }),
  };
  reader.end();
  return part;
}

function readMany<T>(reader: ByteReader, readOne: () => T): T[] {
  const many: T[] = [];
  for (let left = reader.uint(); left > 0; left--) many.push(readOne());
  return many;
}

function kindOf<K>(kinds: readonly K[], place: number): K {
  const kind = kinds[place];
  if (kind === undefined) throw new CodecError(`no such kind of transaction: ${place}`);
  return kind;
}
