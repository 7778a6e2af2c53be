import type { Scenario } from "../scenario.ts";

const calm: Scenario = {
  name: "basic",
  title: "A healthy cluster agrees and answers",
  nodes: [3, 5],
  durationMs: 8000,
  faults: [],
};

const crashes: Scenario = {
  name: "crashes",
  title: "Nodes crash and come back, some with loss of power",
  nodes: [3, 5],
  durationMs: 15_000,
  leavesDown: true,
  faults: [{ kind: "crash", perMinute: 40, leader: 0.4, power: 0.5, forMs: [50, 2500] }],
};

const partitions: Scenario = {
  name: "partitions",
  title: "The network splits in every shape",
  nodes: [3, 5],
  durationMs: 15_000,
  faults: [
    { kind: "partition", perMinute: 20, shapes: ["halves", "oneWay", "ring", "bridge", "flapping"], forMs: [200, 4000] },
    { kind: "isolate", perMinute: 20, leader: 0.5, oneWay: 0.4, forMs: [200, 3000] },
  ],
};

export const scenarios: readonly Scenario[] = [calm, crashes, partitions];
