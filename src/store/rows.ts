/**
 * The bytes of a key's rows.
 *
 *     current  keyspace, key       → the latest state: revisions, version, value
 *     history  revision, ordinal   → one event: the key, the state it got, and the state it had before
 *
 * Because an event carries the state before it, compaction is dropping a prefix of `history`, and nothing else:
 * what was visible at the compacted revision is either still current, or the "before" of a later event.
 * An old version is found by walking a key's events back from the current one, each of which names the one before;
 * every `skipDistance` events there is a shortcut, so that a much-written key costs 1/64 of its changes.
 */
import { ByteReader, type ByteWriter, CodecError, emptyBytes, toBinaryString } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import { numberKey, numberOfKey } from "./values.ts";

/** A row of `history`: which revision, and which of its changes. Revision 0: none. */
export interface Place {
  readonly revision: number;
  readonly ordinal: number;
}

/** One change of a key, and when: timestamps of a group's changes of one key grow as their revisions do. */
export interface Version extends Place {
  readonly timestamp: Timestamp;
}

export const nowhere: Place = { revision: 0, ordinal: 0 };

/** A key as `current` has it. Deleted keys stay as tombstones until the deletion is compacted. */
export interface KeyState {
  /** The event that made it so: its revision is the key's modRevision. */
  readonly place: Version;
  readonly exists: boolean;
  /** 0 for a tombstone, and so is the version. */
  readonly createRevision: number;
  readonly version: number;
  /** Borrowed, as the row it was read from. */
  readonly value: Uint8Array;
  /** An older event of this key, further back than the previous one; and how many events ago it was set. */
  readonly skip: Place;
  readonly skipAge: number;
}

/** What `before` says of a key: its state, or that there was none, but for the shortcut. */
export type StateBefore = Omit<KeyState, "skip" | "skipAge">;

export interface EventRow {
  readonly kind: "put" | "delete";
  readonly keyspace: number;
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  readonly timestamp: Timestamp;
  readonly skip: Place;
  readonly before: StateBefore | undefined;
}

/** Events between shortcuts. */
const skipDistance = 64;

const keyspacePrefixBytes = 4;

export function keyspacePrefix(id: number): string {
  return String.fromCharCode(id >>> 24, (id >>> 16) & 0xff, (id >>> 8) & 0xff, id & 0xff);
}

export function keyspaceOfCurrentKey(key: string): number {
  let id = 0;
  for (let i = 0; i < keyspacePrefixBytes; i++) id = id * 256 + key.charCodeAt(i);
  return id;
}

/** The user's part of a key of `current`. */
export function userKey(key: string): string {
  return key.slice(keyspacePrefixBytes);
}

export function currentKey(prefix: string, key: Uint8Array): string {
  return prefix + toBinaryString(key);
}

export function historyKey(revision: number, ordinal: number): string {
  return numberKey(revision) + String.fromCharCode(ordinal >>> 8, ordinal & 0xff);
}

export function revisionOfHistoryKey(key: string): number {
  return numberOfKey(key);
}

/** The shortcut that an event after `before` carries. */
export function nextSkip(before: KeyState | undefined): { readonly skip: Place; readonly skipAge: number } {
  if (before === undefined) return { skip: nowhere, skipAge: 0 };
  if (before.skipAge + 1 >= skipDistance) return { skip: before.place, skipAge: 0 };
  return { skip: before.skip, skipAge: before.skipAge + 1 };
}

/** First byte of a row of `current`. */
const tombstone = 0;
const live = 1;

export function writeCurrent(writer: ByteWriter, state: KeyState): void {
  writer
    .u8(state.exists ? live : tombstone)
    .uint(state.place.revision)
    .uint(state.place.ordinal)
    .uint(state.place.timestamp);
  writePlace(writer, state.skip);
  writer.uint(state.skipAge);
  if (state.exists)
    writer
      .uint(state.place.revision - state.createRevision)
      .uint(state.version)
      .raw(state.value);
}

export function readCurrent(row: Uint8Array): KeyState {
  const reader = new ByteReader(row);
  const kind = reader.u8();
  if (kind > live) throw new CodecError(`a current row of kind ${kind}`);
  const place = readVersion(reader);
  const skip = readPlace(reader);
  const skipAge = reader.uint();
  if (kind === tombstone) {
    return { place, exists: false, createRevision: 0, version: 0, value: emptyBytes, skip, skipAge };
  }
  const createRevision = place.revision - reader.uint();
  const version = reader.uint();
  return { place, exists: true, createRevision, version, value: reader.raw(reader.remaining), skip, skipAge };
}

const before = { none: 0, tombstone: 1, live: 2 } as const;

export function writeEvent(
  writer: ByteWriter,
  keyspace: number,
  key: Uint8Array,
  after: KeyState,
  prior: KeyState | undefined,
): void {
  writer
    .u8(after.exists ? live : tombstone)
    .uint(keyspace)
    .bytes(key)
    .uint(after.place.timestamp);
  writePlace(writer, after.skip);
  if (after.exists) writer.uint(after.createRevision).uint(after.version).bytes(after.value);
  if (prior === undefined) return void writer.u8(before.none);
  writer
    .u8(prior.exists ? before.live : before.tombstone)
    .uint(prior.place.revision)
    .uint(prior.place.ordinal)
    .uint(prior.place.timestamp);
  if (prior.exists) writer.uint(prior.createRevision).uint(prior.version).raw(prior.value);
}

export function readEvent(row: Uint8Array): EventRow {
  const reader = new ByteReader(row);
  const exists = reader.u8() === live;
  const keyspace = reader.uint();
  const key = reader.bytes();
  const timestamp = reader.uint();
  const skip = readPlace(reader);
  const createRevision = exists ? reader.uint() : 0;
  const version = exists ? reader.uint() : 0;
  const value = exists ? reader.bytes() : emptyBytes;
  return {
    kind: exists ? "put" : "delete",
    keyspace,
    key,
    createRevision,
    version,
    value,
    timestamp,
    skip,
    before: readBefore(reader),
  };
}

function readBefore(reader: ByteReader): StateBefore | undefined {
  const kind = reader.u8();
  if (kind === before.none) return undefined;
  const place = readVersion(reader);
  if (kind === before.tombstone) return { place, exists: false, createRevision: 0, version: 0, value: emptyBytes };
  const createRevision = reader.uint();
  return { place, exists: true, createRevision, version: reader.uint(), value: reader.raw(reader.remaining) };
}

function readVersion(reader: ByteReader): Version {
  return { revision: reader.uint(), ordinal: reader.uint(), timestamp: reader.uint() };
}

function writePlace(writer: ByteWriter, place: Place): void {
  writer.uint(place.revision);
  if (place.revision > 0) writer.uint(place.ordinal);
}

function readPlace(reader: ByteReader): Place {
  const revision = reader.uint();
  return revision === 0 ? nowhere : { revision, ordinal: reader.uint() };
}
