import {
  assert,
  emptyBytes,
  type LogIndex,
  type NodeId,
  type Random,
  type Reading,
  type Term,
  type WriteId,
} from "../base/index.ts";
import { HybridClock, type Timestamp } from "../clock/index.ts";
import type { Effect } from "../core/index.ts";
import { quorumValue } from "../quorum/index.ts";
import { Log } from "./log.ts";
import { everyone, isVoter, MembershipHistory } from "./membership.ts";
import { newProgress, type Progress } from "./progress.ts";
import type {
  Closed,
  EntryKind,
  Fact,
  Membership,
  Message,
  Output,
  Position,
  RaftConfig,
  RaftProtocol,
  Record,
  Role,
  SnapshotHead,
} from "./types.ts";

export type Effects = Effect<RaftProtocol>[];

/** A heartbeat round as its leader remembers it until a quorum has answered. */
interface Round {
  readonly round: number;
  readonly sentAt: number;
  /** The earliest true time at which it can have been sent. */
  readonly sentAtLeast: number;
  readonly commit: LogIndex;
}

/** A read that waits for a quorum to confirm that this node still leads. */
export interface PendingRead {
  readonly id: number;
  /** Who asked; undefined: this node itself. */
  readonly from: NodeId | undefined;
  /** The commit index when it was asked: reading at or above it is linearizable. */
  readonly index: LogIndex;
  /** The first round sent after it was asked. */
  readonly round: number;
}

/** A write under way, with what depends on it. */
interface PendingWrite {
  readonly write: WriteId;
  /** The last entry that is durable once it completes; undefined: no entries in it. */
  readonly last: { readonly index: LogIndex; readonly term: Term } | undefined;
  readonly sends: readonly { readonly to: NodeId; readonly message: Message }[];
  readonly outputs: readonly Output[];
}

/** What only a leader knows; made anew for each term it leads. */
export interface Leadership {
  readonly progress: Map<NodeId, Progress>;
  /** Index of the no-op of this term: once it is committed, everything before it is too (thesis, 6.4). */
  readonly firstIndex: LogIndex;
  round: number;
  rounds: Round[];
  quorumRound: number;
  /** When the newest round answered by a quorum was sent. */
  quorumContactAt: number;
  /** When it last woke from quiescence: the patience of check-quorum begins there, the lease does not. */
  wokenAt: number;
  nextHeartbeatAt: number;
  /** A new round should go out at the end of this turn (a read waits for it). */
  roundWanted: boolean;
  reads: PendingRead[];
  /** Reads asked before the first commit of the term. */
  earlyReads: { readonly id: number; readonly from: NodeId | undefined }[];
  closed: Closed | undefined;
  uncommittedBytes: number;
  transfer: { readonly to: NodeId; readonly deadline: number; sent: boolean } | undefined;
  /** A successor may have been told to campaign at once, so that followers no longer hold back: no lease any more. */
  leaseForfeited: boolean;
  lastWorkAt: number;
}

/**
 * The state of one replica (thesis, figure 3.1), shared by the functions of this room.
 * Names follow the paper; `durableIndex` is the last entry that this node has on disk.
 */
export class RaftState {
  readonly config: RaftConfig;
  readonly random: Random;
  readonly clock = new HybridClock();
  readonly log = new Log();

  // Durable
  term: Term = 0;
  vote: NodeId | undefined;
  history: MembershipHistory;
  /** Timestamp of the entry at the base of the log. */
  baseTimestamp: Timestamp = 0;

  // Volatile
  role: Role = "follower";
  leader: NodeId | undefined;
  /** The term that the last `leadership` output named. */
  shownTerm: Term = 0;
  commitIndex: LogIndex = 0;
  /** Last entry handed out in a `committed` output. */
  appliedIndex: LogIndex = 0;
  votes = new Map<NodeId, boolean>();
  electionDeadline: number | undefined;
  /** When a leader last made itself heard, or this life began: until an election timeout later this node votes for no one. */
  leaderHeardAt: number | undefined;
  /** Campaigns since a leader was last known that ended without one. */
  fruitlessCampaigns = 0;
  leading: Leadership | undefined;
  quiesced = false;
  closed: Closed | undefined;
  closedAhead: Closed[] = [];
  /** Reads asked of the leader: id → when. */
  readonly remoteReads = new Map<number, number>();
  /** A snapshot being received. */
  incoming: { readonly from: NodeId; readonly head: SnapshotHead; cursor: Uint8Array; installing: boolean } | undefined;

  // Writing
  durableIndex: LogIndex = 0;
  /** First entry not yet part of a write. */
  unstableFrom: LogIndex = 1;
  stateChanged = false;
  readonly recordsFirst: Record[] = [];
  nextWrite: WriteId = 1;
  durableWrite: WriteId = 0;
  /** Its disk lost what it had promised. `at`: what a leader of that term says it has to have. */
  rejoin: { readonly life: number; at: Position | undefined } | undefined;
  /** The write that holds the present term and vote. */
  stateWrite: WriteId = 0;
  pendingWrites: PendingWrite[] = [];
  /** Leaves once the next write, or the last one under way, is durable. */
  afterWrite: { to: NodeId; message: Message }[] = [];
  outputsAfterWrite: Output[] = [];
  /** The answer to this turn's appends: one for all of them. */
  ackDue: { readonly to: NodeId; readonly round: number; readonly match: LogIndex } | undefined;
  /** Something waits for the end of the turn. */
  turnOpen = false;

  constructor(config: RaftConfig, random: Random) {
    this.config = config;
    this.random = random;
    this.history = new MembershipHistory(0, config.bootstrap);
    if (config.rejoining && !this.planted("rejoins-at-once"))
      this.rejoin = { life: 1 + random.below(2 ** 31), at: undefined };
  }

  get id(): NodeId {
    return this.config.id;
  }

  /** Whether a mistake was planted (`RaftConfig.bugs`). */
  planted(bug: string): boolean {
    return this.config.bugs !== undefined && this.config.bugs.has(bug);
  }

  get membership(): Membership {
    return this.history.current;
  }

  /** Everyone else who receives the log. */
  peers(): NodeId[] {
    return everyone(this.membership).filter((node) => node !== this.id);
  }

  isVoter(): boolean {
    return isVoter(this.membership, this.id);
  }

  /**
   * Whether this node may be needed as a leader. One that its latest membership leaves out still is, until
   * that membership is committed: it may be the only one that holds it (thesis, 4.2.2).
   */
  mayCampaign(): boolean {
    return (
      this.rejoin === undefined &&
      (this.isVoter() ||
        (this.history.currentIndex > this.commitIndex && isVoter(this.history.at(this.commitIndex), this.id)))
    );
  }

  /** Whether the term's no-op is committed, so that the commit index is known to be current. */
  get leadsSettled(): boolean {
    return this.leading !== undefined && this.commitIndex >= this.leading.firstIndex;
  }

  send(effects: Effects, to: NodeId, message: Message): void {
    const marked = this.rejoin && isAnswer(message) ? { ...message, rejoining: this.rejoin.life } : message;
    effects.push({ kind: "send", to, message: marked });
  }

  output(effects: Effects, output: Output): void {
    effects.push({ kind: "output", output });
  }

  fact(effects: Effects, fact: Fact): void {
    effects.push({ kind: "fact", fact });
  }

  /** Sends a message that is true only once everything known here is durable. */
  sendAfterWrite(to: NodeId, message: Message): void {
    this.afterWrite.push({ to, message });
    this.turnOpen = true;
  }

  /** Sends a message that is true once the present term is durable. */
  sendAfterState(effects: Effects, to: NodeId, message: Message): void {
    if (this.stateChanged || this.durableWrite < this.stateWrite) this.sendAfterWrite(to, message);
    else this.send(effects, to, message);
  }

  setState(term: Term, vote: NodeId | undefined): void {
    assert(term >= this.term, `term ${this.term} falls to ${term}`);
    if (term === this.term && vote === this.vote) return;
    this.term = term;
    this.vote = vote;
    this.stateChanged = true;
    this.turnOpen = true;
  }

  /** Between one and two election timeouts from now, so that candidates rarely meet (thesis, 3.4). */
  resetElectionTimer(now: Reading): void {
    this.electionDeadline = now.mono + this.config.electionTimeoutMs * (1 + this.random.float());
  }

  /** Whether this node must not help to depose a leader it heard from a moment ago (thesis, 4.2.3 and 6.4.1). */
  holdsOnToLeader(now: Reading): boolean {
    const timeout = this.config.electionTimeoutMs;
    if (this.planted("votes-within-lease")) return false;
    if (this.leading) return now.mono - this.leading.quorumContactAt < timeout;
    return this.leaderHeardAt !== undefined && now.mono - this.leaderHeardAt < timeout;
  }

  /** Whether reads may be served without asking anyone: no other leader can exist before the lease ends. */
  hasLease(now: Reading): boolean {
    const { leading, config } = this;
    if (
      !leading ||
      !config.leases ||
      (leading.leaseForfeited && !this.planted("lease-survives-transfer")) ||
      !this.leadsSettled
    )
      return false;
    return (
      now.mono <
      leading.quorumContactAt +
        config.electionTimeoutMs * (this.planted("lease-ignores-drift") ? 1 : 1 - config.clockDrift)
    );
  }

  progressOf(node: NodeId): Progress | undefined {
    return this.leading?.progress.get(node);
  }

  /** What counts for quorums: not a follower that rejoins. */
  counted(node: NodeId): Progress | undefined {
    const progress = this.progressOf(node);
    return progress?.rejoining === undefined ? progress : undefined;
  }

  appendAsLeader(now: Reading, kind: EntryKind, data: Uint8Array = emptyBytes): LogIndex {
    const index = this.log.lastIndex + 1;
    this.log.append({ index, term: this.term, timestamp: this.clock.next(now), kind, data });
    this.leading!.uncommittedBytes += data.length + 32;
    this.leading!.lastWorkAt = now.mono;
    this.turnOpen = true;
    return index;
  }

  /** A new membership counts from the moment it is appended: followers come and go with it. */
  syncProgress(): void {
    const { leading } = this;
    if (!leading) return;
    const peers = this.peers();
    for (const node of leading.progress.keys()) if (!peers.includes(node)) leading.progress.delete(node);
    for (const node of peers)
      if (!leading.progress.has(node)) leading.progress.set(node, newProgress(this.log.lastIndex + 1));
  }

  quorumRound(): number {
    return quorumValue(this.membership, (node) =>
      node === this.id ? this.leading!.round : (this.counted(node)?.ackedRound ?? 0),
    );
  }

  quorumMatch(): LogIndex {
    const membership = this.planted("joint-counts-new-only") ? { ...this.membership, outgoing: [] } : this.membership;
    return quorumValue(membership, (node) =>
      node === this.id
        ? this.planted("leader-counts-unsynced")
          ? this.log.lastIndex
          : this.durableIndex
        : (this.counted(node)?.match ?? 0),
    );
  }

  /** The head of a snapshot of the state after `index`, which must be in the log or its base. */
  headAt(index: LogIndex, timestamp: number): SnapshotHead {
    return { index, term: this.log.term(index)!, timestamp, membership: this.history.at(index) };
  }
}

function isAnswer(message: Message): boolean {
  const { type } = message;
  return type === "appendAccepted" || type === "appendRejected" || type === "heartbeatAck" || type === "snapshotAck";
}
