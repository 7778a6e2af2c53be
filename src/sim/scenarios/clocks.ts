import type { Scenario } from "../scenario.ts";

const boundedReads: Scenario["workload"] = {
  operationsPerSecond: 120,
  clients: 10,
  reads: ["bounded"],
  boundMs: 250,
  counters: 1,
  mix: { increment: 2, readCounter: 3, put: 0, get: 0, delete: 0 },
};

/** Clocks that run fast and slow, and are set. */
export const clocks: readonly Scenario[] = [
  {
    name: "clock-drift",
    title: "Clocks run at different rates, as far apart as leases allow for",
    nodes: [3, 5],
    durationMs: 10_000,
    workload: {
      operationsPerSecond: 200,
      reads: ["linearizable"],
      clients: 16,
      counters: 1,
      mix: { increment: 1, readCounter: 4, put: 0, get: 0, delete: 0 },
    },
    // Rates between 0.5 and 2: no clock is more than four times as fast as another.
    world: { raft: { clockDrift: 0.75 }, attemptTimeoutMs: 120 },
    faults: [
      { kind: "clockRate", perMinute: 60, rate: [0.5, 0.8], forMs: [2000, 10_000] },
      { kind: "clockRate", perMinute: 60, rate: [1.2, 2], forMs: [2000, 10_000] },
      { kind: "isolate", perMinute: 60, leader: 0.9, oneWay: 0.3, forMs: [300, 1000] },
    ],
  },
  {
    name: "clock-skew",
    title: "Wall clocks are off, within the error that they admit",
    nodes: [3, 5],
    durationMs: 12_000,
    workload: boundedReads,
    world: { clockErrorMs: 60, attemptTimeoutMs: 250 },
    faults: [
      { kind: "clockOffset", perMinute: 40, offsetMs: [-60, -30], forMs: [1000, 10_000] },
      { kind: "clockOffset", perMinute: 40, offsetMs: [30, 60], forMs: [1000, 10_000] },
      { kind: "isolate", perMinute: 40, leader: 0.3, oneWay: 0.3, forMs: [200, 1500] },
      { kind: "crash", perMinute: 10, leader: 0.4, power: 0.5, forMs: [50, 1500] },
    ],
  },
  {
    name: "clock-jumps",
    title: "Wall clocks jump by hours, and nothing that is written suffers",
    nodes: [3],
    durationMs: 12_000,
    // What an answer says about its age is as good as the clock's own claim, which is a lie here.
    workload: { reads: ["linearizable", "session"] },
    world: { clockErrorMs: 10_000_000 },
    faults: [
      { kind: "clockOffset", perMinute: 40, offsetMs: [-9_000_000, 9_000_000], forMs: [100, 5000] },
      { kind: "crash", perMinute: 15, leader: 0.5, power: 0.5, forMs: [50, 1500] },
    ],
  },
  {
    name: "clock-lies",
    title: "Wall clocks are off by more than they admit: what bounded staleness rests on is gone, and it breaks",
    nodes: [3],
    durationMs: 12_000,
    workload: boundedReads,
    world: { clockErrorMs: 5, attemptTimeoutMs: 250 },
    faults: [
      { kind: "clockLie", perMinute: 40, offsetMs: [-4000, -1000], forMs: [2000, 8000] },
      { kind: "isolate", perMinute: 40, leader: 0.3, oneWay: 0.3, forMs: [800, 2500] },
    ],
    breaks: "bounded staleness",
  },
];
