import { assert, type GroupId, type NodeId, unreachable } from "../base/index.ts";
import type { Crc32c } from "../wal/index.ts";
import type { Timestamp } from "../clock/index.ts";
import { type DecodedCommand, decodeCommand } from "./command-codec.ts";
import {
  type CommitDemands,
  defaultSettings,
  type Envelope,
  isSharded,
  type KeyspaceDefinition,
  type Operation,
  type PrepareOperation,
} from "./command.ts";
import type { AppliedPosition, Context } from "./context.ts";
import { Coordination } from "./coordination.ts";
import { Counters } from "./counters.ts";
import { StoreError } from "./errors.ts";
import { EventLog } from "./event-log.ts";
import { IdempotencyKeys } from "./idempotency.ts";
import { Keys, type KeyspaceHandle } from "./keys.ts";
import { HeldRanges, moved } from "./holdings.ts";
import { Keyspaces, withoutLeader } from "./keyspaces.ts";
import { decodeLeftovers, decodeMeta, encodeLeftovers, encodeMeta, metaKeys } from "./meta.ts";
import type { Overlay } from "./overlay.ts";
import { errorCodeOf } from "./peek.ts";
import { encodeResult, type Result } from "./result.ts";
import { currentKey, type Version } from "./rows.ts";
import { applyRange } from "./range-operations.ts";
import { UnheldRows } from "./unheld.ts";
import { Sessions } from "./sessions.ts";
import { afterPrefix } from "./values.ts";
import { changedKeys, keysOf, readKeys, runCommit, runTransaction } from "./transaction.ts";
import type { Part } from "./transaction-rows.ts";
import { keyOfRow, Transactions } from "./transactions.ts";
import { placedOn, ShardMap } from "./shard-map.ts";

/** A committed entry that is a command. */
export interface CommandEntry extends AppliedPosition {
  /** An encoded command. It is not kept: what is needed of it is copied. */
  readonly data: Uint8Array;
}

/** About how many notes of the clock there are between the compacted revision and the present one. */
const marksKept = 64;
/** Above 0, which stands for a snapshot that is still to be chosen. */
const firstClock = 1;
const always = { since: 0, clock: 0 };
const initialPosition: AppliedPosition = { index: 0, term: 0, timestamp: 0 };

/**
 * The deterministic part: what an entry does depends on the entry and on the state before it, and on nothing else.
 * Every refusal comes before the first change.
 */
export class Machine {
  readonly #crc32c: Crc32c;
  readonly #bugs: ReadonlySet<string> | undefined;
  readonly context: Context;
  readonly keys: Keys;
  readonly counters: Counters;
  readonly keyspaces: Keyspaces;
  readonly sessions: Sessions;
  readonly idempotency: IdempotencyKeys;
  readonly coordination: Coordination;
  readonly transactions: Transactions;
  /** In group 0: which group has what. */
  readonly shards: ShardMap;
  /** In every other group: what it has. */
  readonly held: HeldRanges | undefined;
  /** In every other group: rows of what it has no more. */
  readonly unheld: UnheldRows | undefined;
  membership: Uint8Array | undefined;
  /** Who votes, by a membership as its owner writes it. */
  votersOf: ((membership: Uint8Array) => readonly NodeId[]) | undefined;
  /** Ids of dropped keyspaces whose rows this replica still has. */
  leftovers: number[] = [];

  constructor(overlay: Overlay, crc32c: Crc32c, group: GroupId, bugs?: ReadonlySet<string>) {
    this.#crc32c = crc32c;
    this.#bugs = bugs;
    this.context = {
      overlay,
      events: new EventLog(overlay),
      applied: initialPosition,
      revision: 0,
      clock: firstClock,
      marks: [],
      compactedRevision: 0,
      settings: defaultSettings,
      durableRevision: 0,
    };
    this.keys = new Keys(this.context, bugs);
    this.counters = new Counters(this.context);
    this.keyspaces = new Keyspaces(this.context, group !== 0);
    this.shards = new ShardMap(this.context);
    this.held = group === 0 ? undefined : new HeldRanges(this.context, bugs);
    this.unheld = this.held && new UnheldRows(this.context, this.keyspaces, this.held);
    this.sessions = new Sessions(this.context, group !== 0);
    this.idempotency = new IdempotencyKeys(this.context);
    this.coordination = new Coordination(this.context, bugs);
    this.transactions = new Transactions(this.context, this.keys, bugs);
  }

  /** Takes over what the overlay has. Throws a CodecError for rows that this release cannot read. */
  load(): void {
    const { context } = this;
    const { overlay } = context;
    context.events.reset();
    const row = overlay.get("meta", metaKeys.state);
    const meta = row === undefined ? undefined : decodeMeta(row);
    context.applied = meta?.applied ?? initialPosition;
    context.revision = meta?.revision ?? 0;
    context.clock = meta?.clock ?? firstClock;
    context.marks = [...(meta?.marks ?? [])];
    context.durableRevision = context.revision;
    context.compactedRevision = meta?.compactedRevision ?? 0;
    context.settings = meta?.settings ?? defaultSettings;
    this.keyspaces.load(meta?.nextKeyspaceId);
    this.shards.load(this.keyspaces.list());
    this.held?.load();
    this.sessions.load();
    this.idempotency.load(meta?.idempotencyKeys ?? 0);
    this.coordination.load();
    this.transactions.load();
    this.membership = overlay.get("meta", metaKeys.membership)?.slice();
    this.leftovers = decodeLeftovers(overlay.get("meta", metaKeys.leftovers));
  }

  /** Puts into the overlay what lives in memory only. */
  flush(): void {
    const { overlay, applied, revision, compactedRevision, clock, marks, settings } = this.context;
    this.context.events.flush();
    this.sessions.flush();
    const nextKeyspaceId = this.keyspaces.nextId;
    const idempotencyKeys = this.idempotency.count;
    const meta = { applied, revision, compactedRevision, clock, marks, nextKeyspaceId, idempotencyKeys, settings };
    overlay.put("meta", metaKeys.state, encodeMeta(meta));
    overlay.put("meta", metaKeys.leftovers, encodeLeftovers(this.leftovers));
    if (this.membership === undefined) overlay.delete("meta", metaKeys.membership);
    else overlay.put("meta", metaKeys.membership, this.membership);
  }

  advance(position: AppliedPosition): void {
    const { applied } = this.context;
    assert(position.index === applied.index + 1, `entry ${position.index} after entry ${applied.index}`);
    const timestamp = Math.max(position.timestamp, applied.timestamp);
    this.context.applied = { index: position.index, term: position.term, timestamp };
    if (position.term !== applied.term) this.coordination.onNewTerm(applied.timestamp);
    this.sessions.expire();
    this.idempotency.expire();
    this.coordination.expire();
    this.transactions.expire();
  }

  apply(entry: CommandEntry): Uint8Array {
    let command: DecodedCommand;
    try {
      command = decodeCommand(entry.data);
    } catch (error) {
      const answer = encodeResult(refusal(error));
      this.advance(entry);
      return answer;
    }
    this.advance(entry);
    return this.#applyEnvelope(command, entry.data);
  }

  #applyEnvelope(command: DecodedCommand, data: Uint8Array): Uint8Array {
    const { envelope } = command;
    switch (envelope.kind) {
      case "none":
        return this.#answer(command.operation);
      case "session":
        return this.#onSession(envelope, command.operation);
      case "idempotent":
        return this.#onIdempotent(envelope, command.operation, data.subarray(command.operationAt));
      default:
        return unreachable(envelope);
    }
  }

  #onSession(envelope: Extract<Envelope, { kind: "session" }>, operation: Operation): Uint8Array {
    const { session, sequence, floor } = envelope;
    try {
      const known = this.sessions.recall(session, sequence, floor);
      if (known !== undefined && this.#bugs?.has("retries-applied-again") !== true) return known;
    } catch (error) {
      return encodeResult(refusal(error));
    }
    const answer = this.#answer(operation);
    if (!isUndone(answer)) this.sessions.remember(session, sequence, answer);
    return answer;
  }

  #onIdempotent(
    envelope: Extract<Envelope, { kind: "idempotent" }>,
    operation: Operation,
    bytes: Uint8Array,
  ): Uint8Array {
    const fingerprint = { checksum: this.#crc32c(bytes), length: bytes.length };
    try {
      const known = this.idempotency.recall(envelope.key, fingerprint);
      if (known !== undefined && this.#bugs?.has("idempotency-keys-ignored") !== true) return known;
    } catch (error) {
      return encodeResult(refusal(error));
    }
    const answer = this.#answer(operation);
    if (!isUndone(answer)) this.idempotency.remember(envelope.key, fingerprint, answer);
    return answer;
  }

  #answer(operation: Operation): Uint8Array {
    try {
      return encodeResult(this.#execute(operation));
    } catch (error) {
      return encodeResult(refusal(error));
    }
  }

  #execute(operation: Operation): Result {
    const { context } = this;
    switch (operation.kind) {
      case "noop":
        return this.#done();
      case "put":
        return this.#onPut(operation);
      case "delete":
        return this.#onDelete(operation);
      case "increment": {
        if (this.keyspaces.isLeaderless(operation.counter)) throw withoutLeader(operation.counter);
        const value = this.counters.increment(operation.counter, operation.by, context.revision + 1);
        return { kind: "counter", value, revision: this.#nextRevision() };
      }
      case "openSession":
        return { kind: "session", session: this.sessions.open(operation.clientId) };
      case "closeSession":
        if (this.sessions.close(operation.session)) return this.#done();
        throw new StoreError("session-expired", `there is no session ${operation.session} any more`);
      case "createKeyspace": {
        const { nodes = this.#voters() } = operation;
        const keyspace = placedOn(operation.keyspace, nodes);
        this.#refuseCounted(keyspace);
        const created = this.keyspaces.create(keyspace);
        if (created !== undefined && isSharded(created)) this.shards.create(created, nodes);
        return this.#done();
      }
      case "splitShard":
      case "mergeShard":
      case "moveShard":
      case "flipShard":
      case "settleShard":
        this.shards.apply(operation);
        return this.#done();
      case "beginRange":
      case "importRange":
      case "ownRange":
      case "sealRange":
      case "dropRange":
        applyRange(this, operation);
        return this.#done();
      case "setContract":
        this.keyspaces.setContract(operation.name, operation.contract, operation.expectedVersion);
        return this.#done();
      case "dropKeyspace":
        this.transactions.refuseLockedKeyspace(this.keyspaces.idOf(operation.name));
        this.leftovers.push(this.keyspaces.drop(operation.name));
        return this.#done();
      case "compact":
        return this.#onCompact(operation.revision);
      case "configure":
        context.settings = { ...context.settings, ...operation.settings };
        this.retain();
        return this.#done();
      case "transaction": {
        const keyspace = this.keyspaces.find(operation.keyspace);
        this.#demandAll(keyspace, keysOf(operation));
        for (const key of changedKeys(operation))
          this.transactions.refuseLocked(currentKey(keyspace.prefix, key), true);
        for (const key of readKeys(operation)) this.transactions.refuseLocked(currentKey(keyspace.prefix, key), false);
        const outcome = runTransaction(this.keys, this.coordination, keyspace, operation, this.#version());
        const revision = outcome.changed ? this.#nextRevision() : context.revision;
        return {
          kind: "transaction",
          revision,
          timestamp: context.clock,
          succeeded: outcome.succeeded,
          steps: outcome.steps,
        };
      }
      case "acquire":
        return this.#onAcquire(operation);
      case "renew":
        this.coordination.renew(operation.lock, operation.token, operation.ttlMs);
        return this.#done();
      case "release":
        this.coordination.release(operation.lock, operation.token);
        return this.#done();
      case "withdraw":
        this.coordination.withdraw(operation.lock, operation.claim);
        return this.#done();
      case "arrive": {
        const { barrier, claim, participants, waitMs } = operation;
        const arrival = this.coordination.arrive(barrier, claim, participants, waitMs);
        return { kind: "arrival", ...arrival, revision: context.revision };
      }
      case "commit": {
        const keyspace = this.keyspaces.find(operation.keyspace);
        this.#demandCommit(operation, keyspace);
        this.#refuseLockedCommit(operation, keyspace);
        const demands = { ...operation, planted: this.#bugs };
        const outcome = runCommit(this.keys, keyspace, demands, this.#version(), context.clock);
        const revision = outcome.changed ? this.#nextRevision() : context.revision;
        return { kind: "transaction", revision, timestamp: context.clock, succeeded: true, steps: outcome.steps };
      }
      case "prepare":
        return this.#onPrepare(operation);
      case "decide":
        return this.transactions.decide(operation, (part, timestamp) => this.#writePart(part, timestamp));
      case "resolve":
        return this.transactions.resolve(operation, (part, timestamp) => this.#writePart(part, timestamp));
      case "settle":
        this.transactions.settle(operation.transactions);
        return this.#done();
      case "observe":
        context.clock = Math.max(context.clock, operation.timestamp);
        return this.#done();
      case "depart": {
        const left = this.coordination.depart(operation.barrier, operation.claim);
        return { kind: "arrival", ...left, revision: context.revision };
      }
      default:
        return unreachable(operation);
    }
  }

  /** From when on the key can be read here. Throws a StoreError `moved` where another group has it. */
  demand({ sharded }: KeyspaceHandle, key: Uint8Array): { readonly since: number; readonly clock: Timestamp } {
    if (sharded === undefined) return always;
    if (this.held === undefined) throw moved();
    return this.held.demand(sharded, key);
  }

  #demandAll(keyspace: KeyspaceHandle, keys: Iterable<Uint8Array>): void {
    if (keyspace.sharded !== undefined) for (const key of keys) this.demand(keyspace, key);
  }

  #onPrepare(operation: PrepareOperation): Result {
    const keyspace = this.keyspaces.find(operation.keyspace);
    if (!this.transactions.has(operation.transaction)) this.#demandCommit(operation, keyspace);
    return this.transactions.prepare(operation, keyspace, () => {
      this.context.clock = this.#version().timestamp;
      return this.context.clock;
    });
  }

  /**
   * Ranges are not asked for: whoever reads one over several groups asks, and relies on, all of them. What came here
   * after the snapshot came without its history, and what went is validated elsewhere: neither can be relied on.
   */
  #demandCommit({ snapshot, unchanged, ranges, writes }: CommitDemands, keyspace: KeyspaceHandle): void {
    if (keyspace.sharded === undefined) return;
    const arrived = unchanged.some((key) => this.demand(keyspace, key).clock > snapshot);
    const changed = ranges.length > 0 && (this.held?.changedAt(keyspace.id) ?? 0) > snapshot;
    if (arrived || changed) throw new StoreError("transaction-conflict", "its keys moved to another group meanwhile");
    for (const { key } of writes) this.demand(keyspace, key);
  }

  #voters(): readonly NodeId[] {
    return (this.membership !== undefined && this.votersOf?.(this.membership)) || [];
  }

  #onAcquire(operation: Extract<Operation, { kind: "acquire" }>): Result {
    const { lock, claim, permits, ttlMs, waitMs, note } = operation;
    const acquisition = this.coordination.acquire(lock, { id: claim, ttlMs, note }, permits, waitMs);
    return { kind: "claim", ...acquisition, revision: this.context.revision };
  }

  /** A counter of group 0 cannot become one that merges. */
  #refuseCounted({ name, engine }: KeyspaceDefinition): void {
    const known = this.keyspaces.list().some((keyspace) => keyspace.name === name);
    if (engine === "dynamo" && !known && this.counters.get(name).revision > 0)
      throw new StoreError("exists", `there is a counter "${name}" already, which would become another one`);
  }

  #onPut(operation: Extract<Operation, { kind: "put" }>): Result {
    const keyspace = this.keyspaces.find(operation.keyspace);
    if (keyspace.sharded !== undefined) this.demand(keyspace, operation.key);
    const rowKey = currentKey(keyspace.prefix, operation.key);
    this.transactions.refuseLocked(rowKey, true);
    const prior = this.keys.find(rowKey);
    const previousRevision = prior?.exists === true ? prior.place.revision : 0;
    expectRevision(operation.expectedRevision, previousRevision);
    this.keys.change(keyspace.id, operation.key, rowKey, this.#version(), operation.value, prior);
    return { kind: "put", revision: this.#nextRevision(), previousRevision };
  }

  #onDelete(operation: Extract<Operation, { kind: "delete" }>): Result {
    const keyspace = this.keyspaces.find(operation.keyspace);
    if (keyspace.sharded !== undefined) this.demand(keyspace, operation.key);
    const rowKey = currentKey(keyspace.prefix, operation.key);
    this.transactions.refuseLocked(rowKey, true);
    const prior = this.keys.find(rowKey);
    const previousRevision = prior?.exists === true ? prior.place.revision : 0;
    expectRevision(operation.expectedRevision, previousRevision);
    if (previousRevision === 0) {
      return { kind: "delete", revision: this.context.revision, deleted: false, previousRevision };
    }
    this.keys.change(keyspace.id, operation.key, rowKey, this.#version(), undefined, prior);
    return { kind: "delete", revision: this.#nextRevision(), deleted: true, previousRevision };
  }

  #onCompact(revision: number): Result {
    this.keys.checkRevision(revision);
    this.context.compactedRevision = revision;
    this.#mark(0);
    return this.#done();
  }

  #done(): Result {
    return { kind: "done", revision: this.context.revision };
  }

  /** What the next change is known by, and the first of its revision. */
  #version(): Version {
    const { applied, clock, revision } = this.context;
    return { revision: revision + 1, ordinal: 0, timestamp: Math.max(applied.timestamp, clock + 1) };
  }

  /** The writes of a transaction that was prepared. Their timestamp may be above or below that of the entry. */
  #writePart({ keyspace, writes }: Part, timestamp: Timestamp): void {
    const revision = this.context.revision + 1;
    let ordinal = 0;
    for (const { key: rowKey, value } of writes) {
      const prior = this.keys.find(rowKey);
      if (value === undefined && prior?.exists !== true) continue;
      this.keys.change(keyspace, keyOfRow(rowKey), rowKey, { revision, ordinal, timestamp }, value, prior);
      ordinal++;
    }
    this.context.clock = Math.max(this.context.clock, timestamp);
    if (ordinal === 0) return;
    this.context.revision++;
    this.retain();
  }

  #refuseLockedCommit({ unchanged, ranges, writes }: CommitDemands, { prefix }: KeyspaceHandle): void {
    const { transactions } = this;
    if (transactions.lockCount === 0) return;
    for (const { key } of writes) transactions.refuseLocked(currentKey(prefix, key), true);
    for (const key of unchanged) transactions.refuseLocked(currentKey(prefix, key), false);
    for (const { from, to } of ranges) {
      const end = to === undefined ? afterPrefix(prefix) : currentKey(prefix, to);
      transactions.refuseLockedRange(currentKey(prefix, from), end);
    }
  }

  #nextRevision(): number {
    this.context.clock = this.#version().timestamp;
    this.context.revision++;
    this.retain();
    return this.context.revision;
  }

  /** Automatic compaction: a function of revision and settings, so the same on every replica. */
  retain(): void {
    const { revision, settings } = this.context;
    const lowest = revision - settings.retainedRevisions;
    if (lowest > this.context.compactedRevision) this.context.compactedRevision = lowest;
    this.#mark(Math.floor(settings.retainedRevisions / marksKept));
  }

  /** Notes down the clock where the last note is more than so many revisions ago; forgets notes of what is compacted. */
  #mark(distance: number): void {
    const { marks, revision, clock, compactedRevision } = this.context;
    if (revision - (marks.at(-1)?.revision ?? 0) > distance) marks.push({ revision, clock });
    while (marks.length > 0 && marks[0]!.revision < compactedRevision) marks.shift();
  }
}

/** It did not happen here, and may yet: here, when a lock is free, or in another group, and here again after that. */
function isUndone(answer: Uint8Array): boolean {
  const code = errorCodeOf(answer);
  return code === "locked" || code === "moved";
}

function expectRevision(expected: number | undefined, present: number): void {
  if (expected === undefined || expected === present) return;
  throw new StoreError(
    "conflict",
    present === 0 ? "the key does not exist" : `the key is at revision ${present}`,
    present,
  );
}

function refusal(error: unknown): Result {
  if (!(error instanceof StoreError) || error.code === "unsupported-version") throw error;
  return { kind: "error", code: error.code, detail: error.message, revision: error.revision };
}
