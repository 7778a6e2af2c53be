/** The row of `meta` that says what state this is, and the one that holds what the owner attached. */
import { ByteReader, ByteWriter, CodecError } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import { type Settings } from "./command.ts";
import type { AppliedPosition, ClockMark } from "./context.ts";

/** Rows of the table `meta`. */
export const metaKeys = {
  /** The position is part of it, so it changes with every commit. */
  state: "state",
  membership: "membership",
  /** What only this replica has to remember: keyspaces whose rows it has not removed yet. Not in snapshots. */
  leftovers: "leftovers",
} as const;

export interface Meta {
  readonly applied: AppliedPosition;
  readonly revision: number;
  readonly compactedRevision: number;
  readonly clock: Timestamp;
  readonly marks: readonly ClockMark[];
  readonly nextKeyspaceId: number;
  readonly idempotencyKeys: number;
  readonly settings: Settings;
}

/** The layout of all rows. A later one gets the next number. */
const layout = 3;

export function encodeMeta(meta: Meta): Uint8Array {
  const { applied, settings } = meta;
  const writer = new ByteWriter(128);
  writer.u8(layout).uint(applied.index).uint(applied.term).f64(applied.timestamp);
  writer.uint(meta.revision).uint(meta.compactedRevision).uint(meta.nextKeyspaceId).uint(meta.idempotencyKeys);
  writer.uint(settings.retainedRevisions).uint(settings.sessionIdleMs).uint(settings.maximumSessions);
  writer.uint(settings.idempotencyRetentionMs).uint(settings.maximumIdempotencyKeys);
  writer.uint(meta.clock).uint(meta.marks.length);
  for (const { revision, clock } of meta.marks) writer.uint(revision).uint(clock);
  return writer.finish();
}

/** Throws a CodecError. */
export function decodeMeta(row: Uint8Array): Meta {
  const reader = new ByteReader(row);
  const found = reader.u8();
  if (found !== layout) throw new CodecError(`rows of layout ${found}, and this release knows ${layout}`);
  const applied = { index: reader.uint(), term: reader.uint(), timestamp: reader.f64() };
  const meta = {
    applied,
    revision: reader.uint(),
    compactedRevision: reader.uint(),
    nextKeyspaceId: reader.uint(),
    idempotencyKeys: reader.uint(),
    settings: {
      retainedRevisions: reader.uint(),
      sessionIdleMs: reader.uint(),
      maximumSessions: reader.uint(),
      idempotencyRetentionMs: reader.uint(),
      maximumIdempotencyKeys: reader.uint(),
    },
    clock: reader.uint(),
    marks: Array.from({ length: reader.uint() }, () => ({ revision: reader.uint(), clock: reader.uint() })),
  };
  reader.end();
  return meta;
}

export function encodeLeftovers(keyspaces: readonly number[]): Uint8Array {
  const writer = new ByteWriter(16);
  for (const id of keyspaces) writer.uint(id);
  return writer.finish();
}

export function decodeLeftovers(row: Uint8Array | undefined): number[] {
  const reader = new ByteReader(row ?? new Uint8Array(0));
  const keyspaces: number[] = [];
  while (reader.remaining > 0) keyspaces.push(reader.uint());
  return keyspaces;
}
