/** How the log travels: batched, pipelined, backtracking fast, with flow control (thesis, 3.5, 4.2.1, 10.2). */
import { must, type LogIndex, type NodeId, type Reading } from "../base/index.ts";
import { becomeFollower, changeRole, maybeCompleteTransfer, mostAdvanced } from "./election.ts";
import { entryBytes } from "./log.ts";
import { decodeMembership, encodeMembership, isJoint, leaveJoint } from "./membership.ts";
import { accepted, becomeProbe, becomeReplicate, becomeSnapshot, sentAppend, type Progress } from "./progress.ts";
import { answerRead } from "./reads.ts";
import { askSnapshot } from "./snapshots.ts";
import { admitAnswer } from "./rejoin.ts";
import type { Effects, RaftState } from "./state.ts";
import type { Closed, Message } from "./types.ts";

type Append = Extract<Message, { type: "append" }>;

// ---- Leader ----------------------------------------------------------------------------------------

/** Begins a heartbeat round: whoever answers it, or anything sent after it, had not left this leader when it began. */
export function startRound(raft: RaftState, now: Reading, effects: Effects): void {
  const leading = must(raft.leading, "leadership");
  leading.round++;
  leading.roundWanted = false;
  leading.nextHeartbeatAt = now.mono + raft.config.heartbeatMs;
  leading.rounds.push({
    round: leading.round,
    sentAt: now.mono,
    sentAtLeast: now.wall - now.error,
    commit: raft.commitIndex,
  });
  const closed = closedNow(raft, now);
  for (const [node, progress] of leading.progress) {
    progress.heartbeatRound = leading.round;
    progress.heartbeatNext = progress.next;
    const commit = raft.planted("heartbeat-commits-ahead")
      ? raft.commitIndex
      : Math.min(raft.commitIndex, progress.match);
    raft.send(effects, node, {
      type: "heartbeat",
      term: raft.term,
      round: leading.round,
      commit,
      closed,
      quiesce: false,
    });
    progress.sentCommit = commit;
  }
  onRoundAnswered(raft, effects);
}

/** What a leader may close: under a lease the present, else what its last answered round closed. */
export function closedNow(raft: RaftState, now: Reading): Closed | undefined {
  if (raft.hasLease(now) || raft.planted("closed-too-early"))
    return { at: now.wall - now.error, index: raft.commitIndex };
  return raft.leading?.closed;
}

/** A peer answered a round: perhaps a quorum has, which confirms leadership as of when it was sent. */
export function onRoundAnswered(raft: RaftState, effects: Effects): void {
  const leading = must(raft.leading, "leadership");
  const round = raft.quorumRound();
  if (round <= leading.quorumRound) return;
  leading.quorumRound = round;
  while (leading.rounds.length > 0 && leading.rounds[0]!.round <= round) {
    const answered = leading.rounds.shift()!;
    leading.quorumContactAt = answered.sentAt;
    if (raft.leadsSettled && answered.commit >= leading.firstIndex)
      leading.closed = { at: answered.sentAtLeast, index: answered.commit };
  }
  while (leading.reads.length > 0 && leading.reads[0]!.round <= round)
    answerRead(raft, leading.reads.shift()!, effects);
}

/** Sends a follower what it lacks, as far as flow control lets. */
export function replicateTo(raft: RaftState, now: Reading, node: NodeId, progress: Progress, effects: Effects): void {
  while (true) {
    if (progress.state === "snapshot") {
      askSnapshot(raft, now, node, progress, effects);
      return;
    }
    if (progress.state === "probe" && progress.probing) return;
    const { config, log } = raft;
    if (progress.inflight.length >= config.maxInflightMessages || progress.inflightBytes >= config.maxInflightBytes)
      return;
    const previous = { index: progress.next - 1, term: log.term(progress.next - 1) };
    if (previous.term === undefined) {
      becomeSnapshot(progress);
      continue;
    }
    const entries = progress.next <= log.lastIndex ? log.batch(progress.next, config.maxAppendBytes) : [];
    const last = previous.index + entries.length;
    if (entries.length === 0 && progress.state === "replicate") {
      tellCommit(raft, now, node, progress, effects);
      return;
    }
    const message: Append = {
      type: "append",
      term: raft.term,
      round: raft.leading!.round,
      previous: { index: previous.index, term: previous.term },
      entries,
      commit: raft.commitIndex,
      closed: closedNow(raft, now),
    };
    raft.send(effects, node, message);
    progress.sentCommit = raft.commitIndex;
    if (progress.inflight.length === 0) progress.progressAt = now.mono;
    let bytes = 0;
    for (const entry of entries) bytes += entryBytes(entry);
    sentAppend(progress, last, bytes, raft.leading!.round);
  }
}

/** Nothing to send but news of the commit index: a heartbeat that wants no answer. */
function tellCommit(raft: RaftState, now: Reading, node: NodeId, progress: Progress, effects: Effects): void {
  const commit = Math.min(raft.commitIndex, progress.match);
  if (commit <= progress.sentCommit) return;
  progress.sentCommit = commit;
  raft.send(effects, node, {
    type: "heartbeat",
    term: raft.term,
    round: 0,
    commit,
    closed: closedNow(raft, now),
    quiesce: false,
  });
}

export function heard(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  answer: { readonly round: number; readonly rejoining?: number },
  effects: Effects,
): Progress | undefined {
  const progress = raft.progressOf(from);
  if (!progress || !admitAnswer(raft, now, from, progress, answer, effects)) return undefined;
  progress.heardAt = now.mono;
  if (answer.round > progress.ackedRound) {
    progress.ackedRound = answer.round;
    onRoundAnswered(raft, effects);
  }
  return progress;
}

export function onAppendAccepted(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "appendAccepted" }>,
  effects: Effects,
): void {
  const progress = heard(raft, now, from, message, effects);
  if (!progress) return;
  const news = accepted(progress, message.match);
  if (progress.state === "probe" && message.match >= progress.next - 1) becomeReplicate(progress);
  if (news) {
    progress.progressAt = now.mono;
    maybeCommit(raft, effects);
    maybeCompleteTransfer(raft, effects);
  }
  raft.turnOpen = true;
}

export function onAppendRejected(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "appendRejected" }>,
  effects: Effects,
): void {
  const progress = heard(raft, now, from, message, effects);
  if (!progress || progress.state === "snapshot") return;
  // Late answers of an earlier exchange: what was accepted since cannot be rejected.
  if (message.rejected <= progress.match) return;
  if (progress.state === "probe" && message.rejected !== progress.next - 1) return;
  const candidate = raft.log.lastAtMost(message.hint.index, message.hint.term);
  becomeProbe(progress, Math.min(candidate.index + 1, message.rejected));
  raft.turnOpen = true;
}

export function onHeartbeatAck(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "heartbeatAck" }>,
  effects: Effects,
): void {
  const progress = heard(raft, now, from, message, effects);
  if (!progress) return;
  if (progress.state === "probe") {
    if (!progress.probing || message.round <= progress.probeRound) return;
    progress.probing = false;
    raft.turnOpen = true;
    return;
  }
  if (progress.state !== "replicate" || progress.inflight.length === 0) return;
  // The follower answered a heartbeat that was sent after appends which it does not have: they were lost.
  const lost = message.round >= progress.heartbeatRound && message.last < progress.heartbeatNext - 1;
  const stuck = now.mono - progress.progressAt > 2 * raft.config.electionTimeoutMs;
  if (!lost && !stuck) return;
  becomeProbe(progress, progress.match + 1);
  raft.turnOpen = true;
}

/** The commit rule: only entries of the present term are committed by counting (thesis, figure 3.7, "figure 8" of the paper). */
export function maybeCommit(raft: RaftState, effects: Effects): void {
  if (!raft.leading) return;
  const index = raft.quorumMatch();
  if (
    index > raft.commitIndex &&
    (raft.log.term(index) === raft.term || raft.planted("old-term-committed-by-counting"))
  )
    advanceCommit(raft, index, effects);
}

// ---- Follower --------------------------------------------------------------------------------------

/** A message of the term's leader arrived. */
export function heardFromLeader(raft: RaftState, now: Reading, from: NodeId, effects: Effects): void {
  if (raft.role !== "follower") becomeFollower(raft, now, raft.term, from, "another leads", effects);
  else if (raft.leader !== from) changeRole(raft, "follower", from, "leader heard", effects);
  raft.leaderHeardAt = now.mono;
  if (raft.quiesced) {
    raft.quiesced = false;
    raft.fact(effects, { type: "woken" });
  }
  raft.resetElectionTimer(now);
}

export function onAppend(raft: RaftState, now: Reading, from: NodeId, message: Append, effects: Effects): void {
  heardFromLeader(raft, now, from, effects);
  const { log } = raft;
  const last = message.previous.index + message.entries.length;
  if (last <= raft.commitIndex) {
    // All of it is committed here already, so it is the leader's too (leader completeness).
    acknowledge(raft, from, message.round, raft.commitIndex);
  } else if (
    message.previous.index >= raft.commitIndex &&
    !log.has(message.previous) &&
    !(raft.planted("no-previous-check") && message.previous.index <= log.lastIndex)
  ) {
    const hint = log.lastAtMost(message.previous.index, message.previous.term);
    raft.sendAfterState(effects, from, {
      type: "appendRejected",
      term: raft.term,
      round: message.round,
      rejected: message.previous.index,
      hint,
    });
  } else {
    takeEntries(raft, message, effects);
    acknowledge(raft, from, message.round, last);
    advanceCommit(raft, Math.min(message.commit, last), effects);
  }
  noteClosed(raft, message.closed);
}

/** Appends what is new; truncates only where an entry contradicts, so that a late message takes nothing away (thesis, 3.5). */
function takeEntries(raft: RaftState, message: Append, effects: Effects): void {
  const { log } = raft;
  let first: LogIndex | undefined;
  const last = message.previous.index + message.entries.length;
  if (raft.planted("late-append-truncates") && message.entries.length > 0 && last < log.lastIndex)
    truncate(raft, last + 1, effects);
  for (const entry of message.entries) {
    if (entry.index <= raft.commitIndex || log.term(entry.index) === entry.term) continue;
    if (entry.index <= log.lastIndex) truncate(raft, entry.index, effects);
    log.append(entry);
    raft.clock.observe(entry.timestamp);
    if (entry.kind === "membership") adoptMembership(raft, entry.index, entry.data, effects);
    first ??= entry.index;
  }
  if (first === undefined) return;
  raft.turnOpen = true;
  raft.fact(effects, { type: "appended", first, last: log.lastIndex, term: log.lastTerm });
}

function truncate(raft: RaftState, from: LogIndex, effects: Effects): void {
  raft.log.truncateFrom(from);
  raft.durableIndex = Math.min(raft.durableIndex, from - 1);
  raft.unstableFrom = Math.min(raft.unstableFrom, from);
  if (raft.history.truncateFrom(from))
    raft.fact(effects, { type: "membership", index: raft.history.currentIndex, membership: raft.membership });
  raft.fact(effects, { type: "truncated", from });
}

export function adoptMembership(raft: RaftState, index: LogIndex, data: Uint8Array, effects: Effects): void {
  const membership = decodeMembership(data);
  raft.history.append(index, membership);
  raft.syncProgress();
  raft.fact(effects, { type: "membership", index, membership });
}

/** One answer a turn: it leaves with the write that makes the entries durable. */
function acknowledge(raft: RaftState, to: NodeId, round: number, match: LogIndex): void {
  const due = raft.ackDue;
  raft.ackDue = {
    to,
    round: Math.max(round, due?.to === to ? due.round : 0),
    match: Math.max(match, due?.to === to ? due.match : 0),
  };
  raft.turnOpen = true;
}

export function onHeartbeat(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "heartbeat" }>,
  effects: Effects,
): void {
  heardFromLeader(raft, now, from, effects);
  // The leader sends at most what this node has acknowledged, so the commit index is safe to take.
  advanceCommit(raft, Math.min(message.commit, raft.log.lastIndex), effects);
  noteClosed(raft, message.closed);
  if (message.round > 0)
    raft.sendAfterState(effects, from, {
      type: "heartbeatAck",
      term: raft.term,
      round: message.round,
      last: raft.log.lastIndex,
    });
  if (message.quiesce && message.commit === raft.log.lastIndex) {
    raft.quiesced = true;
    raft.electionDeadline = undefined;
    raft.fact(effects, { type: "quiesced" });
  }
}

/** Closed timestamps count once the state they speak of is applied here. */
export function noteClosed(raft: RaftState, closed: Closed | undefined): void {
  if (closed) {
    // The oldest one that waits comes into force first, the newest one is the most useful: keep both ends.
    if (raft.closedAhead.length >= 4) raft.closedAhead.splice(2, 1);
    raft.closedAhead.push(closed);
  }
  while (
    raft.closedAhead.length > 0 &&
    (raft.closedAhead[0]!.index <= raft.appliedIndex || raft.planted("closed-before-applied"))
  ) {
    const next = raft.closedAhead.shift()!;
    if (raft.closed === undefined || next.at > raft.closed.at) raft.closed = next;
  }
}

// ---- Both ------------------------------------------------------------------------------------------

export function advanceCommit(raft: RaftState, to: LogIndex, effects: Effects): void {
  if (to <= raft.commitIndex) return;
  raft.commitIndex = to;
  raft.fact(effects, { type: "committed", index: to });
  deliverCommitted(raft, effects);
}

/** Hands committed entries to the state machine, unless it is busy taking over a snapshot. */
export function deliverCommitted(raft: RaftState, effects: Effects): void {
  if (raft.incoming?.installing || raft.appliedIndex >= raft.commitIndex) return;
  const entries = raft.log.slice(raft.appliedIndex + 1, raft.commitIndex);
  raft.appliedIndex = raft.commitIndex;
  raft.output(effects, { type: "committed", entries });
  noteClosed(raft, undefined);
  const { leading } = raft;
  if (!leading) return;
  for (const entry of entries) leading.uncommittedBytes = Math.max(0, leading.uncommittedBytes - entryBytes(entry));
  raft.turnOpen = true;
  if (raft.leadsSettled && leading.earlyReads.length > 0) {
    for (const { id, from } of leading.earlyReads.splice(0)) {
      leading.reads.push({ id, from, index: raft.commitIndex, round: leading.round + 1 });
      leading.roundWanted = true;
    }
  }
}

/** Leaves a joint configuration as soon as it is committed (thesis, 4.3); also one that an earlier leader entered. */
export function maybeLeaveJoint(raft: RaftState, now: Reading, effects: Effects): void {
  if (
    !raft.leadsSettled ||
    !isJoint(raft.membership) ||
    (raft.history.currentIndex > raft.commitIndex && !raft.planted("leaves-joint-early"))
  )
    return;
  const data = encodeMembership(leaveJoint(raft.membership));
  adoptMembership(raft, raft.appendAsLeader(now, "membership", data), data, effects);
}

/** A leader that is no longer a voter retires once that is committed (thesis, 4.2.2). */
export function maybeRetire(raft: RaftState, now: Reading, effects: Effects): void {
  if (!raft.leading || raft.isVoter() || raft.history.currentIndex > raft.commitIndex) return;
  const successor = mostAdvanced(raft);
  if (successor !== undefined) raft.send(effects, successor, { type: "timeoutNow", term: raft.term });
  becomeFollower(raft, now, raft.term, undefined, "no longer a voter", effects);
}
