import { readCatalogue, writeCatalogue } from "./catalogue.ts";
import { engineProblem, type Engine } from "./engines.ts";
import { CohortError } from "./errors.ts";
import { plainReads, type Contract, type PlainRead, type ReadName } from "./guarantees.ts";
import { covers, implies } from "./lattice.ts";
import { quorumPlan, type QuorumPlan } from "./quorums.ts";

export interface Explanation {
  /** Read guarantees without a number that the contract implies, strongest first. */
  readonly implied: readonly PlainRead[];
  /** Anomalies that cannot happen: of what is written, and of what it implies. */
  readonly rulesOut: readonly ReadName[];
  /** The weakest guarantees that are not promised, so that their anomalies may happen. */
  readonly leavesOpen: readonly ReadName[];
  /** Who keeps it. */
  readonly engines: readonly Engine[];
  /** How a keyspace without a leader counts for it, with three replicas or as many as it names; or why none can. */
  readonly quorums: QuorumPlan | { readonly refused: string };
  readonly cap: { readonly reads: "CP" | "AP"; readonly writes: "CP" | "AP" };
  /** If Partitioned: Availability or Consistency; Else: Latency or Consistency (Abadi, 2012). */
  readonly pacelc: { readonly reads: string; readonly writes: string };
  /** What happens in a partition, a sentence a line. */
  readonly inPartition: readonly string[];
}

/** What a contract means, as data; the entries of the guarantees are in `readCatalogue` and `writeCatalogue`. */
export function explain(contract: Contract): Explanation {
  const { reads, write, partition } = contract;
  const implied = plainReads.filter((guarantee) => implies(reads, { guarantee }));
  const named = reads.map(({ guarantee }) => guarantee);
  const rulesOut: ReadName[] = [...new Set<ReadName>([...named, ...implied])];
  if (implied.includes("Linearizable")) rulesOut.splice(1, 0, "BoundedStaleness");
  const open = plainReads.filter(
    (guarantee) => !implied.includes(guarantee) && covers[guarantee].every((name) => implied.includes(name)),
  );
  const leavesOpen: ReadName[] = rulesOut.includes("BoundedStaleness") ? open : [...open, "BoundedStaleness"];
  const readsAvailable = partition === "AvailabilityPreferred";
  const writesAvailable = write.guarantee === "Eventual" || write.guarantee === "Causal";
  // A leader under its lease answers without asking, but only it: every other replica has to ask.
  const readsLocal = !implied.includes("Linearizable") && !named.includes("Quorum");
  const quorums = quorumsOf(contract);
  return {
    implied,
    rulesOut,
    leavesOpen,
    engines: (["raft", "dynamo"] as const).filter(
      (engine) =>
        engineProblem(contract, engine) === undefined &&
        (engine === "raft" || !("refused" in quorums)) &&
        writeCatalogue[write.guarantee][engine] !== undefined &&
        named.every((name) => readCatalogue[name][engine] !== undefined),
    ),
    quorums,
    cap: { reads: readsAvailable ? "AP" : "CP", writes: writesAvailable ? "AP" : "CP" },
    pacelc: {
      reads: `P${readsAvailable ? "A" : "C"}/E${readsLocal ? "L" : "C"}`,
      writes: writesAvailable ? "PA/EL" : "PC/EC",
    },
    inPartition: partitionStory(contract),
  };
}

const usualReplicas = 3;

function quorumsOf(contract: Contract): Explanation["quorums"] {
  const { reads, write } = contract;
  const named = reads.map((read) => (read.guarantee === "Quorum" ? read.r : 1));
  const n = Math.max(usualReplicas, ...named, write.guarantee === "Quorum" ? write.w : 1);
  try {
    return quorumPlan(contract, n, { r: 0, w: 0, conflicts: "lww", sloppy: false });
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return { refused: error.failure.detail };
  }
}

function partitionStory({ reads, write, partition }: Contract): string[] {
  const lines: string[] = [];
  const bound = reads.find(({ guarantee }) => guarantee === "BoundedStaleness");
  const eventual = reads.every(({ guarantee }) => guarantee === "Eventual");
  if (partition === "AvailabilityPreferred") {
    lines.push(
      eventual
        ? "Reads go on on both sides."
        : "Reads go on on both sides. What cannot be kept is left out, and the answer says so: degraded, which guarantees held, and how old it may be.",
    );
    if (bound !== undefined)
      lines.push("On the smaller side the bound is exceeded once the partition has lasted as long as the bound.");
  } else {
    lines.push(
      eventual
        ? "Reads go on on both sides."
        : "Reads that a replica can show to be right go on; the others are refused at once, with `unavailable` or `staleness`.",
    );
  }
  lines.push(
    write.guarantee === "Eventual" || write.guarantee === "Causal"
      ? "Writes go on on both sides, and merge after it heals."
      : "Writes go on on the side that has a majority; on the other they are refused at once.",
  );
  return lines;
}
