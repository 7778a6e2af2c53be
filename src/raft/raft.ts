import {
  assert,
  InvariantError,
  unreachable,
  type LogIndex,
  type NodeId,
  type Random,
  type Reading,
  type Term,
} from "../base/index.ts";
import type { Core, Event } from "../core/index.ts";
import {
  becomeFollower,
  campaign,
  checkQuorum,
  countOwnVote,
  onElectionTimeout,
  quorumDeadline,
  onTimeoutNow,
  onVoteRequest,
  onVoteResponse,
  startTransfer,
} from "./election.ts";
import { everyone, isJoint, jointMembership, encodeMembership, membershipProblem } from "./membership.ts";
import { expireRemoteReads, onRead, onReadRequest, onReadResponse } from "./reads.ts";
import {
  adoptMembership,
  maybeCommit,
  maybeLeaveJoint,
  maybeRetire,
  onAppend,
  onAppendAccepted,
  onAppendRejected,
  onHeartbeat,
  onHeartbeatAck,
  replicateTo,
  startRound,
} from "./replication.ts";
import { recover } from "./recovery.ts";
import { maybeRejoined, onRejoinAt } from "./rejoin.ts";
import {
  membershipSettled,
  onCompact,
  onSnapshotAck,
  onSnapshotChunk,
  onSnapshotData,
  onSnapshotFailed,
  onSnapshotInstalled,
} from "./snapshots.ts";
import type { RaftState, Effects } from "./state.ts";
import type {
  Closed,
  Command,
  Entry,
  Membership,
  Message,
  RaftConfig,
  RaftProtocol,
  Record,
  Refusal,
  Role,
} from "./types.ts";
import { flushWrites, onPersisted } from "./writing.ts";

/**
 * One replica of one group, as a core. `step` dispatches; each case lives in the file of its concern:
 * election, replication, reads, snapshots, writing.
 */
export class Raft implements Core<RaftProtocol> {
  readonly #state: RaftState;

  constructor(config: RaftConfig, recovered: readonly Record[], random: Random) {
    this.#state = recover(config, recovered, random);
  }

  step(now: Reading, event: Event<RaftProtocol>, effects: Effects): void {
    const raft = this.#state;
    // A life begins as if a leader had just been heard: this node may have promised one, before it
    // stopped, not to elect another within an election timeout.
    if (raft.leaderHeardAt === undefined) {
      // A node that never took part promised nothing.
      const fresh = (raft.term === 0 && raft.rejoin === undefined) || raft.planted("restart-forgets-promise");
      raft.leaderHeardAt = fresh ? now.mono - raft.config.electionTimeoutMs : now.mono;
      raft.resetElectionTimer(now);
    }
    switch (event.kind) {
      case "message":
        this.#onMessage(now, event.from, event.message, effects);
        break;
      case "command":
        this.#onCommand(now, event.command, effects);
        break;
      case "persisted":
        if (onPersisted(raft, event.write, effects)) maybeCommit(raft, effects);
        countOwnVote(raft, now, effects);
        break;
      case "wake":
        this.#onWake(now, effects);
        break;
    }
    if (raft.rejoin !== undefined) maybeRejoined(raft, effects);
  }

  get wakeAt(): number | undefined {
    const raft = this.#state;
    if (raft.turnOpen || raft.leaderHeardAt === undefined) return 0;
    let at = raft.quiesced ? undefined : raft.electionDeadline;
    const { leading } = raft;
    if (leading && !raft.quiesced) {
      at = Math.min(leading.nextHeartbeatAt, quorumDeadline(raft, leading));
    }
    for (const askedAt of raft.remoteReads.values()) {
      at = Math.min(at ?? Infinity, askedAt + raft.config.electionTimeoutMs);
      break;
    }
    return at;
  }

  #onMessage(now: Reading, from: NodeId, message: Message, effects: Effects): void {
    const raft = this.#state;
    if (!this.#admitTerm(now, from, message, effects)) return;
    if (raft.quiesced && raft.leading && !(message.type === "heartbeatAck")) this.#wakeUp(now, effects);
    switch (message.type) {
      case "voteRequest":
        return onVoteRequest(raft, now, from, message, effects);
      case "voteResponse":
        return onVoteResponse(raft, now, from, message, effects);
      case "append":
        return onAppend(raft, now, from, message, effects);
      case "heartbeat":
        return onHeartbeat(raft, now, from, message, effects);
      case "snapshotChunk":
        return onSnapshotChunk(raft, now, from, message, effects);
      case "appendAccepted":
        return raft.leading && onAppendAccepted(raft, now, from, message, effects);
      case "appendRejected":
        return raft.leading && onAppendRejected(raft, now, from, message, effects);
      case "heartbeatAck":
        return raft.leading && onHeartbeatAck(raft, now, from, message, effects);
      case "snapshotAck":
        return raft.leading && onSnapshotAck(raft, now, from, message, effects);
      case "readRequest":
        return onReadRequest(raft, now, from, message, effects);
      case "readResponse":
        return onReadResponse(raft, message, effects);
      case "timeoutNow":
        return onTimeoutNow(raft, now, effects);
      case "rejoinAt":
        return onRejoinAt(raft, message);
      default:
        return unreachable(message);
    }
  }

  /** Brings the terms together. Whether the message still means something. */
  #admitTerm(now: Reading, from: NodeId, message: Message, effects: Effects): boolean {
    const raft = this.#state;
    if (message.term > raft.term) {
      if (message.type === "voteRequest") {
        // Disruptive candidates are ignored while a leader is heard (thesis, 4.2.3); a pre-vote changes nothing.
        if (!message.transfer && !message.pre && raft.holdsOnToLeader(now)) return false;
        if (!message.pre) becomeFollower(raft, now, message.term, undefined, "higher term", effects);
        return true;
      }
      if (message.type === "voteResponse" && message.pre && message.granted) return true;
      becomeFollower(raft, now, message.term, isFromLeader(message) ? from : undefined, "higher term", effects);
      return true;
    }
    if (message.term === raft.term) return true;
    if (raft.planted("old-votes-counted") && message.type === "voteResponse" && !message.pre) return true;
    // A leader or candidate of an old term learns that it is one.
    if (isFromLeader(message)) {
      raft.sendAfterState(effects, from, { type: "heartbeatAck", term: raft.term, round: 0, last: raft.log.lastIndex });
    } else if (message.type === "voteRequest") {
      raft.sendAfterState(effects, from, { type: "voteResponse", term: raft.term, pre: message.pre, granted: false });
    } else if (message.type === "readRequest") {
      raft.sendAfterState(effects, from, {
        type: "readResponse",
        term: raft.term,
        id: message.id,
        index: undefined,
        closed: undefined,
      });
    }
    return false;
  }

  #onCommand(now: Reading, command: Command, effects: Effects): void {
    const raft = this.#state;
    if (raft.quiesced && command.type !== "compact") this.#wakeUp(now, effects);
    switch (command.type) {
      case "propose":
        return this.#onPropose(now, command.batch, command.commands, effects);
      case "read":
        return onRead(raft, now, command.id, effects);
      case "changeMembership":
        return this.#onChangeMembership(now, command, effects);
      case "transfer":
        return startTransfer(raft, now, command.to, effects);
      case "compact":
        return onCompact(raft, command.index, effects);
      case "suspect":
        return;
      case "snapshotData":
        return onSnapshotData(raft, now, command, effects);
      case "snapshotInstalled":
        return onSnapshotInstalled(raft, command.head, effects);
      case "snapshotFailed":
        return onSnapshotFailed(raft, command.index, effects);
      default:
        return unreachable(command);
    }
  }

  #onPropose(now: Reading, batch: number, commands: readonly Uint8Array[], effects: Effects): void {
    const raft = this.#state;
    const reason = this.#refusal();
    if (reason) return raft.output(effects, { type: "refused", batch, reason });
    const first = raft.log.lastIndex + 1;
    for (const command of commands) raft.appendAsLeader(now, "command", command);
    raft.fact(effects, { type: "appended", first, last: raft.log.lastIndex, term: raft.term });
    raft.output(effects, { type: "proposed", batch, first, count: commands.length, term: raft.term });
  }

  #refusal(): Refusal | undefined {
    const { leading, config } = this.#state;
    if (!leading) return "not-leader";
    if (leading.transfer) return "transferring";
    return leading.uncommittedBytes > config.maxUncommittedBytes ? "overloaded" : undefined;
  }

  #onChangeMembership(now: Reading, command: Extract<Command, { type: "changeMembership" }>, effects: Effects): void {
    const raft = this.#state;
    const { batch, voters, learners } = command;
    const refuse = (reason: Refusal): void => raft.output(effects, { type: "refused", batch, reason });
    const refusal = this.#refusal();
    if (refusal) return refuse(refusal);
    if (!membershipSettled(raft)) return refuse("change-in-progress");
    if (membershipProblem(voters, learners)) return refuse("bad-membership");
    const joint = raft.planted("single-step-membership")
      ? { voters, outgoing: [], learners }
      : jointMembership(raft.membership, voters, learners);
    const data = encodeMembership(joint);
    const index = raft.appendAsLeader(now, "membership", data);
    adoptMembership(raft, index, data, effects);
    raft.output(effects, { type: "proposed", batch, first: index, count: 1, term: raft.term });
  }

  #onWake(now: Reading, effects: Effects): void {
    const raft = this.#state;
    if (raft.leading && !raft.quiesced) this.#leaderTimers(now, effects);
    else if (!raft.quiesced && raft.electionDeadline !== undefined && now.mono >= raft.electionDeadline)
      onElectionTimeout(raft, now, effects);
    expireRemoteReads(raft, now, effects);
    this.#endTurn(now, effects);
  }

  #leaderTimers(now: Reading, effects: Effects): void {
    const raft = this.#state;
    const leading = raft.leading!;
    if (leading.transfer && now.mono >= leading.transfer.deadline) leading.transfer = undefined;
    if (now.mono >= leading.nextHeartbeatAt) {
      if (this.#maybeQuiesce(now, effects)) return;
      startRound(raft, now, effects);
      raft.turnOpen = true;
    }
    checkQuorum(raft, now, effects);
  }

  #maybeQuiesce(now: Reading, effects: Effects): boolean {
    const raft = this.#state;
    const leading = raft.leading!;
    const after = raft.config.quiesceAfterMs;
    if (after === undefined || now.mono - leading.lastWorkAt < after || leading.transfer || leading.reads.length > 0)
      return false;
    if (raft.commitIndex !== raft.log.lastIndex || isJoint(raft.membership)) return false;
    for (const progress of leading.progress.values()) {
      if (
        progress.state !== "replicate" ||
        progress.match !== raft.log.lastIndex ||
        progress.ackedRound < leading.round
      )
        return false;
    }
    for (const node of leading.progress.keys()) {
      raft.send(effects, node, {
        type: "heartbeat",
        term: raft.term,
        round: leading.round,
        commit: raft.commitIndex,
        closed: undefined,
        quiesce: true,
      });
    }
    raft.quiesced = true;
    raft.fact(effects, { type: "quiesced" });
    return true;
  }

  #wakeUp(now: Reading, effects: Effects): void {
    const raft = this.#state;
    raft.quiesced = false;
    raft.fact(effects, { type: "woken" });
    if (!raft.leading) return raft.resetElectionTimer(now);
    // Sleeping is no proof of a quorum: the lease has run out, the patience of check-quorum begins anew.
    raft.leading.wokenAt = now.mono;
    raft.leading.lastWorkAt = now.mono;
    raft.leading.nextHeartbeatAt = now.mono;
    raft.turnOpen = true;
  }

  #endTurn(now: Reading, effects: Effects): void {
    const raft = this.#state;
    raft.turnOpen = false;
    maybeLeaveJoint(raft, now, effects);
    flushWrites(raft, effects);
    const { leading } = raft;
    if (leading) {
      // Sent while the leader's own write is under way (thesis, 10.2.1).
      for (const [node, progress] of leading.progress) replicateTo(raft, now, node, progress, effects);
      if (leading.roundWanted) startRound(raft, now, effects);
      maybeRetire(raft, now, effects);
    }
    raft.turnOpen = false;
  }

  // ---- A look inside, for the owner, status pages and checkers ---------------------------------------

  get id(): NodeId {
    return this.#state.id;
  }
  get role(): Role {
    return this.#state.role;
  }
  get term(): Term {
    return this.#state.term;
  }
  get leader(): NodeId | undefined {
    return this.#state.leader;
  }
  get membership(): Membership {
    return this.#state.membership;
  }
  get commitIndex(): LogIndex {
    return this.#state.commitIndex;
  }
  get appliedIndex(): LogIndex {
    return this.#state.appliedIndex;
  }
  get durableIndex(): LogIndex {
    return this.#state.durableIndex;
  }
  get firstIndex(): LogIndex {
    return this.#state.log.firstIndex;
  }
  get lastIndex(): LogIndex {
    return this.#state.log.lastIndex;
  }
  /** Whether it counts for nothing yet, since its disk lost what it had promised. */
  get rejoining(): boolean {
    return this.#state.rejoin !== undefined;
  }
  get fruitlessCampaigns(): number {
    return this.#state.fruitlessCampaigns;
  }

  /** The newest closed timestamp that the applied state covers; on a leader under a lease, the present. */
  closed(now: Reading): Closed | undefined {
    const raft = this.#state;
    if (!raft.leading) return raft.closed;
    if (raft.hasLease(now)) return { at: now.wall - now.error, index: raft.commitIndex };
    // What it knew as a follower stays true until a round of its own says more.
    return raft.leading.closed ?? raft.closed;
  }

  /** On a leader: each follower's state. */
  followers(now: Reading): {
    node: NodeId;
    state: "probe" | "replicate" | "snapshot";
    match: LogIndex;
    lagEntries: number;
    silentMs: number | undefined;
  }[] {
    const raft = this.#state;
    return [...(raft.leading?.progress ?? [])].map(([node, progress]) => ({
      node,
      state: progress.state,
      match: progress.match,
      lagEntries: raft.log.lastIndex - progress.match,
      silentMs: progress.heardAt === undefined ? undefined : now.mono - progress.heardAt,
    }));
  }

  /** The membership in force at an applied index, for the state machine's own snapshots. */
  membershipAt(index: LogIndex): Membership {
    return this.#state.history.at(index);
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#state.log.term(index);
  }

  entryAt(index: LogIndex): Entry | undefined {
    const { log } = this.#state;
    return index < log.firstIndex || index > log.lastIndex ? undefined : log.entry(index);
  }

  /** The log from its first entry on, for checkers and inspectors. */
  entries(): readonly Entry[] {
    const { log } = this.#state;
    return log.lastIndex < log.firstIndex ? [] : log.slice(log.firstIndex, log.lastIndex);
  }

  /** Throws where this replica alone shows a broken invariant; `GroupInvariants` compares replicas. */
  check(): void {
    const raft = this.#state;
    const { log, leading } = raft;
    assert(raft.commitIndex <= log.lastIndex, `commit ${raft.commitIndex} beyond the log's end ${log.lastIndex}`);
    assert(raft.appliedIndex <= raft.commitIndex, `applied ${raft.appliedIndex} beyond commit ${raft.commitIndex}`);
    assert(log.base.index <= raft.commitIndex, `compacted ${log.base.index} beyond commit ${raft.commitIndex}`);
    assert(raft.durableIndex <= log.lastIndex, `durable ${raft.durableIndex} beyond the log's end ${log.lastIndex}`);
    assert((raft.role === "leader") === (leading !== undefined), `role ${raft.role} and leadership disagree`);
    assert(raft.role !== "leader" || raft.leader === raft.id, "a leader follows another");
    assert(raft.membership.voters.length > 0 || everyone(raft.membership).length === 0, "a group without voters");
    assert(log.lastTerm <= raft.term, `log of term ${log.lastTerm} in term ${raft.term}`);
    for (const [node, progress] of leading?.progress ?? []) {
      assert(progress.match < progress.next, `match ${progress.match} not below next ${progress.next} of node ${node}`);
      assert(progress.match <= log.lastIndex, `node ${node} matches ${progress.match} beyond ${log.lastIndex}`);
    }
    if (leading) {
      // Leader append-only: a leader's log never loses an entry of its term.
      assert(log.lastIndex >= leading.firstIndex, "the leader lost its own entries");
      if (leading.firstIndex >= log.firstIndex && log.term(leading.firstIndex) !== raft.term)
        throw new InvariantError("the leader's first entry was replaced");
    }
  }

  /** Campaigns at once: for stories and labs, where time stands still. */
  static campaignNow(raft: Raft, now: Reading, effects: Effects): void {
    campaign(raft.#state, now, { pre: false, transfer: false }, effects);
  }
}

function isFromLeader(message: Message): boolean {
  return message.type === "append" || message.type === "heartbeat" || message.type === "snapshotChunk";
}
