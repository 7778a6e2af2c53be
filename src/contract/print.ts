import type { AvailabilityObjective, Contract, LatencyObjective, ReadGuarantee, WriteGuarantee } from "./guarantees.ts";

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A duration in the longest unit in which it is a whole number, else in milliseconds: `30d`, `100ms`, `0.5ms`. */
export function durationText(ms: number): string {
  for (const [unit, scale] of units) if (ms > 0 && ms % scale === 0) return `${ms / scale}${unit}`;
  return `${ms}ms`;
}

export function readText(guarantee: ReadGuarantee): string {
  switch (guarantee.guarantee) {
    case "BoundedStaleness":
      return `BoundedStaleness(${durationText(guarantee.boundMs)})`;
    case "Quorum":
      return `Quorum(R=${guarantee.r})`;
    default:
      return guarantee.guarantee;
  }
}

export function readsText(reads: readonly ReadGuarantee[]): string {
  return reads.map(readText).join(" ∧ ");
}

export function writeText(write: WriteGuarantee): string {
  return write.guarantee === "Quorum" ? `Quorum(W=${write.w})` : write.guarantee;
}

export function latencyText({ operation, percentile, belowMs }: LatencyObjective): string {
  return `${operation === "all" ? "" : `${operation} `}p${percentile} < ${durationText(belowMs)}`;
}

export function availabilityText({ percent, overMs }: AvailabilityObjective): string {
  return `${percent}% over ${durationText(overMs)}`;
}

/** The canonical text, one clause a line. */
export function contractText(contract: Omit<Contract, "text">): string {
  const { reads, write, partition, latency, availability } = contract;
  const lines = [
    `ReadConsistency: ${readsText(reads)}`,
    `WriteConsistency: ${writeText(write)}`,
    `PartitionBehavior: ${partition}`,
  ];
  if (latency.length > 0) lines.push(`Latency: ${latency.map(latencyText).join(", ")}`);
  if (availability !== undefined) lines.push(`Availability: ${availabilityText(availability)}`);
  return lines.join("\n");
}
