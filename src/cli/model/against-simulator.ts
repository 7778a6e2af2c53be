/** Predictions beside what the simulator measures: the same topology, the same contract, the engine itself. */
import { seededRandom, type Random } from "../../base/index.ts";
import {
  availabilityOf,
  downShare,
  drawRead,
  drawSite,
  drawWrite,
  exponential,
  mapOf,
  meanEstimate,
  meanOf,
  meanOfSamples,
  percentile,
  shareOf,
  type Domain,
  type RaftPath,
  type Topology,
  type TopologyMap,
} from "../../model/index.ts";
import { measure } from "../../sim/index.ts";
import type { OperationRecord, PlannedOperation } from "../../workload/index.ts";
import { simulate, worldOf, type Trial } from "./simulated.ts";

export type { Trial };

/** One figure, predicted and simulated. */
export interface Compared {
  readonly configuration: string;
  readonly figure: string;
  readonly unit: "ms" | "share";
  readonly predicted: number;
  readonly simulated: number;
  /** 95 % confidence of the simulated one, where it is a share or a mean of few. */
  readonly low: number;
  readonly high: number;
  readonly agrees: boolean;
}

const tolerance = 0.1;

function compared(
  configuration: string,
  figure: string,
  unit: "ms" | "share",
  predicted: number,
  simulated: number,
  bounds?: { readonly low: number; readonly high: number },
): Compared {
  const { low, high } = bounds ?? { low: simulated, high: simulated };
  const close = Math.abs(predicted - simulated) <= tolerance * Math.abs(simulated);
  const agrees = close || (bounds !== undefined && predicted >= low && predicted <= high);
  return { configuration, figure, unit, predicted, simulated, low, high, agrees };
}

function means(name: string, figure: string, predicted: Float64Array, measured: ArrayLike<number>): Compared {
  const estimate = meanEstimate(measured);
  return compared(name, figure, "ms", meanOfSamples(predicted), estimate.value, estimate);
}

/** Latency and staleness of one configuration without faults. */
export function compareTrial(trial: Trial): Compared[] {
  const { topology, reads, boundMs, seed } = trial;
  const map = mapOf(topology);
  const path: RaftPath = { map, leader: map.leader.id };
  const random = seededRandom(seed + 1000);
  const draws = Array.from({ length: 20_000 }, () => {
    const site = drawSite(map, random);
    const read = drawRead(path, site, reads, boundMs, topology.load.writesPerSecond, random);
    return { read, write: drawWrite(path, site, random) };
  });
  const records = simulate(trial);
  const simulatedReads = records.filter(
    ({ operation, outcome }) => operation.kind === "readCounter" && outcome === "ok",
  );
  const simulatedWrites = records.filter(
    ({ operation, outcome }) => operation.kind === "increment" && outcome === "ok",
  );
  const took = ({ invokedAt, completedAt }: OperationRecord): number => completedAt - invokedAt;
  const name = `${topology.name}, ${reads}${reads === "bounded" ? `(${boundMs}ms)` : ""} reads`;
  const predictedReads = Float64Array.from(draws, ({ read }) => read.latencyMs).sort();
  const predictedWrites = Float64Array.from(draws, ({ write }) => write).sort();
  const measuredReads = Float64Array.from(simulatedReads, took).sort();
  const measuredWrites = Float64Array.from(simulatedWrites, took).sort();
  const result = [
    means(name, "read mean", predictedReads, measuredReads),
    // Where a few in a hundred ask the leader, this percentile stands on a cliff and says little.
    ...(reads === "bounded"
      ? []
      : [compared(name, "read p95", "ms", percentile(predictedReads, 0.95), percentile(measuredReads, 0.95))]),
    means(name, "write mean", predictedWrites, measuredWrites),
    compared(name, "write p95", "ms", percentile(predictedWrites, 0.95), percentile(measuredWrites, 0.95)),
  ];
  if (reads === "linearizable") return result;
  const proved = simulatedReads.flatMap(({ stalenessMs }) => (stalenessMs === undefined ? [] : [stalenessMs]));
  result.push(
    means(
      name,
      "proved age, mean",
      Float64Array.from(draws, ({ read }) => read.provedMs),
      proved,
    ),
  );
  if (reads === "session") return result;
  const missing = simulatedReads.filter((read) => missesWrites(read, simulatedWrites)).length;
  const predictedMissing = draws.filter(({ read }) => read.misses).length / draws.length;
  const share = shareOf(missing, simulatedReads.length);
  result.push(compared(name, "reads that miss a write", "share", predictedMissing, share.value, share));
  return result;
}

/** A write acknowledged before the read was asked is not in what it saw: by positions in the log. */
function missesWrites({ invokedAt, position }: OperationRecord, writes: readonly OperationRecord[]): boolean {
  return writes.some((write) => write.completedAt < invokedAt && write.position > position);
}

const stretches = 16;

/** Availability of one topology whose domains fail often: a simulated hour stands for years. */
export interface AvailabilityTrial {
  readonly name: string;
  readonly topology: Topology;
  /** What one hour of the topology's failure rates takes in the simulation, milliseconds. */
  readonly hourMs: number;
  readonly durationMs: number;
  readonly seed: number;
}

export function compareAvailability({ name, topology, hourMs, durationMs, seed }: AvailabilityTrial): Compared[] {
  const map = mapOf(topology);
  const random = seededRandom(seed);
  const outages = merged(topology.domains.flatMap((domain) => outagesOf(domain, map, hourMs, durationMs, random)));
  // Each node gets its chance: there and back to the farthest place, and a commit from there.
  const farthestMs = Math.max(...map.nodes.flatMap(({ id }) => map.nodes.map((to) => meanOf(map.between(id, to.id)))));
  const attemptMs = 50 + 6 * farthestMs;
  const patienceMs = attemptMs * map.nodes.length;
  // One probe is over before the next: otherwise those that wait would be counted when all is well again.
  const everyMs = patienceMs + 250;
  const probe = (operation: PlannedOperation["operation"], client: number): PlannedOperation[] =>
    Array.from({ length: Math.floor(durationMs / everyMs) - 2 }, (_, i) => ({ at: everyMs * i, client, operation }));
  const clients = [
    { site: 0, home: 1, operations: probe({ kind: "increment", counter: "c", by: 1 }, 0) },
    {
      site: 0,
      home: 1,
      operations: probe({ kind: "readCounter", counter: "c", consistency: "eventual", boundMs: 0 }, 1),
    },
  ];
  const records = measure({
    ...worldOf(topology, map, clients),
    seed,
    leader: undefined,
    outages,
    durationMs,
    attemptTimeoutMs: attemptMs,
    operationTimeoutMs: patienceMs,
  });
  // Neighbouring probes meet the same outage, so the confidence is that of means of long stretches.
  const share = (kind: string): ReturnType<typeof meanEstimate> => {
    const all = records.filter(({ operation }) => operation.kind === kind);
    const length = Math.ceil(all.length / stretches);
    return meanEstimate(
      Array.from({ length: stretches }, (_, i) => {
        const part = all.slice(i * length, (i + 1) * length);
        return part.filter(({ outcome }) => outcome === "ok").length / part.length;
      }),
    );
  };
  const [writes, reads] = [share("increment"), share("readCounter")];
  const { majority, any } = availabilityOf(topology);
  const failover = failoverShare(topology, hourMs, patienceMs);
  return [
    compared(name, "write availability", "share", majority.available * (1 - failover), writes.value, writes),
    compared(name, "eventual read availability", "share", any.available, reads.value, reads),
  ];
}

/** The leader's failures, each with an election of which a request may wait out a part. */
function failoverShare({ domains, leader, raft }: Topology, hourMs: number, patienceMs: number): number {
  const holds = (domain: Domain): boolean => domain.name === leader || (domain.domains ?? []).some(holds);
  const rate = (list: readonly Domain[]): number =>
    list.reduce(
      (sum, domain) =>
        sum + (holds(domain) ? 1 / (domain.mtbfHours + domain.mttrHours) + rate(domain.domains ?? []) : 0),
      0,
    );
  return (rate(domains) / hourMs) * Math.max(0, 1.5 * raft.electionTimeoutMs - patienceMs / 2);
}

/** Outages of single nodes that do not overlap: what ends while another still lasts, brings nobody back. */
function merged(
  outages: readonly { readonly nodes: readonly number[]; readonly at: number; readonly forMs: number }[],
): { nodes: number[]; at: number; forMs: number }[] {
  const last = new Map<number, { nodes: number[]; at: number; forMs: number }>();
  const all: { nodes: number[]; at: number; forMs: number }[] = [];
  for (const { nodes, at, forMs } of [...outages].sort((one, other) => one.at - other.at))
    for (const node of nodes) {
      const before = last.get(node);
      if (before !== undefined && at <= before.at + before.forMs) {
        before.forMs = Math.max(before.forMs, at + forMs - before.at);
        continue;
      }
      const outage = { nodes: [node], at, forMs };
      last.set(node, outage);
      all.push(outage);
    }
  return all;
}

/** When a domain, and each domain in it, is down: alternating, exponential. A node may be in two outages at once. */
function outagesOf(
  domain: Domain,
  map: TopologyMap,
  hourMs: number,
  durationMs: number,
  random: Random,
): { nodes: number[]; at: number; forMs: number }[] {
  const nodes = map.nodes.filter(({ chain }) => chain.includes(domain.name)).map(({ id }) => id);
  const outages: { nodes: number[]; at: number; forMs: number }[] = [];
  let at = random.float() < downShare(domain) ? 0 : exponential(random) * domain.mtbfHours * hourMs;
  while (at < durationMs) {
    const forMs = exponential(random) * domain.mttrHours * hourMs;
    outages.push({ nodes, at, forMs });
    at += forMs + exponential(random) * domain.mtbfHours * hourMs;
  }
  return [...outages, ...(domain.domains ?? []).flatMap((part) => outagesOf(part, map, hourMs, durationMs, random))];
}
