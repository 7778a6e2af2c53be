/** Linearizable reads without a log entry: leases and ReadIndex, batched, also on behalf of followers (thesis, 6.4). */
import type { NodeId, Reading } from "../base/index.ts";
import { closedNow, noteClosed } from "./replication.ts";
import type { Effects, PendingRead, RaftState } from "./state.ts";
import type { Closed, Message } from "./types.ts";

/** A read asked of this node: answered here, by the next round, or by the leader. */
export function onRead(raft: RaftState, now: Reading, id: number, effects: Effects): void {
  if (raft.leading) {
    readAsLeader(raft, now, id, undefined, effects);
  } else if (raft.leader === undefined) {
    raft.output(effects, { type: "readFailed", id });
  } else {
    raft.remoteReads.set(id, now.mono);
    raft.send(effects, raft.leader, { type: "readRequest", term: raft.term, id });
  }
}

export function onReadRequest(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "readRequest" }>,
  effects: Effects,
): void {
  if (raft.leading) readAsLeader(raft, now, message.id, from, effects);
  else
    raft.sendAfterState(effects, from, {
      type: "readResponse",
      term: raft.term,
      id: message.id,
      index: undefined,
      closed: undefined,
    });
}

function readAsLeader(raft: RaftState, now: Reading, id: number, from: NodeId | undefined, effects: Effects): void {
  const leading = raft.leading!;
  leading.lastWorkAt = now.mono;
  if (!raft.leadsSettled && !raft.planted("read-before-noop")) {
    // Until the term's no-op is committed, the commit index may be behind what an earlier leader acknowledged.
    leading.earlyReads.push({ id, from });
    return;
  }
  if (raft.hasLease(now) || raft.planted("read-without-round")) {
    answer(raft, id, from, raft.commitIndex, closedNow(raft, now), effects);
    return;
  }
  leading.reads.push({ id, from, index: raft.commitIndex, round: leading.round + 1 });
  leading.roundWanted = true;
  raft.turnOpen = true;
}

/** A quorum answered a round that began after the read was asked. */
export function answerRead(raft: RaftState, read: PendingRead, effects: Effects): void {
  answer(raft, read.id, read.from, read.index, raft.leading?.closed, effects);
}

function answer(
  raft: RaftState,
  id: number,
  from: NodeId | undefined,
  index: number,
  closed: Closed | undefined,
  effects: Effects,
): void {
  if (from === undefined) raft.output(effects, { type: "readReady", id, index, closed });
  else raft.send(effects, from, { type: "readResponse", term: raft.term, id, index, closed });
}

export function onReadResponse(
  raft: RaftState,
  message: Extract<Message, { type: "readResponse" }>,
  effects: Effects,
): void {
  if (!raft.remoteReads.delete(message.id)) return;
  if (message.index === undefined) {
    raft.output(effects, { type: "readFailed", id: message.id });
    return;
  }
  noteClosed(raft, message.closed);
  raft.output(effects, { type: "readReady", id: message.id, index: message.index, closed: message.closed });
}

/** Questions to the leader that were lost on the way: the asker may try again. */
export function expireRemoteReads(raft: RaftState, now: Reading, effects: Effects): void {
  for (const [id, askedAt] of raft.remoteReads) {
    if (now.mono < askedAt + raft.config.electionTimeoutMs) return;
    raft.remoteReads.delete(id);
    raft.output(effects, { type: "readFailed", id });
  }
}
