/** The bytes of what happens to shards: a part of those of commands. */
import {
  type ByteReader,
  type ByteWriter,
  CodecError,
  fromBinaryString,
  toBinaryString,
  unreachable,
} from "../base/index.ts";
import { type KeyRange, placements } from "../placement/index.ts";
import type { KeyspaceName, Operation, ShardOperation } from "./command.ts";

const shardKinds: ReadonlySet<string> = new Set<ShardOperation["kind"]>([
  "splitShard",
  "mergeShard",
  "moveShard",
  "flipShard",
  "settleShard",
  "beginRange",
  "importRange",
  "ownRange",
  "sealRange",
  "dropRange",
]);

export function isShardKind(kind: Operation["kind"]): kind is ShardOperation["kind"] {
  return shardKinds.has(kind);
}

export function isShardOperation(operation: Operation): operation is ShardOperation {
  return isShardKind(operation.kind);
}

export function encodeShardOperation(writer: ByteWriter, operation: ShardOperation): void {
  switch (operation.kind) {
    case "splitShard":
    case "mergeShard":
      return void writeShard(writer, operation);
    case "moveShard":
      return void writeShard(writer, operation).uint(operation.to);
    case "flipShard":
      return void writeShard(writer, operation).uint(operation.move).uint(operation.position);
    case "settleShard":
      return void writeShard(writer, operation).uint(operation.epoch);
    case "ownRange":
      return void writeKeys(writer, operation).uint(operation.epoch);
    case "beginRange":
    case "sealRange":
      return void writeKeys(writer, operation).uint(operation.move);
    case "dropRange":
      return void writeKeys(writer, operation).uint(operation.move).uint(operation.epoch);
    case "importRange":
      writeKeys(writer, operation).uint(operation.move);
      return void writer.uint(operation.pass).uint(operation.chunk).bytes(operation.data);
    default:
      return unreachable(operation);
  }
}

export function decodeShardOperation(reader: ByteReader, kind: ShardOperation["kind"]): ShardOperation {
  switch (kind) {
    case "splitShard":
    case "mergeShard":
      return { kind, ...readShard(reader) };
    case "moveShard":
      return { kind, ...readShard(reader), to: reader.uint() };
    case "flipShard":
      return { kind, ...readShard(reader), move: reader.uint(), position: reader.uint() };
    case "settleShard":
      return { kind, ...readShard(reader), epoch: reader.uint() };
    case "ownRange":
      return { kind, ...readKeys(reader), epoch: reader.uint() };
    case "beginRange":
    case "sealRange":
      return { kind, ...readKeys(reader), move: reader.uint() };
    case "dropRange":
      return { kind, ...readKeys(reader), move: reader.uint(), epoch: reader.uint() };
    case "importRange": {
      const keys = { ...readKeys(reader), move: reader.uint() };
      return { kind, ...keys, pass: reader.uint(), chunk: reader.uint(), data: reader.bytes() };
    }
    default:
      return unreachable(kind);
  }
}

interface NamedShard {
  readonly keyspace: string;
  readonly at: string;
}

function writeShard(writer: ByteWriter, { keyspace, at }: NamedShard): ByteWriter {
  return writer.text(keyspace).bytes(fromBinaryString(at));
}

function readShard(reader: ByteReader): NamedShard {
  return { keyspace: reader.text(), at: toBinaryString(reader.bytes()) };
}

interface KeysOfKeyspace {
  readonly keyspace: KeyspaceName;
  readonly range: KeyRange;
}

function writeKeys(writer: ByteWriter, { keyspace, range }: KeysOfKeyspace): ByteWriter {
  writer.uint(keyspace.id).text(keyspace.name).u8(placements.indexOf(keyspace.placement));
  writer.bytes(fromBinaryString(range.from)).bool(range.to !== undefined);
  if (range.to !== undefined) writer.bytes(fromBinaryString(range.to));
  return writer;
}

function readKeys(reader: ByteReader): KeysOfKeyspace {
  const id = reader.uint();
  const name = reader.text();
  const placement = placements[reader.u8()];
  if (placement === undefined) throw new CodecError("no such placement");
  const from = toBinaryString(reader.bytes());
  const range = { from, to: reader.bool() ? toBinaryString(reader.bytes()) : undefined };
  return { keyspace: { id, name, placement }, range };
}
