import type { Scenario } from "../scenario.ts";

const mix = { increment: 0, readCounter: 0, put: 0, get: 0, delete: 0, lock: 1 };

/** Locks with leases, whose holders, leaders and clocks are not what they should be. */
export const coordination: readonly Scenario[] = [
  {
    name: "locks",
    title: "Locks with leases under fire: holders vanish, leaders fall, and old tokens come back",
    nodes: [3, 5],
    durationMs: 12_000,
    workload: { operationsPerSecond: 80, clients: 6, locks: 2, mix },
    faults: [
      { kind: "crash", perMinute: 30, leader: 0.6, power: 0.4, forMs: [20, 1500] },
      { kind: "isolate", perMinute: 30, leader: 0.7, oneWay: 0.4, forMs: [100, 1500] },
      { kind: "pause", perMinute: 20, leader: 0.7, forMs: [50, 1500] },
      { kind: "transfer", perMinute: 20 },
    ],
  },
  {
    name: "locks-skewed-clocks",
    title: "Locks with leases where every node has another time of day, and leadership moves",
    nodes: [3, 5],
    durationMs: 12_000,
    workload: { operationsPerSecond: 60, clients: 6, locks: 2, mix },
    world: { clockSkewMs: 600, clockErrorMs: 600 },
    faults: [
      { kind: "transfer", perMinute: 80 },
      { kind: "crash", perMinute: 20, leader: 0.7, power: 0.2, forMs: [20, 800] },
    ],
  },
  {
    name: "client-library-locks",
    title:
      "The client library's locks: holders stand still, are killed or cut off, and nobody believes to hold what another has",
    nodes: [3, 5],
    durationMs: 12_000,
    library: true,
    workload: { operationsPerSecond: 120, clients: 6, locks: 1, keptAlive: true, mix },
    faults: [
      { kind: "client", perMinute: 200, how: ["pause", "pause", "kill", "cut"], forMs: [50, 2000] },
      { kind: "crash", perMinute: 25, leader: 0.6, power: 0.4, forMs: [20, 1500] },
      { kind: "isolate", perMinute: 25, leader: 0.7, oneWay: 0.4, forMs: [100, 1500] },
      { kind: "pause", perMinute: 15, leader: 0.7, forMs: [50, 1500] },
      { kind: "clockRate", perMinute: 15, rate: [0.4, 2.5], forMs: [1000, 6000] },
      { kind: "transfer", perMinute: 15 },
    ],
    shows: ["client connections lost"],
  },
  {
    name: "locks-snapshots",
    title: "Locks on replicas that come back by snapshot",
    nodes: [3, 5],
    durationMs: 12_000,
    workload: { operationsPerSecond: 120, clients: 8, locks: 3, mix: { ...mix, put: 1 }, valueBytes: 200 },
    world: { raft: { retainedLogBytes: 256 }, checkpointIntervalMs: 100 },
    faults: [
      { kind: "crash", perMinute: 60, leader: 0.3, power: 0.5, forMs: [200, 3000] },
      { kind: "isolate", perMinute: 20, leader: 0.5, oneWay: 0.2, forMs: [300, 2000] },
    ],
  },
];
