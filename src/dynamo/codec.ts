/** Bytes of messages and records. Decoding is strict (CodecError); decoded bytes are views into the input. */
import { ByteReader, ByteWriter, CodecError, fromBinaryString, toBinaryString, unreachable } from "../base/index.ts";
import { readVector, writeVector } from "../clock/index.ts";
import { readFailure, writeFailure } from "../contract/index.ts";
import { readState, writeState } from "./state.ts";
import type { Hashed, Message, Operation, Outcome, Record, State } from "./types.ts";

const messageTags = {
  store: 1,
  stored: 2,
  fetch: 3,
  fetched: 4,
  forward: 5,
  forwarded: 6,
  roots: 7,
  leaves: 8,
  names: 9,
  want: 10,
  alike: 11,
} as const satisfies { [Type in Message["type"]]: number };
const operationTags = { read: 1, write: 2, increment: 3 } as const satisfies { [Type in Operation["type"]]: number };
const recordTags = { rows: 1, checkpoint: 2 } as const satisfies { [Type in Record["type"]]: number };

export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(256);
  writeDynamoMessage(writer, message);
  return writer.finish();
}

export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const message = readDynamoMessage(reader);
  reader.end();
  return message;
}

export function writeDynamoMessage(writer: ByteWriter, message: Message): void {
  writer.u8(messageTags[message.type]);
  switch (message.type) {
    case "store":
      writeName(writer.uint(message.id), message.name).uint(message.holdFor);
      return writeState(writer, message.state);
    case "stored":
      writer.uint(message.id);
      return;
    case "fetch":
      writeName(writer.uint(message.id), message.name);
      return;
    case "fetched":
      writer.uint(message.id);
      return writeOptionalState(writer, message.state);
    case "forward":
      writer.uint(message.id).f64(message.ttlMs);
      return writeOperation(writer, message.operation);
    case "forwarded":
      writer.uint(message.id);
      return writeOutcome(writer, message.outcome);
    case "roots":
      return writeHashes(writer, message.roots);
    case "alike":
      return;
    case "leaves":
      writer.u8(message.partition);
      return writeHashes(writer, message.leaves);
    case "names":
      writer.u8(message.partition).u8(message.leaf).uint(message.names.length);
      for (const { name, hash } of message.names) writeName(writeName(writer, name), hash);
      return;
    case "want":
      writer.uint(message.names.length);
      for (const name of message.names) writeName(writer, name);
      return;
    default:
      return unreachable(message);
  }
}

export function readDynamoMessage(reader: ByteReader): Message {
  const tag = reader.u8();
  switch (tag) {
    case messageTags.store: {
      const id = reader.uint();
      const name = readName(reader);
      const holdFor = reader.uint();
      return { type: "store", id, name, holdFor, state: readState(reader) };
    }
    case messageTags.stored:
      return { type: "stored", id: reader.uint() };
    case messageTags.fetch:
      return { type: "fetch", id: reader.uint(), name: readName(reader) };
    case messageTags.fetched:
      return { type: "fetched", id: reader.uint(), state: readOptionalState(reader) };
    case messageTags.forward: {
      const id = reader.uint();
      const ttlMs = reader.f64();
      if (!(ttlMs >= 0)) throw new CodecError(`a time to live is not negative: ${ttlMs}`);
      return { type: "forward", id, ttlMs, operation: readOperation(reader) };
    }
    case messageTags.forwarded:
      return { type: "forwarded", id: reader.uint(), outcome: readOutcome(reader) };
    case messageTags.roots:
      return { type: "roots", roots: readHashes(reader) };
    case messageTags.alike:
      return { type: "alike" };
    case messageTags.leaves:
      return { type: "leaves", partition: reader.u8(), leaves: readHashes(reader) };
    case messageTags.names: {
      const partition = reader.u8();
      const leaf = reader.u8();
      const names = readMany(reader, () => ({ name: readName(reader), hash: readName(reader) }));
      return { type: "names", partition, leaf, names };
    }
    case messageTags.want:
      return { type: "want", names: readMany(reader, () => readName(reader)) };
    default:
      throw new CodecError(`no message has tag ${tag}`);
  }
}

function writeOperation(writer: ByteWriter, operation: Operation): void {
  writeName(writer.u8(operationTags[operation.type]), operation.name);
  switch (operation.type) {
    case "read":
      writer.uint(operation.r).bool(operation.linearizable);
      return;
    case "write":
      writer.uint(operation.w).bool(operation.linearizable);
      writer.bool(operation.bytes !== undefined);
      if (operation.bytes !== undefined) writer.bytes(operation.bytes);
      writer.bool(operation.context !== undefined);
      if (operation.context !== undefined) writeVector(writer, operation.context);
      return writeKey(writer, operation.key);
    case "increment":
      writer.uint(operation.w).f64(operation.by);
      return writeKey(writer, operation.key);
    default:
      return unreachable(operation);
  }
}

function readOperation(reader: ByteReader): Operation {
  const tag = reader.u8();
  const name = readName(reader);
  switch (tag) {
    case operationTags.read:
      return { type: "read", name, r: reader.uint(), linearizable: reader.bool() };
    case operationTags.write: {
      const w = reader.uint();
      const linearizable = reader.bool();
      const bytes = reader.bool() ? reader.bytes() : undefined;
      const context = reader.bool() ? readVector(reader) : undefined;
      return { type: "write", name, w, linearizable, bytes, context, key: readKey(reader) };
    }
    case operationTags.increment: {
      const w = reader.uint();
      const by = reader.f64();
      if (!Number.isSafeInteger(by)) throw new CodecError(`counters change by whole numbers, not ${by}`);
      return { type: "increment", name, w, by, key: readKey(reader) };
    }
    default:
      throw new CodecError(`no operation has tag ${tag}`);
  }
}

function writeKey(writer: ByteWriter, key: string | undefined): void {
  writer.bytes(fromBinaryString(key ?? ""));
}

function readKey(reader: ByteReader): string | undefined {
  const key = toBinaryString(reader.bytes());
  return key === "" ? undefined : key;
}

function writeOutcome(writer: ByteWriter, outcome: Outcome): void {
  writer.bool(outcome.ok);
  if (!outcome.ok) return writeFailure(writer, outcome.failure);
  writeOptionalState(writer, outcome.state);
  writer.bool(outcome.substitutes).uint(outcome.answered.length);
  for (const node of outcome.answered) writer.uint(node);
}

function readOutcome(reader: ByteReader): Outcome {
  if (!reader.bool()) return { ok: false, failure: readFailure(reader) };
  const state = readOptionalState(reader);
  const substitutes = reader.bool();
  return { ok: true, state, substitutes, answered: readMany(reader, () => reader.uint()) };
}

/** Records of a write in the log of the node. */
export function encodeRecord(record: Record): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u8(recordTags[record.type]).uint(record.index);
  if (record.type === "rows") {
    writer.uint(record.rows.length);
    for (const { key, row } of record.rows) {
      writeName(writer, key).bool(row !== undefined);
      if (row !== undefined) writer.bytes(row);
    }
  }
  return writer.finish();
}

export function decodeRecord(bytes: Uint8Array): Record {
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  const index = reader.uint();
  if (tag === recordTags.checkpoint) {
    reader.end();
    return { type: "checkpoint", index };
  }
  if (tag !== recordTags.rows) throw new CodecError(`no record has tag ${tag}`);
  const rows = readMany(reader, () => ({ key: readName(reader), row: reader.bool() ? reader.bytes() : undefined }));
  reader.end();
  return { type: "rows", index, rows };
}

/** Names, hashes and keys of rows are binary strings. */
function writeName(writer: ByteWriter, name: string): ByteWriter {
  return writer.bytes(fromBinaryString(name));
}

function readName(reader: ByteReader): string {
  return toBinaryString(reader.bytes());
}

function writeOptionalState(writer: ByteWriter, state: State | undefined): void {
  writer.bool(state !== undefined);
  if (state !== undefined) writeState(writer, state);
}

function readOptionalState(reader: ByteReader): State | undefined {
  return reader.bool() ? readState(reader) : undefined;
}

function writeHashes(writer: ByteWriter, hashes: readonly Hashed[]): void {
  writer.uint(hashes.length);
  for (const { place, hash } of hashes) writeName(writer.u8(place), hash);
}

function readHashes(reader: ByteReader): Hashed[] {
  return readMany(reader, () => ({ place: reader.u8(), hash: readName(reader) }));
}

function readMany<T>(reader: ByteReader, readOne: () => T): T[] {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} elements in ${reader.remaining} bytes`);
  return Array.from({ length: count }, readOne);
}
