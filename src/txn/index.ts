/**
 * Interactive transactions on the keys of one group: reads now, writes all at once at the end.
 *
 *     get ──▶ own write? ──▶ the state at the snapshot          (every read goes to one revision)
 *     put, delete ──▶ kept here                                  (nobody sees them)
 *     commit ──▶ one entry of the log: "nothing of this has changed since, so write that"
 *
 * Concurrency control is optimistic (Kung and Robinson, 1981): a commit is validated when it is applied, against
 * everything committed since its snapshot, so there are no locks, no deadlocks, and nothing to clean up after a client
 * that vanishes. What must not have changed decides the level: what was written (snapshot isolation: first committer
 * wins), or what was read, ranges included (serializable, and strictly so: the log is the order and it is real time's).
 *
 * This room does not send, read or retry anything: whoever runs a transaction asks the store what `Transaction` says.
 */
export {
  abandonedMs,
  Commitment,
  type CommitOutcome,
  type CommitPlan,
  type CommitWorld,
  type GroupAnswer,
  type GroupPart,
  type Resolution,
  waitOut,
} from "./commitment.ts";
export {
  isIsolation,
  type Isolation,
  isolations,
  pageRange,
  type KeyRange,
  Transaction,
  type TransactionPlan,
  type Write,
} from "./transaction.ts";
