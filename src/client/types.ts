/** What callers of the client library give and get. */
import type { Kept, PartitionBehavior, ShardPosition } from "../contract/index.ts";
import type { KeyspaceRow, LockHolder } from "../store/index.ts";
import type { Isolation } from "../txn/index.ts";
import type { Prefer } from "./router.ts";

/** Bytes, or text that stands for its UTF-8. */
export type Data = Uint8Array | string;

export interface ClientOptions {
  /** `host:port` of the native port of some nodes; the others are found through them. */
  readonly endpoints: readonly string[];
  /** Refuse nodes of any other cluster. */
  readonly clusterId?: string;
  /** Of a call that says nothing else. Default 10,000. */
  readonly timeoutMs?: number;
  /** Writes under way at the same time; more wait in the client. Default 1024, at most 4096. */
  readonly maxOutstandingWrites?: number;
}

export interface CallSettings {
  /** The call has its answer, or fails, within this. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface KeyspaceSettings extends CallSettings {
  /** Default: the keyspace `default`. */
  readonly keyspace?: string;
}

/** What only keyspaces without a leader take. */
export interface QuorumSettings {
  /** How many replicas have to have the write. Default: as the keyspace says. */
  readonly w?: number;
  /** What the writer has seen, as `siblings` gave it: the write takes the place of that, and stays beside the rest. */
  readonly context?: Uint8Array;
  /** Which node coordinates the write. Default: the leader of the cluster, as for every other write. */
  readonly prefer?: Prefer;
}

export interface WriteSettings extends KeyspaceSettings, QuorumSettings {
  /** The revision that the key must have (0: it must not exist), else the write fails with `conflict`. */
  readonly expectedRevision?: number;
}

export interface ReadSettings extends CallSettings {
  /**
   * `linearizable`, `session`, `monotonic`, `bounded(100ms)`, `eventual`, …, or guarantees joined by `and`. Default:
   * what the contract of the keyspace says; a counter has the contract of the keyspace of its name, else of `default`.
   */
  readonly consistency?: string;
  readonly partition?: PartitionBehavior;
  /** In a keyspace without a leader: how many replicas have to answer; short for the consistency `Quorum(R=…)`. */
  readonly r?: number;
  /** Which node is asked. Default: the leader. Linearizable reads are right at any; `sticky` suits reads of a session. */
  readonly prefer?: Prefer;
}

export interface GetSettings extends ReadSettings {
  readonly keyspace?: string;
  /** Read the state as of this revision. */
  readonly revision?: number;
}

export interface ListSettings extends GetSettings {
  readonly prefix?: Data;
  /** Only keys above this one: the last key of the page before. */
  readonly after?: Data;
  /** Default 1000. */
  readonly limit?: number;
}

/** What a session has seen: positions in the log of group 0, and in those of the groups of shards that answered it. */
export interface Seen {
  readonly position: number;
  readonly shards?: readonly ShardPosition[];
}

/** `revision`: the state's after the call. `kept`: which guarantee held. */
export interface Written {
  readonly revision: number;
  readonly kept: Kept;
}

export interface PutResult extends Written {
  /** 0: the key did not exist. */
  readonly previousRevision: number;
  /** Only in a keyspace without a leader, which has no revisions: how many values the key has now, as far as is known. */
  readonly siblings?: number;
  /** What the writer has seen by now. */
  readonly context?: Uint8Array;
}

/** Everything that was written to a key concurrently, in a keyspace without a leader. */
export interface SiblingsResult {
  readonly values: readonly Uint8Array[];
  /** For the write that settles on one of them, or on a new one. */
  readonly context: Uint8Array;
  readonly kept: Kept;
}

export interface DeleteResult extends PutResult {
  readonly deleted: boolean;
}

export interface CounterResult extends Written {
  readonly value: number;
}

export interface ListResult extends Written {
  readonly items: readonly Item[];
  /** There are further keys; go on with `after`. */
  readonly more: boolean;
}

export interface KeyspacesResult {
  readonly keyspaces: readonly KeyspaceRow[];
  readonly kept: Kept;
}

/** A key as it was read. */
export interface Item {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Of its last change. */
  readonly revision: number;
  readonly createRevision: number;
  /** Changes since it was created, from 1. */
  readonly version: number;
}

export interface GetResult extends Item {
  readonly kept: Kept;
}

type Relation = "=" | "!=" | "<" | ">";

/** A condition on one key; `is` defaults to `=`. A key that does not exist has revisions and version 0. */
export type Condition =
  | { readonly key: Data; readonly is?: Relation; readonly value: Data }
  | { readonly key: Data; readonly is?: Relation; readonly revision: number }
  | { readonly key: Data; readonly is?: Relation; readonly createRevision: number }
  | { readonly key: Data; readonly is?: Relation; readonly version: number }
  | { readonly key: Data; readonly exists: boolean }
  /** The lock of this name is held under this fencing token now. */
  | { readonly lock: string; readonly token: number };

export type Step = { readonly put: Data; readonly value: Data } | { readonly delete: Data } | { readonly get: Data };

export interface Transaction {
  readonly keyspace?: string;
  /** All must hold; none: they do. */
  readonly compare?: readonly Condition[];
  readonly then?: readonly Step[];
  readonly else?: readonly Step[];
}

export interface TransactionSettings extends KeyspaceSettings {
  /** `read-committed`, `repeatable-read` (snapshot isolation), `serializable` (the default) or `strict-serializable`. */
  readonly isolation?: Isolation;
  /** Where others change what it relies on, it is run again: so often at most. Default: until `timeoutMs`. */
  readonly maxAttempts?: number;
}

export type StepOutcome =
  | { readonly put: true; readonly previousRevision: number }
  | { readonly delete: true; readonly deleted: boolean; readonly previousRevision: number }
  | { readonly get: true; readonly item: Item | undefined };

export interface TransactionResult extends Written {
  /** Its place in time, a hybrid logical timestamp: comparable across shards, where `revision` is 0. */
  readonly timestamp: number;
  /** All conditions held, so `then` was done, else `else`. */
  readonly succeeded: boolean;
  readonly steps: readonly StepOutcome[];
}

export interface NewKeyspace {
  readonly name: string;
  readonly engine?: "raft" | "dynamo";
  /** Default 1. More: each is a Raft group of its own, and there are no watches, and no transactions over several of them. */
  readonly shards?: number;
  readonly replicas?: number;
  /** How keys lie in several shards: by hash (default), or in their order. */
  readonly placement?: "hash" | "range";
  readonly contract?: string;
  /** The rest is for the engine dynamo: how many of the replicas reads ask and writes wait for. Default: what the contract needs, else a majority. */
  readonly r?: number;
  readonly w?: number;
  /** lww (default): the last of concurrent writes wins. siblings: all of them stay. */
  readonly conflicts?: "lww" | "siblings";
  /** Other nodes stand in for replicas that are away. Default false. */
  readonly sloppy?: boolean;
}

export interface LockSettings extends CallSettings {
  /** The lease ends so long after it was given or kept alive, unless it is kept alive again. Default 10,000. */
  readonly ttlMs?: number;
  /** How long to wait while others hold it; 0: not at all. Default: as long as it takes. */
  readonly waitMs?: number;
  /** How many may hold it at once. Default 1; more make it a semaphore. */
  readonly permits?: number;
  /** What others read about the holder. */
  readonly note?: string;
}

export interface LockView {
  readonly holders: readonly LockHolder[];
  readonly waiting: number;
  readonly kept: Kept;
}

export interface BarrierSettings extends CallSettings {
  /** How long to wait for the others. Default 60,000. */
  readonly waitMs?: number;
}

export interface WatchSettings {
  readonly keyspace?: string;
  readonly prefix?: Data;
  /** The first revision wanted. Default: what comes after everything that is acknowledged when the watch begins. */
  readonly from?: number;
  readonly prefer?: Prefer;
  readonly signal?: AbortSignal;
}
