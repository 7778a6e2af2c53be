/**
 * Everything there is to know about each guarantee, in one place. Definitions are in the notation of Viotti and
 * Vukolić (2016), Consistency in non-transactional distributed storage systems, ACM Computing Surveys 49(1), which
 * follows Burckhardt (2014), Principles of eventual consistency: a history H of operations with
 *
 *     rb   returns-before (real time)          vis  visibility: what an operation knew of
 *     so   session order                       ar   arbitration: the order in which what is visible takes effect
 *     hb   (so ∪ vis)⁺, happens-before         RVal every answer follows from vis, ar and the data type
 */
import type { ReadName, WriteName } from "./guarantees.ts";

export interface GuaranteeEntry {
  /** In words. */
  readonly meaning: string;
  readonly definition: readonly string[];
  readonly source: string;
  /** Whether it can go on in a partition (Bailis et al., 2014, Highly available transactions). */
  readonly available: "everywhere" | "on the same replica" | "on the majority's side" | "no";
  /** What a read or write waits for, and what is stored for it. */
  readonly cost: string;
  /** How each engine keeps it; undefined: it cannot. */
  readonly raft: string | undefined;
  readonly dynamo: string | undefined;
  /** Properties of `cohort check` that decide it; all of them together. */
  readonly checker: readonly string[];
  /** What predicts its price. */
  readonly model: string;
  /** What it rules out, as a history. Each line is one step in real time. */
  readonly anomaly: { readonly name: string; readonly history: readonly string[] };
}

export const readCatalogue: Readonly<Record<ReadName, GuaranteeEntry>> = {
  Linearizable: {
    meaning: "Every operation takes effect at one moment between its call and its return, for everybody.",
    definition: [
      "SingleOrder ∧ RealTime ∧ RVal(F)",
      "SingleOrder ≜ vis = ar but for operations without an answer",
      "RealTime ≜ rb ⊆ ar",
    ],
    source: "Herlihy and Wing (1990), Linearizability; Viotti and Vukolić, section 3.1",
    available: "on the majority's side",
    cost: "the leader answers under its lease; elsewhere one question to the leader for all reads of a turn, and without a lease one round to a majority",
    raft: "leader lease, else ReadIndex (Ongaro, 2014, section 6.4)",
    dynamo:
      "majorities for reads and writes that overlap, and reads write back what they saw (Attiya, Bar-Noy and Dolev, 1995)",
    checker: ["linearizable"],
    model: "latency of a quorum round; availability of a majority",
    anomaly: {
      name: "stale read",
      history: [
        "A  increment       → 1",
        "B  read            → 1",
        "C  read            → 0   B's answer was there before C asked",
      ],
    },
  },
  Sequential: {
    meaning: "All operations fit into one order that keeps the order of each session; real time does not matter.",
    definition: ["SingleOrder ∧ PRAM ∧ RVal(F)", "PRAM ≜ so ⊆ vis"],
    source: "Lamport (1979), How to make a multiprocessor computer; Viotti and Vukolić, section 3.3",
    available: "on the same replica",
    cost: "a read waits until the replica has reached the session's position, at most one replication delay; a token of some 60 bytes",
    raft: "the log is the one order; a replica answers once it has reached the session's position",
    dynamo: "as Linearizable, which implies it: without a leader there is no cheaper order; registers only",
    checker: ["sequential"],
    model: "follower lag: probability and length of the wait for a position",
    anomaly: {
      name: "two orders of the same writes",
      history: [
        "A  put x=1         → ok",
        "B  put x=2         → ok",
        "C  get x → 1, then → 2",
        "D  get x → 2, then → 1   no one order explains C and D",
      ],
    },
  },
  Causal: {
    meaning: "Who sees an effect sees its causes: what a session did and saw before comes with it, for everybody.",
    definition: [
      "CausalVisibility ∧ CausalArbitration ∧ RVal(F)",
      "CausalVisibility ≜ hb ⊆ vis",
      "CausalArbitration ≜ hb ⊆ ar",
    ],
    source: "Ahamad et al. (1995), Causal memory; Viotti and Vukolić, section 3.5",
    available: "on the same replica",
    cost: "a read waits until the replica has reached what the session has seen; a token of some 60 bytes",
    raft: "a prefix of the log contains the causes of everything in it; a replica answers once it has reached the session's position",
    dynamo:
      "R + W > N: whatever was acknowledged is seen; reads write back what they saw; writes learn the latest timestamp first",
    checker: ["causal"],
    model: "follower lag: probability and length of the wait for a position",
    anomaly: {
      name: "the answer without its question",
      history: [
        "A  put question    → ok",
        "B  get question    → found",
        "B  put answer      → ok",
        "C  get answer      → found",
        "C  get question    → nothing",
      ],
    },
  },
  Session: {
    meaning: "Within a session, reads never go back, own writes are seen, and writes come in the session's order.",
    definition: ["MonotonicRead ∧ ReadYourWrites ∧ MonotonicWrite ∧ WritesFollowReads"],
    source:
      "Terry et al. (1994), Session guarantees for weakly consistent replicated data; Viotti and Vukolić, section 3.4",
    available: "on the same replica",
    cost: "as ReadYourWrites",
    raft: "a replica answers once it has reached the session's position",
    dynamo: "as Causal",
    checker: ["monotonic-reads", "read-your-writes", "monotonic-writes", "writes-follow-reads"],
    model: "follower lag: probability and length of the wait for a position",
    anomaly: {
      name: "a session that goes back",
      history: [
        "A  put x=1         → ok",
        "A  get x           → 1",
        "A  get x           → nothing   another replica answered",
      ],
    },
  },
  MonotonicRead: {
    meaning: "What a session has read stays: later reads see at least as much.",
    definition: ["∀a ∈ H, ∀b, c ∈ H|rd : a –vis→ b ∧ b –so→ c ⇒ a –vis→ c"],
    source: "Terry et al. (1994), section 4.2; Viotti and Vukolić, section 3.4",
    available: "on the same replica",
    cost: "nothing on the replica that answered before; elsewhere a wait until it has reached what was read",
    raft: "a replica answers once it has reached the position of the session's last read",
    dynamo: "R + W > N, and a read writes back what it saw before it answers, so that every later one meets it",
    checker: ["monotonic-reads"],
    model: "follower lag: probability and length of the wait for a position",
    anomaly: {
      name: "a read that goes back",
      history: ["A  increment       → 1", "A  increment       → 2", "B  read at node 1  → 2", "B  read at node 3  → 1"],
    },
  },
  ReadYourWrites: {
    meaning: "What a session has written is seen by its later reads.",
    definition: ["∀a ∈ H|wr, ∀b ∈ H|rd : a –so→ b ⇒ a –vis→ b"],
    source: "Terry et al. (1994), section 4.1; Viotti and Vukolić, section 3.4",
    available: "on the same replica",
    cost: "nothing where nothing was written; after a write, a wait until the replica has it, at most one replication delay",
    raft: "a replica answers once it has reached the position of the session's last write",
    dynamo: "R + W > N: of the replicas that a read asks one has the write",
    checker: ["read-your-writes"],
    model: "follower lag: probability and length of the wait for a position",
    anomaly: {
      name: "the own write is missing",
      history: ["A  put x=1 at node 1  → ok", "A  get x at node 2    → nothing"],
    },
  },
  MonotonicWrite: {
    meaning: "Writes of a session take effect in the order in which it issued them, on every replica.",
    definition: ["∀a, b ∈ H|wr : a –so→ b ⇒ a –ar→ b"],
    source: "Terry et al. (1994), section 4.4; Viotti and Vukolić, section 3.4",
    available: "on the same replica",
    cost: "nothing: the log keeps the order",
    raft: "one log, and sequence numbers of the session",
    dynamo:
      "R + W > N, and a write learns the latest timestamp of its key first, whatever its coordinator's clock says",
    checker: ["monotonic-writes"],
    model: "latency of a write",
    anomaly: {
      name: "a later write is lost under an earlier one",
      history: [
        "A  put x=1         → ok",
        "A  put x=2         → ok",
        "B  get x           → 2",
        "B  get x           → 1   the first write arrived last",
      ],
    },
  },
  WritesFollowReads: {
    meaning: "A write comes after the writes that its session had seen, on every replica.",
    definition: ["∀a, c ∈ H|wr, ∀b ∈ H|rd : a –vis→ b ∧ b –so→ c ⇒ a –ar→ c"],
    source: "Terry et al. (1994), section 4.3; Viotti and Vukolić, section 3.4",
    available: "on the same replica",
    cost: "nothing: the log keeps the order",
    raft: "one log: what was read is in it before what is written next",
    dynamo: "as MonotonicWrite: the timestamp of what was read is among those that the write learns",
    checker: ["writes-follow-reads"],
    model: "latency of a write",
    anomaly: {
      name: "the reply under what it replies to",
      history: [
        "A  put x=1         → ok",
        "B  get x           → 1",
        "B  put x=2         → ok",
        "C  get x           → 2",
        "C  get x           → 1   the reply was overwritten",
      ],
    },
  },
  BoundedStaleness: {
    meaning: "No write that was acknowledged longer ago than the bound is missing.",
    definition: [
      "TimedVisibility(Δ) ∧ RVal(F)",
      "TimedVisibility(Δ) ≜ ∀a ∈ H|wr, ∀b ∈ H : a.rtime + Δ < b.stime ⇒ a –vis→ b",
    ],
    source: "Torres-Rojas et al. (1999), Timed consistency; Viotti and Vukolić, section 3.6",
    available: "on the majority's side",
    cost: "nothing while the closed timestamp is fresh enough; else one question to the leader. Bounds below heartbeat interval plus clock error are seldom kept locally",
    raft: "a replica whose closed timestamp is within the bound, clock uncertainty counted in; else as linearizable",
    dynamo: "R + W > N, which misses nothing: an answer is as old as its question, and no bound makes it cheaper",
    checker: ["bounded-staleness"],
    model: "staleness of a follower: probability to be within the bound",
    anomaly: {
      name: "an old answer",
      history: [
        "A  increment       → 1     at 0 ms",
        "B  increment       → 2     at 10 ms",
        "C  read            → 1     asked at 500 ms, the bound being 100 ms",
      ],
    },
  },
  Quorum: {
    meaning: "The newest of what R replicas have.",
    definition: [
      "∀b ∈ H|rd ∃Q ⊆ replicas, |Q| = R : vis⁻¹(b) = ⋃ applied(q), q ∈ Q",
      "R + W > N ⇒ every acknowledged write is visible (regular); it is not linearizable",
    ],
    source:
      "Gifford (1979), Weighted voting; DeCandia et al. (2007), Dynamo; Lamport (1986), On interprocess communication",
    available: "on the majority's side",
    cost: "R answers: the R-th fastest replica decides",
    raft: undefined,
    dynamo: "the coordinator asks every replica, waits for R, and merges what they have; the rest is repaired later",
    checker: ["convergent"],
    model: "probabilistically bounded staleness (Bailis et al., 2012); latency of the R-th of N answers",
    anomaly: {
      name: "a lost write, where R + W > N",
      history: [
        "A  put x=1         → ok      two of three have it",
        "B  get x           → nothing  two of three asked",
      ],
    },
  },
  Eventual: {
    meaning: "When writes end and what divides the replicas is healed, all reads agree.",
    definition: [
      "EventualVisibility ∧ NoCircularCausality ∧ RVal(F)",
      "EventualVisibility ≜ every write is invisible to finitely many later operations only",
    ],
    source: "Vogels (2009), Eventually consistent; Viotti and Vukolić, section 3.2",
    available: "everywhere",
    cost: "nothing: any replica answers at once",
    raft: "any replica, from what it has",
    dynamo: "the first replica to answer (R = 1); read repair, hints and hash trees bring the rest",
    checker: ["convergent"],
    model: "time until all replicas have a write",
    anomaly: {
      name: "replicas that never agree",
      history: [
        "A  put x=1         → ok",
        "–  all writes have ended, the network is whole",
        "B  get x at node 1 → 1, and so for ever",
        "C  get x at node 2 → nothing, and so for ever",
      ],
    },
  },
};

/** What a write is promised. */
export const writeCatalogue: Readonly<Record<WriteName, Omit<GuaranteeEntry, "anomaly">>> = {
  Linearizable: {
    meaning: "A write takes effect once, at one moment between its call and its return, in one order with all others.",
    available: "on the majority's side",
    cost: "one round to a majority, each durable; retries are applied once",
    raft: "the replicated log: durable on a majority before it is acknowledged",
    dynamo:
      "two rounds, for the latest timestamp and to store (Lynch and Shvartsman, 1997); registers only: counters answer Quorum(W=…)",
    source: "Ongaro and Ousterhout (2014), In search of an understandable consensus algorithm",
    definition: ["SingleOrder ∧ RealTime over H|wr, whatever the reads see", "∀a, b ∈ H|wr : a –rb→ b ⇒ a –ar→ b"],
    checker: ["linearizable"],
    model: "latency of a round to a majority, each with its disk; availability of a majority",
  },
  Quorum: {
    meaning: "W replicas have a write before it is acknowledged; concurrent ones are kept as siblings or merged.",
    available: "on the majority's side",
    cost: "W answers: the W-th fastest replica decides",
    raft: undefined,
    dynamo: "the coordinator waits until W replicas have it durably; the others get it too, now or by a hint",
    source: "Gifford (1979), Weighted voting; DeCandia et al. (2007), Dynamo",
    definition: ["∀a ∈ H|wr ∃Q ⊆ replicas, |Q| = W : a ∈ applied(q) at a.rtime, q ∈ Q"],
    checker: ["convergent"],
    model: "latency of the W-th of N answers; availability of W of N replicas",
  },
  Causal: {
    meaning: "A write is acknowledged where it arrives, and reaches others after its causes.",
    available: "on the same replica",
    cost: "no round trip; a version vector travels with each write",
    raft: undefined,
    dynamo:
      "counters: each replica counts for itself, and what it sends holds all that it has merged; keys as Eventual, so that only reads of R + W > N show the causes too",
    source: "Shapiro et al. (2011), Conflict-free replicated data types",
    definition: [
      "hb ⊆ ar over H|wr, and hb ⊆ vis",
      "a replica that shows a write shows everything that happened before it",
    ],
    checker: ["causal"],
    model: "latency of the nearest replica; time until all replicas have a write",
  },
  Eventual: {
    meaning: "A write is acknowledged where it arrives, and reaches others in any order.",
    available: "everywhere",
    cost: "no round trip",
    raft: undefined,
    dynamo: "one replica has it durably (W = 1); counters and siblings merge, of registers the last writer wins",
    source: "Shapiro et al. (2011), Conflict-free replicated data types",
    definition: ["EventualVisibility over H|wr: every write is invisible to finitely many later operations only"],
    checker: ["convergent"],
    model: "latency of the nearest replica; time until all replicas have a write",
  },
};
