/** What no system can keep, why, and what comes nearest to it. */
import { covers, implies, normalReads } from "./lattice.ts";
import type { Contract, PlainRead, ReadGuarantee, WriteGuarantee } from "./guarantees.ts";
import { contractText } from "./print.ts";

export type ClauseName = "ReadConsistency" | "WriteConsistency" | "PartitionBehavior" | "Latency" | "Availability";

export interface Theorem {
  /** As it is cited in passing. */
  readonly name: string;
  /** What it says, in a sentence. */
  readonly says: string;
  readonly source: string;
}

export const theorems = {
  cap: {
    name: "CAP, Gilbert and Lynch 2002",
    says: "In an asynchronous network no register is both available and atomic in all executions, once messages may be lost.",
    source:
      "Gilbert and Lynch (2002), Brewer's conjecture and the feasibility of consistent, available, partition-tolerant web services, theorem 1",
  },
  singleOrder: {
    name: "Attiya and Welch 1994",
    says: "Where all operations appear in one order that keeps each session's, reads and writes together take at least a message delay: a write that waits for nobody cannot have a place in it.",
    source:
      "Lipton and Sandberg (1988), PRAM; Attiya and Welch (1994), Sequential consistency versus linearizability, theorem 3.1",
  },
  writeOrder: {
    name: "Terry et al. 1994",
    says: "MonotonicWrite and WritesFollowReads are about the order in which every replica takes writes: where writes merge in any order, no read can restore it.",
    source: "Terry et al. (1994), Session guarantees for weakly consistent replicated data, sections 4.3 and 4.4",
  },
} as const satisfies Record<string, Theorem>;

export interface Contradiction {
  readonly theorem: Theorem;
  /** The clauses that do not go together; the first is the one to look at. */
  readonly clauses: readonly ClauseName[];
  readonly message: string;
}

type Content = Omit<Contract, "text">;

const has = (reads: readonly ReadGuarantee[], guarantee: PlainRead): boolean => implies(reads, { guarantee });

/** Every reason why no system keeps the contract. */
export function contradictionsOf({ reads, write, partition, availability }: Content): Contradiction[] {
  const found: Contradiction[] = [];
  const report = (theorem: Theorem, clauses: readonly ClauseName[], message: string): void =>
    void found.push({ theorem, clauses, message });
  if (has(reads, "Linearizable") && partition === "AvailabilityPreferred") {
    report(
      theorems.cap,
      ["ReadConsistency", "PartitionBehavior"],
      "Linearizable reads cannot be AvailabilityPreferred: no system keeps both in a partition",
    );
  }
  const ordered = write.guarantee === "Linearizable" || write.guarantee === "Quorum";
  const single = (["Linearizable", "Sequential"] as const).find((name) => has(reads, name));
  if (single !== undefined && !ordered) {
    report(
      theorems.singleOrder,
      ["ReadConsistency", "WriteConsistency"],
      `${single} reads need one order of all writes, and ${write.guarantee} writes have none`,
    );
  } else if (write.guarantee === "Eventual") {
    const order = (["Causal", "Session", "MonotonicWrite", "WritesFollowReads"] as const).find((name) =>
      has(reads, name),
    );
    if (order !== undefined) {
      report(
        theorems.writeOrder,
        ["ReadConsistency", "WriteConsistency"],
        `${order} reads need writes that keep the order of cause and effect, and Eventual writes merge in any order`,
      );
    }
  }
  if (availability !== undefined && availability.percent >= 100 && (partition === "ConsistencyPreferred" || ordered)) {
    const clause = partition === "ConsistencyPreferred" ? "PartitionBehavior" : "WriteConsistency";
    report(
      theorems.cap,
      ["Availability", clause],
      `100% cannot be promised: ${partition === "ConsistencyPreferred" ? "ConsistencyPreferred requests" : `${write.guarantee} writes`} are refused on the smaller side of a partition`,
    );
  }
  return found;
}

/** How many contracts a search for possible ones looks at, at most. */
const searchLimit = 2000;

/**
 * The possible contracts that are fewest steps away. A step weakens one read guarantee to what it implies directly,
 * makes writes one degree stronger or weaker, changes the partition behaviour, or gives up a promise of 100%.
 */
export function nearestPossible(contract: Content, count = 2): Contract[] {
  const found: Contract[] = [];
  const seen = new Set([contractText(contract)]);
  const queue: Content[] = [contract];
  for (let at = 0; at < queue.length && at < searchLimit && found.length < count; at++) {
    const candidate = queue[at]!;
    // What is one more step from a possible contract is farther than need be.
    if (found.some((nearer) => includesChange(contract, nearer, candidate))) continue;
    if (contradictionsOf(candidate).length === 0) {
      found.push({ ...candidate, text: contractText(candidate) });
      continue;
    }
    for (const next of steps(candidate)) {
      const text = contractText(next);
      if (seen.has(text)) continue;
      seen.add(text);
      queue.push(next);
    }
  }
  return found;
}

/** Whether all that makes `nearer` differ from the original is also in `candidate`. */
function includesChange(original: Content, nearer: Content, candidate: Content): boolean {
  const clausesOf = (content: Content): string[] => contractText({ ...content, latency: [] }).split("\n");
  const before = clausesOf(original);
  const far = clausesOf(candidate);
  return clausesOf(nearer).every((clause, place) => clause === before[place] || clause === far[place]);
}

function steps(contract: Content): Content[] {
  const { reads, partition, availability } = contract;
  const other = partition === "AvailabilityPreferred" ? "ConsistencyPreferred" : "AvailabilityPreferred";
  const next: Content[] = [{ ...contract, partition: other }];
  for (const [index, guarantee] of reads.entries()) {
    const rest = reads.filter((_, place) => place !== index);
    for (const instead of weaker(guarantee)) next.push({ ...contract, reads: normalReads([...rest, ...instead]) });
  }
  for (const write of neighbours[contract.write.guarantee]) next.push({ ...contract, write });
  if (availability !== undefined && availability.percent >= 100)
    next.push({ ...contract, availability: { ...availability, percent: 99.999 } });
  return next;
}

/** What one guarantee becomes when it is weakened by one degree: some conjunctions. */
function weaker({ guarantee }: ReadGuarantee): ReadGuarantee[][] {
  if (guarantee === "BoundedStaleness" || guarantee === "Quorum") return [[]];
  const below = covers[guarantee].map((name) => ({ guarantee: name }));
  // All of its parts together are what `Session` is.
  return guarantee === "Session" ? below.map((part) => below.filter((other) => other !== part)) : [below];
}

const neighbours: Readonly<Record<WriteGuarantee["guarantee"], readonly WriteGuarantee[]>> = {
  Linearizable: [{ guarantee: "Causal" }],
  Causal: [{ guarantee: "Linearizable" }, { guarantee: "Eventual" }],
  Eventual: [{ guarantee: "Causal" }],
  Quorum: [{ guarantee: "Linearizable" }],
};
