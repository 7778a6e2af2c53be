import {
  CohortError,
  parseContract,
  quorumPlan,
  readContractOf,
  writeText,
  type Contract,
  type QuorumDefinition,
  type QuorumPlan,
  type ReadContract,
} from "../contract/index.ts";
import type { KeyspaceRow } from "../store/index.ts";

const strict: QuorumDefinition = { r: 0, w: 0, conflicts: "lww", sloppy: false };
const linearizable = parseContract("ReadConsistency: Linearizable\nWriteConsistency: Linearizable");

/** What the contract of a keyspace without a leader means for its requests. */
export class RingPolicy {
  readonly row: KeyspaceRow;
  readonly definition: QuorumDefinition;
  readonly contract: Contract;
  readonly plan: QuorumPlan;
  readonly reads: ReadContract;

  constructor(row: KeyspaceRow) {
    this.row = row;
    this.definition = row.quorum ?? strict;
    const kept = planned(row, this.definition);
    this.contract = kept.contract;
    this.plan = kept.plan;
    this.reads = readContractOf(kept.contract);
  }

  /** What a write that waited for so many replicas was promised. */
  writeText(w: number): string {
    const { write } = this.contract;
    return this.plan.linearizable ? "Linearizable" : writeText(write.guarantee === "Quorum" ? { ...write, w } : write);
  }
}

function planned(row: KeyspaceRow, definition: QuorumDefinition): { contract: Contract; plan: QuorumPlan } {
  try {
    const contract = parseContract(row.contract);
    return { contract, plan: quorumPlan(contract, row.replicas, definition) };
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    // Written by a newer version, perhaps: the strongest promise keeps every other.
    return { contract: linearizable, plan: quorumPlan(linearizable, row.replicas, { ...definition, ...strict }) };
  }
}
