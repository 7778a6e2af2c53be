import type { Scenario } from "../scenario.ts";

/** Networks that split, lose, repeat, reorder and damage. */
export const networks: readonly Scenario[] = [
  {
    name: "partition-halves",
    title: "The network splits in two",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [{ kind: "partition", perMinute: 30, shapes: ["halves"], forMs: [200, 4000] }],
  },
  {
    name: "partition-one-way",
    title: "Some links carry messages in one direction only",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [
      { kind: "partition", perMinute: 25, shapes: ["oneWay"], forMs: [200, 4000] },
      { kind: "isolate", perMinute: 20, leader: 0.6, oneWay: 1, forMs: [200, 3000] },
    ],
  },
  {
    name: "partition-ring",
    title: "Every node reaches its neighbours only: majorities that overlap in a ring, or meet in one node",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [{ kind: "partition", perMinute: 25, shapes: ["ring", "bridge"], forMs: [300, 5000] }],
  },
  {
    name: "partition-flapping",
    title: "A partition that comes and goes",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [{ kind: "partition", perMinute: 20, shapes: ["flapping"], forMs: [500, 5000] }],
  },
  {
    name: "unreliable-network",
    title: "Messages are lost, repeated, late, out of order and damaged",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [
      {
        kind: "weather",
        perMinute: 20,
        drop: [0, 0.25],
        duplicate: [0, 0.25],
        corrupt: [0, 0.1],
        reorder: [0, 0.7],
        delayMs: [5, 300],
        forMs: [500, 8000],
      },
    ],
  },
  {
    name: "unreliable-churn",
    title: "Crashes, partitions and a bad network together",
    nodes: [3, 5],
    durationMs: 15_000,
    leavesDown: true,
    world: { raft: { retainedLogBytes: 512 } },
    faults: [
      { kind: "crash", perMinute: 30, leader: 0.4, power: 0.5, forMs: [10, 2500] },
      {
        kind: "partition",
        perMinute: 12,
        shapes: ["halves", "oneWay", "ring", "bridge", "flapping"],
        forMs: [200, 3000],
      },
      { kind: "isolate", perMinute: 12, leader: 0.5, oneWay: 0.4, forMs: [200, 2000] },
      {
        kind: "weather",
        perMinute: 15,
        drop: [0, 0.2],
        duplicate: [0, 0.2],
        corrupt: [0, 0.05],
        reorder: [0, 0.7],
        delayMs: [5, 300],
        forMs: [500, 6000],
      },
      { kind: "pause", perMinute: 10, leader: 0.5, forMs: [50, 1500] },
    ],
  },
];
