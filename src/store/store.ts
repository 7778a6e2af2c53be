import { assert, type GroupId, type LogIndex, type NodeId, type Term } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import { type KeyRange, pointOf } from "../placement/index.ts";
import type { Crc32c } from "../wal/index.ts";
import type { Settings } from "./command.ts";
import { dropCompacted } from "./compaction.ts";
import type { AppliedPosition } from "./context.ts";
import type { CounterValue } from "./counters.ts";
import type { Engine, EngineError, TableName } from "./engine.ts";
import { unpack } from "./event-log.ts";
import { StateHash } from "./hash.ts";
import { moved } from "./holdings.ts";
import { compacted, type Events, type ListOptions, type Moment } from "./keys.ts";
import { type CommandEntry, Machine } from "./machine.ts";
import { metaKeys } from "./meta.ts";
import { Overlay } from "./overlay.ts";
import { contains, exportFrom, type Exported, type ExportRequest } from "./migration.ts";
import { restoreInto, type SnapshotWriter } from "./restore.ts";
import type { BarrierState, KeyRow, KeyspaceRow, ListedRow, LockState } from "./result.ts";
import { currentKey, historyKey } from "./rows.ts";
import type { UnfinishedTransaction } from "./transactions.ts";
import { afterPrefix } from "./values.ts";
import type { ShardMap } from "./shard-map.ts";
import { readChunk, type SnapshotReader, type SnapshotSource, stateRows } from "./snapshot.ts";

export interface StoreOptions {
  /** For snapshots and fingerprints: the same function on every replica, so really CRC-32C. `wal/` has a plain one. */
  readonly crc32c: Crc32c;
  /** Whose state it is; left out: group 0, the one that knows all keyspaces. */
  readonly group?: GroupId | undefined;
  /** Mistakes planted on purpose, to see that the simulator finds them; never set in production. */
  readonly bugs?: ReadonlySet<string>;
}

export interface EventQuery {
  readonly keyspace: string;
  readonly prefix: Uint8Array;
  /** The first revision wanted. */
  readonly from: number;
  /** About how many events to return; those of one revision stay together. */
  readonly limit: number;
  /** About how many bytes of keys and values to return. */
  readonly maximumBytes?: number | undefined;
  /** About how many events to look at. */
  readonly scanLimit?: number | undefined;
}

const defaultScanLimit = 10_000;

/**
 * Opens the state that the engine has. Entries that the log has beyond `applied` are applied again by the owner.
 * Throws a CodecError for rows that this release cannot read.
 */
export function openStore(engine: Engine, options: StoreOptions): Store {
  return new Store(engine, options);
}

/** The state machine of one group. Reads see everything applied; values they return are the caller's to keep, not to change. */
export class Store {
  readonly #engine: Engine;
  readonly #crc32c: Crc32c;
  readonly #bugs: ReadonlySet<string> | undefined;
  readonly #overlay: Overlay;
  readonly #machine: Machine;
  #committedIndex: LogIndex;
  /** A received snapshot is being swapped in. */
  #replacing = false;

  constructor(engine: Engine, options: StoreOptions) {
    this.#engine = engine;
    this.#crc32c = options.crc32c;
    this.#overlay = new Overlay(engine);
    this.#bugs = options.bugs;
    this.#machine = new Machine(this.#overlay, this.#crc32c, options.group ?? 0, options.bugs);
    this.#machine.load();
    this.#committedIndex = this.applied.index;
  }

  get applied(): AppliedPosition {
    return this.#machine.context.applied;
  }

  /** Up to where the engine has it durably: the log below is not needed any more. */
  get committedIndex(): LogIndex {
    return this.#committedIndex;
  }

  /** What the owner attached last; goes with commits and snapshots. */
  get membership(): Uint8Array | undefined {
    return this.#machine.membership;
  }

  /** How to tell who votes by the membership: new shards are placed on them where nobody else is named. */
  readMembership(votersOf: (membership: Uint8Array) => readonly NodeId[]): void {
    this.#machine.votersOf = votersOf;
  }

  setMembership(bytes: Uint8Array): void {
    this.#machine.membership = bytes.slice();
  }

  get revision(): number {
    return this.#machine.context.revision;
  }

  /** Every change to come has a higher timestamp. */
  get clock(): Timestamp {
    return this.#machine.context.clock;
  }

  /** The lowest revision that can be read; events begin one above. */
  get compactedRevision(): number {
    return this.#machine.context.compactedRevision;
  }

  get settings(): Settings {
    return this.#machine.context.settings;
  }

  get sessionCount(): number {
    return this.#machine.sessions.count;
  }

  get idempotencyKeyCount(): number {
    return this.#machine.idempotency.count;
  }

  /** About how much memory the changes take that the engine does not have durably. */
  get dirtyBytes(): number {
    return this.#overlay.bytes + this.#machine.context.events.openBytes + this.#machine.sessions.dirtyBytes;
  }

  get committing(): boolean {
    return this.#overlay.committing;
  }

  /**
   * Applies the next entry of the log and answers with an encoded result; what the client did wrong is a result too.
   * Throws a StoreError `unsupported-version`, having changed nothing, for an entry of a newer release.
   */
  apply(entry: CommandEntry): Uint8Array {
    assert(!this.#replacing, "a received snapshot is being swapped in");
    return this.#machine.apply(entry);
  }

  /** The next entry of the log is not a command. */
  advance(index: LogIndex, term: Term, timestamp: Timestamp): void {
    assert(!this.#replacing, "a received snapshot is being swapped in");
    this.#machine.advance({ index, term, timestamp });
  }

  /** Throws a StoreError: `not-found` (the keyspace), `compacted`, `future-revision`; `moved` where another group has the key. */
  get(keyspace: string, key: Uint8Array, at: Moment = {}): KeyRow | undefined {
    const handle = this.#machine.keyspaces.find(keyspace);
    const { since, clock } = this.#machine.demand(handle, key);
    const isBefore = (at?.revision ?? since) < since || (at?.snapshot ?? clock) < clock;
    if (isBefore) throw compacted(at?.revision ?? since, since);
    const row = this.#machine.keys.get(handle, key, at);
    const dirty = this.#machine.transactions.dirty(currentKey(handle.prefix, key));
    return dirty === undefined ? row : { createRevision: 0, modRevision: 0, version: 0, ...row, value: dirty };
  }

  /** In the order of keys; of a keyspace in several groups, those of its keys that are served here. Throws as `get`. */
  list(keyspace: string, options: ListOptions = {}): { rows: ListedRow[]; more: boolean; revision: number } {
    const { keys, keyspaces, held } = this.#machine;
    const handle = keyspaces.find(keyspace);
    const { sharded } = handle;
    if (sharded === undefined) return keys.list(handle, options);
    if (held === undefined) throw moved();
    const { snapshot, ranges } = options;
    const { id, placement } = sharded;
    if (ranges?.every((range) => held.serves(id, range)) === false) throw moved();
    if (snapshot !== undefined && snapshot < held.changedAt(id)) throw compacted(this.revision, this.revision);
    return keys.list(handle, options, (key) => {
      const point = pointOf(placement, key);
      return ranges === undefined
        ? held.servedSince(id, point) !== undefined
        : ranges.some((range) => contains(range, point));
    });
  }

  /** A chunk of what another group needs to serve the range; see `migration.ts`. Throws a StoreError: `moved`, `compacted`. */
  export(keyspace: string, request: ExportRequest): Exported {
    const { keyspaces, held, context, sessions, idempotency } = this.#machine;
    const { sharded } = keyspaces.find(keyspace);
    if (sharded === undefined || held === undefined) throw moved();
    held.demandRange(sharded.id, request.range);
    return exportFrom({ context, sessions, idempotency }, sharded, request);
  }

  /** In group 0: which group has which keys. */
  get shards(): ShardMap {
    return this.#machine.shards;
  }

  /** In a group of shards: an index of group 0 that knows at least what this one has of the map. */
  get shardEpoch(): LogIndex {
    return this.#machine.held?.epoch ?? 0;
  }

  /** Whether the group serves the whole range. */
  serves(keyspace: number, range: KeyRange): boolean {
    return this.#machine.held?.serves(keyspace, range) ?? false;
  }

  /** Changes, for watches: ask again from `next`. Throws a StoreError: `not-found`, `compacted`. */
  events(query: EventQuery): Events {
    const keyspace = this.#machine.keyspaces.find(query.keyspace);
    const { limit, maximumBytes = Number.POSITIVE_INFINITY, scanLimit = defaultScanLimit } = query;
    return this.#machine.keys.events(keyspace, query.prefix, query.from, { limit, maximumBytes, scanLimit });
  }

  /**
   * Why keys cannot be read yet. locked: a transaction is about to change one of them. behind: changes to come may have
   * timestamps up to that of the snapshot (`observe` ends that). `prefix`: all keys that begin with it.
   */
  obstacle(
    keyspace: string,
    key: Uint8Array,
    prefix: boolean,
    snapshot: Timestamp | undefined,
  ): "locked" | "behind" | undefined {
    const { keyspaces, transactions } = this.#machine;
    if (snapshot !== undefined && snapshot > this.clock && this.#bugs?.has("snapshot-not-awaited") !== true)
      return "behind";
    if (transactions.lockCount === 0 || this.#bugs?.has("dirty-reads") === true) return undefined;
    const handle = keyspaces.maybe(keyspace);
    if (handle === undefined) return undefined;
    const from = currentKey(handle.prefix, key);
    return transactions.isLocked(from, prefix ? afterPrefix(from) : `${from}\0`, snapshot) ? "locked" : undefined;
  }

  /** Grows whenever a transaction gives its locks back. */
  get unlockCount(): number {
    return this.#machine.transactions.unlockCount;
  }

  get unfinishedCount(): number {
    return this.#machine.transactions.unfinishedCount;
  }

  /** Transactions over several groups that somebody has to finish. */
  unfinishedTransactions(): UnfinishedTransaction[] {
    return this.#machine.transactions.unfinished();
  }

  counter(name: string): CounterValue {
    return this.#machine.counters.get(name);
  }

  /** `claim`: whose place in the queue to tell. */
  lock(name: string, claim: string): LockState {
    return this.#machine.coordination.lock(name, claim);
  }

  barrier(name: string, claim: string): BarrierState {
    return this.#machine.coordination.barrier(name, claim);
  }

  /** Wall-clock milliseconds at which a lease or a wait ends next: an entry of that time ends it. undefined: none does. */
  get nextDeadline(): number | undefined {
    return this.#machine.coordination.nextDeadline;
  }

  /** The text of a keyspace's contract; of `default`, where there is no keyspace of that name. */
  contractOf(name: string): string {
    return this.#machine.keyspaces.contractOf(name);
  }

  /** Whether the keyspace, or the counter of its name, is kept by quorums, and not here. */
  isLeaderless(name: string): boolean {
    return this.#machine.keyspaces.isLeaderless(name);
  }

  /** Grows whenever `keyspaces()` would answer something else. */
  get keyspaceChanges(): number {
    return this.#machine.keyspaces.changes;
  }

  keyspaces(): KeyspaceRow[] {
    return this.#machine.keyspaces.list();
  }

  /**
   * Starts moving the delta to the engine, with the position it returns. One at a time; applying goes on meanwhile.
   * After the error `full` the delta is as it was, and the next commit tries again.
   */
  commit(done: (error?: EngineError) => void): { readonly index: LogIndex } {
    assert(!this.#replacing, "a received snapshot is being swapped in");
    assert(!this.#overlay.committing, "one commit at a time: wait for the last one to be done");
    dropCompacted(this.#machine.context, this.#machine.leftovers);
    this.#machine.unheld?.sweep();
    this.#machine.flush();
    const { index } = this.applied;
    const { revision } = this;
    this.#overlay.commit((error) => {
      if (error === undefined) {
        this.#committedIndex = index;
        this.#machine.context.durableRevision = revision;
      }
      done(error);
    });
    return { index };
  }

  /** The present state, for as long as the reader is open. */
  snapshot(): SnapshotReader {
    const position = this.applied;
    const { membership } = this;
    const { source, close } = this.#source();
    if (this.#bugs?.has("sessions-not-in-snapshot")) forget(source, "sessions");
    if (this.#bugs?.has("locks-not-in-snapshot")) forget(source, "coordination");
    const read: SnapshotReader["read"] = (cursor, maximumBytes) =>
      readChunk(source, cursor, maximumBytes, this.#crc32c);
    return { position, membership, read, close };
  }

  /** Stages a received snapshot beside the present state. */
  restore(): SnapshotWriter {
    return restoreInto(this.#engine, this.#crc32c, {
      appliedIndex: () => this.applied.index,
      begin: () => void (this.#replacing = true),
      end: (error) => {
        this.#replacing = false;
        if (error !== undefined) return;
        this.#overlay.clear();
        this.#machine.load();
        this.#committedIndex = this.applied.index;
      },
    });
  }

  /** A hash of the whole state but the membership: equal on replicas that have applied the same entries. Costs reading everything. */
  digest(): string {
    const { source, close } = this.#source();
    const hash = new StateHash();
    for (const { table, key, value } of stateRows(source)) {
      if (table === "history") {
        for (const { revision, ordinal, bytes } of unpack(key, value)) {
          if (revision > source.compactedRevision) hash.text(table).text(historyKey(revision, ordinal)).bytes(bytes);
        }
      } else if (table !== "meta" || key !== metaKeys.membership) hash.text(table).text(key).bytes(value);
    }
    close();
    return hash.digest();
  }

  #source(): { source: { -readonly [Part in keyof SnapshotSource]: SnapshotSource[Part] }; close: () => void } {
    this.#machine.flush();
    const reader = this.#overlay.snapshot();
    const keyspaces = this.#machine.keyspaces.ids();
    const keeps = this.#machine.unheld?.keeper();
    return {
      source: { reader, compactedRevision: this.compactedRevision, keyspaces, keeps },
      close: () => reader.close(),
    };
  }
}

/** A planted mistake: a table stays behind. */
function forget(source: { reader: SnapshotSource["reader"] }, missing: TableName): void {
  const { reader } = source;
  source.reader = { ...reader, range: (table, options) => (table === missing ? [] : reader.range(table, options)) };
}
