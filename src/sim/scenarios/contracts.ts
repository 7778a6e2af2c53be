/** Contracts on trial: their reads under faults, judged clause by clause. */
import { contractText, contradictionsOf, normalReads, type ReadGuarantee } from "../../contract/index.ts";
import type { FaultSpec, Scenario } from "../scenario.ts";

/** Kinds of faults by the names that a command line knows. */
export const contractFaults = {
  partitions: [
    { kind: "isolate", perMinute: 30, leader: 0.4, oneWay: 0.3, forMs: [200, 2500] },
    { kind: "partition", perMinute: 15, shapes: ["halves", "oneWay", "bridge", "flapping"], forMs: [300, 3000] },
  ],
  crashes: [{ kind: "crash", perMinute: 25, leader: 0.4, power: 0.4, forMs: [20, 2000] }],
  pauses: [
    { kind: "pause", perMinute: 15, leader: 0.5, forMs: [30, 1500] },
    { kind: "slow", perMinute: 8, stepMs: [0.5, 6], forMs: [300, 2000] },
  ],
  clocks: [
    { kind: "clockRate", perMinute: 20, rate: [0.93, 1.07], forMs: [1000, 8000] },
    { kind: "clockOffset", perMinute: 20, offsetMs: [-5, 5], forMs: [500, 5000] },
  ],
  weather: [
    {
      kind: "weather",
      perMinute: 15,
      drop: [0, 0.2],
      duplicate: [0, 0.1],
      corrupt: [0, 0.02],
      reorder: [0, 0.6],
      delayMs: [5, 150],
      forMs: [500, 4000],
    },
  ],
  disks: [{ kind: "slowDisk", perMinute: 12, delayMs: [5, 60], forMs: [300, 3000] }],
} as const satisfies Record<string, readonly FaultSpec[]>;
export type ContractFault = keyof typeof contractFaults;

/** Clients that wander from node to node, and whose reads are promised one of the contracts. */
export function contractScenario(contracts: readonly string[], faults: readonly ContractFault[]): Scenario {
  return {
    // One name for all of them: what differs is in the plan, so that a failure's file can be replayed.
    name: "contracts",
    title: "Reads that are promised a contract, judged clause by clause",
    nodes: [3, 5],
    durationMs: 10_000,
    workload: {
      clients: 8,
      operationsPerSecond: 80,
      counters: 1,
      keys: 2,
      mix: { increment: 2, readCounter: 4, put: 1, get: 3, delete: 0 },
      // The linearizable ones show in which order writes took effect.
      reads: ["promised", "promised", "promised", "linearizable"],
    },
    world: { attemptTimeoutMs: 400 },
    faults: faults.flatMap((fault): readonly FaultSpec[] => contractFaults[fault]),
    contracts,
  };
}

const plain = (...names: readonly Exclude<ReadGuarantee["guarantee"], "BoundedStaleness" | "Quorum">[]) =>
  names.map((guarantee) => ({ guarantee }));

/** Guarantees singly and joined, with and without a bound, for both sides of the choice in a partition. */
function someContracts(): string[] {
  const orders: ReadGuarantee[][] = [
    plain("Eventual"),
    plain("MonotonicRead"),
    plain("ReadYourWrites"),
    plain("MonotonicWrite"),
    plain("WritesFollowReads"),
    plain("MonotonicRead", "ReadYourWrites"),
    plain("MonotonicRead", "MonotonicWrite"),
    plain("ReadYourWrites", "WritesFollowReads"),
    plain("Session"),
    plain("Causal"),
    plain("Sequential"),
    plain("Linearizable"),
  ];
  const bounds: ReadGuarantee[][] = [
    [],
    ...[30, 120, 400].map((boundMs) => [{ guarantee: "BoundedStaleness", boundMs } as const]),
  ];
  const all = orders.flatMap((order) =>
    bounds.flatMap((bound) =>
      (["AvailabilityPreferred", "ConsistencyPreferred"] as const).map((partition) => ({
        reads: normalReads([...order, ...bound]),
        write: { guarantee: "Linearizable" } as const,
        partition,
        latency: [],
        availability: undefined,
      })),
    ),
  );
  return [...new Set(all.filter((content) => contradictionsOf(content).length === 0).map(contractText))];
}

export const contracts: readonly Scenario[] = [
  {
    ...contractScenario(someContracts(), Object.keys(contractFaults) as ContractFault[]),
    title: "Contracts drawn by chance, single guarantees and conjunctions, judged clause by clause",
  },
];
