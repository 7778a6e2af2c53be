import type { LogIndex, NodeId } from "../base/index.ts";
import type { ReadContract } from "../contract/index.ts";
import type { Outcome, Query, RequestId } from "./types.ts";

/** Who waits for an answer: a client of this node, another node on behalf of one of its own, or this node itself. */
export type Origin =
  | { readonly kind: "client"; readonly id: RequestId }
  | { readonly kind: "node"; readonly node: NodeId; readonly id: RequestId }
  | { readonly kind: "self"; readonly reply: (outcome: Outcome) => void };

/** What may be sent twice is applied once: every write but the node's own carries a session or an idempotency key. */
export interface PendingWrite {
  readonly kind: "write";
  readonly origin: Origin;
  readonly deadline: number;
  /** As it came. Wrapped in the node's session when it is bare. */
  readonly given: Uint8Array;
  readonly bare: boolean;
  command: Uint8Array;
  /** Sequence in this node's own session; 0: it needs none, or has none yet. */
  sequence: number;
  /**
   * queued: leaves at the end of the turn. waiting: for a leader, or for the node's session. forwarded: the
   * leader has it. logged: in this leader's log. blocked: a transaction holds a key of it.
   */
  state: "queued" | "waiting" | "forwarded" | "logged" | "blocked";
  /** Monotonic time at which a blocked one is tried again at the latest. */
  retryAt: number;
  /** How often it left: once it has, "did not happen" can no longer be said. */
  tries: number;
  /** Monotonic time of the last forward. */
  forwardedAt: number;
  /** The term whose leader it was forwarded to. */
  forwardedTerm: number;
  /** Under which it was forwarded; 0: it was not. */
  forwardId: number;
  done: boolean;
}

/** A read that cannot be answered yet. */
export interface PendingRead {
  readonly kind: "read";
  readonly origin: Origin;
  readonly deadline: number;
  readonly query: Query;
  readonly contract: ReadContract;
  readonly position: LogIndex;
  readonly askedAt: number;
  /** asking: for an index at which it is linearizable. waiting: for this replica to get there. retry: nobody could tell. */
  state: "asking" | "waiting" | "retry";
  index: LogIndex;
  forwarded: boolean;
  forwardId: number;
  done: boolean;
}

/** A change of leadership or membership under way. */
export interface PendingChange {
  readonly kind: "change";
  readonly origin: Origin;
  readonly deadline: number;
  readonly isComplete: () => boolean;
  done: boolean;
}

export type Pending = PendingWrite | PendingRead | PendingChange;
