/**
 * Bytes of requests and outcomes, for every wire they travel on (clients to nodes, nodes to nodes).
 * Decoding is strict, and decoded bytes are views into the input: see `ByteReader.bytes`.
 */
import { CodecError, type ByteReader, type ByteWriter } from "../base/index.ts";
import { errorCatalogue, type ErrorCode, type Failure } from "./errors.ts";
import { partitionBehaviors, type Kept, type ReadContract, type ShardPosition } from "./guarantees.ts";
import type { Outcome, Query, RequestBody, WatchEvent } from "./request.ts";

const bodyTags = { write: 1, read: 2, quorumWrite: 3 } as const;
const exportedChunks = ["keys", "changes", "names", "rest"] as const;
const queryTags = {
  get: 1,
  list: 2,
  counter: 3,
  keyspaces: 4,
  lock: 5,
  barrier: 6,
  shards: 7,
  export: 8,
} as const satisfies {
  [Type in Query["type"]]: number;
};

/** Bits that say what else is there. */
const hasContract = 1;
const isDegraded = 1;
const hasShards = 2;

export function writeRequestBody(writer: ByteWriter, body: RequestBody): void {
  if (body.type === "write") {
    const { command, quorum } = body;
    writer.u8(quorum === undefined ? bodyTags.write : bodyTags.quorumWrite).bytes(command);
    if (quorum !== undefined) writeOptionalBytes(writeOptional(writer, quorum.w), quorum.context);
  } else {
    writer.u8(bodyTags.read);
    const { position, contract, shards } = body;
    writer.uint(position).u8((contract === undefined ? 0 : hasContract) | (shards === undefined ? 0 : hasShards));
    if (contract !== undefined) writeReadContract(writer, contract);
    if (shards !== undefined) writeShards(writer, shards);
    writeQuery(writer, body.query);
  }
}

export function readRequestBody(reader: ByteReader): RequestBody {
  const tag = reader.u8();
  switch (tag) {
    case bodyTags.write:
      return { type: "write", command: reader.bytes() };
    case bodyTags.quorumWrite: {
      const command = reader.bytes();
      const w = readOptional(reader);
      return { type: "write", command, quorum: { w, context: reader.bool() ? reader.bytes() : undefined } };
    }
    case bodyTags.read: {
      const position = reader.uint();
      const flags = readFlags(reader, hasContract | hasShards);
      const contract = (flags & hasContract) === 0 ? undefined : readReadContract(reader);
      const shards = (flags & hasShards) === 0 ? undefined : readShards(reader);
      return { type: "read", query: readQuery(reader), contract, position, ...(shards && { shards }) };
    }
    default:
      throw new CodecError(`no request has tag ${tag}`);
  }
}

function writeQuery(writer: ByteWriter, query: Query): void {
  writer.u8(queryTags[query.type]);
  switch (query.type) {
    case "get":
      writer.text(query.keyspace).bytes(query.key);
      writeOptional(writer, query.revision);
      writeOptional(writer, query.snapshot);
      writeOptional(writer, query.since);
      return;
    case "list":
      writer
        .text(query.keyspace)
        .bytes(query.prefix)
        .bool(query.after !== undefined);
      if (query.after !== undefined) writer.bytes(query.after);
      writer.uint(query.limit);
      writeOptional(writer, query.revision);
      writeOptional(writer, query.snapshot);
      writeOptional(writer, query.since);
      writeRanges(writer, query.ranges);
      return;
    case "counter":
      writer.text(query.name);
      break;
    case "lock":
    case "barrier":
      writer.text(query.name).text(query.claim);
      break;
    case "keyspaces":
      break;
    case "shards":
      writer.text(query.keyspace);
      break;
    case "export": {
      const { keyspace, chunk, range, from } = query;
      writer
        .text(keyspace)
        .u8(exportedChunks.indexOf(chunk))
        .text(range.from)
        .bool(range.to !== undefined);
      if (range.to !== undefined) writer.text(range.to);
      writer.text(from);
      break;
    }
  }
}

function readQuery(reader: ByteReader): Query {
  const tag = reader.u8();
  switch (tag) {
    case queryTags.get: {
      const [keyspace, key] = [reader.text(), reader.bytes()];
      const revision = readOptional(reader);
      return { type: "get", keyspace, key, revision, snapshot: readOptional(reader), since: readOptional(reader) };
    }
    case queryTags.list: {
      const keyspace = reader.text();
      const prefix = reader.bytes();
      const after = reader.bool() ? reader.bytes() : undefined;
      const limit = reader.uint();
      const revision = readOptional(reader);
      const snapshot = readOptional(reader);
      const query = { type: "list", keyspace, prefix, after, limit, revision, snapshot } as const;
      const since = readOptional(reader);
      const ranges = readRanges(reader);
      return ranges === undefined ? { ...query, since } : { ...query, since, ranges };
    }
    case queryTags.counter:
      return { type: "counter", name: reader.text() };
    case queryTags.keyspaces:
      return { type: "keyspaces" };
    case queryTags.lock:
      return { type: "lock", name: reader.text(), claim: reader.text() };
    case queryTags.barrier:
      return { type: "barrier", name: reader.text(), claim: reader.text() };
    case queryTags.shards:
      return { type: "shards", keyspace: reader.text() };
    case queryTags.export: {
      const keyspace = reader.text();
      const chunk = exportedChunks[reader.u8()];
      if (chunk === undefined) throw new CodecError("no such chunk");
      const range = readRange(reader);
      return { type: "export", keyspace, chunk, range, from: reader.text() };
    }
    default:
      throw new CodecError(`no query has tag ${tag}`);
  }
}

interface Range {
  readonly from: string;
  readonly to: string | undefined;
}

function writeRange(writer: ByteWriter, { from, to }: Range): void {
  writer.text(from).bool(to !== undefined);
  if (to !== undefined) writer.text(to);
}

function readRange(reader: ByteReader): Range {
  return { from: reader.text(), to: reader.bool() ? reader.text() : undefined };
}

/** One more than there are; 0: none are named. */
function writeRanges(writer: ByteWriter, ranges: readonly Range[] | undefined): void {
  writer.uint(ranges === undefined ? 0 : ranges.length + 1);
  for (const range of ranges ?? []) writeRange(writer, range);
}

function readRanges(reader: ByteReader): Range[] | undefined {
  const count = reader.uint();
  if (count > reader.remaining + 1) throw new CodecError(`${count} ranges in ${reader.remaining} bytes`);
  return count === 0 ? undefined : Array.from({ length: count - 1 }, () => readRange(reader));
}

function writeReadContract(writer: ByteWriter, contract: ReadContract): void {
  writer
    .bool(contract.linearizable)
    .bool(contract.session)
    .u8(contract.partition === undefined ? 0 : 1 + partitionBehaviors.indexOf(contract.partition));
  writeMilliseconds(writer, contract.stalenessMs);
  writeOptional(writer, contract.replicas);
  writer.text(plainText(contract.text));
}

function readReadContract(reader: ByteReader): ReadContract {
  const linearizable = reader.bool();
  const session = reader.bool();
  const tag = reader.u8();
  if (tag > partitionBehaviors.length) throw new CodecError(`no partition behaviour has tag ${tag}`);
  const partition = tag === 0 ? undefined : partitionBehaviors[tag - 1];
  const stalenessMs = readMilliseconds(reader);
  const replicas = readOptional(reader);
  const contract = { linearizable, session, stalenessMs, partition, text: joinedText(reader.text()) };
  return replicas === undefined ? contract : { ...contract, replicas };
}

export function writeOutcome(writer: ByteWriter, outcome: Outcome): void {
  writer.bool(outcome.ok);
  if (outcome.ok) {
    writeKept(writer, outcome.kept);
    writer.bytes(outcome.result);
  } else writeFailure(writer, outcome.failure);
}

export function readOutcome(reader: ByteReader): Outcome {
  if (!reader.bool()) return { ok: false, failure: readFailure(reader) };
  const kept = readKept(reader);
  return { ok: true, result: reader.bytes(), kept };
}

export function writeKept(writer: ByteWriter, kept: Kept): void {
  const { position, degraded, shards } = kept;
  writer.uint(position).u8((degraded ? isDegraded : 0) | (shards === undefined ? 0 : hasShards));
  if (shards !== undefined) writeShards(writer, shards);
  writeMilliseconds(writer, kept.stalenessMs);
  writer.text(plainText(kept.guarantee));
}

export function readKept(reader: ByteReader): Kept {
  const position = reader.uint();
  const flags = readFlags(reader, isDegraded | hasShards);
  const shards = (flags & hasShards) === 0 ? undefined : readShards(reader);
  const stalenessMs = readMilliseconds(reader);
  const kept = { guarantee: joinedText(reader.text()), position, stalenessMs, degraded: (flags & isDegraded) !== 0 };
  return shards === undefined ? kept : { ...kept, shards };
}

function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) throw new CodecError(`flags ${flags}, of which ${known} are known`);
  return flags;
}

function writeShards(writer: ByteWriter, shards: readonly ShardPosition[]): void {
  writer.uint(shards.length);
  for (const { group, position } of shards) writer.uint(group).uint(position);
}

function readShards(reader: ByteReader): ShardPosition[] {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} positions in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => ({ group: reader.uint(), position: reader.uint() }));
}

export function writeFailure(writer: ByteWriter, failure: Failure): void {
  writer.text(failure.code).text(failure.detail).bool(failure.definite);
}

export function readFailure(reader: ByteReader): Failure {
  const code = reader.text();
  const detail = reader.text();
  const definite = reader.bool();
  // A newer node may know errors that this one does not; what it says about the outcome still counts.
  return isErrorCode(code) ? { code, detail, definite } : { code: "internal", detail: `${code}: ${detail}`, definite };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}

export function writeWatchEvents(writer: ByteWriter, events: readonly WatchEvent[]): void {
  writer.uint(events.length);
  for (const event of events)
    writer
      .bool(event.kind === "put")
      .uint(event.revision)
      .bytes(event.key)
      .bytes(event.value);
}

export function readWatchEvents(reader: ByteReader): WatchEvent[] {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} events in ${reader.remaining} bytes`);
  const events: WatchEvent[] = [];
  for (let i = 0; i < count; i++) {
    const kind = reader.bool() ? "put" : "delete";
    const revision = reader.uint();
    events.push({ kind, key: reader.bytes(), value: reader.bytes(), revision });
  }
  return events;
}

/**
 * Guarantees travel joined by `&`: plain ASCII is written and read several times as fast as `∧`, and these texts are
 * in every request and every answer.
 */
const plainTexts = new Map<string, string>();
const joinedTexts = new Map<string, string>();
const maxTexts = 1000;

function plainText(text: string): string {
  return remembered(plainTexts, text, "∧", "&");
}

function joinedText(text: string): string {
  return remembered(joinedTexts, text, "&", "∧");
}

function remembered(texts: Map<string, string>, text: string, from: string, to: string): string {
  let other = texts.get(text);
  if (other === undefined) {
    other = text.replaceAll(from, to);
    if (texts.size >= maxTexts) texts.clear();
    texts.set(text, other);
  }
  return other;
}

function writeOptional(writer: ByteWriter, value: number | undefined): ByteWriter {
  writer.bool(value !== undefined);
  return value === undefined ? writer : writer.uint(value);
}

function writeOptionalBytes(writer: ByteWriter, bytes: Uint8Array | undefined): void {
  writer.bool(bytes !== undefined);
  if (bytes !== undefined) writer.bytes(bytes);
}

function readOptional(reader: ByteReader): number | undefined {
  return reader.bool() ? reader.uint() : undefined;
}

/** A duration with fractions; absent as a byte, so that the common case stays short. */
function writeMilliseconds(writer: ByteWriter, value: number | undefined): void {
  writer.bool(value !== undefined);
  if (value !== undefined) writer.f64(value);
}

function readMilliseconds(reader: ByteReader): number | undefined {
  if (!reader.bool()) return undefined;
  const value = reader.f64();
  if (!(value >= 0)) throw new CodecError(`a duration is not negative: ${value}`);
  return value;
}
