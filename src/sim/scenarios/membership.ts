import type { Scenario } from "../scenario.ts";

/** Members come and go. */
export const membership: readonly Scenario[] = [
  {
    name: "membership",
    title: "Members are added, removed and replaced while clients write",
    nodes: [3],
    spares: 2,
    durationMs: 15_000,
    faults: [{ kind: "membership", perMinute: 50 }],
  },
  {
    name: "membership-partition",
    title: "Members change while the network splits",
    nodes: [3],
    spares: 2,
    durationMs: 15_000,
    world: { raft: { retainedLogBytes: 512 } },
    faults: [
      { kind: "membership", perMinute: 50 },
      { kind: "isolate", perMinute: 30, leader: 0.5, oneWay: 0.3, forMs: [200, 2500] },
      { kind: "partition", perMinute: 12, shapes: ["halves", "bridge"], forMs: [200, 2500] },
    ],
  },
  {
    name: "membership-crash",
    title: "Members change while nodes crash and leaders hand over",
    nodes: [3],
    spares: 2,
    durationMs: 15_000,
    world: { raft: { retainedLogBytes: 256 }, checkpointIntervalMs: 150 },
    workload: { operationsPerSecond: 50 },
    faults: [
      { kind: "membership", perMinute: 50 },
      { kind: "crash", perMinute: 50, leader: 0.5, power: 0.5, forMs: [20, 2000] },
      { kind: "transfer", perMinute: 15 },
    ],
  },
  {
    name: "leader-removed",
    title: "The leader is removed again and again, and another node takes its place",
    nodes: [3],
    spares: 2,
    durationMs: 12_000,
    workload: { operationsPerSecond: 40 },
    faults: [
      { kind: "reconfigure", perMinute: 60, how: ["removeLeader"] },
      { kind: "isolate", perMinute: 15, leader: 0.6, oneWay: 0.3, forMs: [100, 1500] },
      { kind: "crash", perMinute: 15, leader: 0.5, power: 0.5, forMs: [20, 1500] },
    ],
  },
  {
    name: "learner-promotion",
    title: "New nodes learn first, by log or by snapshot, and vote later",
    nodes: [3],
    spares: 2,
    durationMs: 15_000,
    workload: { operationsPerSecond: 50 },
    world: { raft: { retainedLogBytes: 256 }, checkpointIntervalMs: 150 },
    faults: [
      { kind: "reconfigure", perMinute: 60, how: ["addLearner", "promoteLearner"] },
      { kind: "crash", perMinute: 20, leader: 0.4, power: 0.5, forMs: [20, 1500] },
      { kind: "isolate", perMinute: 15, leader: 0.4, oneWay: 0.3, forMs: [100, 1500] },
    ],
    shows: ["snapshotInstalled"],
  },
];
