/** What goes into a Raft group, what comes out of it, and what it keeps. */
import type { GroupId, LogIndex, NodeId, Term } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";

/**
 * Who takes part. While `outgoing` is not empty the group is in a joint configuration (thesis, 4.3):
 * decisions need a majority of `voters` and one of `outgoing`. Learners receive the log and do not count.
 */
export interface Membership {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

export type EntryKind = "command" | "noop" | "membership";

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  /** Hybrid logical time at the leader that appended it; grows along the log. */
  readonly timestamp: Timestamp;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** A place in the log together with the term that is there: two logs that share it agree up to it. */
export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * "Every write acknowledged before true time `at` (milliseconds) has an index of at most `index`."
 * `at` already counts the leader's clock error in.
 */
export interface Closed {
  readonly at: number;
  readonly index: LogIndex;
}

/**
 * Answers of a replica whose disk lost what it had promised carry the number of its life: they steer what it is sent,
 * and count for nothing (rejoin.ts).
 */
interface Answer {
  readonly rejoining?: number;
}

/** What a snapshot stands for: the state after applying `index`. */
export interface SnapshotHead extends Position {
  readonly timestamp: Timestamp;
  readonly membership: Membership;
}

export type Message =
  | {
      readonly type: "voteRequest";
      readonly term: Term;
      /** Pre-vote (thesis, 9.6): asks whether a real vote would be granted; changes nothing. */
      readonly pre: boolean;
      /** Asked for by the leader itself (leadership transfer): voters do not hold on to the old leader. */
      readonly transfer: boolean;
      readonly last: Position;
    }
  | { readonly type: "voteResponse"; readonly term: Term; readonly pre: boolean; readonly granted: boolean }
  | {
      readonly type: "append";
      readonly term: Term;
      readonly round: number;
      readonly previous: Position;
      readonly entries: readonly Entry[];
      readonly commit: LogIndex;
      readonly closed: Closed | undefined;
    }
  | (Answer & {
      readonly type: "appendAccepted";
      readonly term: Term;
      readonly round: number;
      readonly match: LogIndex;
    })
  | (Answer & {
      readonly type: "appendRejected";
      readonly term: Term;
      readonly round: number;
      /** The `previous.index` that did not match. */
      readonly rejected: LogIndex;
      /** The last entry of the follower that could match: where to probe next (fast backtracking, thesis 4.2.1). */
      readonly hint: Position;
    })
  | {
      readonly type: "heartbeat";
      readonly term: Term;
      /** 0: only news of the commit index, no answer wanted. */
      readonly round: number;
      readonly commit: LogIndex;
      readonly closed: Closed | undefined;
      /** Nothing is under way: fall asleep, without an election timer. */
      readonly quiesce: boolean;
    }
  | (Answer & {
      readonly type: "heartbeatAck";
      readonly term: Term;
      readonly round: number;
      readonly last: LogIndex;
    })
  | {
      readonly type: "snapshotChunk";
      readonly term: Term;
      readonly round: number;
      readonly head: SnapshotHead;
      /** Where in the snapshot this chunk begins; empty at the start. */
      readonly cursor: Uint8Array;
      readonly next: Uint8Array;
      readonly data: Uint8Array;
      readonly done: boolean;
    }
  | (Answer & {
      readonly type: "snapshotAck";
      readonly term: Term;
      readonly round: number;
      readonly index: LogIndex;
      /** The cursor wanted next; meaningless when `done`. */
      readonly next: Uint8Array;
      /** The snapshot is installed and durable, or was not needed. */
      readonly done: boolean;
    })
  /** To a replica that rejoins: with everything through `index` committed, in this term, it counts again. */
  | { readonly type: "rejoinAt"; readonly term: Term; readonly life: number; readonly index: LogIndex }
  | { readonly type: "readRequest"; readonly term: Term; readonly id: number }
  | {
      readonly type: "readResponse";
      readonly term: Term;
      readonly id: number;
      /** Reads at or above this index are linearizable; undefined: the asked node cannot tell. */
      readonly index: LogIndex | undefined;
      readonly closed: Closed | undefined;
    }
  | { readonly type: "timeoutNow"; readonly term: Term };

export type Command =
  /** Appends commands. Answered by one `proposed` or `refused` with the same `batch`. */
  | { readonly type: "propose"; readonly batch: number; readonly commands: readonly Uint8Array[] }
  /** Asks for an index at which a read is linearizable. Answered by `readReady` or `readFailed`. */
  | { readonly type: "read"; readonly id: number }
  /** Moves to new voters and learners through a joint configuration. Answered by `proposed` or `refused`. */
  | {
      readonly type: "changeMembership";
      readonly batch: number;
      readonly voters: readonly NodeId[];
      readonly learners: readonly NodeId[];
    }
  /** Hands leadership over; undefined: to the most advanced voter. */
  | { readonly type: "transfer"; readonly to: NodeId | undefined }
  /** The applied state is durable through `index`: the log below may go. */
  | { readonly type: "compact"; readonly index: LogIndex }
  /** The transport lost its connection to a node: a sleeping group wakes up. */
  | { readonly type: "suspect"; readonly node: NodeId }
  /** The answer to `readSnapshot`. */
  | {
      readonly type: "snapshotData";
      readonly to: NodeId;
      readonly head: SnapshotHead;
      readonly cursor: Uint8Array;
      readonly next: Uint8Array;
      readonly data: Uint8Array;
      readonly done: boolean;
    }
  /** The state machine took over a received snapshot, durably. */
  | { readonly type: "snapshotInstalled"; readonly head: SnapshotHead }
  /** The state machine could not use a received chunk: start over. */
  | { readonly type: "snapshotFailed"; readonly index: LogIndex };

export type Refusal = "not-leader" | "transferring" | "overloaded" | "change-in-progress" | "bad-membership";

export type Output =
  | {
      readonly type: "proposed";
      readonly batch: number;
      readonly first: LogIndex;
      readonly count: number;
      readonly term: Term;
    }
  | { readonly type: "refused"; readonly batch: number; readonly reason: Refusal }
  /** Committed entries, in order, each exactly once in this life of the core. */
  | { readonly type: "committed"; readonly entries: readonly Entry[] }
  | { readonly type: "readReady"; readonly id: number; readonly index: LogIndex; readonly closed: Closed | undefined }
  | { readonly type: "readFailed"; readonly id: number }
  /** Role, term or known leader changed. */
  | { readonly type: "leadership"; readonly role: Role; readonly term: Term; readonly leader: NodeId | undefined }
  /** Read a chunk of the applied state for a follower, from `cursor` (empty: a new snapshot), and answer `snapshotData`. */
  | { readonly type: "readSnapshot"; readonly to: NodeId; readonly cursor: Uint8Array }
  /** No more chunks of the snapshot for this follower are needed. */
  | { readonly type: "closeSnapshot"; readonly to: NodeId }
  /** Take over a chunk; after the one with `done`, answer `snapshotInstalled` once the new state is durable. */
  | {
      readonly type: "installChunk";
      readonly head: SnapshotHead;
      readonly first: boolean;
      readonly data: Uint8Array;
      readonly done: boolean;
    }
  /** The log at or below `index` is no longer needed on disk. */
  | { readonly type: "truncate"; readonly index: LogIndex }
  /** What the disk had lost is made up for: from now on a restart need not rejoin. */
  | { readonly type: "rejoined" };

/** What must be durable. Replaying records in order gives the state back. */
export type Record =
  | { readonly type: "state"; readonly term: Term; readonly vote: NodeId | undefined }
  /** Entries in order; those already there from the first index on are replaced. */
  | { readonly type: "entries"; readonly entries: readonly Entry[] }
  /** The log begins after `head`; what was at or below it is gone. `reset`: what was above it too. */
  | { readonly type: "snapshot"; readonly head: SnapshotHead; readonly reset: boolean };

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

export type Fact =
  | {
      readonly type: "roleChanged";
      readonly role: Role;
      readonly term: Term;
      readonly leader: NodeId | undefined;
      readonly reason: string;
    }
  | { readonly type: "voted"; readonly term: Term; readonly candidate: NodeId }
  | { readonly type: "appended"; readonly first: LogIndex; readonly last: LogIndex; readonly term: Term }
  | { readonly type: "truncated"; readonly from: LogIndex }
  | { readonly type: "committed"; readonly index: LogIndex }
  | { readonly type: "compacted"; readonly index: LogIndex }
  | { readonly type: "membership"; readonly index: LogIndex; readonly membership: Membership }
  | { readonly type: "snapshotStarted"; readonly to: NodeId; readonly index: LogIndex }
  | { readonly type: "snapshotSent"; readonly to: NodeId; readonly index: LogIndex }
  | { readonly type: "snapshotInstalled"; readonly index: LogIndex }
  | { readonly type: "transferStarted"; readonly to: NodeId }
  | { readonly type: "rejoinStarted"; readonly node: NodeId; readonly index: LogIndex }
  | { readonly type: "rejoined"; readonly index: LogIndex }
  | { readonly type: "quiesced" }
  | { readonly type: "woken" };

export interface RaftProtocol {
  Message: Message;
  Command: Command;
  Record: Record;
  Output: Output;
  Fact: Fact;
}

export interface RaftConfig {
  readonly id: NodeId;
  readonly group: GroupId;
  /** Members of a new group; ignored where records or the applied state say otherwise. */
  readonly bootstrap: Membership;
  /** What the state machine has applied, durably; undefined for an empty one. */
  readonly applied: SnapshotHead | undefined;
  /** Its disk lost what it had promised: it neither votes nor counts until a leader has brought it back (rejoin.ts). */
  readonly rejoining?: boolean;
  /** A follower campaigns after 1 to 2 times this without a leader; nobody votes within it (thesis, 4.2.3, 9.6). */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Serve reads under a lease (thesis, 6.4.1) where true; `clockDrift` bounds the relative drift of two monotonic clocks. */
  readonly leases: boolean;
  readonly clockDrift: number;
  /** Bytes of commands in one append message, and in flight to one follower. */
  readonly maxAppendBytes: number;
  readonly maxInflightBytes: number;
  readonly maxInflightMessages: number;
  /** Proposals are refused above this many bytes of uncommitted entries. */
  readonly maxUncommittedBytes: number;
  /** Bytes of applied entries kept in the log for followers that lag a little. */
  readonly retainedLogBytes: number;
  /** Fall asleep after this long without work; undefined: never. */
  readonly quiesceAfterMs: number | undefined;
  /** Mistakes planted on purpose, to see that the simulator finds them; never set in production. */
  readonly bugs?: ReadonlySet<string>;
}

export const defaultRaftTimings = {
  electionTimeoutMs: 300,
  heartbeatMs: 50,
  leases: true,
  clockDrift: 0.1,
  maxAppendBytes: 512 * 1024,
  maxInflightBytes: 8 * 1024 * 1024,
  maxInflightMessages: 128,
  maxUncommittedBytes: 64 * 1024 * 1024,
  retainedLogBytes: 16 * 1024 * 1024,
  quiesceAfterMs: undefined,
} as const;
