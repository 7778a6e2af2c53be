import type { Scenario } from "../scenario.ts";

/** What reads promise, under the faults that would break each promise. */
export const reading: readonly Scenario[] = [
  {
    name: "linearizable-reads",
    title: "Reads that ask the leader's round, without leases, while leaders change",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: {
      operationsPerSecond: 60,
      reads: ["linearizable"],
      clients: 8,
      counters: 1,
      mix: { increment: 1, readCounter: 1, put: 0, get: 0, delete: 0 },
    },
    world: { raft: { leases: false } },
    faults: [
      { kind: "isolate", perMinute: 40, leader: 0.8, oneWay: 0.4, forMs: [200, 2000] },
      { kind: "crash", perMinute: 20, leader: 0.6, power: 0.2, forMs: [5, 800] },
      { kind: "pause", perMinute: 15, leader: 0.8, forMs: [50, 1500] },
      {
        kind: "weather",
        perMinute: 10,
        drop: [0, 0.1],
        duplicate: [0, 0.1],
        corrupt: [0, 0],
        reorder: [0, 0.6],
        delayMs: [5, 200],
        forMs: [500, 5000],
      },
    ],
  },
  {
    name: "leases",
    title: "Reads under the leader's lease, while leaders are cut off, paused and told to hand over",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: {
      operationsPerSecond: 60,
      reads: ["linearizable"],
      clients: 8,
      counters: 1,
      mix: { increment: 1, readCounter: 1, put: 0, get: 0, delete: 0 },
    },
    faults: [
      { kind: "isolate", perMinute: 40, leader: 0.9, oneWay: 0.4, forMs: [200, 2000] },
      { kind: "pause", perMinute: 20, leader: 0.8, forMs: [50, 1500] },
      { kind: "transfer", perMinute: 20 },
      { kind: "crash", perMinute: 15, follower: 0.6, power: 0.2, forMs: [1, 400] },
      { kind: "clockRate", perMinute: 20, rate: [0.96, 1.04], forMs: [1000, 10_000] },
    ],
  },
  {
    name: "lease-restarts",
    title: "Followers restart within milliseconds while a leader that is cut off still reads under its lease",
    nodes: [3],
    durationMs: 10_000,
    workload: {
      operationsPerSecond: 100,
      reads: ["linearizable"],
      clients: 8,
      counters: 1,
      mix: { increment: 1, readCounter: 1, put: 0, get: 0, delete: 0 },
    },
    world: { raft: { electionTimeoutMs: 600, heartbeatMs: 50 }, attemptTimeoutMs: 200 },
    faults: [
      { kind: "isolate", perMinute: 80, leader: 1, oneWay: 0, forMs: [300, 1500] },
      { kind: "crash", perMinute: 500, follower: 0.8, power: 0.2, forMs: [1, 10] },
    ],
  },
  {
    name: "bounded-staleness",
    title: "Reads that say how old they are, on replicas that are cut off and far behind",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: {
      operationsPerSecond: 50,
      reads: ["bounded"],
      boundMs: 120,
      counters: 1,
      mix: { increment: 2, readCounter: 3, put: 0, get: 0, delete: 0 },
    },
    faults: [
      { kind: "isolate", perMinute: 30, leader: 0.3, oneWay: 0.4, forMs: [100, 2500] },
      { kind: "slow", perMinute: 10, stepMs: [0.5, 8], forMs: [300, 2000] },
      { kind: "pause", perMinute: 15, leader: 0.4, forMs: [30, 1500] },
      { kind: "clockOffset", perMinute: 20, offsetMs: [-5, 5], forMs: [500, 5000] },
    ],
  },
  {
    name: "session-tokens",
    title: "Clients carry their position from node to node and never go back",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: { operationsPerSecond: 50, reads: ["session"], counters: 2 },
    faults: [
      { kind: "isolate", perMinute: 30, leader: 0.3, oneWay: 0.4, forMs: [100, 2500] },
      { kind: "crash", perMinute: 25, leader: 0.3, power: 0.5, forMs: [20, 2000] },
      { kind: "slowDisk", perMinute: 10, delayMs: [5, 60], forMs: [300, 3000] },
    ],
  },
];
