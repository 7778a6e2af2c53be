/** A mistake that can be planted on purpose, and the scenario that is expected to find it. */
export interface PlantedBug {
  readonly name: string;
  readonly title: string;
  readonly scenario: string;
  /** A second line of defence that hides it, taken away as well. */
  readonly without?: string;
}

/** Known mistakes, each behind a switch in the room where it belongs. They show that campaigns find what they claim to find. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "old-term-committed-by-counting",
    title: "An entry of an old term counts as committed once a majority has it (Raft, figure 8)",
    scenario: "figure-8",
  },
  { name: "vote-not-persisted", title: "Term and vote are never written", scenario: "quick-restarts" },
  {
    name: "vote-not-durable",
    title: "A vote is sent before it is durable",
    scenario: "votes",
    without: "restart-forgets-promise",
  },
  { name: "votes-twice", title: "A node votes for several candidates of one term", scenario: "elections" },
  { name: "old-votes-counted", title: "Votes of an earlier term count", scenario: "votes" },
  { name: "no-up-to-date-check", title: "Votes go to candidates whose log is behind", scenario: "unreliable-churn" },
  {
    name: "votes-within-lease",
    title: "Followers vote although they hear a leader, whose lease relies on them",
    scenario: "lease-restarts",
  },
  {
    name: "late-append-truncates",
    title: "An append that comes late cuts off what was appended after it",
    scenario: "unreliable-network",
  },
  {
    name: "no-previous-check",
    title: "Entries are appended after an entry that is not the leader's",
    scenario: "unreliable-churn",
  },
  {
    name: "heartbeat-commits-ahead",
    title: "A heartbeat commits what the follower holds, not what it shares with the leader",
    scenario: "unreliable-churn",
  },
  {
    name: "acknowledges-before-sync",
    title: "A follower acknowledges entries before they are durable",
    scenario: "torn-writes",
  },
  {
    name: "leader-counts-unsynced",
    title: "A leader counts itself before its own write is durable",
    scenario: "torn-writes",
  },
  { name: "torn-tail-accepted", title: "Recovery takes a torn batch for a whole one", scenario: "torn-writes" },
  {
    name: "compacts-before-checkpoint",
    title: "The log is cut before the state that replaces it is durable",
    scenario: "power-loss",
  },
  {
    name: "lease-ignores-drift",
    title: "A lease is as long as an election timeout, whatever the clocks do",
    scenario: "clock-drift",
  },
  {
    name: "lease-survives-transfer",
    title: "A leader reads under its lease after it told another to campaign",
    scenario: "leases",
  },
  {
    name: "read-without-round",
    title: "ReadIndex without a round that confirms leadership",
    scenario: "linearizable-reads",
  },
  {
    name: "read-before-noop",
    title: "A new leader reads before an entry of its term is committed",
    scenario: "linearizable-reads",
  },
  {
    name: "reads-before-applied",
    title: "A read is answered before the replica has applied its index",
    scenario: "linearizable-reads",
  },
  {
    name: "session-token-ignored",
    title: "A replica answers a session although it is behind the session's position",
    scenario: "session-tokens",
  },
  {
    name: "degraded-not-said",
    title: "An answer that keeps less than was asked does not say so",
    scenario: "session-tokens",
  },
  {
    name: "closed-too-early",
    title: "A leader that may have been deposed goes on closing timestamps",
    scenario: "staleness-in-minority",
  },
  {
    name: "closed-before-applied",
    title: "A closed timestamp counts before its entries are applied",
    scenario: "bounded-staleness",
  },
  {
    name: "staleness-ignores-clock-error",
    title: "Staleness is measured as if clocks were exact",
    scenario: "clock-skew",
  },
  {
    name: "joint-counts-new-only",
    title: "A joint configuration commits with a majority of the new members alone",
    scenario: "membership-partition",
  },
  {
    name: "leaves-joint-early",
    title: "A joint configuration is left before it is committed",
    scenario: "membership-partition",
  },
  {
    name: "single-step-membership",
    title: "Members change in one step, to majorities that need not overlap",
    scenario: "membership-partition",
  },
  {
    name: "snapshot-without-term",
    title: "A snapshot does not carry the term of its last entry",
    scenario: "snapshots",
  },
  { name: "sessions-not-in-snapshot", title: "A snapshot leaves the sessions out", scenario: "snapshots" },
  { name: "retries-applied-again", title: "A retry under a session is applied again", scenario: "unreliable-churn" },
  {
    name: "idempotency-keys-ignored",
    title: "A retry under an idempotency key is applied again",
    scenario: "unreliable-churn",
  },
  { name: "retries-as-new", title: "A node sends a write again as if it were another one", scenario: "leader-kill" },
  {
    name: "answers-by-index-alone",
    title: "Who waits at an index is answered with whatever another leader put there",
    scenario: "elections",
  },
  {
    name: "names-begin-anew",
    title: "A restarted node names its requests as it did before",
    scenario: "quick-restarts",
  },
  { name: "fence-ignored", title: "What a lock protects is done under any token", scenario: "locks" },
  { name: "tokens-begin-anew", title: "Fencing tokens of a lock that was free begin anew", scenario: "locks" },
  { name: "renewal-revives", title: "A renewal that comes too late lets the old holder in again", scenario: "locks" },
  {
    name: "leases-cut-short",
    title: "A new leader's clock ends leases that the old one's would not",
    scenario: "locks-skewed-clocks",
  },
  { name: "leases-not-ended", title: "Nobody logs the time when a lease is over", scenario: "locks" },
  {
    name: "reads-not-validated",
    title: "A commit does not look whether the keys that it relies on have changed",
    scenario: "transactions-serializable",
  },
  {
    name: "ranges-not-validated",
    title: "A commit does not look whether the ranges that it relies on have changed",
    scenario: "transactions-serializable",
  },
  {
    name: "snapshot-skewed",
    title: "Reads of a transaction go to the latest state instead of its snapshot",
    scenario: "transactions-repeatable-read",
  },
  {
    name: "prepare-lost",
    title: "A transaction is decided before its last group has prepared",
    scenario: "shard-transactions-serializable",
  },
  {
    name: "locks-released-early",
    title: "What a prepared transaction will write is not locked until it is decided",
    scenario: "shard-transactions-serializable",
  },
  {
    name: "dirty-reads",
    title: "A read sees what a transaction has prepared, and may never commit",
    scenario: "shard-transactions-read-committed",
  },
  {
    name: "snapshot-not-awaited",
    title: "A group answers as of a snapshot below which it may still change",
    scenario: "shard-transactions-repeatable-read",
  },
  {
    name: "read-locks-missing",
    title: "What a prepared transaction has read is not locked until it is decided",
    scenario: "shard-transactions-serializable",
  },
  {
    name: "intent-resolved-alone",
    title: "A group drops what it has prepared without asking the record of the transaction",
    scenario: "shard-transactions-serializable",
  },
  {
    name: "no-commit-wait",
    title: "A strict transaction is answered before its timestamp has certainly passed",
    scenario: "shard-transactions-strict-serializable",
  },
  {
    name: "damage-cut-as-torn",
    title: "Damage in the log passes for an interrupted write, and is cut off with all behind it",
    scenario: "disk-corruption",
  },
  {
    name: "rejoins-at-once",
    title: "A node whose log was lost votes and counts as if it had promised nothing",
    scenario: "disk-corruption",
  },
  {
    name: "rejoins-too-early",
    title: "A node whose log was lost votes again as soon as a leader has heard of it",
    scenario: "rejoin-slowly",
  },
  {
    name: "no-write-back",
    title: "R + W > N alone: reads do not write back what they found",
    scenario: "quorum-late-writes",
  },
  {
    name: "answers-before-sync",
    title: "Replicas of a keyspace without a leader answer before what they tell is durable",
    scenario: "quorum-power-loss",
  },
  {
    name: "sloppy-linearizable",
    title: "Stand-ins count for linearizable operations",
    scenario: "quorum-registers-sloppy",
  },
  {
    name: "writes-after-deadline",
    title: "A coordinator that stood still writes what its client has sent again since",
    scenario: "quorum-pauses",
  },
  {
    name: "hint-dropped-when-sent",
    title: "A hint is dropped when it is sent, not when it has arrived",
    scenario: "quorum-hints",
  },
  {
    name: "siblings-by-time",
    title: "Of siblings that meet only the latest stays",
    scenario: "quorum-siblings",
  },
  {
    name: "blind-writes-overwrite",
    title: "A write takes the place of values that its writer has not seen",
    scenario: "quorum-siblings",
  },
  {
    name: "counter-takes-larger",
    title: "Of two counters that meet the larger one stays",
    scenario: "quorum-counters",
  },
  {
    name: "retries-count-again",
    title: "An increment that comes again counts again",
    scenario: "quorum-counters",
  },
  {
    name: "moved-serves-on",
    title: "A group that has given a shard away goes on to serve it",
    scenario: "shards-moving",
  },
  { name: "locks-not-in-snapshot", title: "A snapshot leaves the locks out", scenario: "locks-snapshots" },
];
