import { assert } from "../base/index.ts";
import { buildRing, hash32, measureBalance, measureMovement, rendezvous, ringOwners } from "../placement/index.ts";

export interface BalanceOptions {
  readonly nodes: number;
  readonly keys: number;
  readonly replicas: number;
  /** Numbers of virtual nodes to look at. */
  readonly virtualNodes: readonly number[];
  /** Other keys give other samples. */
  readonly seed: number;
}

/** One way of placing keys: what was measured with it, and what theory says. */
export interface BalanceRow {
  readonly way: "ring" | "rendezvous" | "modulo";
  /** Of a ring. */
  readonly virtualNodes: number | undefined;
  /** The fullest node over the mean. */
  readonly peakToMean: number;
  readonly peakInTheory: number;
  /** Standard deviation over the mean, of the keys on a node. */
  readonly spread: number;
  readonly spreadInTheory: number;
  /** Share of the copies that move when one node is added. */
  readonly movement: number;
  readonly movementInTheory: number;
}

/**
 * Measures where real keys go by the functions that the store places them with, beside the theory: shares on a ring of V
 * virtual nodes are sums of V about exponential arcs, so their deviation is √((n − 1) / n / V) of the mean (Karger et
 * al., 1997; Dynamo, 2007, section 6.2), and the fullest of n is about √(2 ln n) deviations above it (extreme values of a
 * normal distribution: the √(log N / N) of textbooks). To that, k keys drawn for n nodes add √((n − 1) / k). One node more takes
 * 1 / (n + 1) of the copies; counting modulo n keeps a key in place only where both remainders agree.
 */
export function modelBalance(options: BalanceOptions): BalanceRow[] {
  const { nodes, keys, replicas, virtualNodes, seed } = options;
  assert(nodes >= 2 && replicas >= 1 && replicas <= nodes, "at least two nodes, and no more replicas than nodes");
  const bytes = new Uint8Array(4);
  const hashes = Array.from({ length: keys }, (_, key) => {
    new DataView(bytes.buffer).setUint32(0, key);
    return hash32(bytes, seed);
  });
  const members = Array.from({ length: nodes + 1 }, (_, i) => ({ node: i + 1 }));
  const ids = members.slice(0, nodes).map(({ node }) => node);
  const sampling = (nodes - replicas) / (keys * replicas);
  const measured = (
    way: BalanceRow["way"],
    count: number | undefined,
    of: (nodes: number) => (hash: number) => readonly number[],
  ): BalanceRow => {
    const before = of(nodes);
    const { peakToMean, spread } = measureBalance(ids, hashes, before);
    // Each of a ring's replicas is the next arc of another node: about the mean of that many arcs.
    const arcs = count === undefined ? 0 : (nodes - replicas) / (nodes * count * replicas);
    const spreadInTheory = Math.sqrt(arcs + sampling);
    return {
      way,
      virtualNodes: count,
      peakToMean,
      peakInTheory: 1 + spreadInTheory * Math.sqrt(2 * Math.log(nodes)),
      spread,
      spreadInTheory,
      movement: measureMovement(hashes, before, of(nodes + 1)),
      movementInTheory: way === "modulo" ? moduloMovement(nodes, replicas) : 1 / (nodes + 1),
    };
  };
  return [
    measured(
      "modulo",
      undefined,
      (count) => (hash) => Array.from({ length: replicas }, (_, i) => 1 + ((hash + i) % count)),
    ),
    ...virtualNodes.map((count) =>
      measured("ring", count, (size) => {
        const ring = buildRing(members.slice(0, size), count);
        return (hash) => ringOwners(ring, hash, replicas);
      }),
    ),
    measured("rendezvous", undefined, (count) => (hash) => rendezvous(members.slice(0, count), hash, replicas)),
  ];
}

/** Counted over all pairs of remainders, which repeat after n (n + 1). */
function moduloMovement(nodes: number, replicas: number): number {
  let moved = 0;
  const period = nodes * (nodes + 1);
  for (let hash = 0; hash < period; hash++) {
    for (let i = 0; i < replicas; i++) {
      const target = (hash + i) % (nodes + 1);
      const held = Array.from({ length: replicas }, (_, j) => (hash + j) % nodes);
      if (!held.includes(target)) moved++;
    }
  }
  return moved / (period * replicas);
}
