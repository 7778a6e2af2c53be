/**
 * The whole state as a sequence of chunks. Each carries a checksum that goes on from the chunk before, so a
 * chunk that is damaged, missing, repeated or out of order is noticed.
 *
 *     chunk = checksum, number of rows before, (table + 1, key, value)…, 0, whether it is the last one
 *
 * A cursor says where a chunk begins, in the same terms: whoever kept it can go on from there.
 */
import { ByteReader, ByteWriter, CodecError, fromBinaryString, toBinaryString } from "../base/index.ts";
import type { Crc32c } from "../wal/index.ts";
import type { AppliedPosition } from "./context.ts";
import type { EngineReader, TableName } from "./engine.ts";
import { tableNames } from "./engine.ts";
import { StoreError } from "./errors.ts";
import { firstReadable } from "./event-log.ts";
import { metaKeys } from "./meta.ts";
import { historyKey, keyspaceOfCurrentKey, readCurrent } from "./rows.ts";

export interface SnapshotChunk {
  readonly bytes: Uint8Array;
  /** Where the next chunk begins. */
  readonly next: Uint8Array;
  readonly done: boolean;
}

/** The state of one moment. Close it: until then everything it needs is kept. */
export interface SnapshotReader {
  readonly position: AppliedPosition;
  readonly membership: Uint8Array | undefined;
  /**
   * The rows from `cursor` (empty: the start) on, at least one and about `maximumBytes` at most. The same cursor
   * gives the same chunk. Throws a StoreError `corrupt-snapshot` for what is not one of its cursors.
   */
  read(cursor: Uint8Array, maximumBytes: number): SnapshotChunk;
  close(): void;
}

export interface SnapshotSource {
  readonly reader: EngineReader;
  readonly compactedRevision: number;
  /** Ids of the keyspaces that there are. */
  readonly keyspaces: ReadonlySet<number>;
  /** Whether the row of a key belongs to a group of shards; undefined: all do. */
  readonly keeps: ((rowKey: string) => boolean) | undefined;
}

export interface StateRow {
  readonly table: TableName;
  readonly key: string;
  readonly value: Uint8Array;
}

interface Cursor {
  readonly table: number;
  /** The last key before it in that table; empty: none. */
  readonly after: string;
  readonly rows: number;
  readonly checksum: number;
}

const start: Cursor = { table: 0, after: "", rows: 0, checksum: 0 };
const checksumBytes = 4;

/**
 * The rows that make the state, in the order of tables and keys. Not among them is what compaction or dropping a
 * keyspace has made unreadable and a replica may or may not have removed yet.
 */
export function* stateRows(source: SnapshotSource, table = 0, after = ""): Generator<StateRow> {
  for (let place = table; place < tableNames.length; place++) {
    const name = tableNames[place]!;
    const from = place === table && after !== "" ? `${after}\0` : undefined;
    for (const [key, value] of source.reader.range(name, { from: lowest(source, name, from) })) {
      if (belongs(source, name, key, value)) yield { table: name, key, value };
    }
  }
}

/** Compacted events are a prefix of their tables: begin behind it. */
function lowest(source: SnapshotSource, table: TableName, from: string | undefined): string | undefined {
  if (table !== "history" && table !== "tombstones") return from;
  const { reader, compactedRevision } = source;
  const first = table === "history" ? firstReadable(reader, compactedRevision) : historyKey(compactedRevision + 1, 0);
  return from === undefined || from < first ? first : from;
}

function belongs(source: SnapshotSource, table: TableName, key: string, value: Uint8Array): boolean {
  if (table === "meta") return key !== metaKeys.leftovers;
  if (table !== "current") return true;
  if (!source.keyspaces.has(keyspaceOfCurrentKey(key)) || source.keeps?.(key) === false) return false;
  const state = readCurrent(value);
  return state.exists || state.place.revision > source.compactedRevision;
}

export function readChunk(
  source: SnapshotSource,
  cursorBytes: Uint8Array,
  maximumBytes: number,
  crc32c: Crc32c,
): SnapshotChunk {
  const cursor = decodeCursor(cursorBytes);
  const writer = new ByteWriter(Math.min(maximumBytes, 1024 * 1024) + 1024);
  const place = writer.placeU32();
  writer.uint(cursor.rows);
  let { table, after, rows } = cursor;
  let done = true;
  for (const row of stateRows(source, table, after)) {
    // One row always fits, or nothing would ever move.
    if (rows > cursor.rows && writer.length + row.key.length + row.value.length > maximumBytes) {
      done = false;
      break;
    }
    table = tableNames.indexOf(row.table);
    after = row.key;
    rows++;
    writer
      .u8(table + 1)
      .bytes(fromBinaryString(row.key))
      .bytes(row.value);
  }
  writer.u8(0).bool(done);
  const checksum = crc32c(writer.view().subarray(checksumBytes), cursor.checksum);
  writer.patchU32(place, checksum);
  return { bytes: writer.finish(), next: encodeCursor({ table, after, rows, checksum }), done };
}

/** Checks chunks one after the other and takes them apart. */
export class ChunkParser {
  readonly #crc32c: Crc32c;
  #checksum = 0;
  #rows = 0;
  #table = 0;
  #key = "";
  #done = false;

  constructor(crc32c: Crc32c) {
    this.#crc32c = crc32c;
  }

  /** Whether the last chunk has been seen. */
  get done(): boolean {
    return this.#done;
  }

  /** The rows of the next chunk; values are views into it. Throws a StoreError `corrupt-snapshot`. */
  parse(chunk: Uint8Array): StateRow[] {
    if (this.#done) throw corrupt("a chunk after the last one");
    try {
      return this.#parse(chunk);
    } catch (error) {
      throw error instanceof CodecError ? corrupt(error.message) : error;
    }
  }

  #parse(chunk: Uint8Array): StateRow[] {
    const reader = new ByteReader(chunk);
    const checksum = reader.u32();
    if (this.#crc32c(chunk.subarray(checksumBytes), this.#checksum) !== checksum) {
      throw corrupt("the checksum of a chunk is wrong, or a chunk is missing before it");
    }
    if (reader.uint() !== this.#rows) throw corrupt("a chunk does not go on where the last one ended");
    const rows: StateRow[] = [];
    for (let table = reader.u8(); table > 0; table = reader.u8()) {
      const name = tableNames[table - 1];
      const key = toBinaryString(reader.bytes());
      const grows = table - 1 > this.#table || (table - 1 === this.#table && key > this.#key);
      if (name === undefined || !grows) throw corrupt("rows are out of order");
      this.#table = table - 1;
      this.#key = key;
      rows.push({ table: name, key, value: reader.bytes() });
    }
    this.#done = reader.bool();
    reader.end();
    this.#checksum = checksum;
    this.#rows += rows.length;
    return rows;
  }
}

export function corrupt(message: string): StoreError {
  return new StoreError("corrupt-snapshot", message);
}

function encodeCursor(cursor: Cursor): Uint8Array {
  const writer = new ByteWriter(64);
  return writer.u32(cursor.checksum).uint(cursor.rows).u8(cursor.table).raw(fromBinaryString(cursor.after)).finish();
}

function decodeCursor(bytes: Uint8Array): Cursor {
  if (bytes.length === 0) return start;
  try {
    const reader = new ByteReader(bytes);
    const checksum = reader.u32();
    const rows = reader.uint();
    const table = reader.u8();
    if (table >= tableNames.length) throw new CodecError(`no such table: ${table}`);
    return { checksum, rows, table, after: toBinaryString(reader.raw(reader.remaining)) };
  } catch (error) {
    throw error instanceof CodecError ? corrupt(`not a cursor: ${error.message}`) : error;
  }
}
