import type { Scenario } from "../scenario.ts";

/** Elections and agreement, from a healthy cluster to one that hardly ever has a leader. */
export const agreement: readonly Scenario[] = [
  {
    name: "basic",
    title: "A healthy cluster agrees and answers",
    nodes: [1, 3, 5],
    durationMs: 8000,
    faults: [],
  },
  {
    name: "concurrent-starts",
    title: "Many clients write the same counter at once",
    nodes: [3, 5],
    durationMs: 3000,
    workload: {
      clients: 16,
      operationsPerSecond: 400,
      counters: 1,
      mix: { increment: 6, readCounter: 2, put: 0, get: 0, delete: 0 },
    },
    faults: [],
  },
  {
    name: "elections",
    title: "Leaders are cut off again and again, and every election ends with one leader",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [{ kind: "isolate", perMinute: 60, leader: 0.8, oneWay: 0.3, forMs: [300, 1500] }],
  },
  {
    name: "many-elections",
    title: "Seven nodes, any three of them unreachable at a time",
    nodes: [7],
    durationMs: 12_000,
    workload: { operationsPerSecond: 10 },
    faults: [{ kind: "isolate", perMinute: 150, leader: 0.5, oneWay: 0, forMs: [300, 1500] }],
  },
  {
    name: "figure-8",
    title: "Leaders crash just after they begin an entry, over a slow network, one message at a time (Raft, figure 8)",
    nodes: [5],
    durationMs: 15_000,
    workload: { operationsPerSecond: 20, clients: 6, mix: { increment: 5, readCounter: 1, put: 1, get: 0, delete: 0 } },
    world: {
      raft: {
        electionTimeoutMs: 120,
        heartbeatMs: 30,
        maxAppendBytes: 64,
        maxInflightMessages: 1,
        retainedLogBytes: 65_536,
      },
      network: { minDelayMs: 1, maxDelayMs: 12 },
    },
    faults: [
      {
        kind: "crashAt",
        perMinute: 150,
        moments: ["leader", "appended"],
        afterMs: [0, 60],
        power: 0.3,
        forMs: [50, 1000],
      },
      { kind: "isolate", perMinute: 100, leader: 0.8, oneWay: 0.2, forMs: [50, 800] },
      {
        kind: "weather",
        perMinute: 12,
        drop: [0, 0.2],
        duplicate: [0, 0.1],
        corrupt: [0, 0],
        reorder: [0, 0.6],
        delayMs: [10, 300],
        forMs: [1000, 6000],
      },
    ],
  },
  {
    name: "quiescence",
    title: "A group with nothing to do falls asleep, and wakes up although its leader may be gone",
    nodes: [3, 5],
    durationMs: 20_000,
    workload: { operationsPerSecond: 2, clients: 3 },
    world: { raft: { quiesceAfterMs: 150 } },
    faults: [
      { kind: "crash", perMinute: 20, leader: 0.6, power: 0.3, forMs: [100, 4000] },
      { kind: "isolate", perMinute: 20, leader: 0.6, oneWay: 0.4, forMs: [200, 4000] },
      { kind: "pause", perMinute: 10, leader: 0.6, forMs: [100, 2000] },
      { kind: "transfer", perMinute: 10 },
    ],
  },
  {
    name: "transfer",
    title: "Leadership is handed over while clients write",
    nodes: [3, 5],
    durationMs: 12_000,
    faults: [
      { kind: "transfer", perMinute: 60 },
      { kind: "isolate", perMinute: 10, leader: 0.5, oneWay: 0.3, forMs: [100, 1500] },
      { kind: "pause", perMinute: 10, leader: 0.5, forMs: [50, 1000] },
    ],
  },
];
