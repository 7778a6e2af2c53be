import { seededRandom } from "../base/index.ts";
import { majority } from "../quorum/index.ts";
import { availabilityText, latencyText, readContractOf, type Contract } from "../contract/index.ts";
import { availabilityOf } from "./availability.ts";
import { drawRead, drawSite, drawWrite, type RaftPath, type ReadKind } from "./raft-path.ts";
import { availabilityRisk, msAnHour, together } from "./sla.ts";
import { percentilesOf, shareOf, type Estimate, type Percentiles } from "./statistics.ts";
import { drawOneWay, mapOf, type Topology, type TopologyMap } from "./topology.ts";
import { draw } from "./distributions.ts";

/** What a contract costs on a topology, as its models predict it. */
export interface Price {
  readonly contract: string;
  readonly topology: string;
  readonly reads: Percentiles;
  readonly writes: Percentiles;
  /** By client site. */
  readonly sites: readonly SitePrice[];
  readonly staleness: StalenessPrice;
  readonly availability: AvailabilityPrice;
  /** One for each objective of the contract, in its order. */
  readonly objectives: readonly ObjectiveRisk[];
}

export interface SitePrice {
  readonly site: string;
  readonly share: number;
  readonly reads: Percentiles;
  readonly writes: Percentiles;
}

export interface StalenessPrice {
  /** What answers can prove about their age: what `Cohort-Consistency` will say. */
  readonly proved: Percentiles;
  /** The promise, if the contract makes one. */
  readonly boundMs: number | undefined;
  /** Share of reads that the first node answers alone; the rest ask the leader. */
  readonly local: Estimate;
  /** Share of reads that miss no write acknowledged before them, at the topology's rate of writes. */
  readonly fresh: Estimate;
}

export interface AvailabilityPrice {
  /** Shares of time, all clients taken together. */
  readonly reads: number;
  readonly writes: number;
  /** Share of time in which reads go on but are degraded. */
  readonly degraded: number;
  /** Times a year that a majority is lost, and how long that takes on average. */
  readonly outagesPerYear: number;
  readonly outageHours: number;
}

export interface ObjectiveRisk {
  readonly objective: string;
  /** What is predicted for the quantity that the objective bounds: milliseconds, or percent. */
  readonly predicted: number;
  /** Latency: share of operations slower than allowed. Availability: probability of missing it in one period. */
  readonly risk: number;
  readonly kept: boolean;
}

export interface PriceOptions {
  readonly seed?: number;
  /** Draws for each site and kind. */
  readonly draws?: number;
}

/** A risk of missing an objective that is taken for keeping it. */
const acceptedRisk = 0.05;

/**
 * What the contract costs on the topology: latency, staleness, availability, and the risk of its objectives. A pure
 * function: the same seed gives the same price. Throws a RangeError that names the place where the topology is wrong.
 */
export function priceOf(contract: Contract, topology: Topology, options: PriceOptions = {}): Price {
  const { seed = 1, draws = 20_000 } = options;
  const random = seededRandom(seed);
  const map = mapOf(topology);
  const path: RaftPath = { map, leader: map.leader.id };
  const { kind, boundMs } = readKindOf(contract);
  const { writesPerSecond } = topology.load;
  const drawn = topology.clients.map(({ name, share }, site) => ({
    site: name,
    share,
    reads: Array.from({ length: draws }, () => drawRead(path, site, kind, boundMs, writesPerSecond, random)),
    writes: Float64Array.from({ length: draws }, () =>
      contract.write.guarantee === "Linearizable"
        ? drawWrite(path, site, random)
        : drawLeaderlessWrite(map, site, contract, random),
    ),
  }));
  // One mixture over all sites: which site a draw is of, is drawn too.
  const mixed = Array.from({ length: draws }, (_, i) => {
    const site = drawn[drawSite(map, random)]!;
    return { read: site.reads[i]!, write: site.writes[i]! };
  });
  const reads = percentilesOf(mixed.map(({ read }) => read.latencyMs));
  const writes = percentilesOf(mixed.map(({ write }) => write));
  const availability = availabilityPrice(contract, topology);
  return {
    contract: contract.text,
    topology: topology.name,
    reads,
    writes,
    sites: drawn.map(({ site, share, reads: ofSite, writes: writesOfSite }) => ({
      site,
      share,
      reads: percentilesOf(ofSite.map(({ latencyMs }) => latencyMs)),
      writes: percentilesOf(writesOfSite),
    })),
    staleness: {
      proved: percentilesOf(mixed.map(({ read }) => read.provedMs)),
      boundMs: readContractOf(contract).stalenessMs,
      local: shareOf(mixed.filter(({ read }) => read.local).length, draws),
      fresh: shareOf(mixed.filter(({ read }) => !read.misses).length, draws),
    },
    availability,
    objectives: [
      ...latencyRisks(contract, mixed),
      ...availabilityRisks(contract, topology, Math.min(availability.reads, availability.writes)),
    ],
  };
}

/** Which path of the engine a contract's reads take. */
export function readKindOf(contract: Contract): { kind: ReadKind; boundMs: number } {
  const read = readContractOf(contract);
  if (read.linearizable || contract.reads.some(({ guarantee }) => guarantee === "Quorum"))
    return { kind: "linearizable", boundMs: 0 };
  if (read.stalenessMs !== undefined) return { kind: "bounded", boundMs: read.stalenessMs };
  return { kind: read.session ? "session" : "eventual", boundMs: Infinity };
}

/** A write that `w` replicas take without a leader: `Eventual` and `Causal` are answered by the first node alone. */
function drawLeaderlessWrite(
  map: TopologyMap,
  site: number,
  { write }: Contract,
  random: ReturnType<typeof seededRandom>,
): number {
  const { turnMs, disk } = map.topology;
  const nearest = map.nearest(site);
  const entry = nearest[random.below(nearest.length)]!;
  const needed = write.guarantee === "Quorum" ? Math.min(write.w, map.nodes.length) : 1;
  const durable = map.nodes
    .map(({ id }) =>
      id === entry
        ? draw(disk, random)
        : drawOneWay(map, entry, id, random) + turnMs + draw(disk, random) + drawOneWay(map, id, entry, random),
    )
    .sort((a, b) => a - b);
  const client = draw(map.toNode(site, entry), random) + draw(map.toNode(site, entry), random);
  return client + turnMs + durable[needed - 1]!;
}

function availabilityPrice(contract: Contract, topology: Topology): AvailabilityPrice {
  const { majority: quorum, any, failover } = availabilityOf(topology);
  const consistent = quorum.available * (1 - failover);
  const anywhere = contract.partition === "AvailabilityPreferred" && !readContractOf(contract).linearizable;
  const leaderless = contract.write.guarantee !== "Linearizable";
  const reads = anywhere ? any.available : consistent;
  return {
    reads,
    writes: leaderless ? any.available : consistent,
    degraded: anywhere ? Math.max(0, reads - consistent) : 0,
    outagesPerYear: quorum.perYear,
    outageHours: quorum.meanHours,
  };
}

function latencyRisks(
  { latency }: Contract,
  mixed: readonly { readonly read: { readonly latencyMs: number }; readonly write: number }[],
): ObjectiveRisk[] {
  return latency.map((objective) => {
    const { operation, percentile, belowMs } = objective;
    const samples = mixed.flatMap(({ read, write }) => [
      ...(operation === "writes" ? [] : [read.latencyMs]),
      ...(operation === "reads" ? [] : [write]),
    ]);
    const sorted = Float64Array.from(samples).sort();
    const predicted = sorted[Math.min(sorted.length - 1, Math.floor((percentile / 100) * sorted.length))]!;
    const risk = samples.filter((sample) => sample >= belowMs).length / samples.length;
    return { objective: latencyText(objective), predicted, risk, kept: predicted < belowMs };
  });
}

function availabilityRisks({ availability }: Contract, topology: Topology, predicted: number): ObjectiveRisk[] {
  if (availability === undefined) return [];
  const { percent, overMs } = availability;
  const { majority: quorum, failover } = availabilityOf(topology);
  const failoverHours = (1.5 * topology.raft.electionTimeoutMs) / msAnHour;
  const outages = together(quorum, { perYear: (failover / failoverHours) * 8766, meanHours: failoverHours });
  const risk = availabilityRisk(outages, percent, overMs);
  return [{ objective: availabilityText(availability), predicted: 100 * predicted, risk, kept: risk <= acceptedRisk }];
}

/** How many nodes a contract's writes need. */
export function writersNeeded({ write }: Contract, nodes: number): number {
  if (write.guarantee === "Linearizable") return majority(nodes);
  return write.guarantee === "Quorum" ? Math.min(write.w, nodes) : 1;
}
