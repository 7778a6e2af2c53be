/** The workshop's three failures, for both engines: a log with a leader, and quorums without one. */
import type { FaultSpec, Scenario } from "../scenario.ts";

const failures: readonly { readonly name: string; readonly title: string; readonly faults: readonly FaultSpec[] }[] = [
  {
    name: "node-fails",
    title: "One node fails during writes",
    faults: [{ kind: "crash", perMinute: 15, leader: 0.5, power: 0.5, forMs: [500, 2000] }],
  },
  {
    name: "partition",
    title: "A partition isolates a minority",
    faults: [{ kind: "isolate", perMinute: 15, leader: 0.5, oneWay: 0, forMs: [500, 3000] }],
  },
  {
    name: "long-downtime",
    title: "A replica returns after long downtime",
    faults: [{ kind: "crash", perMinute: 8, follower: 0.7, power: 0.5, forMs: [5000, 9000] }],
  },
];

const shared = {
  nodes: [3],
  durationMs: 10_000,
} as const;

export const workshop: readonly Scenario[] = failures.flatMap(({ name, title, faults }): Scenario[] => [
  { ...shared, name: `workshop-${name}-raft`, title: `${title}: Raft`, faults, workload: { operationsPerSecond: 40 } },
  {
    ...shared,
    name: `workshop-${name}-quorum`,
    title: `${title}: quorums`,
    faults,
    workload: {
      clients: 6,
      operationsPerSecond: 40,
      mix: { increment: 3, readCounter: 2, put: 2, get: 3, delete: 0.3 },
      reads: ["linearizable"],
      counterReads: "promised",
    },
    quorums: {
      keyspaces: [
        { name: "ring", replicas: 3, contract: "linearizable" },
        ...["c0", "c1"].map((counter) => ({
          name: counter,
          replicas: 3,
          contract: "ReadConsistency: Eventual\nWriteConsistency: Eventual\nPartitionBehavior: AvailabilityPreferred",
        })),
      ],
      keys: "ring",
      promise: "registers",
    },
  },
]);
