/** What a whole node takes, answers, keeps and shows. */
import type { GroupId, LogIndex, NodeId, Term } from "../base/index.ts";
import type { Failure, Outcome, RequestBody, WatchEvent } from "../contract/index.ts";
import * as dynamo from "../dynamo/index.ts";
import * as raft from "../raft/index.ts";
import type { Engine, Store } from "../store/index.ts";

export type { Outcome, Query, RequestBody, WatchEvent } from "../contract/index.ts";

export type RequestId = number;

/** Everything that travels between nodes. */
export type NodeMessage =
  | { readonly type: "raft"; readonly group: GroupId; readonly message: raft.Message }
  /** Between the replicas of a keyspace without a leader; `ring` is the keyspace's id. */
  | { readonly type: "ring"; readonly ring: number; readonly message: dynamo.Message }
  /** Requests of this node's clients, handed to the node that the sender takes for the leader. */
  | { readonly type: "forward"; readonly group: GroupId; readonly requests: readonly ForwardedRequest[] }
  | { readonly type: "forwarded"; readonly group: GroupId; readonly replies: readonly ForwardedReply[] };

/** A write or a whole read that another node executes on behalf of the sender. `ttlMs` is what is left of its deadline. */
export interface ForwardedRequest {
  readonly id: RequestId;
  readonly ttlMs: number;
  readonly body: RequestBody;
}

export interface ForwardedReply {
  readonly id: RequestId;
  readonly outcome: Outcome;
}

export type NodeCommand =
  /** Answered by exactly one `reply`, at the latest at `deadline` (monotonic milliseconds). */
  | { readonly type: "request"; readonly id: RequestId; readonly deadline: number; readonly body: RequestBody }
  | { readonly type: "cancel"; readonly id: RequestId }
  /** Answered by `watchEvents` (sometimes an empty one) until `unwatch`, or by one `watchFailed`. `from`: the first revision wanted; 0: from now on. */
  | {
      readonly type: "watch";
      readonly id: RequestId;
      readonly keyspace: string;
      readonly prefix: Uint8Array;
      readonly from: number;
    }
  /** The watcher can take up to `credit` more batches (back-pressure). */
  | { readonly type: "watchCredit"; readonly id: RequestId; readonly credit: number }
  | { readonly type: "unwatch"; readonly id: RequestId }
  /** Answered by one `reply` with an empty result. */
  | { readonly type: "transfer"; readonly id: RequestId; readonly deadline: number; readonly to: NodeId | undefined }
  | {
      readonly type: "changeMembership";
      readonly id: RequestId;
      readonly deadline: number;
      readonly voters: readonly NodeId[];
      readonly learners: readonly NodeId[];
    }
  /** A job that was asked for (a checkpoint, the end of a restore) is done and durable, or failed. */
  | { readonly type: "jobDone"; readonly group: GroupId; readonly job: number; readonly error: JobError | undefined }
  /** The disk of the log is full (definite refusals until it is not). */
  | { readonly type: "storage"; readonly full: boolean }
  /** The connection to a node was lost. */
  | { readonly type: "suspect"; readonly node: NodeId };

export interface JobError {
  readonly code: string;
  readonly message: string;
}

export type NodeOutput =
  | { readonly type: "reply"; readonly id: RequestId; readonly outcome: Outcome }
  | {
      readonly type: "watchEvents";
      readonly id: RequestId;
      readonly events: readonly WatchEvent[];
      readonly revision: number;
    }
  | { readonly type: "watchFailed"; readonly id: RequestId; readonly failure: Failure }
  /** Call `run`, once; when it is done, step the command `jobDone` with the same group and job. */
  | {
      readonly type: "job";
      readonly group: GroupId;
      readonly job: number;
      readonly run: (done: (error?: JobError) => void) => void;
    }
  | { readonly type: "truncateLog"; readonly group: GroupId; readonly index: LogIndex }
  /** Every group has made up for what the disk had lost: the next start need not rejoin. */
  | { readonly type: "rejoined" };

/** What must be durable: a record of one Raft group, or rows of a keyspace without a leader (its group: see `ringGroup`). */
export type NodeRecord =
  | { readonly group: GroupId; readonly record: raft.Record }
  | { readonly group: GroupId; readonly rows: dynamo.Record };

export type NodeFact =
  | { readonly type: "raft"; readonly group: GroupId; readonly fact: raft.Fact }
  | { readonly type: "ring"; readonly ring: number; readonly fact: dynamo.Fact }
  | { readonly type: "checkpointed"; readonly group: GroupId; readonly index: LogIndex }
  | {
      readonly type: "checkpointFailed";
      readonly group: GroupId;
      readonly index: LogIndex;
      readonly error: JobError;
    }
  | { readonly type: "restoreFailed"; readonly group: GroupId; readonly index: LogIndex; readonly reason: string }
  | { readonly type: "applied"; readonly group: GroupId; readonly index: LogIndex; readonly count: number }
  | { readonly type: "sessionOpened"; readonly session: number }
  | { readonly type: "readServed"; readonly path: ReadPath; readonly count: number };

/** How reads were answered: from this replica alone, after asking the leader, by the leader itself, or weaker than asked. */
export type ReadPath = "local" | "readIndex" | "forwarded" | "degraded";

export interface NodeConfig {
  readonly id: NodeId;
  /** Members of a new cluster; an older one knows its own. */
  readonly bootstrap: raft.Membership;
  readonly raft: Omit<raft.RaftConfig, "id" | "group" | "bootstrap" | "applied">;
  /** Of group 0, opened on what is durable. */
  readonly store: Store;
  /** Opens the store of another group; asked once for each that has a replica here. Left out: there can be none. */
  readonly openShard?: ((group: GroupId) => Store) | undefined;
  /** A group of shards falls asleep after this long without work. */
  readonly shardQuiesceMs?: number | undefined;
  /** Where the rows of keyspaces without a leader rest. */
  readonly rings: Engine;
  readonly dynamo: RingTimings;
  /** Applied state becomes durable at the latest this long after it changed, or when this much has changed. */
  readonly checkpointIntervalMs: number;
  readonly checkpointBytes: number;
  /** Mistakes planted on purpose, to see that the simulator finds them; never set in production. */
  readonly bugs?: ReadonlySet<string>;
}

/** How patient the replicas of keyspaces without a leader are. */
export type RingTimings = Pick<dynamo.DynamoConfig, "patienceMs" | "antiEntropyMs" | "retryWindowMs" | "maximumOpen">;

/** What one group takes of the configuration of its node. */
export type ReplicaConfig = Omit<NodeConfig, "openShard" | "shardQuiesceMs" | "rings" | "dynamo">;

/** Sensible for a cluster on one machine or in one region. */
export const defaultNodeSettings = {
  raft: raft.defaultRaftTimings,
  dynamo: dynamo.defaultDynamoTimings,
  checkpointIntervalMs: 1000,
  checkpointBytes: 4 * 1024 * 1024,
  shardQuiesceMs: 1000,
} as const;

export interface NodeProtocol {
  Message: NodeMessage;
  Command: NodeCommand;
  Record: NodeRecord;
  Output: NodeOutput;
  Fact: NodeFact;
}

/** A look at one group, for status pages and metrics. */
export interface GroupStatus {
  readonly group: GroupId;
  readonly role: raft.Role;
  readonly term: Term;
  readonly leader: NodeId | undefined;
  readonly membership: raft.Membership;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly durableIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly checkpointIndex: LogIndex;
  readonly revision: number;
  /** It neither votes nor counts yet, since its disk lost what it had promised. */
  readonly rejoining: boolean;
  /** Upper bound of how old this replica's state is, in milliseconds; undefined: not known. */
  readonly stalenessMs: number | undefined;
  /** On a leader: how far each follower is. */
  readonly followers: readonly FollowerStatus[];
}

/** A look at one keyspace without a leader. */
export interface RingStatus {
  readonly keyspace: string;
  readonly ring: number;
  readonly n: number;
  readonly r: number;
  readonly w: number;
  /** Keys and counters that this node holds. */
  readonly names: number;
  /** The other members, as this node sees them. */
  readonly peers: readonly RingPeer[];
}

export interface RingPeer {
  readonly node: NodeId;
  readonly suspected: boolean;
  /** Names that this node keeps for it until it is back. */
  readonly hints: number;
  /** How long ago it last was known to have all that this node had; milliseconds. Undefined: not since this node started. */
  readonly lagMs: number | undefined;
}

export interface FollowerStatus {
  readonly node: NodeId;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly match: LogIndex;
  readonly lagEntries: number;
  /** Since its last answer, milliseconds; undefined: none yet. */
  readonly silentMs: number | undefined;
}
