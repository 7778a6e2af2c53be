/** What a client can ask the state machine to do, as data. `command-codec.ts` has its bytes. */
import type { GroupId, LogIndex, NodeId } from "../base/index.ts";
import type { KeyRange, Placement } from "../placement/index.ts";
import type { QuorumDefinition } from "../contract/index.ts";

import type { Timestamp } from "../clock/index.ts";

/** How a write is recognised when it arrives again. */
export type Envelope =
  | { readonly kind: "none" }
  /**
   * Ongaro, thesis, section 6.3. `sequence` numbers the operations of one session; `floor` is the lowest one
   * whose answer the client still waits for: answers below are forgotten.
   */
  | { readonly kind: "session"; readonly session: number; readonly sequence: number; readonly floor: number }
  | { readonly kind: "idempotent"; readonly key: string };

export interface Command {
  readonly envelope: Envelope;
  readonly operation: Operation;
}

export interface PutOperation {
  readonly kind: "put";
  readonly keyspace: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The key's present modRevision, 0: it must not exist. */
  readonly expectedRevision?: number | undefined;
}

export interface DeleteOperation {
  readonly kind: "delete";
  readonly keyspace: string;
  readonly key: Uint8Array;
  readonly expectedRevision?: number | undefined;
}

export interface IncrementOperation {
  readonly kind: "increment";
  readonly counter: string;
  /** Signed; it and the sum stay within ±(2^53 - 1). */
  readonly by: number;
}

/** What `createKeyspace` takes. Its meaning is checked by whoever proposes it. */
export interface KeyspaceDefinition {
  /** Begins with a letter or digit, then letters, digits, `.`, `_`, `-`; at most 64 characters. */
  readonly name: string;
  readonly engine: "raft" | "dynamo";
  /** 1: its keys are in group 0, and have one order of revisions. More: so many groups of its own have them. */
  readonly shards: number;
  /** 0: on every voter. */
  readonly replicas: number;
  readonly contract: string;
  /** How keys lie in several shards; left out: by hash. */
  readonly placement?: Placement;
  /** Of the dynamo engine alone, which always has it. */
  readonly quorum?: QuorumDefinition;
}

/** Whether the keys are in groups of their own; otherwise they are in group 0, or no group's. */
export function isSharded({ engine, shards }: Pick<KeyspaceDefinition, "engine" | "shards">): boolean {
  return engine === "raft" && shards > 1;
}

/** A keyspace as the groups that have its keys know it. */
export interface KeyspaceName {
  readonly id: number;
  readonly name: string;
  readonly placement: Placement;
}

/**
 * What happens to shards. In group 0, to the map of them; a shard is named by where it begins (a `pointOf`):
 *
 *     split    from `at` on it is a shard of its own, in the same group
 *     merge    it joins the one before it, of the same group
 *     move     its keys are to go to another group (0: a new one, on the same nodes)
 *     flip     they are there; `position` in that group's log knows them all
 *     settle   what was under way with the shard is over
 *
 * In the group that has the keys, or gets or loses them. `epoch` and `move` are the index in group 0's log of what
 * caused it: what comes late, after something later, is refused.
 *
 *     begin    the keys of the range will come from another group; the answer's position is the name of this `pass`
 *     import   some of them; chunks of a pass come in order, each once
 *     own      the range is served here from now on
 *     seal     it is served here no more
 *     drop     another group serves it, so its keys may go
 */
export type ShardOperation =
  | { readonly kind: "splitShard"; readonly keyspace: string; readonly at: string }
  | { readonly kind: "mergeShard"; readonly keyspace: string; readonly at: string }
  | { readonly kind: "moveShard"; readonly keyspace: string; readonly at: string; readonly to: GroupId }
  | {
      readonly kind: "flipShard";
      readonly keyspace: string;
      readonly at: string;
      readonly move: LogIndex;
      readonly position: LogIndex;
    }
  | { readonly kind: "settleShard"; readonly keyspace: string; readonly at: string; readonly epoch: LogIndex }
  | {
      readonly kind: "beginRange" | "sealRange";
      readonly keyspace: KeyspaceName;
      readonly range: KeyRange;
      readonly move: LogIndex;
    }
  | {
      readonly kind: "importRange";
      readonly keyspace: KeyspaceName;
      readonly range: KeyRange;
      readonly move: LogIndex;
      readonly pass: LogIndex;
      readonly chunk: number;
      /** As another group exported it. */
      readonly data: Uint8Array;
    }
  | {
      readonly kind: "dropRange";
      readonly keyspace: KeyspaceName;
      readonly range: KeyRange;
      readonly move: LogIndex;
      /** Of the group that has it now. */
      readonly epoch: LogIndex;
    }
  | { readonly kind: "ownRange"; readonly keyspace: KeyspaceName; readonly range: KeyRange; readonly epoch: LogIndex };

/** What bounds the state. Part of the state itself, so that all replicas forget the same things at the same entry. */
export interface Settings {
  /** How many revisions back old versions and events can be read. */
  readonly retainedRevisions: number;
  /** A session not used for this long is gone. */
  readonly sessionIdleMs: number;
  /** Beyond it the session idle for longest goes first. */
  readonly maximumSessions: number;
  readonly idempotencyRetentionMs: number;
  readonly maximumIdempotencyKeys: number;
}

export const defaultSettings: Settings = {
  retainedRevisions: 100_000,
  sessionIdleMs: 3_600_000,
  maximumSessions: 10_000,
  idempotencyRetentionMs: 86_400_000,
  maximumIdempotencyKeys: 100_000,
};

export type Relation = "equal" | "not-equal" | "less" | "greater";

/** A condition on one key. A key that does not exist has revisions and version 0, and no value: no relation holds for it. */
export type Compare =
  | { readonly target: "value"; readonly key: Uint8Array; readonly relation: Relation; readonly value: Uint8Array }
  | {
      readonly target: "modRevision" | "createRevision" | "version";
      readonly key: Uint8Array;
      readonly relation: Relation;
      readonly operand: number;
    }
  | { readonly target: "exists"; readonly key: Uint8Array; readonly exists: boolean }
  /** `key` names a lock (in UTF-8): it is held under this fencing token. */
  | { readonly target: "lock"; readonly key: Uint8Array; readonly token: number };

export type TransactionStep =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Uint8Array }
  | { readonly kind: "get"; readonly key: Uint8Array };

/**
 * Where all compares hold, `then`, else `otherwise`, in one revision. A branch changes a key at most once;
 * a get sees what earlier steps of its branch did.
 */
export interface TransactionOperation {
  readonly kind: "transaction";
  readonly keyspace: string;
  readonly compares: readonly Compare[];
  readonly then: readonly TransactionStep[];
  readonly otherwise: readonly TransactionStep[];
}

/** What a transaction relies on and does, as far as one group has to do with it. */
export interface CommitDemands {
  readonly keyspace: string;
  /** Nothing of `unchanged` and `ranges` may have changed after it. */
  readonly snapshot: Timestamp;
  readonly unchanged: readonly Uint8Array[];
  /** From `from` on, up to but not including `to`; undefined: there is no end. */
  readonly ranges: readonly { readonly from: Uint8Array; readonly to: Uint8Array | undefined }[];
  /** Each key once. `value` undefined: it is deleted. */
  readonly writes: readonly { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[];
}

/**
 * The end of an interactive transaction: writes in one revision, where nothing that it relies on has changed after
 * `snapshot`. Otherwise it is refused with `transaction-conflict`, and nothing is written.
 */
export interface CommitOperation extends CommitDemands {
  readonly kind: "commit";
  /** When the first attempt of the transaction began; 0: it is the first. */
  readonly age: Timestamp;
  /** It is answered when its timestamp has certainly passed, where that says more than the order of one log. */
  readonly strict: boolean;
}

/**
 * A group's part in a transaction over several groups: validated like a commit, then its writes are kept, its keys
 * locked, until the record of the transaction has decided. Where others hold a key, it is told who.
 */
export interface PrepareOperation extends CommitDemands {
  readonly kind: "prepare";
  readonly transaction: string;
  /** When the first attempt of it began. */
  readonly age: Timestamp;
  /** Wall-clock milliseconds: nothing is accepted for it after it. */
  readonly deadline: number;
  /** The group that keeps its record. */
  readonly home: number;
  /** Whether that is this one. */
  readonly isHome: boolean;
  /** Only at home: the other groups. */
  readonly participants: readonly number[];
  /** Only at home: of all transactions with this name one at most is committed; empty: it has none. */
  readonly once: string;
}

/** To the record of a transaction: commit it at the timestamp, or abort it if it is pending for so long. */
export interface DecideOperation {
  readonly kind: "decide";
  readonly transaction: string;
  readonly commit: boolean;
  readonly timestamp: Timestamp;
  readonly deadline: number;
  readonly minimumAgeMs: number;
}

/** To a participant: what was decided. */
export interface ResolveOperation {
  readonly kind: "resolve";
  readonly transaction: string;
  readonly commit: boolean;
  readonly timestamp: Timestamp;
  readonly deadline: number;
}

/** A wish for one permit of a lock. `claim` names the wish: the same again is the same one. */
export interface AcquireOperation {
  readonly kind: "acquire";
  readonly lock: string;
  readonly claim: string;
  /** 1: a lock. More: a semaphore. */
  readonly permits: number;
  /** A grant ends so long after it was given or renewed. */
  readonly ttlMs: number;
  /** How long it stays in the queue; 0: it is not queued. */
  readonly waitMs: number;
  /** What a holder has to say, such as where it is reached. */
  readonly note: string;
}

export interface ArriveOperation {
  readonly kind: "arrive";
  readonly barrier: string;
  readonly claim: string;
  readonly participants: number;
  readonly waitMs: number;
}

export type Operation =
  | { readonly kind: "noop" }
  | PutOperation
  | DeleteOperation
  | IncrementOperation
  | { readonly kind: "openSession"; readonly clientId: string }
  | { readonly kind: "closeSession"; readonly session: number }
  /** `nodes`: for the replicas of several shards, in this order around; left out: those who vote. */
  | {
      readonly kind: "createKeyspace";
      readonly keyspace: KeyspaceDefinition;
      readonly nodes?: readonly NodeId[] | undefined;
    }
  /** `expectedVersion` 0: whatever it is. */
  | { readonly kind: "setContract"; readonly name: string; readonly contract: string; readonly expectedVersion: number }
  | { readonly kind: "dropKeyspace"; readonly name: string }
  /** Reads below `revision` end; what only they needed is dropped. */
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "configure"; readonly settings: Partial<Settings> }
  | TransactionOperation
  | AcquireOperation
  /** `ttlMs` 0: as long as before. */
  | { readonly kind: "renew"; readonly lock: string; readonly token: number; readonly ttlMs: number }
  | { readonly kind: "release"; readonly lock: string; readonly token: number }
  /** Takes a claim back, granted or not. */
  | { readonly kind: "withdraw"; readonly lock: string; readonly claim: string }
  | ArriveOperation
  | CommitOperation
  | PrepareOperation
  | DecideOperation
  | ResolveOperation
  /** To the home of transactions: all of their participants have resolved. */
  | { readonly kind: "settle"; readonly transactions: readonly string[] }
  /** Every change to come gets a higher timestamp, so that the state as of this one can be read. */
  | { readonly kind: "observe"; readonly timestamp: Timestamp }
  | ShardOperation
  /** Takes an arrival back, unless all have passed. */
  | { readonly kind: "depart"; readonly barrier: string; readonly claim: string };

/** What the codec refuses to carry. */
export const limits = {
  keyBytes: 1500,
  /** Of names of counters, locks and barriers, of notes, client ids and idempotency keys, in UTF-8. */
  nameBytes: 256,
  contractBytes: 16_384,
  transactionSteps: 1024,
  /** Of leases, and of waiting for a lock or at a barrier. */
  leaseMs: 86_400_000,
  permits: 1000,
  /** Keys that a commit may have to look at because of its ranges. */
  rangeKeys: 20_000,
  /** Of one keyspace, when it is made. */
  shards: 1024,
} as const;
