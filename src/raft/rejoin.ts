/**
 * A replica whose disk lost what it had promised (votes, acknowledged entries) comes back under its own name
 * without being counted, until it knows that nothing it may have promised can be broken (docs/decisions/0050;
 * the problem: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018; the way
 * back: Liskov and Cowling, "Viewstamped Replication Revisited", 2012, section 4.3).
 *
 *     replica                                             leader of term t
 *     answers, marked with this life ───────────────────▶ takes it out of every quorum, appends an entry
 *     ◀───────────────────────────── rejoinAt life, index ┘
 *     ◀──────────── entries, snapshots, commit index ─────
 *     committed through index, in term t, durably: rejoined
 *
 * That entry was committed by a quorum without this replica, after its loss. So whoever an earlier vote of this replica
 * could have elected was elected in a term up to t, or cannot be elected any more; and whatever was
 * committed with its help is in the log of the leader of t, hence now in its own.
 */
import type { LogIndex, NodeId, Reading } from "../base/index.ts";
import { newProgress, type Progress } from "./progress.ts";
import type { Effects, RaftState } from "./state.ts";
import type { Message } from "./types.ts";

/** Of a leader: a follower that counts for nothing until it has rejoined. */
export interface Rejoining {
  /** Which life of the follower: a number drawn at its start. */
  readonly life: number;
  /** What it has to have, committed. */
  readonly index: LogIndex;
  /** Answers without a mark count again from this round on; those of earlier rounds are of before the loss. */
  readonly fromRound: number;
}

/** On a leader, for every answer: whether it may be listened to, be it only for flow control. */
export function admitAnswer(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  progress: Progress,
  answer: { readonly round: number; readonly rejoining?: number },
  effects: Effects,
): boolean {
  if (answer.rejoining === undefined) {
    if (progress.rejoining === undefined) return true;
    if (answer.round < progress.rejoining.fromRound) return false;
    progress.rejoining = undefined;
    return true;
  }
  if (progress.rejoining?.life !== answer.rejoining) beginRejoin(raft, now, from, progress, answer.rejoining, effects);
  const { life, index } = progress.rejoining!;
  raft.send(effects, from, { type: "rejoinAt", term: raft.term, life, index });
  return true;
}

/** What it acknowledged once may be gone: it is sent everything from where it says that its log ends. */
function beginRejoin(
  raft: RaftState,
  now: Reading,
  from: NodeId,
  progress: Progress,
  life: number,
  effects: Effects,
): void {
  const leading = raft.leading!;
  if (progress.state === "snapshot") raft.output(effects, { type: "closeSnapshot", to: from });
  const index = raft.appendAsLeader(now, "noop");
  Object.assign(progress, newProgress(index));
  progress.rejoining = { life, index, fromRound: leading.round + 1 };
  leading.roundWanted = true;
  raft.fact(effects, { type: "rejoinStarted", node: from, index });
}

/** On the replica: the leader says what it has to have. */
export function onRejoinAt(raft: RaftState, message: Extract<Message, { type: "rejoinAt" }>): void {
  if (raft.rejoin?.life !== message.life) return;
  raft.rejoin.at = { term: message.term, index: raft.planted("rejoins-too-early") ? 0 : message.index };
  raft.turnOpen = true;
}

/** On the replica, after every step: whether all of it is there and durable. */
export function maybeRejoined(raft: RaftState, effects: Effects): void {
  const at = raft.rejoin?.at;
  if (at === undefined || at.term !== raft.term) return;
  if (raft.commitIndex < at.index || raft.durableIndex < at.index) return;
  if (raft.stateChanged || raft.durableWrite < raft.stateWrite) return;
  raft.rejoin = undefined;
  raft.fact(effects, { type: "rejoined", index: at.index });
  raft.output(effects, { type: "rejoined" });
}
