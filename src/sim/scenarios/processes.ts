import type { Scenario } from "../scenario.ts";

/** Processes that end, stand still, and come back. */
export const processes: readonly Scenario[] = [
  {
    name: "leader-kill",
    title: "The leader is killed, and comes back",
    nodes: [3, 5],
    durationMs: 15_000,
    leavesDown: true,
    faults: [{ kind: "crash", perMinute: 25, leader: 1, power: 0.2, forMs: [50, 3000] }],
  },
  {
    name: "follower-kill",
    title: "Followers are killed, and come back far behind",
    nodes: [3, 5],
    durationMs: 15_000,
    leavesDown: true,
    world: { raft: { retainedLogBytes: 256 } },
    faults: [{ kind: "crash", perMinute: 30, follower: 0.9, power: 0.5, forMs: [50, 5000] }],
  },
  {
    name: "crashes",
    title: "Nodes crash and come back, some with loss of power",
    nodes: [3, 5],
    durationMs: 15_000,
    leavesDown: true,
    faults: [{ kind: "crash", perMinute: 60, leader: 0.4, power: 0.5, forMs: [20, 2500] }],
  },
  {
    name: "quick-restarts",
    title: "Processes are replaced within milliseconds: what was on its way to one life arrives in the next",
    nodes: [3, 5],
    durationMs: 10_000,
    workload: { operationsPerSecond: 80, clients: 10 },
    world: { network: { minDelayMs: 1, maxDelayMs: 30 } },
    faults: [
      { kind: "crash", perMinute: 400, leader: 0.05, follower: 0.7, power: 0.1, forMs: [1, 20] },
      {
        kind: "weather",
        perMinute: 10,
        drop: [0, 0.05],
        duplicate: [0, 0.1],
        corrupt: [0, 0],
        reorder: [0.1, 0.6],
        delayMs: [10, 150],
        forMs: [1000, 6000],
      },
      { kind: "isolate", perMinute: 15, leader: 0.5, oneWay: 0.5, forMs: [50, 800] },
    ],
  },
  {
    name: "votes",
    title: "Elections under fire: disks are slow, and the power goes while votes are written",
    nodes: [3, 5],
    durationMs: 12_000,
    workload: { operationsPerSecond: 10 },
    world: {
      raft: { electionTimeoutMs: 60, heartbeatMs: 20 },
      network: { minDelayMs: 0.2, maxDelayMs: 8 },
      disk: { minMs: 2, maxMs: 30 },
    },
    faults: [
      { kind: "crash", perMinute: 150, leader: 0.2, follower: 0.3, power: 0.8, forMs: [1, 60] },
      { kind: "isolate", perMinute: 100, leader: 0.6, oneWay: 0.3, forMs: [50, 400] },
      {
        kind: "weather",
        perMinute: 20,
        drop: [0, 0.1],
        duplicate: [0, 0.2],
        corrupt: [0, 0],
        reorder: [0, 0.7],
        delayMs: [5, 200],
        forMs: [500, 4000],
      },
    ],
  },
  {
    name: "rolling-restart",
    title: "Every node is stopped in turn, as an upgrade does it",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [
      { kind: "transfer", perMinute: 20 },
      { kind: "crash", perMinute: 20, leader: 0.5, power: 0, forMs: [100, 800] },
    ],
  },
  {
    name: "power-loss",
    title: "The power of all nodes goes at once",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [
      { kind: "powerLoss", perMinute: 20, forMs: [10, 500] },
      { kind: "crash", perMinute: 15, leader: 0.4, power: 1, forMs: [10, 1500] },
    ],
  },
  {
    name: "pause",
    title:
      "Processes stand still, as in a long collection or a virtual machine that is moved, and go on as if nothing had been",
    nodes: [3, 5],
    durationMs: 15_000,
    faults: [{ kind: "pause", perMinute: 50, leader: 0.6, forMs: [50, 3000] }],
  },
  {
    name: "slow-node",
    title: "A node takes its time over every event",
    nodes: [3, 5],
    durationMs: 12_000,
    faults: [{ kind: "slow", perMinute: 20, leader: 0.5, stepMs: [0.5, 12], forMs: [300, 3000] }],
  },
];
