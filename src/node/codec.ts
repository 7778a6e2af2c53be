/**
 * Bytes of what nodes send each other and of what a node keeps in its log. Decoding is strict (CodecError).
 * Decoded bytes are views into the input: whoever decodes keeps the input unchanged, or copies it first,
 * once for the whole frame.
 */
import { ByteReader, ByteWriter, CodecError, must, type GroupId } from "../base/index.ts";
import { readOutcome, readRequestBody, writeOutcome, writeRequestBody } from "../contract/index.ts";
import * as dynamo from "../dynamo/index.ts";
import { decodeRecord, encodeRecord, readMessage, writeMessage } from "../raft/index.ts";
import type { LogRecord } from "../wal/index.ts";
import type { ForwardedReply, ForwardedRequest, NodeMessage, NodeRecord } from "./types.ts";

/** Groups from here on are keyspaces without a leader; below are Raft groups. */
export const firstRingGroup = 2 ** 32;

/** Of messages between nodes. A connection speaks the highest that both sides know; the lowest is still spoken. */
export const messageVersions = { min: 1, max: 2 } as const;

/** The version that a message came with: who speaks a lower one is not sent it. Protocols tolerate its loss. */
export function versionOf(message: NodeMessage): number {
  if (message.type === "ring") return 2;
  if (message.type !== "raft") return 1;
  const { message: raft } = message;
  return raft.type === "rejoinAt" || ("rejoining" in raft && raft.rejoining !== undefined) ? 2 : 1;
}

const messageTags = { raft: 1, forward: 2, forwarded: 3, ring: 4 } as const satisfies {
  [Type in NodeMessage["type"]]: number;
};

const scratch = new ByteWriter(4096);

export function encodeNodeMessage(message: NodeMessage): Uint8Array {
  scratch.reset();
  writeNodeMessage(scratch, message);
  return scratch.finish();
}

export function decodeNodeMessage(bytes: Uint8Array): NodeMessage {
  const reader = new ByteReader(bytes);
  const message = readNodeMessage(reader);
  reader.end();
  return message;
}

export function writeNodeMessage(writer: ByteWriter, message: NodeMessage): void {
  writer.u8(messageTags[message.type]);
  switch (message.type) {
    case "raft":
      writer.uint(message.group);
      return writeMessage(writer, message.message);
    case "ring":
      writer.uint(message.ring);
      return dynamo.writeDynamoMessage(writer, message.message);
    case "forward":
      writer.uint(message.group).uint(message.requests.length);
      for (const request of message.requests) {
        writer.uint(request.id).f64(request.ttlMs);
        writeRequestBody(writer, request.body);
      }
      break;
    case "forwarded":
      writer.uint(message.group).uint(message.replies.length);
      for (const reply of message.replies) {
        writer.uint(reply.id);
        writeOutcome(writer, reply.outcome);
      }
      break;
  }
}

export function readNodeMessage(reader: ByteReader): NodeMessage {
  const tag = reader.u8();
  switch (tag) {
    case messageTags.raft:
      return { type: "raft", group: reader.uint(), message: readMessage(reader) };
    case messageTags.ring:
      return { type: "ring", ring: reader.uint(), message: dynamo.readDynamoMessage(reader) };
    case messageTags.forward:
      return { type: "forward", group: reader.uint(), requests: readMany(reader, readForwardedRequest) };
    case messageTags.forwarded:
      return { type: "forwarded", group: reader.uint(), replies: readMany(reader, readForwardedReply) };
    default:
      throw new CodecError(`no node message has tag ${tag}`);
  }
}

function readForwardedRequest(reader: ByteReader): ForwardedRequest {
  const id = reader.uint();
  const ttlMs = reader.f64();
  if (!(ttlMs >= 0)) throw new CodecError(`a time to live is not negative: ${ttlMs}`);
  return { id, ttlMs, body: readRequestBody(reader) };
}

function readForwardedReply(reader: ByteReader): ForwardedReply {
  return { id: reader.uint(), outcome: readOutcome(reader) };
}

function readMany<T>(reader: ByteReader, readOne: (reader: ByteReader) => T): T[] {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} elements in ${reader.remaining} bytes`);
  const all: T[] = [];
  for (let i = 0; i < count; i++) all.push(readOne(reader));
  return all;
}

/** A record as the log of the node takes it. */
export function toLogRecord(written: NodeRecord): LogRecord {
  const { group } = written;
  if ("rows" in written) return ringLogRecord(group, written.rows);
  const { record } = written;
  const bytes = encodeRecord(record);
  if (record.type === "state") return { kind: "state", group, bytes };
  if (record.type === "snapshot") {
    return { kind: "snapshot", group, lastIndex: record.head.index, keepsTail: !record.reset, bytes };
  }
  const firstIndex = must(record.entries[0], "an entry of the record").index;
  return { kind: "entries", group, firstIndex, lastIndex: firstIndex + record.entries.length - 1, bytes };
}

function ringLogRecord(group: GroupId, record: dynamo.Record): LogRecord {
  const { index } = record;
  const bytes = dynamo.encodeRecord(record);
  return record.type === "rows"
    ? { kind: "entries", group, firstIndex: index, lastIndex: index, bytes }
    : { kind: "snapshot", group, lastIndex: index, keepsTail: true, bytes };
}

/** The record that the log kept, in memory of its own: the log hands out views of whole segments. Throws a CodecError. */
export function fromLogRecord({ group, kind, bytes }: LogRecord): NodeRecord {
  if (group >= firstRingGroup) return { group, rows: dynamo.decodeRecord(bytes.slice()) };
  const record = decodeRecord(bytes.slice());
  if (record.type !== kind) throw new CodecError(`a record of kind ${record.type} is filed under ${kind}`);
  return { group, record };
}
