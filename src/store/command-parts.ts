/** What the bytes of commands are put together from: each part is checked where it is read. */
import { type ByteReader, type ByteWriter, utf8 } from "../base/index.ts";
import { limits } from "./command.ts";
import { StoreError } from "./errors.ts";

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function malformed(message: string): StoreError {
  return new StoreError("malformed", message);
}

function tooLarge(what: string, length: number, limit: number): StoreError {
  return new StoreError("too-large", `${what} has ${length} bytes, at most ${limit} are possible`);
}

export function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(`${value} is not a whole number up to 2^53 - 1`);
}

/** Bytes that may be missing. */
export function writeEnd(writer: ByteWriter, bytes: Uint8Array | undefined): void {
  writer.bool(bytes !== undefined);
  if (bytes !== undefined) writer.bytes(bytes);
}

export function readEnd(reader: ByteReader): Uint8Array | undefined {
  return reader.bool() ? reader.bytes() : undefined;
}

export function readList<T>(reader: ByteReader, readOne: (reader: ByteReader) => T): T[] {
  const count = reader.uint();
  if (count > limits.transactionSteps) {
    throw new StoreError(
      "too-large",
      `${count} steps in a transaction, at most ${limits.transactionSteps} are possible`,
    );
  }
  return Array.from({ length: count }, () => readOne(reader));
}

export function readKind<K>(reader: ByteReader, kinds: readonly K[]): K {
  const place = reader.u8();
  const kind = kinds[place];
  if (kind === undefined) throw malformed(`no such kind: ${place} before ${reader.at}`);
  return kind;
}

export function readKey(reader: ByteReader): Uint8Array {
  const key = reader.bytes();
  if (key.length === 0) throw malformed("a key is empty");
  if (key.length > limits.keyBytes) throw tooLarge("a key", key.length, limits.keyBytes);
  return key;
}

export function readExpected(reader: ByteReader): number | undefined {
  const raw = reader.uint();
  return raw === 0 ? undefined : raw - 1;
}

export function readBounded(reader: ByteReader, what: string, limit: number): string {
  const text = reader.text();
  // No character has more than three bytes for each of its code units.
  const bytes = text.length * 3 > limit ? utf8(text).length : 0;
  if (bytes > limit) throw tooLarge(what, bytes, limit);
  return text;
}

export function readWithin(reader: ByteReader, what: string, least: number, most: number): number {
  const value = reader.uint();
  if (value < least || value > most) throw malformed(`${what} of ${value}: possible are ${least} to ${most}`);
  return value;
}

export function readName(reader: ByteReader, what: string): string {
  const name = readBounded(reader, what, limits.nameBytes);
  if (name.length === 0) throw malformed(`${what} is empty`);
  return name;
}

/** The name that its client gave it, and what says which attempt it is. */
export function readTransaction(reader: ByteReader): string {
  return readBounded(reader, "the name of a transaction", limits.nameBytes + 64);
}

export function readKeyspaceName(reader: ByteReader): string {
  const name = reader.text();
  if (!namePattern.test(name)) throw malformed(`"${name}" cannot name a keyspace: ${namePattern.source}`);
  return name;
}
