import type { NodeId } from "../base/index.ts";

/** How evenly keys lie. */
export interface Balance {
  /** Keys of each node, replicas counted. */
  readonly counts: ReadonlyMap<NodeId, number>;
  /** The fullest node over the mean; 1 is perfect. */
  readonly peakToMean: number;
  /** Standard deviation over the mean. */
  readonly spread: number;
}

/** Counts where `keys` hashes go. Nodes that get nothing count too. */
export function measureBalance(
  nodes: readonly NodeId[],
  hashes: Iterable<number>,
  ownersOf: (hash: number) => readonly NodeId[],
): Balance {
  const counts = new Map<NodeId, number>(nodes.map((node) => [node, 0]));
  for (const hash of hashes) for (const node of ownersOf(hash)) counts.set(node, (counts.get(node) ?? 0) + 1);
  const all = [...counts.values()];
  const mean = all.reduce((sum, count) => sum + count, 0) / all.length;
  const variance = all.reduce((sum, count) => sum + (count - mean) ** 2, 0) / all.length;
  return { counts, peakToMean: Math.max(...all) / mean, spread: Math.sqrt(variance) / mean };
}

/** The share of copies that have to move between two placements. */
export function measureMovement(
  hashes: Iterable<number>,
  before: (hash: number) => readonly NodeId[],
  after: (hash: number) => readonly NodeId[],
): number {
  let moved = 0;
  let total = 0;
  for (const hash of hashes) {
    const old = before(hash);
    for (const node of after(hash)) {
      total++;
      if (!old.includes(node)) moved++;
    }
  }
  return total === 0 ? 0 : moved / total;
}
