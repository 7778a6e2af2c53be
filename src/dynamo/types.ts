/** What goes into the replicas of a keyspace without a leader, what comes out, and what they keep. */
import type { LogIndex, NodeId } from "../base/index.ts";
import type { Siblings, Timestamp, Vector } from "../clock/index.ts";
import type { Failure } from "../contract/index.ts";
import type { KeyedCounter, Stamped } from "../crdt/index.ts";
import type { Member } from "../placement/index.ts";

/** One written value; without bytes: the key was deleted. */
export interface Written {
  readonly timestamp: Timestamp;
  readonly bytes: Uint8Array | undefined;
}

/** A write that is known by a key, so that it is not made a second time; the latest few of a name. */
export interface Known {
  readonly key: string;
  readonly timestamp: Timestamp;
}

/** What a replica holds under one name. Any two states of one name merge into one. */
export type State =
  /** Last writer wins. */
  | {
      readonly kind: "register";
      readonly register: Stamped<Uint8Array | undefined>;
      /** Latest first. */
      readonly known: readonly Known[];
    }
  /** Everything written concurrently. */
  | { readonly kind: "siblings"; readonly siblings: Siblings<Written>; readonly known: readonly Known[] }
  | { readonly kind: "counter"; readonly counter: KeyedCounter };

/** A kind of thing and its name, as a binary string: keys and counters never meet. */
export type Name = string;

export type Conflicts = "lww" | "siblings";

export type Operation =
  /** `linearizable`: what was read is written back before it is answered (Attiya, Bar-Noy and Dolev, 1995). */
  | { readonly type: "read"; readonly name: Name; readonly r: number; readonly linearizable: boolean }
  /**
   * `context`: what the writer has seen (siblings only); undefined: nothing. `linearizable`: a round that learns the
   * latest timestamp comes first (Lynch and Shvartsman, 1997).
   */
  | {
      readonly type: "write";
      readonly name: Name;
      readonly bytes: Uint8Array | undefined;
      readonly context: Vector | undefined;
      readonly w: number;
      readonly linearizable: boolean;
      /** Names the write where it may come again; undefined: it does not. */
      readonly key: string | undefined;
    }
  | {
      readonly type: "increment";
      readonly name: Name;
      readonly by: number;
      readonly w: number;
      readonly key: string | undefined;
    };

/** `answered`: the nodes that the answer rests on. `substitutes`: whether one of them only stands in for a replica. */
export type Outcome =
  | {
      readonly ok: true;
      readonly state: State | undefined;
      readonly answered: readonly NodeId[];
      readonly substitutes: boolean;
    }
  | { readonly ok: false; readonly failure: Failure };

export type Message =
  /** Merge this. `id` 0: no answer wanted. `holdFor` 0: it belongs to you; else keep it for that node. */
  | {
      readonly type: "store";
      readonly id: number;
      readonly name: Name;
      readonly state: State;
      readonly holdFor: NodeId;
    }
  | { readonly type: "stored"; readonly id: number }
  | { readonly type: "fetch"; readonly id: number; readonly name: Name }
  | { readonly type: "fetched"; readonly id: number; readonly state: State | undefined }
  | { readonly type: "forward"; readonly id: number; readonly ttlMs: number; readonly operation: Operation }
  | { readonly type: "forwarded"; readonly id: number; readonly outcome: Outcome }
  /** Anti-entropy: the hashes of partitions; then of a partition's leaves; then of a leaf's names; then what is missing. */
  | { readonly type: "roots"; readonly roots: readonly Hashed[] }
  /** Nothing differs. */
  | { readonly type: "alike" }
  | { readonly type: "leaves"; readonly partition: number; readonly leaves: readonly Hashed[] }
  | {
      readonly type: "names";
      readonly partition: number;
      readonly leaf: number;
      readonly names: readonly { readonly name: Name; readonly hash: string }[];
    }
  | { readonly type: "want"; readonly names: readonly Name[] };

export interface Hashed {
  readonly place: number;
  /** 8 bytes as a binary string. */
  readonly hash: string;
}

export type Command =
  | { readonly type: "request"; readonly id: number; readonly deadline: number; readonly operation: Operation }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "members"; readonly members: readonly Member[] }
  | { readonly type: "suspect"; readonly node: NodeId }
  /** The rows as of this index are durable in the table. */
  | { readonly type: "checkpointed"; readonly index: LogIndex }
  | { readonly type: "storage"; readonly full: boolean };

export type Output =
  | { readonly type: "reply"; readonly id: number; readonly outcome: Outcome }
  | { readonly type: "truncate"; readonly index: LogIndex };

/** Rows as they are after a write, or the news that all rows up to an index are durable elsewhere. */
export type Record =
  | {
      readonly type: "rows";
      readonly index: LogIndex;
      readonly rows: readonly { readonly key: string; readonly row: Uint8Array | undefined }[];
    }
  | { readonly type: "checkpoint"; readonly index: LogIndex };

export type Fact =
  | { readonly type: "suspected"; readonly node: NodeId }
  | { readonly type: "hinted"; readonly node: NodeId; readonly name: Name }
  | { readonly type: "handedOff"; readonly node: NodeId; readonly name: Name }
  | { readonly type: "readRepaired"; readonly node: NodeId; readonly name: Name }
  /** Anti-entropy found that one of two replicas lacked something. */
  | { readonly type: "synced"; readonly node: NodeId; readonly names: number }
  | { readonly type: "insufficient"; readonly name: Name };

export interface DynamoProtocol {
  Message: Message;
  Command: Command;
  Record: Record;
  Output: Output;
  Fact: Fact;
}

/** Where rows rest: a delta in front of an engine. Values are never changed by anyone. Keys are binary strings. */
export interface Rows {
  get(key: string): Uint8Array | undefined;
  put(key: string, row: Uint8Array): void;
  delete(key: string): void;
  /** In order of keys. */
  range(prefix: string): Iterable<readonly [string, Uint8Array]>;
}

export interface DynamoConfig {
  readonly id: NodeId;
  /** Replicas of each name (N of N, R, W). */
  readonly n: number;
  readonly conflicts: Conflicts;
  /** Whether nodes that hold nothing of a name may stand in for its replicas while those are away. */
  readonly sloppy: boolean;
  readonly members: readonly Member[];
  /** As of the last checkpoint at least. */
  readonly rows: Rows;
  /** A replica that is silent for so long is given up, for this operation. */
  readonly patienceMs: number;
  readonly antiEntropyMs: number;
  /** An increment that comes again is known for so long at least, or while it is among the last `maximumOpen` of its coordinator. */
  readonly retryWindowMs: number;
  readonly maximumOpen: number;
  /** Mistakes planted on purpose, to see that the simulator finds them; never set in production. */
  readonly bugs?: ReadonlySet<string>;
}

export const defaultDynamoTimings = {
  patienceMs: 250,
  antiEntropyMs: 1000,
  retryWindowMs: 600_000,
  maximumOpen: 1024,
} as const;
