import type { Scenario } from "../scenario.ts";

const workload = {
  operationsPerSecond: 40,
  keys: 12,
  mix: { increment: 1, readCounter: 1, put: 5, get: 5, delete: 1 },
} as const;

/** Keyspaces whose keys are in several groups. */
export const shards: readonly Scenario[] = [
  {
    name: "shards",
    title: "A keyspace of three shards, with crashes, partitions and changes of leader",
    nodes: [3],
    durationMs: 12_000,
    world: { shards: 3, raft: { retainedLogBytes: 512 } },
    workload,
    faults: [
      { kind: "crash", perMinute: 40, leader: 0.4, power: 0.5, forMs: [20, 2000] },
      { kind: "isolate", perMinute: 20, leader: 0.5, oneWay: 0.3, forMs: [100, 1500] },
      { kind: "transfer", perMinute: 15 },
    ],
  },
  {
    name: "shards-disk-corruption",
    title: "Disks of nodes with several groups are damaged: each group rejoins, and none is forgotten",
    nodes: [3],
    durationMs: 12_000,
    world: { shards: 3, segmentSizeBytes: 4096, raft: { retainedLogBytes: 512 } },
    workload,
    faults: [
      { kind: "damage", perMinute: 30, what: ["bit", "row", "unreadable"], leader: 0.3, forMs: [10, 800] },
      { kind: "crash", perMinute: 20, leader: 0.5, power: 0.3, forMs: [10, 1000] },
      { kind: "isolate", perMinute: 15, leader: 0.5, oneWay: 0.3, forMs: [100, 1500] },
    ],
    shows: ["rejoined"],
  },
  {
    name: "shards-moving",
    title: "Shards split, merge and move between groups while clients write, nodes crash and the network splits",
    nodes: [3],
    durationMs: 12_000,
    world: { shards: 2, raft: { retainedLogBytes: 512 } },
    workload: { ...workload, operationsPerSecond: 60 },
    faults: [
      { kind: "shards", perMinute: 120 },
      { kind: "crash", perMinute: 30, leader: 0.5, power: 0.5, forMs: [20, 1500] },
      { kind: "isolate", perMinute: 15, leader: 0.5, oneWay: 0.3, forMs: [100, 1200] },
      { kind: "transfer", perMinute: 15 },
    ],
  },
  {
    name: "shards-moving-transactions",
    title: "Serializable transactions over several shards while these split, merge and move",
    nodes: [3],
    durationMs: 8000,
    world: { shards: 2 },
    workload: {
      clients: 5,
      operationsPerSecond: 50,
      keys: 4,
      counters: 1,
      mix: { increment: 0, readCounter: 0, put: 0, get: 0, delete: 0, transaction: 1 },
      reads: ["linearizable"],
      isolation: "serializable",
      spread: true,
    },
    faults: [
      { kind: "shards", perMinute: 120 },
      { kind: "crash", perMinute: 20, leader: 0.5, power: 0.3, forMs: [20, 1000] },
    ],
  },
];
