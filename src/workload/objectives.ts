import { availabilityText, latencyText, type Contract, type LatencyObjective } from "../contract/index.ts";
import type { OperationRecord } from "./operation.ts";

/** What became of one objective over all histories that were counted. */
export interface ObjectiveVerdict {
  /** As in the contract: `Latency: reads p99 < 20ms`. */
  readonly clause: string;
  readonly verdict: "kept" | "missed" | "untested";
  readonly operations: number;
  /** So many of them were in time, or were answered at all. */
  readonly within: number;
  /** The share that has to be, in percent. */
  readonly wantedPercent: number;
}

/** How old answers said that they are at most, as upper ends of ranges in milliseconds. */
const ageEnds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, Infinity] as const;

/**
 * Numbers that add up over many histories: for each objective the operations it is about and those that met it, and
 * how old answers were. A single history cannot miss a percentile, all of them together can.
 */
export function countObjectives(records: readonly OperationRecord[], contract: Contract): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (name: string, by: number): void => void (by > 0 && counts.set(name, (counts.get(name) ?? 0) + by));
  const own = records.filter(isPromised);
  const answered = own.filter(({ outcome }) => outcome === "ok");
  for (const objective of contract.latency) {
    const about = answered.filter((record) => concerns(objective, record));
    const inTime = about.filter(({ invokedAt, completedAt }) => completedAt - invokedAt < objective.belowMs);
    const clause = latencyClause(objective);
    add(`${clause}: operations`, about.length);
    add(`${clause}: within`, inTime.length);
  }
  if (contract.availability !== undefined) {
    const clause = availabilityClause(contract);
    add(`${clause}: operations`, own.length);
    add(`${clause}: within`, answered.length);
  }
  if (contract.reads.some(({ guarantee }) => guarantee === "BoundedStaleness"))
    for (const { stalenessMs } of answered)
      if (stalenessMs !== undefined) add(`age at most ${ageEnds.find((end) => stalenessMs <= end)!} ms`, 1);
  return counts;
}

/** Objectives in the order of the contract, by counts that were added up. */
export function judgeObjectives(contract: Contract, counts: ReadonlyMap<string, number>): ObjectiveVerdict[] {
  const judge = (clause: string, wantedPercent: number): ObjectiveVerdict => {
    const operations = counts.get(`${clause}: operations`) ?? 0;
    const within = counts.get(`${clause}: within`) ?? 0;
    const kept = 100 * within >= wantedPercent * operations;
    const verdict = operations === 0 ? "untested" : kept ? "kept" : "missed";
    return { clause, verdict, operations, within, wantedPercent };
  };
  const { latency, availability } = contract;
  return [
    ...latency.map((objective) => judge(latencyClause(objective), objective.percentile)),
    ...(availability === undefined ? [] : [judge(availabilityClause(contract), availability.percent)]),
  ];
}

/** The age under which this share (0 to 1) of the answers said that they are, to the next of a few numbers; undefined: none said. */
export function agesOf(counts: ReadonlyMap<string, number>, share: number): number | undefined {
  const by = ageEnds.map((end) => counts.get(`age at most ${end} ms`) ?? 0);
  const all = by.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  return all === 0 ? undefined : ageEnds.find((_, place) => (sum += by[place]!) >= share * all);
}

function latencyClause(objective: LatencyObjective): string {
  return `Latency: ${latencyText(objective)}`;
}

function availabilityClause({ availability }: Contract): string {
  return `Availability: ${availabilityText(availability!)}`;
}

/** Reads that were promised the contract, and all writes: what others read beside them is a witness, no customer. */
function isPromised({ operation }: OperationRecord): boolean {
  return !("consistency" in operation) || operation.consistency === "promised";
}

function concerns({ operation: wanted }: LatencyObjective, { operation }: OperationRecord): boolean {
  return wanted === "all" || "consistency" in operation === (wanted === "reads");
}
