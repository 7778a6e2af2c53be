/** What a contract says, as data, and what an answer says was kept. */

/** Guarantees of reads that take no argument, strongest first. */
export const plainReads = [
  "Linearizable",
  "Sequential",
  "Causal",
  "Session",
  "MonotonicRead",
  "ReadYourWrites",
  "MonotonicWrite",
  "WritesFollowReads",
  "Eventual",
] as const;
export type PlainRead = (typeof plainReads)[number];

/** One guarantee of reads. */
export type ReadGuarantee =
  | { readonly guarantee: PlainRead }
  /** No write acknowledged longer ago than this is missing; milliseconds. */
  | { readonly guarantee: "BoundedStaleness"; readonly boundMs: number }
  /** The newest of what `r` replicas have. */
  | { readonly guarantee: "Quorum"; readonly r: number };
export type ReadName = ReadGuarantee["guarantee"];

export type WriteGuarantee =
  | { readonly guarantee: "Linearizable" | "Causal" | "Eventual" }
  /** Acknowledged by `w` replicas. */
  | { readonly guarantee: "Quorum"; readonly w: number };
export type WriteName = WriteGuarantee["guarantee"];

export const partitionBehaviors = ["AvailabilityPreferred", "ConsistencyPreferred"] as const;
export type PartitionBehavior = (typeof partitionBehaviors)[number];

/** `reads p99 < 20ms`: so many percent of the operations take less than this. */
export interface LatencyObjective {
  readonly operation: "reads" | "writes" | "all";
  /** Between 0 and 100, both excluded. */
  readonly percentile: number;
  readonly belowMs: number;
}

/** `99.99% over 30d`: this share of the operations of every such period is answered as promised. */
export interface AvailabilityObjective {
  readonly percent: number;
  readonly overMs: number;
}

/** What the requests of a keyspace or counter are promised where they do not ask for something else. */
export interface Contract {
  /**
   * All of them hold. In normal form: none is implied by the others, in the order of the lattice; never empty
   * (what demands nothing is `Eventual`).
   */
  readonly reads: readonly ReadGuarantee[];
  readonly write: WriteGuarantee;
  readonly partition: PartitionBehavior;
  readonly latency: readonly LatencyObjective[];
  readonly availability: AvailabilityObjective | undefined;
  /** Canonical text, one clause a line: equal for equal contracts, and parses to the same. */
  readonly text: string;
}

/**
 * The read side of a contract, in the form that a replica enforces. A conjunction is the union of its demands:
 * `linearizable` implies all others; `session` demands a position of the caller (see `sessionDemand`).
 */
export interface ReadContract {
  readonly linearizable: boolean;
  /** The answer reflects at least the position that the request names. */
  readonly session: boolean;
  /** The answer is at most this old, in milliseconds; undefined: no bound. */
  readonly stalenessMs: number | undefined;
  /** How many replicas have to answer, in a keyspace without a leader; undefined: as the keyspace says. */
  readonly replicas?: number | undefined;
  /** Undefined in a request: as the contract of the keyspace says. */
  readonly partition: PartitionBehavior | undefined;
  /** How it was written, in canonical form, for messages and headers. */
  readonly text: string;
}

/** A place in the log of a group. */
export interface ShardPosition {
  readonly group: number;
  readonly position: number;
}

/** What an answer kept, as shown in `Cohort-Consistency`. */
export interface Kept {
  /** The strongest guarantee that held, in canonical form. */
  readonly guarantee: string;
  /** Position in the log of group 0 that the answer reflects. */
  readonly position: number;
  /** Where other groups answered: which, and the positions in their logs. */
  readonly shards?: readonly ShardPosition[] | undefined;
  /** The answer is at most this old, in milliseconds; undefined: not known. */
  readonly stalenessMs: number | undefined;
  /** Less was kept than was asked for, as the contract allows in a partition. */
  readonly degraded: boolean;
}
