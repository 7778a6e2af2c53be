import {
  emptyBytes,
  must,
  type GroupId,
  type LogIndex,
  type NodeId,
  type Random,
  type Reading,
} from "../base/index.ts";
import { failure, type Failure, type Kept } from "../contract/index.ts";
import type { Effect, Event } from "../core/index.ts";
import {
  decodeMembership,
  encodeMembership,
  everyone,
  Raft,
  type Entry,
  type Output,
  type RaftProtocol,
  type SnapshotHead,
} from "../raft/index.ts";
import { errorCodeOf, type Store } from "../store/index.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Leases } from "./leases.ts";
import type { OwnSession } from "./own-session.ts";
import { ReadPath } from "./reads.ts";
import type { Origin, Pending, PendingRead, PendingWrite } from "./requests.ts";
import { SnapshotStreams } from "./streams.ts";
import type {
  ForwardedReply,
  ForwardedRequest,
  GroupStatus,
  JobError,
  NodeFact,
  NodeMessage,
  NodeOutput,
  NodeRecord,
  Outcome,
  ReplicaConfig,
  RequestBody,
  RequestId,
} from "./types.ts";
import { Watches } from "./watches.ts";
import { WritePath } from "./writes.ts";

/** What a replica wants done, gathered by the node that holds it. */
export interface Sink {
  send(to: NodeId, message: NodeMessage): void;
  persist(group: GroupId, write: number, records: readonly NodeRecord[]): void;
  output(output: NodeOutput): void;
  fact(fact: NodeFact): void;
  /** Another group has what a client's request is about: whoever knows the map asks there. */
  moved(pending: PendingWrite | PendingRead): void;
  /** A group that was rejoining has rejoined. */
  rejoined(): void;
}

/** How often requests are looked through for passed deadlines and silent leaders, milliseconds. */
const sweepMs = 20;

/**
 * One group on this node: the Raft replica, the store that applies its log, and the requests that wait for
 * either. Writes, reads, watches and snapshot streams each have a file of their own.
 */
export class Replica {
  readonly group: GroupId;
  readonly config: ReplicaConfig;
  /** The node's, for requests that come without one. */
  readonly session: OwnSession;
  readonly store: Store;
  readonly raft: Raft;
  readonly #writes: WritePath;
  readonly #reads: ReadPath;
  readonly #watches: Watches;
  readonly #streams: SnapshotStreams;
  readonly #leases: Leases;
  /** Requests of this node's clients and of other nodes that have no answer yet. */
  readonly #pending = new Set<Pending>();
  readonly #clients = new Map<RequestId, Pending>();
  readonly #forwards = new Map<number, PendingWrite | PendingRead>();
  /** Begins anywhere: an answer that is late belongs to an earlier life of this node, and must not be taken for this one's. */
  #nextForward: number;
  #sink!: Sink;
  #now!: Reading;
  /** Monotonic time since when no leader is known, at first that of the first step; undefined while one is. */
  #leaderlessSince: number | undefined = Number.POSITIVE_INFINITY;
  #sweepAt: number | undefined;
  #turnOpen = false;
  #storageFull = false;
  readonly #checkpoints: Checkpoints;
  #nextJob = 1;
  readonly #jobs = new Map<number, (error: JobError | undefined) => void>();
  readonly #spare: Effect<RaftProtocol>[][] = [];

  constructor(
    group: GroupId,
    config: ReplicaConfig,
    session: OwnSession,
    records: readonly NodeRecord[],
    random: Random,
  ) {
    this.group = group;
    this.session = session;
    this.config = config;
    this.store = config.store;
    const { store } = this;
    store.readMembership((bytes) => decodeMembership(bytes).voters);
    if (!store.membership) store.setMembership(encodeMembership(config.bootstrap));
    const applied: SnapshotHead | undefined =
      store.applied.index === 0
        ? undefined
        : { ...store.applied, membership: decodeMembership(must(store.membership, "membership")) };
    this.raft = new Raft(
      {
        id: config.id,
        group,
        bootstrap: config.bootstrap,
        applied,
        ...config.raft,
        ...(config.bugs ? { bugs: config.bugs } : {}),
      },
      records.flatMap((record) => ("record" in record ? [record.record] : [])),
      random,
    );
    this.#nextForward = 1 + (this.planted("names-begin-anew") ? 0 : random.u32());
    this.#writes = new WritePath(this);
    this.#reads = new ReadPath(this, random.u32());
    this.#watches = new Watches(this);
    this.#streams = new SnapshotStreams(this);
    this.#leases = new Leases(this);
    this.#checkpoints = new Checkpoints(this, store.applied.index);
  }

  get now(): Reading {
    return this.#now;
  }

  get sink(): Sink {
    return this.#sink;
  }

  get id(): NodeId {
    return this.config.id;
  }

  /** Whether a mistake was planted (`NodeConfig.bugs`). */
  planted(bug: string): boolean {
    return this.config.bugs !== undefined && this.config.bugs.has(bug);
  }

  get storageFull(): boolean {
    return this.#storageFull;
  }

  get wakeAt(): number | undefined {
    if (this.#turnOpen) return 0;
    let at = this.raft.wakeAt;
    if (this.#pending.size > 0) at = Math.min(at ?? Infinity, this.#sweepAt ?? 0);
    const checkpointAt = this.#checkpoints.wakeAt;
    if (checkpointAt !== undefined) at = Math.min(at ?? Infinity, checkpointAt);
    const leaseAt = this.#leases.wakeAt;
    if (leaseAt !== undefined) at = Math.min(at ?? Infinity, leaseAt);
    return at;
  }

  /** Sets time and sink for what follows; every entry from outside begins with it. */
  enter(now: Reading, sink: Sink): void {
    this.#now = now;
    this.#sink = sink;
    if (this.#leaderlessSince === Number.POSITIVE_INFINITY) this.#leaderlessSince = now.mono;
  }

  /** Asks for a wake at the end of this turn. */
  openTurn(): void {
    this.#turnOpen = true;
  }

  // ---- Requests --------------------------------------------------------------------------------------

  request(origin: Origin, deadline: number, body: RequestBody): void {
    const pending =
      body.type === "write"
        ? this.#writes.admit(origin, deadline, body.command)
        : this.#reads.admit(origin, deadline, body);
    if (pending) this.track(pending);
  }

  /** A write of this node itself. */
  requestSelf(reply: (outcome: Outcome) => void, deadline: number, command: Uint8Array): void {
    this.request({ kind: "self", reply }, deadline, { type: "write", command });
  }

  /** Takes over a write that another group did not want: still the same write, under the same name. */
  takeOver(write: PendingWrite): void {
    const pending = this.#writes.takeOver(write);
    if (pending) this.track(pending);
  }

  /** Looks after a request until it is answered. */
  track(pending: Pending): void {
    if (pending.done) return;
    this.#pending.add(pending);
    if (pending.origin.kind === "client") this.#clients.set(pending.origin.id, pending);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  forwarded(from: NodeId, requests: readonly ForwardedRequest[]): void {
    for (const { id, ttlMs, body } of requests)
      this.request({ kind: "node", node: from, id }, this.#now.mono + ttlMs, body);
  }

  /** The name under which a request travels to another node; the same for every try. */
  forwardId(pending: PendingWrite | PendingRead): number {
    if (pending.forwardId === 0) {
      pending.forwardId = this.#nextForward++;
      this.#forwards.set(pending.forwardId, pending);
    }
    return pending.forwardId;
  }

  /** Another node answered what this one forwarded. */
  replies(replies: readonly ForwardedReply[]): void {
    for (const { id, outcome } of replies) {
      const pending = this.#forwards.get(id);
      if (!pending) continue;
      if (!outcome.ok) {
        // A node that does not lead, or no longer, knows nothing final of this request: the next try finds out.
        const final = outcome.failure.code !== "unavailable" && outcome.failure.code !== "deadline";
        if (final) this.refuse(pending, outcome.failure);
        else if (pending.kind === "write" && pending.state === "forwarded") pending.state = "waiting";
      } else if (pending.kind === "write") this.#writes.answered(pending, outcome.result, outcome.kept);
      else {
        this.#sink.fact({ type: "readServed", path: "forwarded", count: 1 });
        this.answer(pending, outcome.result, outcome.kept);
      }
    }
  }

  cancel(id: RequestId): void {
    const pending = this.#clients.get(id);
    if (pending) this.refuse(pending, failure("cancelled", "the caller gave up"));
  }

  answer(pending: Pending, result: Uint8Array, kept: Kept): void {
    this.#finish(pending, { ok: true, result, kept });
  }

  refuse(pending: Pending, problem: Failure): void {
    this.#finish(pending, { ok: false, failure: problem });
  }

  #finish(pending: Pending, outcome: Outcome): void {
    if (pending.done) return;
    pending.done = true;
    this.#pending.delete(pending);
    if (pending.kind !== "change" && pending.forwardId > 0) this.#forwards.delete(pending.forwardId);
    const { origin } = pending;
    if (origin.kind === "client") {
      this.#clients.delete(origin.id);
      if (pending.kind !== "change" && outcome.ok && errorCodeOf(outcome.result) === "moved")
        return this.#sink.moved(pending);
      if (pending.kind === "write") this.session.finished(pending);
      this.#sink.output({ type: "reply", id: origin.id, outcome });
    } else if (origin.kind === "node") this.#writes.replyTo(origin.node, { id: origin.id, outcome });
    else origin.reply(outcome);
  }

  /** Looks through the waiting requests at the end of this turn, not only when the next sweep is due. */
  resweep(): void {
    this.#sweepAt = 0;
    this.#turnOpen = true;
  }

  /** Why nothing can be decided here now, or undefined where a leader is known or may soon be. */
  isolation(): string | undefined {
    if (this.#leaderlessSince === undefined) return undefined;
    const forMs = this.#now.mono - this.#leaderlessSince;
    if (this.raft.fruitlessCampaigns < 1 && forMs < 2 * this.config.raft.electionTimeoutMs) return undefined;
    const majority = everyone(this.raft.membership).length;
    return `node ${this.id} has known no leader for ${Math.round(forMs)} ms; a majority of the ${majority} members must be reachable`;
  }

  watch(id: RequestId, keyspace: string, prefix: Uint8Array, from: number): void {
    this.#watches.open(id, keyspace, prefix, from);
  }

  watchCredit(id: RequestId, credit: number): void {
    this.#watches.credit(id, credit);
  }

  unwatch(id: RequestId): void {
    this.#watches.close(id);
  }

  transfer(id: RequestId, deadline: number, to: NodeId | undefined): void {
    this.#writes.transfer({ kind: "client", id }, deadline, to);
  }

  changeMembership(id: RequestId, deadline: number, voters: readonly NodeId[], learners: readonly NodeId[]): void {
    this.#writes.changeMembership({ kind: "client", id }, deadline, voters, learners);
  }

  setStorageFull(full: boolean): void {
    if (full === this.#storageFull) return;
    this.#storageFull = full;
    // A leader that cannot write hands over to one that can.
    if (full && this.raft.role === "leader")
      this.drive({ kind: "command", command: { type: "transfer", to: undefined } });
  }

  // ---- Jobs ------------------------------------------------------------------------------------------

  /** Has the world run something that takes time; `then` runs in the step that brings its end. */
  job(run: (done: (error?: JobError) => void) => void, then: (error: JobError | undefined) => void): number {
    const job = this.#nextJob++;
    this.#jobs.set(job, then);
    this.#sink.output({ type: "job", group: this.group, job, run });
    return job;
  }

  jobDone(job: number, error: JobError | undefined): void {
    const then = must(this.#jobs.get(job), `job ${job}`);
    this.#jobs.delete(job);
    then(error);
  }

  // ---- Turns -----------------------------------------------------------------------------------------

  /** Ends the turn: what was gathered goes out together. */
  wake(): void {
    this.#turnOpen = false;
    this.#writes.flush();
    this.#reads.flush();
    const { wakeAt } = this.raft;
    if (wakeAt !== undefined && wakeAt <= this.#now.mono) this.drive({ kind: "wake" });
    this.#watches.flush();
    if (this.#pending.size > 0 && this.#now.mono >= (this.#sweepAt ?? 0)) this.#sweep();
    if (!this.#streams.restoring) this.#checkpoints.flush();
    this.#leases.flush();
    this.#writes.flushReplies();
  }

  #sweep(): void {
    const { mono } = this.#now;
    this.#sweepAt = mono + sweepMs;
    const isolation = this.isolation();
    for (const pending of this.#pending) {
      // Answered a little early rather than a little late.
      if (pending.deadline <= mono + sweepMs / 2) this.#expire(pending, isolation);
      else if (pending.kind === "write") this.#writes.sweep(pending, isolation);
      else if (pending.kind === "read") this.#reads.sweep(pending, isolation);
      else if (pending.isComplete()) this.#writes.complete(pending);
    }
    this.session.sweep();
    this.#writes.flush();
    this.#reads.flush();
  }

  #expire(pending: Pending, isolation: string | undefined): void {
    // Also where nothing is known of a partition: who prefers availability gets an answer in time.
    if (pending.kind === "read" && this.#reads.answerDegraded(pending)) return;
    const definite = pending.kind === "read" || (pending.kind === "write" && pending.tries === 0);
    if (this.#storageFull && definite)
      return this.refuse(pending, failure("storage-full", `the disk of node ${this.id} is full`, true));
    this.refuse(pending, failure("deadline", isolation ?? "no answer came in time", definite));
  }

  /** Steps the Raft replica and acts on what comes out. */
  drive(event: Event<RaftProtocol>): void {
    const effects = this.#spare.pop() ?? [];
    this.raft.step(this.#now, event, effects);
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          this.#sink.send(effect.to, { type: "raft", group: this.group, message: effect.message });
          break;
        case "persist":
          this.#sink.persist(
            this.group,
            effect.write,
            effect.records.map((record) => ({ group: this.group, record })),
          );
          break;
        case "output":
          this.#act(effect.output);
          break;
        case "fact":
          this.#sink.fact({ type: "raft", group: this.group, fact: effect.fact });
          break;
      }
    }
    effects.length = 0;
    this.#spare.push(effects);
  }

  #act(output: Output): void {
    switch (output.type) {
      case "proposed":
        return this.#writes.onProposed(output.batch, output.first, output.count);
      case "refused":
        return this.#writes.onRefused(output.batch, output.reason);
      case "committed":
        return this.#apply(output.entries);
      case "readReady":
        return this.#reads.onReady(output.id, output.index);
      case "readFailed":
        return this.#reads.onFailed(output.id);
      case "leadership":
        this.#leaderlessSince = output.leader === undefined ? (this.#leaderlessSince ?? this.#now.mono) : undefined;
        return this.#writes.onLeadership();
      case "readSnapshot":
        return this.#streams.read(output.to, output.cursor);
      case "closeSnapshot":
        return this.#streams.close(output.to);
      case "installChunk":
        return this.#streams.install(output.head, output.first, output.data, output.done);
      case "truncate":
        return this.#sink.output({ type: "truncateLog", group: this.group, index: output.index });
      case "rejoined":
        return this.#sink.rejoined();
    }
  }

  #apply(entries: readonly Entry[]): void {
    const unlocked = this.store.unlockCount;
    for (const entry of entries) {
      if (entry.kind === "command") {
        this.#writes.onApplied(entry, this.store.apply(entry));
      } else {
        if (entry.kind === "membership") this.store.setMembership(entry.data);
        this.store.advance(entry.index, entry.term, entry.timestamp);
        this.#writes.onApplied(entry, emptyBytes);
      }
    }
    this.#sink.fact({ type: "applied", group: this.group, index: this.store.applied.index, count: entries.length });
    this.#checkpoints.onApplied();
    this.#reads.onAdvanced();
    if (this.store.unlockCount !== unlocked) this.#writes.onUnlocked();
    this.#turnOpen = true;
  }

  // ---- Snapshots and checkpoints ---------------------------------------------------------------------

  /** A received snapshot took the place of the state. */
  onRestored(head: SnapshotHead): void {
    this.#checkpoints.index = head.index;
    this.#watches.onRestored();
    this.drive({ kind: "command", command: { type: "snapshotInstalled", head } });
    this.#reads.onAdvanced();
  }

  // ---- A look inside ---------------------------------------------------------------------------------

  /** Upper bound of how old the applied state is, milliseconds, clock errors counted in; undefined: not known. */
  stalenessMs(): number | undefined {
    const closed = this.raft.closed(this.#now);
    if (closed === undefined) return undefined;
    const { wall, error } = this.#now;
    return Math.max(0, wall + (this.planted("staleness-ignores-clock-error") ? -error : error) - closed.at);
  }

  /** What an answer from this state kept. */
  kept(guarantee: string, index: LogIndex, stalenessMs: number | undefined, degraded: boolean): Kept {
    if (this.group === 0) return { guarantee, position: index, stalenessMs, degraded };
    const shards = [{ group: this.group, position: index }];
    return { guarantee, position: this.store.shardEpoch, shards, stalenessMs, degraded };
  }

  status(now: Reading): GroupStatus {
    this.#now = now;
    const { raft, store } = this;
    return {
      group: this.group,
      role: raft.role,
      term: raft.term,
      leader: raft.leader,
      membership: raft.membership,
      firstIndex: raft.firstIndex,
      lastIndex: raft.lastIndex,
      durableIndex: raft.durableIndex,
      commitIndex: raft.commitIndex,
      appliedIndex: store.applied.index,
      checkpointIndex: this.#checkpoints.index,
      revision: store.revision,
      rejoining: raft.rejoining,
      stalenessMs: this.stalenessMs(),
      followers: raft.followers(now),
    };
  }

  check(): void {
    this.raft.check();
  }
}
