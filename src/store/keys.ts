import { assert, ByteWriter, copyBytes, emptyBytes, fromBinaryString, toBinaryString } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import type { KeyRange } from "../placement/index.ts";
import { type KeyspaceName, limits } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { EventLog } from "./event-log.ts";
import type { KeyRow, ListedRow } from "./result.ts";
import {
  currentKey,
  type EventRow,
  historyKey,
  type KeyState,
  nextSkip,
  type Place,
  readCurrent,
  readEvent,
  type StateBefore,
  userKey,
  type Version,
  writeCurrent,
} from "./rows.ts";
import { afterPrefix } from "./values.ts";

export interface ListOptions {
  readonly prefix?: Uint8Array | undefined;
  /** Begin above this key. */
  readonly after?: Uint8Array | undefined;
  readonly limit?: number | undefined;
  /** Ends the page once it holds this much; it holds one row at least. */
  readonly maximumBytes?: number | undefined;
  readonly revision?: number | undefined;
  /** In a group of shards: of these ranges, all of which it has to serve. Left out: of all that it serves. */
  readonly ranges?: readonly KeyRange[] | undefined;
  /** As of this timestamp; not together with `revision`. */
  readonly snapshot?: Timestamp | undefined;
}

/** Which state of a key is wanted; neither: the latest. */
export type Moment = Pick<ListOptions, "revision" | "snapshot">;

const latest: Moment = {};

export interface EventLimits {
  readonly limit: number;
  readonly maximumBytes: number;
  readonly scanLimit: number;
}

export interface KeyEvent {
  readonly kind: "put" | "delete";
  readonly key: Uint8Array;
  /** Empty for a deletion. */
  readonly value: Uint8Array;
  readonly revision: number;
  /** 0 for a deletion, and so is the version. */
  readonly createRevision: number;
  readonly version: number;
  /** The key's state before; undefined: it did not exist. */
  readonly previous: KeyRow | undefined;
}

export interface Events {
  readonly events: readonly KeyEvent[];
  /** Where to go on: every change below it that matches has been told. */
  readonly next: number;
}

/** The keyspace id in front of every key, both ways. */
export interface KeyspaceHandle {
  readonly id: number;
  readonly prefix: string;
  /** Where its keys are in several groups: this one may not have them. */
  readonly sharded?: KeyspaceName | undefined;
}

const scratchBytes = 16 * 1024;
const scratch = new ByteWriter(2 * scratchBytes);

/** Keys of all keyspaces: their present states, old versions, and events. */
export class Keys {
  readonly #context: Context;
  readonly #bugs: ReadonlySet<string> | undefined;

  constructor(context: Context, bugs?: ReadonlySet<string>) {
    this.#context = context;
    this.#bugs = bugs;
  }

  /** The state that a change of the key follows; borrowed. Tombstones that are compacted count as nothing. */
  find(key: string): KeyState | undefined {
    const row = this.#context.overlay.get("current", key);
    if (row === undefined) return undefined;
    const state = readCurrent(row);
    return !state.exists && state.place.revision <= this.#context.compactedRevision ? undefined : state;
  }

  /** Puts the key, or deletes it where `value` is undefined. `prior` is what `find` said, still valid. */
  change(
    keyspace: number,
    key: Uint8Array,
    rowKey: string,
    place: Version,
    value: Uint8Array | undefined,
    prior: KeyState | undefined,
  ): void {
    const { overlay, events } = this.#context;
    const exists = value !== undefined;
    const { skip, skipAge } = nextSkip(prior);
    const after: KeyState = {
      place,
      exists,
      createRevision: !exists ? 0 : prior?.exists === true ? prior.createRevision : place.revision,
      version: exists ? (prior?.version ?? 0) + 1 : 0,
      value: value ?? emptyBytes,
      skip,
      skipAge,
    };
    events.append(keyspace, key, after, prior);
    // A writer never shrinks: what is large gets one of its own.
    const writer = after.value.length > scratchBytes ? new ByteWriter(after.value.length + 256) : scratch;
    writer.reset();
    writeCurrent(writer, after);
    overlay.put("current", rowKey, writer.view());
    if (!exists) overlay.put("tombstones", historyKey(place.revision, place.ordinal), fromBinaryString(rowKey));
  }

  get(keyspace: KeyspaceHandle, key: Uint8Array, at: Moment = latest): KeyRow | undefined {
    this.checkMoment(at);
    const rowKey = currentKey(keyspace.prefix, key);
    const state = this.find(rowKey);
    return state === undefined ? undefined : this.#rowAt(state, at);
  }

  /** `isHere`: which keys are not passed over. */
  list(
    keyspace: KeyspaceHandle,
    options: ListOptions,
    isHere?: (key: Uint8Array) => boolean,
  ): { rows: ListedRow[]; more: boolean; revision: number } {
    const { overlay } = this.#context;
    this.checkMoment(options);
    const revision = options.revision ?? this.#context.revision;
    const prefix = keyspace.prefix + toBinaryString(options.prefix ?? emptyBytes);
    // The smallest key above `after` is `after` and a zero byte.
    const after = options.after === undefined ? "" : `${currentKey(keyspace.prefix, options.after)}\0`;
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const maximumBytes = options.maximumBytes ?? Number.POSITIVE_INFINITY;
    let pageBytes = 0;
    const range = { from: after > prefix ? after : prefix, to: afterPrefix(prefix) };
    const rows: ListedRow[] = [];
    for (const [rowKey, bytes] of overlay.range("current", range)) {
      const key = fromBinaryString(userKey(rowKey));
      // First of all: what has come from another group has no history here.
      if (isHere?.(key) === false) continue;
      const row = this.#rowAt(readCurrent(bytes), options);
      if (row === undefined) continue;
      if (rows.length >= limit || pageBytes >= maximumBytes) return { rows, more: true, revision };
      rows.push({ key, ...row });
      pageBytes += rowKey.length + row.value.length;
    }
    return { rows, more: false, revision };
  }

  /**
   * Changes of keys under `prefix` from `fromRevision` on, in order; all of a revision or none of it.
   * Looks at no more than about `scanLimit` events, so that a rare prefix cannot hold up everyone else.
   */
  events(keyspace: KeyspaceHandle, prefix: Uint8Array, fromRevision: number, limits: EventLimits): Events {
    const { limit, maximumBytes, scanLimit } = limits;
    const { events: log, revision, compactedRevision } = this.#context;
    if (fromRevision <= compactedRevision) throw compacted(fromRevision, compactedRevision + 1);
    const events: KeyEvent[] = [];
    let scanned = 0;
    let eventBytes = 0;
    let lastRevision = 0;
    // Watches ask for the latest: most of the time the engine need not be asked.
    const isRecent = fromRevision > this.#context.durableRevision;
    for (const { revision: here, bytes } of log.from(fromRevision, isRecent)) {
      const isFull = events.length >= limit || scanned >= scanLimit || eventBytes >= maximumBytes;
      if (here !== lastRevision && isFull) return { events, next: here };
      lastRevision = here;
      scanned++;
      const event = readEvent(bytes);
      if (event.keyspace !== keyspace.id || !startsWith(event.key, prefix)) continue;
      events.push(this.#eventOf(event, here));
      eventBytes += event.key.length + event.value.length;
    }
    return { events, next: Math.max(fromRevision, revision + 1) };
  }

  /** Whether a key of the range changed after the timestamp. Throws a StoreError `too-large` for a range of too many keys. */
  changedAfter(
    keyspace: KeyspaceHandle,
    range: { readonly from: Uint8Array; readonly to: Uint8Array | undefined },
    snapshot: Timestamp,
  ): boolean {
    const { overlay, compactedRevision } = this.#context;
    const from = currentKey(keyspace.prefix, range.from);
    const to = range.to === undefined ? afterPrefix(keyspace.prefix) : currentKey(keyspace.prefix, range.to);
    let seen = 0;
    for (const [, row] of overlay.range("current", { from, to })) {
      const { exists, place } = readCurrent(row);
      // A replica may or may not have removed what is compacted.
      if (!exists && place.revision <= compactedRevision) continue;
      if (place.timestamp > snapshot) return true;
      if (++seen <= limits.rangeKeys) continue;
      throw new StoreError("too-large", `a transaction read a range of more than ${limits.rangeKeys} keys`);
    }
    return false;
  }

  /** Throws a StoreError: `compacted`, or `future-revision` for what may still change. */
  checkMoment({ revision, snapshot }: Moment): void {
    this.checkRevision(revision);
    if (snapshot === undefined) return;
    const { clock, revision: present, compactedRevision } = this.#context;
    if (snapshot < this.compactedClock()) {
      throw new StoreError(
        "compacted",
        "the snapshot of this transaction is compacted: run it again",
        compactedRevision,
      );
    }
    if (snapshot > clock && this.#bugs?.has("snapshot-not-awaited") !== true)
      throw new StoreError("future-revision", `timestamp ${snapshot} is still to come here`, present);
  }

  /** No change up to the compacted revision has a timestamp above it. */
  compactedClock(): Timestamp {
    const { compactedRevision, marks, clock } = this.#context;
    if (compactedRevision === 0) return 0;
    return marks.find(({ revision }) => revision >= compactedRevision)?.clock ?? clock;
  }

  checkRevision(revision: number | undefined): void {
    if (revision === undefined) return;
    const { compactedRevision, revision: present } = this.#context;
    if (revision < compactedRevision) throw compacted(revision, compactedRevision);
    if (revision > present) {
      throw new StoreError(
        "future-revision",
        `revision ${revision} does not exist yet, the present one is ${present}`,
        present,
      );
    }
  }

  #eventOf(event: EventRow, revision: number): KeyEvent {
    const { kind, createRevision, version } = event;
    const key = copyBytes(event.key);
    return {
      kind,
      key,
      value: copyBytes(event.value),
      revision,
      createRevision,
      version,
      previous: this.#row(event.before),
    };
  }

  #rowAt(state: KeyState, { revision, snapshot }: Moment): KeyRow | undefined {
    const { events, compactedRevision } = this.#context;
    if (snapshot !== undefined) {
      const wasThen = state.place.timestamp <= snapshot;
      return this.#row(wasThen ? state : stateAtTime(events, state, snapshot, compactedRevision));
    }
    if (revision === undefined || state.place.revision <= revision) return this.#row(state);
    return this.#row(stateAt(events, state, revision));
  }

  #row(state: StateBefore | undefined): KeyRow | undefined {
    if (state === undefined || !state.exists) return undefined;
    const { createRevision, version, place } = state;
    return { value: copyBytes(state.value), createRevision, modRevision: place.revision, version };
  }
}

/** What the key was at `revision`, which is below that of `state`. */
function stateAt(events: EventLog, state: KeyState, revision: number): StateBefore | undefined {
  let place: Place = state.skip.revision > revision ? state.skip : state.place;
  for (;;) {
    const event = events.find(place);
    assert(event.skip.revision < place.revision, "shortcuts lead back");
    if (event.skip.revision > revision) place = event.skip;
    else if (event.before !== undefined && event.before.place.revision > revision) place = event.before.place;
    else return event.before;
  }
}

/** What the key was at a timestamp, which is below that of `state`. */
function stateAtTime(
  events: EventLog,
  state: KeyState,
  snapshot: Timestamp,
  compactedRevision: number,
): StateBefore | undefined {
  let place: Place = state.place;
  for (;;) {
    const { skip, before } = events.find(place);
    if (skip.revision > compactedRevision && events.find(skip).timestamp > snapshot) place = skip;
    else if (before !== undefined && before.place.timestamp > snapshot) ({ place } = before);
    else return before;
  }
}

export function compacted(revision: number, lowest: number): StoreError {
  return new StoreError("compacted", `revision ${revision} is compacted, the lowest readable one is ${lowest}`, lowest);
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  if (key.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false;
  return true;
}
