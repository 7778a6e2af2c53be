import type { Scenario } from "../scenario.ts";

/** Clocks that run fast and slow, and are set. */
export const clocks: readonly Scenario[] = [
  {
    name: "clock-drift",
    title: "Clocks run at different rates, as far apart as leases allow for",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: { operationsPerSecond: 60, reads: ["linearizable"], clients: 6 },
    // Rates between 0.72 and 1.4: no clock is more than twice as fast as another.
    world: { raft: { clockDrift: 0.5 } },
    faults: [
      { kind: "clockRate", perMinute: 60, rate: [0.72, 1.4], forMs: [2000, 15_000] },
      { kind: "isolate", perMinute: 40, leader: 0.9, oneWay: 0.3, forMs: [300, 2000] },
    ],
  },
  {
    name: "clock-skew",
    title: "Wall clocks are off, within the error that they admit",
    nodes: [3, 5],
    durationMs: 15_000,
    workload: { reads: ["bounded", "linearizable", "bounded"], boundMs: 150 },
    world: { clockErrorMs: 60 },
    faults: [
      { kind: "clockOffset", perMinute: 60, offsetMs: [-60, 60], forMs: [1000, 10_000] },
      { kind: "isolate", perMinute: 20, leader: 0.6, oneWay: 0.3, forMs: [300, 2000] },
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
];
