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
import type { KeyspaceName, ShardOperation } from "./command.ts";

export function encodeShardOperation(writer: ByteWriter, operation: ShardOperation): void {
  switch (operation.kind) {
    case "settleShard":
      return void writer.text(operation.keyspace).bytes(fromBinaryString(operation.at)).uint(operation.epoch);
    case "ownRange":
      writeKeyspaceName(writer, operation.keyspace);
      writeRange(writer, operation.range);
      return void writer.uint(operation.epoch);
    default:
      return unreachable(operation);
  }
}

export function decodeShardOperation(reader: ByteReader, kind: ShardOperation["kind"]): ShardOperation {
  switch (kind) {
    case "settleShard":
      return { kind, keyspace: reader.text(), at: toBinaryString(reader.bytes()), epoch: reader.uint() };
    case "ownRange":
      return { kind, keyspace: readKeyspaceName(reader), range: readRange(reader), epoch: reader.uint() };
    default:
      return unreachable(kind);
  }
}

function writeKeyspaceName(writer: ByteWriter, { id, name, placement }: KeyspaceName): void {
  writer.uint(id).text(name).u8(placements.indexOf(placement));
}

function readKeyspaceName(reader: ByteReader): KeyspaceName {
  const id = reader.uint();
  const name = reader.text();
  const placement = placements[reader.u8()];
  if (placement === undefined) throw new CodecError("no such placement");
  return { id, name, placement };
}

export function writeRange(writer: ByteWriter, { from, to }: KeyRange): void {
  writer.bytes(fromBinaryString(from)).bool(to !== undefined);
  if (to !== undefined) writer.bytes(fromBinaryString(to));
}

export function readRange(reader: ByteReader): KeyRange {
  const from = toBinaryString(reader.bytes());
  return { from, to: reader.bool() ? toBinaryString(reader.bytes()) : undefined };
}
