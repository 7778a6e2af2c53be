import { InvariantError, type Random } from "../base/index.ts";
import { decodeMembership } from "./membership.ts";
import { RaftState } from "./state.ts";
import type { RaftConfig, Record, SnapshotHead } from "./types.ts";

/** Log and applied state do not belong together: one of them is not what this replica had. It has to rejoin. */
export class LostStorageError extends InvariantError {
  readonly lost: "log" | "state";

  constructor(lost: "log" | "state", message: string) {
    super(message);
    this.lost = lost;
  }
}

/** The state that a sequence of durable records and the durable applied state stand for. */
export function recover(config: RaftConfig, records: readonly Record[], random: Random): RaftState {
  const raft = new RaftState(config, random);
  for (const record of records) replay(raft, record);
  if (config.applied) adoptApplied(raft, config.applied);
  else if (raft.log.base.index > 0) {
    throw new LostStorageError(
      "state",
      `the log begins after ${raft.log.base.index} but the applied state is empty: its directory was lost`,
    );
  }
  raft.durableIndex = raft.log.lastIndex;
  raft.unstableFrom = raft.log.lastIndex + 1;
  raft.commitIndex = Math.max(raft.commitIndex, raft.log.base.index);
  raft.appliedIndex = raft.commitIndex;
  raft.shownTerm = raft.term;
  if (raft.log.lastIndex >= raft.log.firstIndex) raft.clock.observe(raft.log.entry(raft.log.lastIndex).timestamp);
  return raft;
}

function replay(raft: RaftState, record: Record): void {
  const { log } = raft;
  switch (record.type) {
    case "state":
      raft.term = record.term;
      raft.vote = record.vote;
      return;
    case "snapshot": {
      const { head } = record;
      if (head.index < log.base.index) return;
      if (record.reset || !log.has(head)) {
        log.reset(head);
        raft.history.reset(head.index, head.membership);
      } else {
        log.compactTo(head.index);
        raft.history.compactTo(head.index);
      }
      raft.baseTimestamp = head.timestamp;
      return;
    }
    case "entries":
      for (const entry of record.entries) {
        // What a received snapshot replaced may come back from an older part of the disk's log: it is of an
        // older term than the snapshot, since otherwise the log would have agreed with it.
        if (entry.index <= log.base.index || entry.term < log.base.term) continue;
        if (entry.index > log.lastIndex + 1)
          throw new InvariantError(`the log has a gap: ${entry.index} after ${log.lastIndex}`);
        if (entry.index <= log.lastIndex) {
          log.truncateFrom(entry.index);
          raft.history.truncateFrom(entry.index);
        }
        log.append(entry);
        if (entry.kind === "membership") raft.history.append(entry.index, decodeMembership(entry.data));
      }
  }
}

/**
 * The state machine may be ahead of the log: entries are applied when a majority has them, which need not
 * include this disk. What it applied is committed, so a log that disagrees is the one to give way.
 */
function adoptApplied(raft: RaftState, applied: SnapshotHead): void {
  if (applied.index < raft.log.base.index) {
    throw new LostStorageError(
      "state",
      `the log begins after ${raft.log.base.index} but only ${applied.index} is applied: the applied state is older than the log`,
    );
  }
  raft.clock.observe(applied.timestamp);
  raft.commitIndex = applied.index;
  // Where the log is lost, the term is too.
  if (applied.term > raft.term) {
    const planted = ["vote-not-persisted", "rejoins-at-once", "damage-cut-as-torn"].some((bug) => raft.planted(bug));
    if (raft.rejoin === undefined && !planted)
      throw new LostStorageError(
        "log",
        `the applied state is of term ${applied.term} and the log of term ${raft.term}: the log was lost, so this node has to rejoin`,
      );
    raft.setState(applied.term, undefined);
  }
  if (raft.log.has(applied)) return;
  raft.log.reset(applied);
  raft.history.reset(applied.index, applied.membership);
  raft.baseTimestamp = applied.timestamp;
  raft.recordsFirst.push({ type: "snapshot", head: applied, reset: true });
  raft.turnOpen = true;
}
