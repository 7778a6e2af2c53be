/**
 * Transactions: reads now, writes all at once at the end.
 *
 *     get ──▶ own write? ──▶ the state at the snapshot          (every read goes to one timestamp)
 *     put, delete ──▶ kept here                                  (nobody sees them)
 *     commit ──▶ one entry of the log: "nothing of this has changed since, so write that"
 *                over several groups: prepare in each ──▶ decide in one ──▶ resolve in the others
 *
 * Concurrency control is optimistic (Kung and Robinson, 1981): a commit is validated when it is applied, against
 * everything committed since its snapshot, so nothing is locked while a client thinks, and there is nothing to clean up
 * after one that vanishes. Over several groups locks are held from prepare to decision (`Commitment`). What must not have changed decides the level: what was written (snapshot isolation: first committer
 * wins), or what was read, ranges included (serializable; in one group strictly so: the log is the order, and real time's).
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
