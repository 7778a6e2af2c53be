/** What a read may ask for, and what an answer says was kept. */

export type PartitionBehavior = "AvailabilityPreferred" | "ConsistencyPreferred";

/**
 * The read side of a contract, in the form that the engine enforces. A conjunction is the union of its
 * demands: `linearizable` implies all others; `session` demands the caller's position (which one group's
 * log turns into monotonic reads, read your writes and causal order at once).
 */
export interface ReadContract {
  readonly linearizable: boolean;
  /** The answer reflects at least the position in the caller's session token. */
  readonly session: boolean;
  /** The answer is at most this old, in milliseconds; undefined: no bound. */
  readonly stalenessMs: number | undefined;
  readonly partition: PartitionBehavior;
  /** How it was written, in canonical form, for messages and headers. */
  readonly text: string;
}

/** What an answer kept, as shown in `Cohort-Consistency`. */
export interface Kept {
  /** The strongest guarantee that held, in canonical form. */
  readonly guarantee: string;
  /** Position in the group's log that the answer reflects. */
  readonly position: number;
  /** The answer is at most this old, in milliseconds; undefined: not known. */
  readonly stalenessMs: number | undefined;
  /** Less was kept than was asked for, as the contract allows in a partition. */
  readonly degraded: boolean;
}
