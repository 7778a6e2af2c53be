import type { ClauseName } from "./contradictions.ts";
import { nearestName } from "./diagnostics.ts";
import { plainReads, type ReadName, type WriteName } from "./guarantees.ts";

export const clauseNames: readonly ClauseName[] = [
  "ReadConsistency",
  "WriteConsistency",
  "PartitionBehavior",
  "Latency",
  "Availability",
];
export const readNames: readonly ReadName[] = [...plainReads.slice(0, -1), "BoundedStaleness", "Quorum", "Eventual"];
export const writeNames: readonly WriteName[] = ["Linearizable", "Quorum", "Causal", "Eventual"];

/** Short names, as they are written in the query of a request. */
const shortReads: Readonly<Record<string, ReadName>> = {
  strong: "Linearizable",
  monotonic: "MonotonicRead",
  monotonicreads: "MonotonicRead",
  monotonicwrites: "MonotonicWrite",
  readyourwrite: "ReadYourWrites",
  readmywrites: "ReadYourWrites",
  writefollowsreads: "WritesFollowReads",
  bounded: "BoundedStaleness",
};

/** A name without what does not matter in it: case, hyphens, spaces. */
export function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, "");
}

const reads = new Map<string, ReadName>([
  ...readNames.map((name) => [plain(name), name] as const),
  ...Object.entries(shortReads),
]);
const writes = new Map<string, WriteName>(writeNames.map((name) => [plain(name), name]));

export function findRead(name: string): ReadName | undefined {
  return reads.get(plain(name));
}

/** What was probably meant. */
export function nearestRead(name: string): ReadName | undefined {
  const near = nearestName(plain(name), reads.keys());
  return near === undefined ? undefined : reads.get(near);
}

export function findWrite(name: string): WriteName | undefined {
  return writes.get(plain(name) === "strong" ? "linearizable" : plain(name));
}
