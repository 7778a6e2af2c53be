import { emptyBytes, type LogIndex } from "../base/index.ts";
import type { Rejoining } from "./rejoin.ts";

/**
 * What a leader knows of one follower.
 * - probe: where the logs part is unknown; one append at a time, until one is accepted.
 * - replicate: appends are pipelined, `next` runs ahead of `match`.
 * - snapshot: the follower is behind the log; the state is streamed chunk by chunk.
 * Invariant: match < next, and match never falls within a term (the follower acknowledged durable entries), unless the
 * follower's disk lost them.
 */
export interface Progress {
  state: "probe" | "replicate" | "snapshot";
  match: LogIndex;
  next: LogIndex;
  /** Appends under way, oldest first. */
  inflight: { last: LogIndex; bytes: number }[];
  inflightBytes: number;
  /** In probe state: an append is under way. The answer to a heartbeat of a later round shows that it was lost. */
  probing: boolean;
  probeRound: number;
  /** Highest heartbeat round answered, for check-quorum, leases and reads. */
  ackedRound: number;
  /** Monotonic time of the last answer; undefined: none in this term. */
  heardAt: number | undefined;
  /** When the follower last got further, or appends to it began. */
  progressAt: number;
  /** The last heartbeat round sent to it, and `next` at that moment: an answer tells which appends were lost. */
  heartbeatRound: number;
  heartbeatNext: LogIndex;
  /** Highest commit index sent. */
  sentCommit: LogIndex;
  snapshot: SnapshotProgress;
  /** It counts for nothing while it rejoins. */
  rejoining: Rejoining | undefined;
}

export interface SnapshotProgress {
  /** Index of the snapshot being sent; 0: not known yet. */
  index: LogIndex;
  cursor: Uint8Array;
  /** A chunk is asked of the state machine or under way to the follower. */
  waiting: boolean;
  /** The last chunk went out: what is left is the follower's own work. */
  sentAll: boolean;
  askedAt: number;
}

export function newProgress(next: LogIndex): Progress {
  return {
    state: "probe",
    match: 0,
    next,
    inflight: [],
    inflightBytes: 0,
    probing: false,
    probeRound: 0,
    ackedRound: 0,
    heardAt: undefined,
    progressAt: 0,
    heartbeatRound: 0,
    heartbeatNext: 1,
    sentCommit: 0,
    snapshot: newSnapshotProgress(),
    rejoining: undefined,
  };
}

export function newSnapshotProgress(): SnapshotProgress {
  return { index: 0, cursor: emptyBytes, waiting: false, sentAll: false, askedAt: 0 };
}

export function becomeProbe(progress: Progress, next: LogIndex): void {
  progress.state = "probe";
  progress.next = Math.max(next, progress.match + 1);
  progress.inflight = [];
  progress.inflightBytes = 0;
  progress.probing = false;
}

export function becomeReplicate(progress: Progress): void {
  progress.state = "replicate";
  progress.next = progress.match + 1;
  progress.inflight = [];
  progress.inflightBytes = 0;
  progress.probing = false;
}

export function becomeSnapshot(progress: Progress): void {
  progress.state = "snapshot";
  progress.inflight = [];
  progress.inflightBytes = 0;
  progress.probing = false;
  progress.snapshot = newSnapshotProgress();
}

export function sentAppend(progress: Progress, last: LogIndex, bytes: number, round: number): void {
  if (progress.state === "probe") {
    progress.probing = true;
    progress.probeRound = round;
    return;
  }
  progress.next = last + 1;
  progress.inflight.push({ last, bytes });
  progress.inflightBytes += bytes;
}

/** Takes note that the follower holds everything through `match`, durably. Whether that is news. */
export function accepted(progress: Progress, match: LogIndex): boolean {
  let freed = 0;
  for (const append of progress.inflight) {
    if (append.last > match) break;
    progress.inflightBytes -= append.bytes;
    freed++;
  }
  if (freed > 0) progress.inflight.splice(0, freed);
  if (match <= progress.match) return false;
  progress.match = match;
  progress.next = Math.max(progress.next, match + 1);
  return true;
}
