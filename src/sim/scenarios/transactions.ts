import type { Scenario } from "../scenario.ts";

const workload = {
  operationsPerSecond: 100,
  clients: 8,
  keys: 4,
  mix: { increment: 0, readCounter: 0, put: 0, get: 0, delete: 0, transaction: 1 },
};
const faults: Scenario["faults"] = [
  { kind: "crash", perMinute: 25, leader: 0.6, power: 0.4, forMs: [20, 1500] },
  { kind: "isolate", perMinute: 25, leader: 0.7, oneWay: 0.4, forMs: [100, 1500] },
  { kind: "pause", perMinute: 15, leader: 0.7, forMs: [50, 1500] },
  { kind: "transfer", perMinute: 20 },
  {
    kind: "weather",
    perMinute: 15,
    drop: [0, 0.1],
    duplicate: [0, 0.2],
    corrupt: [0, 0],
    reorder: [0, 0.6],
    delayMs: [5, 100],
    forMs: [500, 4000],
  },
];
/** Faults that also hit the groups one by one. */
const shardFaults: Scenario["faults"] = [
  { kind: "crash", perMinute: 25, leader: 0.4, power: 0.4, forMs: [20, 1500] },
  { kind: "isolate", perMinute: 20, leader: 0.4, oneWay: 0.4, forMs: [100, 1500] },
  { kind: "pause", perMinute: 15, leader: 0.4, forMs: [50, 1500] },
  { kind: "transfer", perMinute: 10 },
  {
    kind: "weather",
    perMinute: 15,
    drop: [0, 0.1],
    duplicate: [0, 0.2],
    corrupt: [0, 0],
    reorder: [0, 0.6],
    delayMs: [5, 60],
    forMs: [500, 3000],
  },
];
const promised = {
  "read-committed": "read committed",
  "repeatable-read": "snapshot isolation",
  serializable: "serializable",
  "strict-serializable": "strictly serializable, with timestamps that follow real time",
};
const title = "Interactive transactions while leaders fall and networks are cut, judged as";

/** Transactions at each isolation level. */
export const transactions: readonly Scenario[] = [
  ...(["serializable", "repeatable-read", "read-committed"] as const).map((isolation): Scenario => ({
    name: `transactions-${isolation}`,
    // The log of one group is one order, and real time's.
    title: `${title} ${isolation === "serializable" ? "strictly serializable" : promised[isolation]}`,
    nodes: [3, 5],
    durationMs: 8000,
    workload: { ...workload, isolation },
    faults,
  })),
  ...(["read-committed", "repeatable-read", "serializable", "strict-serializable"] as const).map(
    (isolation): Scenario => ({
      name: `shard-transactions-${isolation}`,
      title: `Transactions over three shards with every fault, judged as ${promised[isolation]}`,
      nodes: [3],
      durationMs: 8000,
      world: { shards: 3, ...(isolation === "strict-serializable" && { clockErrorMs: 30, clockSkewMs: 25 }) },
      workload: { ...workload, operationsPerSecond: 60, isolation, spread: true },
      faults: shardFaults,
    }),
  ),
];
