/**
 * Bytes of messages and records. Decoding is strict: whatever is not exactly what an encoder writes is a
 * CodecError, never a half-understood value.
 *
 * The entries of one append or record have consecutive indices, and terms and timestamps that never
 * fall, so only the first index is written, and differences for the rest: five bytes beside the command.
 * Decoded `data` are views into the input: whoever decodes keeps the input unchanged, or copies it first,
 * once for the whole frame.
 */
import { assert, ByteReader, ByteWriter, CodecError } from "../base/index.ts";
import { readMembership, writeMembership } from "./membership.ts";
import type { Closed, Entry, EntryKind, Message, Position, Record, SnapshotHead } from "./types.ts";

const messageTags = {
  voteRequest: 1,
  voteResponse: 2,
  append: 3,
  appendAccepted: 4,
  appendRejected: 5,
  heartbeat: 6,
  heartbeatAck: 7,
  snapshotChunk: 8,
  snapshotAck: 9,
  readRequest: 10,
  readResponse: 11,
  timeoutNow: 12,
  rejoinAt: 13,
} as const satisfies { [Type in Message["type"]]: number };

/** Before an answer of a replica that rejoins: its life. */
const rejoiningTag = 14;

const recordTags = { state: 1, entries: 2, snapshot: 3 } as const satisfies { [Type in Record["type"]]: number };

const entryKinds: readonly EntryKind[] = ["command", "noop", "membership"];
const entryKindTags = { command: 0, noop: 1, membership: 2 } as const satisfies { [Kind in EntryKind]: number };
/** Set in the head of an entry whose term is above its predecessor's. */
const newTermFlag = 4;

const scratch = new ByteWriter(4096);

export function encodeMessage(message: Message): Uint8Array {
  scratch.reset();
  writeMessage(scratch, message);
  return scratch.finish();
}

export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader);
  reader.end();
  return message;
}

export function encodeRecord(record: Record): Uint8Array {
  scratch.reset();
  writeRecord(scratch, record);
  return scratch.finish();
}

export function decodeRecord(bytes: Uint8Array): Record {
  const reader = new ByteReader(bytes);
  const record = readRecord(reader);
  reader.end();
  return record;
}

export function writeMessage(writer: ByteWriter, message: Message): void {
  if ("rejoining" in message && message.rejoining !== undefined) writer.u8(rejoiningTag).uint(message.rejoining);
  writer.u8(messageTags[message.type]).uint(message.term);
  switch (message.type) {
    case "voteRequest":
      writer.bool(message.pre).bool(message.transfer);
      return writePosition(writer, message.last);
    case "voteResponse":
      writer.bool(message.pre).bool(message.granted);
      break;
    case "append":
      writer.uint(message.round).uint(message.commit);
      writePosition(writer, message.previous);
      writeClosed(writer, message.closed);
      return writeEntries(writer, message.entries);
    case "appendAccepted":
      writer.uint(message.round).uint(message.match);
      break;
    case "appendRejected":
      writer.uint(message.round).uint(message.rejected);
      return writePosition(writer, message.hint);
    case "heartbeat":
      writer.uint(message.round).uint(message.commit).bool(message.quiesce);
      return writeClosed(writer, message.closed);
    case "heartbeatAck":
      writer.uint(message.round).uint(message.last);
      break;
    case "snapshotChunk":
      writer.uint(message.round).bool(message.done);
      writeHead(writer, message.head);
      writer.bytes(message.cursor).bytes(message.next).bytes(message.data);
      break;
    case "snapshotAck":
      writer.uint(message.round).uint(message.index).bytes(message.next).bool(message.done);
      break;
    case "readRequest":
      writer.uint(message.id);
      break;
    case "readResponse":
      writer.uint(message.id).bool(message.index !== undefined);
      if (message.index !== undefined) writer.uint(message.index);
      return writeClosed(writer, message.closed);
    case "timeoutNow":
      break;
    case "rejoinAt":
      writer.uint(message.life).uint(message.index);
      break;
  }
}

export function readMessage(reader: ByteReader): Message {
  const tag = reader.u8();
  return tag === rejoiningTag ? readMarked(reader) : readTagged(reader, tag);
}

function readTagged(reader: ByteReader, tag: number): Message {
  const term = reader.uint();
  switch (tag) {
    case messageTags.voteRequest:
      return { type: "voteRequest", term, pre: reader.bool(), transfer: reader.bool(), last: readPosition(reader) };
    case messageTags.voteResponse:
      return { type: "voteResponse", term, pre: reader.bool(), granted: reader.bool() };
    case messageTags.append: {
      const round = reader.uint();
      const commit = reader.uint();
      const previous = readPosition(reader);
      const closed = readClosed(reader);
      return { type: "append", term, round, previous, entries: readEntries(reader), commit, closed };
    }
    case messageTags.appendAccepted:
      return { type: "appendAccepted", term, round: reader.uint(), match: reader.uint() };
    case messageTags.appendRejected:
      return {
        type: "appendRejected",
        term,
        round: reader.uint(),
        rejected: reader.uint(),
        hint: readPosition(reader),
      };
    case messageTags.heartbeat: {
      const round = reader.uint();
      const commit = reader.uint();
      const quiesce = reader.bool();
      return { type: "heartbeat", term, round, commit, closed: readClosed(reader), quiesce };
    }
    case messageTags.heartbeatAck:
      return { type: "heartbeatAck", term, round: reader.uint(), last: reader.uint() };
    case messageTags.snapshotChunk:
      return readSnapshotChunk(reader, term);
    case messageTags.snapshotAck:
      return {
        type: "snapshotAck",
        term,
        round: reader.uint(),
        index: reader.uint(),
        next: reader.bytes(),
        done: reader.bool(),
      };
    case messageTags.readRequest:
      return { type: "readRequest", term, id: reader.uint() };
    case messageTags.readResponse: {
      const id = reader.uint();
      const index = reader.bool() ? reader.uint() : undefined;
      return { type: "readResponse", term, id, index, closed: readClosed(reader) };
    }
    case messageTags.timeoutNow:
      return { type: "timeoutNow", term };
    case messageTags.rejoinAt:
      return { type: "rejoinAt", term, life: reader.uint(), index: reader.uint() };
    default:
      throw new CodecError(`no raft message has tag ${tag}`);
  }
}

function readMarked(reader: ByteReader): Message {
  const rejoining = reader.uint();
  const answer = readTagged(reader, reader.u8());
  switch (answer.type) {
    case "appendAccepted":
    case "appendRejected":
    case "heartbeatAck":
    case "snapshotAck":
      return { ...answer, rejoining };
    default:
      throw new CodecError(`a ${answer.type} is no answer that can be marked`);
  }
}

function readSnapshotChunk(reader: ByteReader, term: number): Message {
  const round = reader.uint();
  const done = reader.bool();
  const head = readHead(reader);
  return {
    type: "snapshotChunk",
    term,
    round,
    head,
    cursor: reader.bytes(),
    next: reader.bytes(),
    data: reader.bytes(),
    done,
  };
}

export function writeRecord(writer: ByteWriter, record: Record): void {
  writer.u8(recordTags[record.type]);
  switch (record.type) {
    case "state":
      writer.uint(record.term).bool(record.vote !== undefined);
      if (record.vote !== undefined) writer.uint(record.vote);
      break;
    case "entries":
      return writeEntries(writer, record.entries);
    case "snapshot":
      writer.bool(record.reset);
      return writeHead(writer, record.head);
  }
}

export function readRecord(reader: ByteReader): Record {
  const tag = reader.u8();
  switch (tag) {
    case recordTags.state:
      return { type: "state", term: reader.uint(), vote: reader.bool() ? reader.uint() : undefined };
    case recordTags.entries:
      return { type: "entries", entries: readEntries(reader) };
    case recordTags.snapshot:
      return { type: "snapshot", reset: reader.bool(), head: readHead(reader) };
    default:
      throw new CodecError(`no raft record has tag ${tag}`);
  }
}

/** A number of elements; each takes a byte at least, so that a lie cannot ask for more memory than was sent. */
function readCount(reader: ByteReader): number {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} elements in ${reader.remaining} bytes`);
  return count;
}

function writePosition(writer: ByteWriter, position: Position): void {
  writer.uint(position.index).uint(position.term);
}

function readPosition(reader: ByteReader): Position {
  return { index: reader.uint(), term: reader.uint() };
}

function writeClosed(writer: ByteWriter, closed: Closed | undefined): void {
  writer.bool(closed !== undefined);
  if (closed !== undefined) writer.f64(closed.at).uint(closed.index);
}

function readClosed(reader: ByteReader): Closed | undefined {
  if (!reader.bool()) return undefined;
  const at = reader.f64();
  if (!Number.isFinite(at)) throw new CodecError(`a closed timestamp is finite, not ${at}`);
  return { at, index: reader.uint() };
}

function writeHead(writer: ByteWriter, head: SnapshotHead): void {
  writePosition(writer, head);
  writer.uint(head.timestamp);
  writeMembership(writer, head.membership);
}

function readHead(reader: ByteReader): SnapshotHead {
  return { index: reader.uint(), term: reader.uint(), timestamp: reader.uint(), membership: readMembership(reader) };
}

function writeEntries(writer: ByteWriter, entries: readonly Entry[]): void {
  writer.uint(entries.length);
  const first = entries[0];
  if (first === undefined) return;
  writer.uint(first.index);
  let { index } = first;
  let term = 0;
  let timestamp = 0;
  for (const entry of entries) {
    assert(
      entry.index === index && entry.term >= term && entry.timestamp >= timestamp,
      "entries that are written together follow each other",
    );
    const kind = entryKindTags[entry.kind];
    if (entry.term === term) writer.u8(kind);
    else writer.u8(kind | newTermFlag).uint(entry.term - term);
    writer.uint(entry.timestamp - timestamp).bytes(entry.data);
    index++;
    ({ term, timestamp } = entry);
  }
}

function readEntries(reader: ByteReader): Entry[] {
  const count = readCount(reader);
  const entries: Entry[] = [];
  if (count === 0) return entries;
  const first = reader.uint();
  let term = 0;
  let timestamp = 0;
  for (let i = 0; i < count; i++) {
    const head = reader.u8();
    const kind = entryKinds[head & ~newTermFlag];
    if (kind === undefined) throw new CodecError(`no kind of entry has tag ${head}`);
    if ((head & newTermFlag) !== 0) term += reader.uint();
    timestamp += reader.uint();
    entries.push({ index: first + i, term, timestamp, kind, data: reader.bytes() });
  }
  // All three only grow: if the last ones are exact whole numbers, so are all before.
  const last = Math.max(first + count, term, timestamp);
  if (last > Number.MAX_SAFE_INTEGER) throw new CodecError(`index, term or timestamp of ${last} is out of range`);
  return entries;
}
