/** Keyspaces without a leader: registers, sets of siblings, counters; strict and sloppy quorums. */
import type { FaultSpec, Scenario } from "../scenario.ts";

const trouble: readonly FaultSpec[] = [
  { kind: "crash", perMinute: 20, power: 0.4, forMs: [20, 2500] },
  { kind: "isolate", perMinute: 20, oneWay: 0.3, forMs: [200, 2500] },
  { kind: "partition", perMinute: 15, shapes: ["halves", "oneWay", "ring", "flapping"], forMs: [300, 3000] },
  { kind: "pause", perMinute: 10, forMs: [30, 1500] },
  {
    kind: "weather",
    perMinute: 15,
    drop: [0, 0.25],
    duplicate: [0, 0.1],
    corrupt: [0, 0.02],
    reorder: [0, 0.7],
    delayMs: [5, 150],
    forMs: [500, 4000],
  },
  { kind: "slowDisk", perMinute: 12, delayMs: [5, 60], forMs: [300, 3000] },
];
const powerLoss: FaultSpec = { kind: "powerLoss", perMinute: 8, forMs: [20, 800] };

const eventual = "ReadConsistency: Eventual\nWriteConsistency: Eventual\nPartitionBehavior: AvailabilityPreferred";
const registers = {
  clients: 6,
  operationsPerSecond: 40,
  keys: 2,
  mix: { increment: 0, readCounter: 0, put: 2, get: 4, delete: 0.3 },
  reads: ["linearizable"],
} as const;

const linearizable = {
  keyspaces: [{ name: "ring", replicas: 3, contract: "linearizable" }],
  keys: "ring",
  promise: "registers",
} as const;

export const quorums: readonly Scenario[] = [
  {
    name: "quorum-late-writes",
    title: "Writes reach replicas late, while many read: R + W > N is not enough, reads have to write back",
    nodes: [3],
    durationMs: 6000,
    workload: {
      ...registers,
      clients: 8,
      operationsPerSecond: 120,
      keys: 1,
      mix: { ...registers.mix, put: 1, delete: 0 },
    },
    world: { network: { minDelayMs: 0.2, maxDelayMs: 12 } },
    faults: [
      {
        kind: "weather",
        perMinute: 60,
        drop: [0, 0.05],
        duplicate: [0, 0],
        corrupt: [0, 0],
        reorder: [0.2, 0.8],
        delayMs: [20, 120],
        forMs: [500, 3000],
      },
    ],
    quorums: linearizable,
  },
  {
    name: "quorum-power-loss",
    title: "The power goes while disks are slow: what was acknowledged is durable on as many replicas as it says",
    nodes: [3],
    durationMs: 8000,
    workload: { ...registers, operationsPerSecond: 80, keys: 1 },
    world: { disk: { minMs: 2, maxMs: 25 } },
    faults: [{ kind: "powerLoss", perMinute: 60, forMs: [5, 60] }],
    quorums: linearizable,
  },
  {
    name: "quorum-pauses",
    title: "Coordinators stand still in the middle of a write, and go on when others have written since",
    nodes: [3, 5],
    durationMs: 8000,
    workload: { ...registers, operationsPerSecond: 60, keys: 1 },
    world: { attemptTimeoutMs: 250 },
    faults: [{ kind: "pause", perMinute: 90, forMs: [200, 1200] }],
    quorums: linearizable,
  },
  {
    name: "quorum-registers",
    title: "Linearizable registers without a leader: a round before each write, write-back after reads",
    nodes: [3, 5],
    durationMs: 8000,
    workload: registers,
    faults: [...trouble, powerLoss],
    quorums: {
      keyspaces: [{ name: "ring", replicas: 3, contract: "linearizable" }],
      keys: "ring",
      promise: "registers",
    },
  },
  {
    name: "quorum-registers-sloppy",
    title: "The same where other nodes stand in for weaker requests: they never count for these",
    nodes: [5],
    durationMs: 8000,
    workload: registers,
    faults: trouble,
    quorums: {
      keyspaces: [{ name: "ring", replicas: 3, contract: "linearizable", sloppy: true }],
      keys: "ring",
      promise: "registers",
    },
  },
  {
    name: "quorum-siblings",
    title: "Carts whose concurrent versions stay until someone has seen them: nothing that was added is lost",
    nodes: [3, 5],
    durationMs: 8000,
    workload: {
      clients: 5,
      operationsPerSecond: 25,
      keys: 2,
      mix: { increment: 0, readCounter: 0, put: 0, get: 0, delete: 0, add: 3, members: 1 },
    },
    faults: [...trouble, powerLoss],
    quorums: {
      keyspaces: [{ name: "carts", replicas: 3, r: 1, w: 1, conflicts: "siblings", contract: eventual }],
      keys: "carts",
      promise: "merges",
    },
  },
  {
    name: "quorum-counters",
    title: "Counters take increments on every side of a partition, and add up when it heals",
    nodes: [3, 5],
    durationMs: 8000,
    workload: {
      clients: 6,
      operationsPerSecond: 40,
      counters: 2,
      mix: { increment: 4, readCounter: 2, put: 0, get: 0, delete: 0 },
      reads: ["promised"],
    },
    // Impatient clients: their retries meet other nodes than the first try.
    world: { attemptTimeoutMs: 150 },
    faults: [...trouble, powerLoss],
    quorums: {
      keyspaces: ["c0", "c1"].map((name) => ({ name, replicas: 3, contract: eventual })),
      promise: "merges",
    },
  },
  {
    name: "quorum-hints",
    title:
      "Sloppy quorums: writes go on while replicas are away for long, and what others hold for them is handed over",
    nodes: [5, 6],
    durationMs: 10_000,
    workload: {
      clients: 8,
      operationsPerSecond: 40,
      mix: { increment: 0, readCounter: 0, put: 3, get: 1, delete: 0 },
      ownKeys: true,
      reads: ["promised"],
    },
    faults: [
      { kind: "crash", perMinute: 12, power: 0.4, forMs: [2000, 9000] },
      { kind: "partition", perMinute: 20, shapes: ["halves"], forMs: [500, 4000] },
      {
        kind: "weather",
        perMinute: 10,
        drop: [0, 0.3],
        duplicate: [0, 0.1],
        corrupt: [0, 0],
        reorder: [0, 0.5],
        delayMs: [5, 80],
        forMs: [500, 3000],
      },
    ],
    quorums: {
      keyspaces: [{ name: "ring", replicas: 3, r: 2, w: 2, sloppy: true }],
      keys: "ring",
      promise: "merges",
    },
  },
];
