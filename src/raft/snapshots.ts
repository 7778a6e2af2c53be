/**
 * A follower behind the log receives the state instead: in chunks, each acknowledged, resumed at the last
 * acknowledged chunk after a loss (thesis, 5.1 and 5.3). And compaction: the log ends where the applied
 * state is durable (thesis, 5.1.1).
 */
import { emptyBytes, equalBytes, type LogIndex, type NodeId, type Reading } from "../base/index.ts";
import { entryBytes } from "./log.ts";
import { isJoint } from "./membership.ts";
import { becomeProbe, type Progress } from "./progress.ts";
import { deliverCommitted, heard, heardFromLeader, maybeCommit } from "./replication.ts";
import type { Effects, RaftState } from "./state.ts";
import type { Command, Message, SnapshotHead } from "./types.ts";

type Chunk = Extract<Message, { type: "snapshotChunk" }>;

// ---- Leader ----------------------------------------------------------------------------------------

/** Asks the state machine for the next chunk, or again for one that was not acknowledged in time. */
export function askSnapshot(raft: RaftState, now: Reading, node: NodeId, progress: Progress, effects: Effects): void {
  const { snapshot } = progress;
  if (snapshot.waiting && now.mono < snapshot.askedAt + 2 * raft.config.electionTimeoutMs) return;
  // Nothing is streamed at a node that does not answer.
  const silent = progress.heardAt === undefined || now.mono - progress.heardAt > 2 * raft.config.electionTimeoutMs;
  if (silent) return;
  if (snapshot.index === 0 && snapshot.askedAt === 0)
    raft.fact(effects, { type: "snapshotStarted", to: node, index: raft.appliedIndex });
  snapshot.waiting = true;
  snapshot.askedAt = now.mono;
  raft.output(effects, { type: "readSnapshot", to: node, cursor: snapshot.cursor });
}

export function onSnapshotData(
  raft: RaftState,
  now: Reading,
  data: Extract<Command, { type: "snapshotData" }>,
  effects: Effects,
): void {
  const progress = raft.progressOf(data.to);
  if (!progress || progress.state !== "snapshot") return;
  progress.snapshot.index = data.head.index;
  progress.snapshot.askedAt = now.mono;
  raft.send(effects, data.to, {
    type: "snapshotChunk",
    term: raft.term,
    round: raft.leading!.round,
    head: data.head,
    cursor: data.cursor,
    next: data.next,
    data: data.data,
    done: data.done,
  });
}

export function onSnapshotAck(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  message: Extract<Message, { type: "snapshotAck" }>,
  effects: Effects,
): void {
  const progress = heard(raft, now, from, message, effects);
  if (!progress || progress.state !== "snapshot" || message.index !== progress.snapshot.index) return;
  if (message.done) {
    raft.output(effects, { type: "closeSnapshot", to: from });
    raft.fact(effects, { type: "snapshotSent", to: from, index: message.index });
    progress.match = Math.max(progress.match, message.index);
    becomeProbe(progress, message.index + 1);
    maybeCommit(raft, effects);
  } else {
    progress.snapshot.cursor = message.next;
    progress.snapshot.waiting = false;
  }
  raft.turnOpen = true;
}

// ---- Follower --------------------------------------------------------------------------------------

export function onSnapshotChunk(raft: RaftState, now: Reading, from: NodeId, message: Chunk, effects: Effects): void {
  heardFromLeader(raft, now, from, effects);
  const { head } = message;
  if (head.index <= raft.commitIndex) {
    acknowledgeSnapshot(raft, from, message.round, head.index, emptyBytes, true);
    return;
  }
  let { incoming } = raft;
  const known =
    incoming && incoming.from === from && incoming.head.index === head.index && incoming.head.term === head.term;
  // A last chunk that came twice: the answer leaves when the state is in place.
  if (incoming?.installing) return;
  if (!known && message.cursor.length > 0) {
    acknowledgeSnapshot(raft, from, message.round, head.index, emptyBytes, false);
    return;
  }
  if (known && !equalBytes(incoming!.cursor, message.cursor)) {
    if (message.cursor.length > 0) {
      acknowledgeSnapshot(raft, from, message.round, head.index, incoming!.cursor, false);
      return;
    }
    incoming = undefined;
  }
  const first = !known || incoming === undefined;
  raft.incoming = { from, head, cursor: message.next, installing: message.done };
  raft.output(effects, { type: "installChunk", head, first, data: message.data, done: message.done });
  // The state machine may have refused the chunk at once, which cleared `incoming` through `snapshotFailed`.
  if (!message.done) acknowledgeSnapshot(raft, from, message.round, head.index, message.next, false);
}

function acknowledgeSnapshot(
  raft: RaftState,
  to: NodeId,
  round: number,
  index: LogIndex,
  next: Uint8Array,
  done: boolean,
): void {
  raft.sendAfterWrite(to, { type: "snapshotAck", term: raft.term, round, index, next, done });
}

/** The state machine stands at `head`, durably: the log follows. */
export function onSnapshotInstalled(raft: RaftState, head: SnapshotHead, effects: Effects): void {
  const { incoming } = raft;
  raft.incoming = undefined;
  const reset = !raft.log.has(head);
  // The disk may still hold a tail that this turn's entries replaced only in memory: it must not come back above the snapshot.
  const dropsTail = reset || head.index >= raft.unstableFrom;
  if (reset) {
    raft.log.reset(head);
    raft.durableIndex = head.index;
  } else {
    raft.log.compactTo(head.index);
    raft.durableIndex = Math.max(raft.durableIndex, head.index);
  }
  raft.unstableFrom = Math.max(reset ? head.index + 1 : raft.unstableFrom, head.index + 1);
  if (reset) raft.history.reset(head.index, head.membership);
  else raft.history.compactTo(head.index);
  raft.clock.observe(head.timestamp);
  raft.commitIndex = Math.max(raft.commitIndex, head.index);
  raft.appliedIndex = head.index;
  raft.baseTimestamp = head.timestamp;
  raft.recordsFirst.push({ type: "snapshot", head, reset: dropsTail });
  raft.outputsAfterWrite.push({ type: "truncate", index: head.index });
  raft.turnOpen = true;
  raft.fact(effects, { type: "snapshotInstalled", index: head.index });
  if (incoming && raft.leader === incoming.from)
    acknowledgeSnapshot(raft, incoming.from, 0, head.index, emptyBytes, true);
  deliverCommitted(raft, effects);
}

export function onSnapshotFailed(raft: RaftState, index: LogIndex, effects: Effects): void {
  const { incoming } = raft;
  if (!incoming || incoming.head.index !== index) return;
  raft.incoming = undefined;
  acknowledgeSnapshot(raft, incoming.from, 0, index, emptyBytes, false);
  deliverCommitted(raft, effects);
}

// ---- Compaction ------------------------------------------------------------------------------------

/** The applied state is durable through `index`: keeps a little of the log below it for followers that lag, and drops the rest. */
export function onCompact(raft: RaftState, durable: LogIndex, effects: Effects): void {
  const through = compactionPoint(raft, Math.min(durable, raft.appliedIndex, raft.durableIndex));
  // A record for every few entries would cost more than it saves.
  if (through - raft.log.base.index < 64 && raft.log.bytes < raft.config.retainedLogBytes) return;
  if (through <= raft.log.base.index) return;
  const { timestamp } = raft.log.entry(through);
  const head = raft.headAt(through, timestamp);
  raft.log.compactTo(through);
  raft.history.compactTo(through);
  raft.baseTimestamp = timestamp;
  raft.recordsFirst.push({ type: "snapshot", head, reset: false });
  raft.outputsAfterWrite.push({ type: "truncate", index: through });
  raft.turnOpen = true;
  raft.fact(effects, { type: "compacted", index: through });
}

function compactionPoint(raft: RaftState, durable: LogIndex): LogIndex {
  const { log, config } = raft;
  // From the front: each entry is looked at about once, when it goes.
  let kept = log.bytes;
  let through = log.base.index;
  while (through < durable) {
    kept -= entryBytes(log.entry(through + 1));
    if (kept < config.retainedLogBytes) break;
    through++;
  }
  // A follower that is being sent a snapshot will want what comes after it, unless that grows out of hand.
  if (raft.leading && log.bytes < 8 * config.retainedLogBytes) {
    for (const progress of raft.leading.progress.values()) {
      if (progress.state === "snapshot" && progress.snapshot.index > 0)
        through = Math.min(through, progress.snapshot.index);
    }
  }
  return Math.max(through, log.base.index);
}

/** Whether a membership may be changed now: the last change is committed and left behind (thesis, 4.1). */
export function membershipSettled(raft: RaftState): boolean {
  return !isJoint(raft.membership) && raft.history.currentIndex <= raft.commitIndex && raft.leadsSettled;
}
