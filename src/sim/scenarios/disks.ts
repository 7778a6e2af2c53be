import type { Scenario } from "../scenario.ts";

/** Disks that forget, tear, fill up, fail and dawdle; and state that is too long for the log. */
export const disks: readonly Scenario[] = [
  {
    name: "torn-writes",
    title: "The power goes in the middle of long writes: what comes back is any part of them",
    nodes: [3],
    durationMs: 12_000,
    workload: {
      operationsPerSecond: 60,
      valueBytes: 1500,
      mix: { increment: 3, readCounter: 3, put: 4, get: 1, delete: 0 },
    },
    world: { segmentSizeBytes: 16_384, attemptTimeoutMs: 250 },
    faults: [
      { kind: "crash", perMinute: 180, leader: 0.5, power: 1, forMs: [5, 700] },
      { kind: "slowDisk", perMinute: 60, leader: 0.5, delayMs: [5, 120], forMs: [200, 2000] },
      { kind: "isolate", perMinute: 40, leader: 0.5, oneWay: 0.3, forMs: [100, 700] },
    ],
  },
  {
    name: "disk-full",
    title: "A disk fills up, and has room again later",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: { operationsPerSecond: 80 },
    world: { segmentSizeBytes: 2048, raft: { retainedLogBytes: 512 } },
    faults: [
      { kind: "diskFull", perMinute: 20, leader: 0.5, forMs: [500, 4000] },
      { kind: "crash", perMinute: 6, leader: 0.3, power: 0.5, forMs: [50, 1000] },
    ],
  },
  {
    name: "sync-errors",
    title: "A sync fails: the process ends, and starts again on what is really there",
    nodes: [3, 5],
    durationMs: 12_000,
    workload: { operationsPerSecond: 40 },
    faults: [
      { kind: "syncError", perMinute: 30, leader: 0.5 },
      { kind: "crash", perMinute: 10, leader: 0.3, power: 1, forMs: [50, 1000] },
    ],
  },
  {
    name: "slow-disk",
    title: "A disk takes long over every operation",
    nodes: [3, 5],
    durationMs: 12_000,
    faults: [{ kind: "slowDisk", perMinute: 25, leader: 0.5, delayMs: [5, 150], forMs: [300, 4000] }],
  },
  {
    name: "snapshots",
    title: "Followers fall so far behind that they are sent the state instead of the log",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: { operationsPerSecond: 80, keys: 40 },
    world: { raft: { retainedLogBytes: 128 }, checkpointIntervalMs: 150 },
    faults: [
      { kind: "crash", perMinute: 20, follower: 0.6, power: 0.5, forMs: [1000, 5000] },
      { kind: "isolate", perMinute: 20, leader: 0.2, oneWay: 0.2, forMs: [1000, 4000] },
    ],
  },
  {
    name: "snapshots-unreliable",
    title: "The state is sent over a bad network to nodes that crash while they take it",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: { operationsPerSecond: 80, keys: 40 },
    world: { raft: { retainedLogBytes: 128 }, checkpointIntervalMs: 150, segmentSizeBytes: 4096 },
    faults: [
      { kind: "crash", perMinute: 50, follower: 0.5, leader: 0.2, power: 0.5, forMs: [10, 3000] },
      { kind: "isolate", perMinute: 20, leader: 0.3, oneWay: 0.3, forMs: [800, 3000] },
      { kind: "slowDisk", perMinute: 15, delayMs: [5, 100], forMs: [300, 3000] },
      {
        kind: "weather",
        perMinute: 12,
        drop: [0, 0.2],
        duplicate: [0, 0.2],
        corrupt: [0, 0.05],
        reorder: [0, 0.7],
        delayMs: [5, 300],
        forMs: [500, 6000],
      },
    ],
  },
];
