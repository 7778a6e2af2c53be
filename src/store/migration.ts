/**
 * Keys on their way from one group to another, as chunks that one store exports and the other imports:
 *
 *     keys        everything in an interval of keys (behind `after`, up to `through`): what else is there goes
 *     changes     the present state of keys that changed after a revision
 *     names       answers by idempotency key, from a place on
 *     rest        changes and names, and all sessions with the answers that clients may still ask for: when writes
 *                 wait, every round trip counts
 *
 * Rows keep their revisions and timestamps, without the history behind them.
 */
import { ByteReader, ByteWriter, CodecError, copyBytes, fromBinaryString, toBinaryString } from "../base/index.ts";
import { type KeyRange, pointOf } from "../placement/index.ts";
import type { KeyspaceName } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { IdempotencyKeys } from "./idempotency.ts";
import {
  currentKey,
  type KeyState,
  keyspacePrefix,
  nowhere,
  readCurrent,
  readEvent,
  userKey,
  writeCurrent,
} from "./rows.ts";
import type { Sessions } from "./sessions.ts";
import { afterPrefix } from "./values.ts";

export const exportKinds = ["keys", "changes", "names", "rest"] as const;

/** Which chunk is wanted. `from`: the key, the revision, or the place behind which it begins; empty: from the start. */
export interface ExportRequest {
  readonly kind: (typeof exportKinds)[number];
  readonly range: KeyRange;
  readonly from: string;
}

export interface Exported {
  readonly data: Uint8Array;
  /** Where the next chunk of this kind begins. */
  readonly next: string;
  readonly more: boolean;
  /** How much is in it. */
  readonly count: number;
  /** When it was read. */
  readonly revision: number;
}

/** What of a store a chunk is taken from, or put into. */
export interface MigrationState {
  readonly context: Context;
  readonly sessions: Sessions;
  readonly idempotency: IdempotencyKeys;
}

const chunkBytes = 256 * 1024;
/** Rows or events that are looked at for one chunk. */
const chunkRows = 4096;

export function exportFrom(state: MigrationState, keyspace: KeyspaceName, request: ExportRequest): Exported {
  const { context } = state;
  const writer = new ByteWriter(4096);
  writer.u8(exportKinds.indexOf(request.kind)).uint(context.revision).uint(context.clock);
  const part = exporters[request.kind](writer, state, keyspace, request);
  return { data: writer.finish(), revision: context.revision, ...part };
}

type Part = Pick<Exported, "next" | "more" | "count">;
type Exporter = (writer: ByteWriter, state: MigrationState, keyspace: KeyspaceName, request: ExportRequest) => Part;

const exporters: Readonly<Record<ExportRequest["kind"], Exporter>> = {
  keys(writer, { context }, keyspace, { range, from }) {
    const prefix = keyspacePrefix(keyspace.id);
    const rows: [string, Uint8Array][] = [];
    let through: string | undefined;
    let bytes = 0;
    let seen = 0;
    const wanted = { from: from === "" ? prefix : `${prefix}${from}\0`, to: afterPrefix(prefix) };
    for (const [rowKey, row] of context.overlay.range("current", wanted)) {
      if (seen++ >= chunkRows || bytes >= chunkBytes) break;
      through = userKey(rowKey);
      if (!contains(range, pointOf(keyspace.placement, fromBinaryString(through)))) continue;
      const state = readCurrent(row);
      if (!state.exists) continue;
      rows.push([through, copyBytes(row)]);
      bytes += rowKey.length + row.length;
    }
    const more = seen > chunkRows || bytes >= chunkBytes;
    writer.bytes(fromBinaryString(from)).bool(more);
    if (more) writer.bytes(fromBinaryString(through!));
    writer.uint(rows.length);
    for (const [key, row] of rows) writeRow(writer, key, readCurrent(row));
    return { next: through ?? from, more, count: rows.length };
  },

  changes(writer, { context }, keyspace, { range, from }) {
    const after = Number(from);
    if (after < context.compactedRevision)
      throw new StoreError("compacted", `changes after revision ${after} are compacted`, context.compactedRevision);
    const changed = new Set<string>();
    let seen = 0;
    let last = after;
    let more = false;
    for (const { revision, bytes } of context.events.from(after + 1, false)) {
      // All of a revision or nothing of it.
      if (seen++ >= chunkRows && revision !== last) {
        more = true;
        break;
      }
      last = revision;
      const event = readEvent(bytes);
      if (event.keyspace !== keyspace.id || !contains(range, pointOf(keyspace.placement, event.key))) continue;
      changed.add(toBinaryString(event.key));
    }
    writer.uint(changed.size);
    const prefix = keyspacePrefix(keyspace.id);
    for (const key of [...changed].sort()) {
      const row = context.overlay.get("current", prefix + key);
      writeRow(writer, key, row && readCurrent(row));
    }
    return { next: String(more ? last : context.revision), more, count: changed.size };
  },

  names(writer, { idempotency }, _, { from }) {
    return idempotency.exportTo(writer, from, chunkRows, chunkBytes);
  },

  rest(writer, state, keyspace, { range, from }) {
    const [since, names] = fromRest(from);
    const changed = exporters.changes(writer, state, keyspace, { kind: "changes", range, from: since });
    const named = exporters.names(writer, state, keyspace, { kind: "names", range, from: names });
    state.sessions.exportTo(writer);
    const next = restFrom(changed.next, named.next);
    return { next, more: changed.more || named.more, count: changed.count + named.count };
  },
};

/** Behind which revision changes are missing, and behind which place answers by idempotency key. */
export function restFrom(since: string, names: string): string {
  return `${since}/${names}`;
}

function fromRest(from: string): [string, string] {
  const slash = from.indexOf("/");
  return [from.slice(0, slash), from.slice(slash + 1)];
}

/** Throws a StoreError `malformed`. */
export function importInto(state: MigrationState, keyspace: KeyspaceName, range: KeyRange, data: Uint8Array): void {
  const { context } = state;
  try {
    const reader = new ByteReader(data);
    const kind = exportKinds[reader.u8()];
    // The keys keep their revisions, so those to come are higher.
    context.revision = Math.max(context.revision, reader.uint());
    context.clock = Math.max(context.clock, reader.uint());
    if (kind === "keys") importInterval(context, keyspace, range, reader);
    else if (kind === "changes") importRows(context, keyspace, reader);
    else if (kind === "names") state.idempotency.importFrom(reader);
    else if (kind === "rest") {
      importRows(context, keyspace, reader);
      state.idempotency.importFrom(reader);
      state.sessions.importFrom(reader);
    } else throw new CodecError("no such kind of chunk");
    reader.end();
  } catch (error) {
    throw error instanceof CodecError ? new StoreError("malformed", error.message) : error;
  }
}

function importInterval(context: Context, keyspace: KeyspaceName, range: KeyRange, reader: ByteReader): void {
  const prefix = keyspacePrefix(keyspace.id);
  const after = toBinaryString(reader.bytes());
  const through = reader.bool() ? toBinaryString(reader.bytes()) : undefined;
  const interval = {
    from: after === "" ? prefix : `${prefix}${after}\0`,
    to: through === undefined ? afterPrefix(prefix) : `${prefix}${through}\0`,
  };
  const present = [...context.overlay.keys("current", interval)];
  const kept = importRows(context, keyspace, reader);
  for (const rowKey of present) {
    const key = userKey(rowKey);
    const isOurs = contains(range, pointOf(keyspace.placement, fromBinaryString(key)));
    if (isOurs && !kept.has(key)) context.overlay.delete("current", rowKey);
  }
}

function importRows(context: Context, keyspace: KeyspaceName, reader: ByteReader): Set<string> {
  const keys = new Set<string>();
  const writer = new ByteWriter(4096);
  for (let left = reader.uint(); left > 0; left--) {
    const key = reader.bytes();
    const rowKey = currentKey(keyspacePrefix(keyspace.id), key);
    if (!reader.bool()) {
      context.overlay.delete("current", rowKey);
      continue;
    }
    keys.add(userKey(rowKey));
    writer.reset();
    writeCurrent(writer, readState(reader));
    context.overlay.put("current", rowKey, writer.view());
  }
  return keys;
}

function writeRow(writer: ByteWriter, key: string, state: KeyState | undefined): void {
  const exists = state?.exists === true;
  writer.bytes(fromBinaryString(key)).bool(exists);
  if (!exists) return;
  const { place, createRevision, version, value } = state;
  writer.uint(place.revision).uint(place.timestamp).uint(createRevision).uint(version).bytes(value);
}

/** As a key that was put once and never before: its history stays behind. */
function readState(reader: ByteReader): KeyState {
  const place = { revision: reader.uint(), ordinal: 0, timestamp: reader.uint() };
  const createRevision = reader.uint();
  return {
    place,
    exists: true,
    createRevision,
    version: reader.uint(),
    value: reader.bytes(),
    skip: nowhere,
    skipAge: 0,
  };
}

export function contains(range: KeyRange, point: string): boolean {
  return point >= range.from && (range.to === undefined || point < range.to);
}
