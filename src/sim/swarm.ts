import { seededRandom, unreachable, type NodeId, type Random } from "../base/index.ts";
import { generate, type RetryMode, type WorkloadOptions } from "../workload/index.ts";
import { type Fault, type Plan, shardChanges, type Target } from "./plan.ts";
import type { FaultSpec, PartitionShape, Range, Scenario } from "./scenario.ts";

const defaultWorkload: WorkloadOptions = {
  clients: 4,
  durationMs: 0,
  operationsPerSecond: 20,
  counters: 2,
  keys: 3,
  valueBytes: 20,
  mix: { increment: 4, readCounter: 4, put: 1, get: 1, delete: 0.3 },
  reads: ["linearizable", "session", "bounded", "eventual"],
  boundMs: 300,
};

const retryModes: readonly RetryMode[] = ["session", "session", "idempotent", "bare"];

/** Without a leader nobody hands out sessions in a partition. */
function modesOf({ quorums }: Scenario): readonly RetryMode[] {
  return quorums === undefined ? retryModes : ["idempotent", "idempotent", "bare"];
}

/** The schedule that a scenario has for a seed. Rates differ from seed to seed, and some faults are left out (swarm testing, Groce et al., 2012). */
export function drawPlan(scenario: Scenario, seed: number, bugs: readonly string[] = []): Plan {
  const random = seededRandom(seed);
  const nodes = pick(scenario.nodes, random);
  const { durationMs } = scenario;
  const spares = scenario.spares ?? 0;
  const workload: WorkloadOptions = { ...defaultWorkload, ...scenario.workload, durationMs };
  // What a contract promises to a session it promises to writes that are in one.
  const modes: readonly RetryMode[] = scenario.library
    ? ["library"]
    : scenario.contracts === undefined
      ? modesOf(scenario)
      : ["session"];
  const clients = Array.from({ length: workload.clients }, () => pick(modes, random));
  const operations = generate(workload, random.fork());
  const faults = scenario.faults.flatMap((spec) =>
    drawFaults(spec, {
      nodes,
      all: nodes + spares,
      clients: clients.length,
      durationMs,
      random: random.fork(),
      alone: scenario.faults.length === 1,
    }),
  );
  faults.sort((a, b) => a.at - b.at);
  const leftDown =
    scenario.leavesDown && random.below(2) === 0 ? someNodes(nodes, random.below(Math.ceil(nodes / 2)), random) : [];
  return {
    scenario: scenario.name,
    seed,
    nodes: nodes + spares,
    members: nodes,
    durationMs,
    clients,
    faults,
    operations,
    leftDown,
    ...(scenario.contracts !== undefined && { contract: pick(scenario.contracts, random) }),
    bugs,
  };
}

interface Draw {
  readonly nodes: number;
  readonly all: number;
  readonly clients: number;
  readonly durationMs: number;
  readonly random: Random;
  /** It is the scenario's only kind of fault, so it is never left out. */
  readonly alone: boolean;
}

function drawFaults(spec: FaultSpec, draw: Draw): Fault[] {
  const { random, durationMs } = draw;
  if (!draw.alone && random.below(4) === 0) return [];
  const mean = (spec.perMinute * durationMs) / 60_000;
  const rate = mean * (0.3 + 1.4 * random.float());
  const count = Math.floor(rate) + (random.float() < rate - Math.floor(rate) ? 1 : 0);
  const faults: Fault[] = [];
  for (let i = 0; i < count; i++)
    faults.push(drawFault(spec, Math.round(durationMs * (0.03 + 0.97 * random.float())), draw));
  return faults;
}

function drawFault(spec: FaultSpec, at: number, draw: Draw): Fault {
  const { random, nodes } = draw;
  const forMs = "forMs" in spec ? Math.round(between(spec.forMs, random)) : 0;
  switch (spec.kind) {
    case "crash":
      return { kind: "crash", at, target: target(spec, draw), power: random.float() < spec.power, forMs };
    case "crashAt": {
      const power = random.float() < spec.power;
      return {
        kind: "crashAt",
        at,
        moment: pick(spec.moments, random),
        afterMs: between(spec.afterMs, random),
        power,
        forMs,
      };
    }
    case "powerLoss":
      return { kind: "powerLoss", at, forMs };
    case "pause":
      return { kind: "pause", at, target: target(spec, draw), forMs };
    case "slow":
      return { kind: "slow", at, target: target(spec, draw), stepMs: between(spec.stepMs, random), forMs };
    case "isolate": {
      const oneWay = random.float() < spec.oneWay;
      const inbound = !oneWay || random.below(2) === 0;
      return { kind: "isolate", at, target: target(spec, draw), inbound, outbound: !oneWay || !inbound, forMs };
    }
    case "partition": {
      const shape = pick(spec.shapes, random);
      const flapMs = shape === "flapping" ? 50 + random.below(400) : 0;
      return { kind: "partition", at, shape, cut: drawCut(shape, draw.all, random), flapMs, forMs };
    }
    case "weather": {
      const { drop, duplicate, corrupt, reorder, delayMs } = spec;
      const rate = (range: Range): number => between(range, random);
      return {
        kind: "weather",
        at,
        drop: rate(drop),
        duplicate: rate(duplicate),
        corrupt: rate(corrupt),
        reorder: rate(reorder),
        delayMs: rate(delayMs),
        forMs,
      };
    }
    case "slowDisk":
      return { kind: "slowDisk", at, target: target(spec, draw), delayMs: between(spec.delayMs, random), forMs };
    case "diskFull":
      return { kind: "diskFull", at, target: target(spec, draw), forMs };
    case "syncError":
      return { kind: "syncError", at, target: target(spec, draw) };
    case "damage": {
      const what = pick(spec.what, random);
      return { kind: "damage", at, target: target(spec, draw), what, place: between([0, 0.999], random), forMs };
    }
    case "clockRate":
      return { kind: "clockRate", at, node: 1 + random.below(nodes), rate: between(spec.rate, random), forMs };
    case "clockOffset":
      return {
        kind: "clockOffset",
        at,
        node: 1 + random.below(nodes),
        offsetMs: between(spec.offsetMs, random),
        forMs,
      };
    case "minority":
      return { kind: "minority", at, forMs };
    case "clockLie": {
      const offsetMs = between(spec.offsetMs, random);
      return { kind: "clockLie", at, node: 1 + random.below(nodes), offsetMs, forMs };
    }
    case "upgrade":
      return { kind: "upgrade", at, target: target(spec, draw), to: pick(spec.to, random), forMs };
    case "client":
      return { kind: "client", at, client: random.below(draw.clients), how: pick(spec.how, random), forMs };
    case "reconfigure":
      return { kind: "reconfigure", at, how: pick(spec.how, random) };
    case "shards": {
      // Moves are what can go wrong.
      const change = random.below(2) === 0 ? "move" : pick(shardChanges, random);
      return { kind: "shards", at, change, pick: between([0, 1], random), to: between([0, 1], random) };
    }
    case "transfer":
      return { kind: "transfer", at, to: random.below(nodes + 1) };
    case "membership": {
      const voters = someNodes(draw.all, 1 + random.below(Math.min(5, draw.all)), random);
      const learners = someNodes(draw.all, random.below(3), random).filter((node) => !voters.includes(node));
      return { kind: "membership", at, voters, learners };
    }
    default:
      return unreachable(spec);
  }
}

function target(spec: { readonly leader?: number; readonly follower?: number }, { random, nodes }: Draw): Target {
  let place = random.float();
  if ((place -= spec.leader ?? 0) < 0) return "leader";
  if (place - (spec.follower ?? 0) < 0) return "follower";
  return 1 + random.below(nodes);
}

/** The directed links that a shape cuts. */
function drawCut(shape: PartitionShape, nodes: number, random: Random): (readonly [NodeId, NodeId])[] {
  const order = someNodes(nodes, nodes, random);
  const cut: (readonly [NodeId, NodeId])[] = [];
  const both = (one: NodeId, other: NodeId): void => void cut.push([one, other], [other, one]);
  if (shape === "ring") {
    for (let i = 0; i < nodes; i++) {
      for (let j = i + 1; j < nodes; j++) {
        const near = j - i <= Math.max(1, Math.floor(nodes / 4)) || i + nodes - j <= Math.max(1, Math.floor(nodes / 4));
        if (!near || nodes <= 3) both(order[i]!, order[j]!);
        if (nodes <= 3) return cut;
      }
    }
    return cut;
  }
  const middle = 1 + random.below(Math.max(1, nodes - 1));
  const bridge = shape === "bridge" ? order[0] : undefined;
  for (const one of order.slice(0, middle)) {
    for (const other of order.slice(middle)) {
      if (one === bridge) continue;
      if (shape === "oneWay") cut.push([one, other]);
      else both(one, other);
    }
  }
  return cut;
}

function someNodes(nodes: number, count: number, random: Random): NodeId[] {
  const all = Array.from({ length: nodes }, (_, i) => i + 1);
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, count);
}

function between([least, most]: Range, random: Random): number {
  // Few digits, so that a schedule can be read.
  return Math.round((least + random.float() * (most - least)) * 1000) / 1000;
}

function pick<T>(choices: readonly T[], random: Random): T {
  return choices[random.below(choices.length)]!;
}
