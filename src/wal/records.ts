import type { ByteWriter, GroupId, LogIndex } from "../base/index.ts";
import { ByteReader, CodecError } from "../base/index.ts";

/**
 * What one group has the log keep. The bytes are the group's own; the indexes tell the log what replaces what.
 *
 * - state: the newest one counts (Raft: term and vote).
 * - entries: `firstIndex` to `lastIndex` inclusive. They replace everything the group wrote from `firstIndex` on.
 *   Indexes count from 1, without gaps; what a snapshot covers is not written again.
 * - snapshot: a marker that everything up to `lastIndex` is durable elsewhere. `keepsTail` says whether entries
 *   above `lastIndex` stay (a snapshot of one's own log) or are void (one that was installed in place of a log
 *   that disagreed with it: Raft, extended version, section 7, receiver step 7).
 *
 * State and snapshot are repeated at the head of every segment, so they should be small.
 */
export type LogRecord = StateRecord | EntriesRecord | SnapshotRecord;

export interface StateRecord {
  readonly kind: "state";
  readonly group: GroupId;
  readonly bytes: Uint8Array;
}

export interface EntriesRecord {
  readonly kind: "entries";
  readonly group: GroupId;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly bytes: Uint8Array;
}

export interface SnapshotRecord {
  readonly kind: "snapshot";
  readonly group: GroupId;
  readonly lastIndex: LogIndex;
  readonly keepsTail: boolean;
  readonly bytes: Uint8Array;
}

const tag = { state: 0, entries: 1, snapshot: 2, snapshotInstead: 3 } as const;

/** Upper bound of what `encodeRecord` appends: a tag, and four whole numbers of at most eight bytes each. */
export function recordBound(record: LogRecord): number {
  return 33 + record.bytes.length;
}

export function encodeRecord(writer: ByteWriter, record: LogRecord): void {
  switch (record.kind) {
    case "state":
      writer.u8(tag.state).uint(record.group);
      break;
    case "entries":
      writer.u8(tag.entries).uint(record.group).uint(record.firstIndex);
      writer.uint(record.lastIndex - record.firstIndex);
      break;
    case "snapshot":
      writer.u8(record.keepsTail ? tag.snapshot : tag.snapshotInstead);
      writer.uint(record.group).uint(record.lastIndex);
      break;
  }
  writer.bytes(record.bytes);
}

/** Decodes a batch. The records' bytes are views into `payload`. Throws a CodecError. */
export function decodeRecords(payload: Uint8Array, count: number): LogRecord[] {
  const reader = new ByteReader(payload);
  const records: LogRecord[] = [];
  for (let i = 0; i < count; i++) records.push(decodeRecord(reader));
  return records;
}

function decodeRecord(reader: ByteReader): LogRecord {
  const kind = reader.u8();
  const group = reader.uint();
  switch (kind) {
    case tag.state:
      return { kind: "state", group, bytes: reader.bytes() };
    case tag.entries: {
      const firstIndex = reader.uint();
      const lastIndex = firstIndex + reader.uint();
      return { kind: "entries", group, firstIndex, lastIndex, bytes: reader.bytes() };
    }
    case tag.snapshot:
    case tag.snapshotInstead: {
      const lastIndex = reader.uint();
      return { kind: "snapshot", group, lastIndex, keepsTail: kind === tag.snapshot, bytes: reader.bytes() };
    }
    default:
      throw new CodecError(`no kind of record: ${kind}`);
  }
}
