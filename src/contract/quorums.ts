/** What a contract asks of the replicas of a key in a keyspace without a leader. */
import { parseContract } from "./contract.ts";
import { fail } from "./errors.ts";
import type { Contract, ReadContract, ReadName } from "./guarantees.ts";
import { implies, impliedReads } from "./lattice.ts";
import { readsText, writeText } from "./print.ts";

/** How a keyspace without a leader counts. */
export interface QuorumDefinition {
  /** How many replicas a read asks, and a write waits for; 0: as many as the contract needs. */
  readonly r: number;
  readonly w: number;
  /** lww: the last of concurrent writes wins. siblings: all of them stay until someone who has seen them writes. */
  readonly conflicts: "lww" | "siblings";
  /** Whether other nodes may stand in for replicas that are away. */
  readonly sloppy: boolean;
}

/** What reads and writes do where the request says nothing else. */
export interface QuorumPlan {
  readonly n: number;
  readonly r: number;
  readonly w: number;
  /** Reads write back what they found before they answer. */
  readonly ordered: boolean;
  /** All operations on a key have one order (ABD). */
  readonly linearizable: boolean;
  /**
   * Writes learn the latest timestamp first, so that what comes later in real time wins, whatever the clocks of its
   * coordinator say; or all concurrent values stay, so that none wins.
   */
  readonly inOrder: boolean;
}

const majorityOf = (n: number): number => Math.floor(n / 2) + 1;

/**
 * The plan by which replicas keep the contract. Throws a CohortError: `bad-request` where a number is out of range,
 * `contradiction` where quorums of this size cannot keep it.
 */
export function quorumPlan(contract: Contract, n: number, definition: QuorumDefinition): QuorumPlan {
  const { reads, write } = contract;
  const asked = reads.find(({ guarantee }) => guarantee === "Quorum");
  const least = { r: asked?.guarantee === "Quorum" ? asked.r : 1, w: write.guarantee === "Quorum" ? write.w : 1 };
  const ordered = reads.some(({ guarantee }) => guarantee !== "Eventual" && guarantee !== "Quorum");
  const single = impliedReads(reads).includes("Sequential");
  const linearizable = write.guarantee === "Linearizable" || single;
  const inOrder = linearizable || definition.conflicts === "siblings" || impliedReads(reads).some(isAboutOrder);
  const w = definition.w || (linearizable ? Math.max(majorityOf(n), least.w) : least.w);
  const r = definition.r || (ordered || linearizable ? Math.max(least.r, n - w + 1) : least.r);
  inRange("R", Math.max(r, least.r), n);
  inRange("W", Math.max(w, least.w), n);
  if (r < least.r || w < least.w)
    throw fail(
      "contradiction",
      `r=${r}, w=${w}, and the contract says ${readsText(reads)} for reads and ${writeText(write)} for writes`,
    );
  const needsOverlap = ordered ? readsText(reads) : linearizable ? writeText(write) : undefined;
  if (needsOverlap !== undefined && r + w <= n) throw fail("contradiction", overlapText(needsOverlap, r, w, n));
  if (linearizable && definition.conflicts === "siblings")
    throw fail(
      "contradiction",
      'conflicts "siblings" keeps every concurrent value, and Linearizable keeps one: use "lww", or the contract Quorum(R=…), Quorum(W=…)',
    );
  return { n, r, w, ordered, linearizable, inOrder };
}

/** Guarantees that a write which wins by a fast clock would break. */
function isAboutOrder(name: ReadName): boolean {
  return name === "MonotonicWrite" || name === "WritesFollowReads";
}

const aboutOrder = /\b(?:Sequential|Causal|Session|MonotonicWrite|WritesFollowReads)\b/;

function overlapText(guarantee: string, r: number, w: number, n: number): string {
  return `${guarantee} needs R + W > N, so that every read meets every write; R=${r} and W=${w} of N=${n} need not meet`;
}

function inRange(name: "R" | "W", count: number, n: number): void {
  if (count < 1 || count > n)
    throw fail(
      "bad-request",
      `${name}=${count} is ${count > n ? "above" : "below"} what N=${n} replicas allow: ${name} is 1 to ${n}`,
    );
}

export interface QuorumRead {
  readonly r: number;
  readonly ordered: boolean;
  /** What an answer says was kept. */
  readonly text: string;
}

/**
 * What a read does that asks for `asked`; undefined: for what the contract says. `commutes`: of a counter, whose changes
 * need no order. Throws as `quorumPlan`, and `unsupported`.
 */
export function quorumRead(
  plan: QuorumPlan,
  own: ReadContract,
  asked: ReadContract | undefined,
  commutes = false,
): QuorumRead {
  const { n, r, w } = plan;
  if (asked === undefined) return { r, ordered: plan.ordered, text: own.text };
  if (asked.linearizable && !plan.linearizable)
    throw fail(
      "unsupported",
      "Linearizable reads, since the writes of this keyspace do not agree on an order: give it WriteConsistency: Linearizable",
    );
  const least = asked.replicas ?? 1;
  if (!plan.inOrder && !commutes && aboutOrder.test(asked.text))
    throw fail(
      "unsupported",
      `${asked.text} reads, since the writes of this keyspace do not wait to learn what they come after: ask for MonotonicRead and ReadYourWrites, or give it ReadConsistency: Session`,
    );
  inRange("R", least, n);
  const ordered = asked.linearizable || asked.session || asked.stalenessMs !== undefined;
  return { r: Math.max(least, ordered ? n - w + 1 : 1), ordered, text: asked.text };
}

/** How many replicas a write waits for that asks for `asked` of them. Throws as `quorumPlan`. */
export function quorumWrite(plan: QuorumPlan, asked: number | undefined): number {
  if (asked === undefined) return plan.w;
  const { n, r, ordered, linearizable } = plan;
  inRange("W", asked, n);
  if ((ordered || linearizable) && r + asked <= n)
    throw fail("contradiction", overlapText("the contract of this keyspace", r, asked, n));
  return asked;
}

/** Whether reads of counters that merge can be what the contract says: they have no order. */
export function countersKeep(contract: Pick<Contract, "reads">): boolean {
  return !implies(contract.reads, { guarantee: "Sequential" });
}

/** What whoever makes a keyspace without a leader may say; what is left out follows from the contract, or is a majority. */
export interface QuorumWishes {
  readonly contract?: string | undefined;
  readonly replicas: number;
  readonly r?: number | undefined;
  readonly w?: number | undefined;
  readonly conflicts?: "lww" | "siblings" | undefined;
  readonly sloppy?: boolean | undefined;
}

/** The contract in canonical form, and how it is counted. Throws as `parseContract` and `quorumPlan`. */
export function quorumKeyspace(wishes: QuorumWishes): {
  readonly contract: string;
  readonly quorum: QuorumDefinition;
} {
  const { replicas, r = 0, w = 0, conflicts = "lww", sloppy = false } = wishes;
  const quorum = { r, w, conflicts, sloppy };
  inRange("R", r || 1, replicas);
  inRange("W", w || 1, replicas);
  const majority = majorityOf(replicas);
  const text =
    wishes.contract ?? `ReadConsistency: Quorum(R=${r || majority})\nWriteConsistency: Quorum(W=${w || majority})`;
  const contract = parseContract(text);
  quorumPlan(contract, replicas, quorum);
  return { contract: contract.text, quorum };
}
