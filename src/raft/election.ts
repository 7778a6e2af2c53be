/** Who leads: pre-vote, votes, check-quorum and leadership transfer (thesis, 3.4, 4.2.3, 6.4, 9.6, 3.10). */
import { assert, must, type NodeId, type Reading, type Term } from "../base/index.ts";
import { voteResult } from "../quorum/index.ts";
import { newProgress } from "./progress.ts";
import { noteClosed, startRound } from "./replication.ts";
import type { Effects, Leadership, RaftState } from "./state.ts";
import type { Message, Role } from "./types.ts";

export function changeRole(
  raft: RaftState,
  role: Role,
  leader: NodeId | undefined,
  reason: string,
  effects: Effects,
): void {
  if (role === raft.role && leader === raft.leader && raft.shownTerm === raft.term) return;
  raft.shownTerm = raft.term;
  raft.role = role;
  raft.leader = leader;
  if (leader !== undefined) raft.fruitlessCampaigns = 0;
  raft.output(effects, { type: "leadership", role, term: raft.term, leader });
  raft.fact(effects, { type: "roleChanged", role, term: raft.term, leader, reason });
}

export function becomeFollower(
  raft: RaftState,
  now: Reading,
  term: Term,
  leader: NodeId | undefined,
  reason: string,
  effects: Effects,
): void {
  const newTerm = term > raft.term;
  const wasLeading = raft.leading;
  if (newTerm) {
    raft.setState(term, undefined);
    raft.ackDue = undefined;
  }
  raft.leading = undefined;
  raft.votes.clear();
  raft.quiesced = false;
  if (newTerm || raft.role !== "follower") raft.resetElectionTimer(now);
  changeRole(raft, "follower", leader, reason, effects);
  if (wasLeading) {
    // What its last answered round closed stays true: who was cut off can still say how old its state is at most.
    noteClosed(raft, wasLeading.closed);
    for (const read of [...wasLeading.reads, ...wasLeading.earlyReads]) {
      if (read.from === undefined) raft.output(effects, { type: "readFailed", id: read.id });
    }
    for (const [node, progress] of wasLeading.progress) {
      if (progress.state === "snapshot") raft.output(effects, { type: "closeSnapshot", to: node });
    }
  }
  if (newTerm) failRemoteReads(raft, effects);
}

export function failRemoteReads(raft: RaftState, effects: Effects): void {
  for (const id of raft.remoteReads.keys()) raft.output(effects, { type: "readFailed", id });
  raft.remoteReads.clear();
}

/** The election timer ran out. */
export function onElectionTimeout(raft: RaftState, now: Reading, effects: Effects): void {
  raft.resetElectionTimer(now);
  if (!raft.mayCampaign()) {
    changeRole(raft, raft.role, undefined, "no leader heard", effects);
    if (raft.rejoin !== undefined) wakeLeader(raft, effects);
    return;
  }
  if (raft.role !== "follower") raft.fruitlessCampaigns++;
  campaign(raft, now, { pre: true, transfer: false }, effects);
}

/** A leader that sleeps does not know that this replica has to rejoin: any message wakes it, and a pre-vote changes nothing. */
function wakeLeader(raft: RaftState, effects: Effects): void {
  const message: Message = {
    type: "voteRequest",
    term: raft.term + 1,
    pre: true,
    transfer: false,
    last: raft.log.last,
  };
  for (const node of raft.peers()) raft.send(effects, node, message);
}

/**
 * Asks for votes. With `pre` only whether they would be given: a node that was cut off does not disturb
 * the others with a higher term when it comes back (thesis, 9.6).
 */
export function campaign(
  raft: RaftState,
  now: Reading,
  how: { pre: boolean; transfer: boolean },
  effects: Effects,
): void {
  raft.quiesced = false;
  raft.votes.clear();
  const term = raft.term + 1;
  if (!how.pre) {
    raft.setState(term, raft.id);
    raft.ackDue = undefined;
    raft.fact(effects, { type: "voted", term, candidate: raft.id });
  }
  failRemoteReads(raft, effects);
  changeRole(
    raft,
    how.pre ? "preCandidate" : "candidate",
    undefined,
    how.transfer ? "leadership transfer" : "election timeout",
    effects,
  );
  const message: Message = { type: "voteRequest", term, pre: how.pre, transfer: how.transfer, last: raft.log.last };
  const voters = new Set([...raft.membership.voters, ...raft.membership.outgoing]);
  voters.delete(raft.id);
  for (const node of voters) {
    if (how.pre) raft.send(effects, node, message);
    else raft.sendAfterWrite(node, message);
  }
  if (how.pre) {
    raft.votes.set(raft.id, true);
    countVotes(raft, now, effects);
  }
}

/** A candidate's own vote counts once it is durable. */
export function countOwnVote(raft: RaftState, now: Reading, effects: Effects): void {
  if (raft.role !== "candidate" || raft.votes.has(raft.id) || raft.durableWrite < raft.stateWrite || raft.stateChanged)
    return;
  raft.votes.set(raft.id, true);
  countVotes(raft, now, effects);
}

function countVotes(raft: RaftState, now: Reading, effects: Effects): void {
  const result = voteResult(raft.membership, (node) => raft.votes.get(node));
  if (result === "pending") return;
  if (result === "lost") {
    raft.fruitlessCampaigns++;
    becomeFollower(raft, now, raft.term, undefined, "votes refused", effects);
    return;
  }
  if (raft.role === "preCandidate") campaign(raft, now, { pre: false, transfer: false }, effects);
  else becomeLeader(raft, now, effects);
}

function becomeLeader(raft: RaftState, now: Reading, effects: Effects): void {
  assert(raft.role === "candidate", `a ${raft.role} cannot become leader`);
  const leading: Leadership = {
    progress: new Map(raft.peers().map((node) => [node, newProgress(raft.log.lastIndex + 1)])),
    firstIndex: raft.log.lastIndex + 1,
    round: 0,
    rounds: [],
    quorumRound: 0,
    quorumContactAt: now.mono,
    wokenAt: now.mono,
    nextHeartbeatAt: now.mono,
    roundWanted: false,
    reads: [],
    earlyReads: [],
    closed: undefined,
    uncommittedBytes: 0,
    transfer: undefined,
    leaseForfeited: false,
    lastWorkAt: now.mono,
  };
  raft.leading = leading;
  raft.electionDeadline = undefined;
  raft.appendAsLeader(now, "noop");
  changeRole(raft, "leader", raft.id, "elected", effects);
  startRound(raft, now, effects);
}

export function onVoteRequest(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "voteRequest" }>,
  effects: Effects,
): void {
  const upToDate =
    raft.planted("no-up-to-date-check") ||
    message.last.term > raft.log.lastTerm ||
    (message.last.term === raft.log.lastTerm && message.last.index >= raft.log.lastIndex);
  if (message.pre) {
    const granted = message.term > raft.term && upToDate && raft.rejoin === undefined && !raft.holdsOnToLeader(now);
    const term = granted ? message.term : raft.term;
    raft.sendAfterState(effects, from, { type: "voteResponse", term, pre: true, granted });
    return;
  }
  const granted =
    message.term === raft.term &&
    upToDate &&
    raft.rejoin === undefined &&
    (raft.vote === undefined || raft.vote === from || raft.planted("votes-twice")) &&
    raft.leader === undefined;
  if (granted) {
    if (raft.vote === undefined) raft.fact(effects, { type: "voted", term: raft.term, candidate: from });
    raft.setState(raft.term, from);
    raft.resetElectionTimer(now);
  }
  const response: Message = { type: "voteResponse", term: raft.term, pre: false, granted };
  if (raft.planted("vote-not-durable")) raft.send(effects, from, response);
  else raft.sendAfterWrite(from, response);
}

export function onVoteResponse(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "voteResponse" }>,
  effects: Effects,
): void {
  const asked = message.pre ? raft.role === "preCandidate" : raft.role === "candidate";
  if (!asked) return;
  // A granted pre-vote names the term that was asked for; a late one of an earlier campaign does not count.
  if (message.pre && message.granted && message.term !== raft.term + 1) return;
  if (!raft.votes.has(from)) raft.votes.set(from, message.granted);
  countVotes(raft, now, effects);
}

/** When a leader that no quorum answers gives up. */
export function quorumDeadline(raft: RaftState, leading: Leadership): number {
  return Math.max(leading.quorumContactAt, leading.wokenAt) + raft.config.electionTimeoutMs;
}

/** A leader that no quorum answered for an election timeout steps down: someone else may lead by now (thesis, 6.2). */
export function checkQuorum(raft: RaftState, now: Reading, effects: Effects): void {
  const leading = must(raft.leading, "leadership");
  if (now.mono < quorumDeadline(raft, leading)) return;
  becomeFollower(raft, now, raft.term, undefined, "no quorum answers", effects);
}

export function startTransfer(raft: RaftState, now: Reading, to: NodeId | undefined, effects: Effects): void {
  const { leading } = raft;
  if (!leading || leading.transfer) return;
  const target = to ?? mostAdvanced(raft);
  if (
    target === undefined ||
    target === raft.id ||
    raft.counted(target) === undefined ||
    !raft.membership.voters.includes(target)
  )
    return;
  leading.transfer = { to: target, deadline: now.mono + raft.config.electionTimeoutMs, sent: false };
  raft.fact(effects, { type: "transferStarted", to: target });
  maybeCompleteTransfer(raft, effects);
  raft.turnOpen = true;
}

/** The voter that has most of the log. */
export function mostAdvanced(raft: RaftState): NodeId | undefined {
  let best: NodeId | undefined;
  for (const node of raft.membership.voters) {
    if (node === raft.id || raft.counted(node) === undefined) continue;
    if (best === undefined || raft.progressOf(node)!.match > raft.progressOf(best)!.match) best = node;
  }
  return best;
}

/** Tells the successor to campaign as soon as it has the whole log (thesis, 3.10). */
export function maybeCompleteTransfer(raft: RaftState, effects: Effects): void {
  const transfer = raft.leading?.transfer;
  if (!transfer || transfer.sent || raft.progressOf(transfer.to)?.match !== raft.log.lastIndex) return;
  transfer.sent = true;
  // From here on followers may elect the successor although they hear from this leader.
  raft.leading!.leaseForfeited = true;
  raft.send(effects, transfer.to, { type: "timeoutNow", term: raft.term });
}

export function onTimeoutNow(raft: RaftState, now: Reading, effects: Effects): void {
  if (raft.role === "leader" || !raft.isVoter() || raft.rejoin !== undefined) return;
  raft.resetElectionTimer(now);
  campaign(raft, now, { pre: false, transfer: true }, effects);
}
