/** What a read asks for. `bounded` comes with a bound in milliseconds; `promised` is what the contract of the run says. */
export const consistencies = ["linearizable", "session", "bounded", "eventual", "promised"] as const;
export type Consistency = (typeof consistencies)[number];

export type WorkOperation =
  | { readonly kind: "increment"; readonly counter: string; readonly by: number }
  | {
      readonly kind: "readCounter";
      readonly counter: string;
      readonly consistency: Consistency;
      readonly boundMs: number;
    }
  | { readonly kind: "put"; readonly key: string; readonly value: number; /** Its length. */ readonly bytes: number }
  | { readonly kind: "get"; readonly key: string; readonly consistency: Consistency; readonly boundMs: number }
  | { readonly kind: "delete"; readonly key: string }
  /** Puts a value into the set that a key holds: reads it, with all its siblings, and writes the union. */
  | { readonly kind: "add"; readonly key: string; readonly value: number }
  /** Reads the set that a key holds. */
  | { readonly kind: "members"; readonly key: string }
  /** Answers with a fencing token; 0: not granted (the client does not wait to see). */
  | { readonly kind: "acquire"; readonly lock: string; readonly ttlMs: number; readonly waitMs: number }
  | TransactionWork
  /** Under the token that the client had last, which may be long over. */
  | { readonly kind: "renew"; readonly lock: string; readonly ttlMs: number }
  | { readonly kind: "release"; readonly lock: string }
  /** Whether the client takes it that it still has the lock: its token, or 0. Of clients that keep leases alive themselves. */
  | { readonly kind: "holds"; readonly lock: string }
  /** Follows the changes of keys that begin so, from now to the end. */
  | { readonly kind: "watch"; readonly prefix: string }
  /** Writes where the lock is held under that token: answers with it, or 0 where it is not. */
  | { readonly kind: "guarded"; readonly lock: string };

/**
 * A transaction over keys that hold lists. r: reads one key. w: puts the value behind the list; under read-committed,
 * which may lose updates, in its place. all: reads every key at once, as a range.
 */
export interface TransactionWork {
  readonly kind: "transaction";
  readonly isolation: "read-committed" | "repeatable-read" | "serializable" | "strict-serializable";
  /** Its keys are in several groups, whose logs have no order among them. */
  readonly spread?: boolean;
  /** Of `all`, `value` is how many keys there are: x0 and up. */
  readonly steps: readonly { readonly f: "r" | "w" | "all"; readonly key: string; readonly value: number }[];
}

/** What a step did, in terms of the checkers. */
export interface SeenStep {
  readonly f: "r" | "w" | "append";
  readonly key: string;
  readonly value: number | null | readonly number[];
}

/** How a client makes retries safe: a replicated session, a key for each operation, not at all (then it never retries), or as the client library does it. */
export type RetryMode = "session" | "idempotent" | "bare" | "library";

/** An operation of a schedule. A client does its operations one after the other, each at `at` (milliseconds) at the earliest. */
export interface PlannedOperation {
  readonly at: number;
  readonly client: number;
  readonly operation: WorkOperation;
}

/** One operation as its client saw it. Times are true ones, milliseconds. */
export interface OperationRecord {
  readonly client: number;
  readonly operation: WorkOperation;
  readonly invokedAt: number;
  /** Infinity: it never came back. */
  readonly completedAt: number;
  readonly outcome: "ok" | "fail" | "unknown";
  /** Of an ok: the counter's value, or the value read (undefined: none). */
  readonly value: number | undefined;
  /** Of a set: its members. */
  readonly members?: readonly number[] | undefined;
  /** Of a transaction: what it did and saw. */
  readonly steps?: readonly SeenStep[] | undefined;
  /** Of a transaction that has written: its place in time, a hybrid logical timestamp. */
  readonly timestamp?: number | undefined;
  /** The token that the operation came with. */
  readonly fence?: number | undefined;
  /** Of an ok: the position in the log that the answer reflects. */
  readonly position: number;
  /** Of an ok: what the answer says how old it may be; undefined: it does not say. */
  readonly stalenessMs: number | undefined;
  readonly degraded: boolean;
  /** Of an ok: which guarantee the answer says was kept. */
  readonly guarantee?: string | undefined;
  /** Why a node would not answer, if one said so; a later one may have. */
  readonly refused?: string | undefined;
  /** Position that the client had seen when it asked. */
  readonly token: number;
  /** Which node answered last, and why not, for people. */
  readonly note: string;
}
