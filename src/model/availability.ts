import { assert } from "../base/index.ts";
import { majority } from "../quorum/index.ts";
import { nodesOf, type Domain, type Topology } from "./topology.ts";

/** The share of time in which a domain itself is down, whatever happens around it (alternating renewal). */
export function downShare({ mtbfHours, mttrHours }: Pick<Domain, "mtbfHours" | "mttrHours">): number {
  return mttrHours / (mtbfHours + mttrHours);
}

export const mostExactNodes = 15;

/**
 * The probability of every set of nodes that are up, where nodes fail with the domains that hold them. Index: a bit for
 * each node in the order of `nodesOf`. Exact, by going through the tree; up to 15 nodes. What fails together is not
 * independent: Nath et al., "Subtleties in tolerating correlated failures", NSDI 2006, section 3.
 */
export function upSets(domains: readonly Domain[]): Float64Array {
  const size = domains.reduce((sum, domain) => sum + sizeOf(domain), 0);
  if (size > mostExactNodes)
    throw new RangeError(`${size} nodes; sets are exact up to ${mostExactNodes}: use upCounts for larger topologies`);
  let sets = Float64Array.of(1);
  let width = 0;
  for (const domain of domains) {
    const inner = domain.domains === undefined ? Float64Array.of(0, 1) : upSets(domain.domains);
    const down = downShare(domain);
    const part = inner.map((probability) => probability * (1 - down));
    part[0]! += down;
    sets = combine(sets, width, part);
    width += sizeOf(domain);
  }
  return sets;
}

function combine(low: Float64Array, lowBits: number, high: Float64Array): Float64Array<ArrayBuffer> {
  const both = new Float64Array(low.length * high.length);
  for (let h = 0; h < high.length; h++)
    for (let l = 0; l < low.length; l++) both[(h << lowBits) | l] = low[l]! * high[h]!;
  return both;
}

function sizeOf(domain: Domain): number {
  return domain.domains?.reduce((sum, part) => sum + sizeOf(part), 0) ?? 1;
}

/** The probability that exactly k nodes are up, by k. Exact for any size: a product of polynomials over the tree. */
export function upCounts(domains: readonly Domain[], down: (domain: Domain) => number = downShare): number[] {
  let counts = [1];
  for (const domain of domains) {
    const inner = domain.domains === undefined ? [0, 1] : upCounts(domain.domains, down);
    const share = down(domain);
    const part = inner.map((probability, k) => probability * (1 - share) + (k === 0 ? share : 0));
    const product = Array<number>(counts.length + part.length - 1).fill(0);
    for (const [i, a] of counts.entries()) for (const [j, b] of part.entries()) product[i + j]! += a * b;
    counts = product;
  }
  return counts;
}

/** The probability that a predicate of the set of nodes that are up holds. `up(i)` counts nodes from 0. */
export function probabilityOf(sets: Float64Array, holds: (up: (node: number) => boolean) => boolean): number {
  let sum = 0;
  for (let set = 0; set < sets.length; set++)
    if (sets[set]! > 0 && holds((node) => ((set >> node) & 1) === 1)) sum += sets[set]!;
  return sum;
}

/** Availability with at least `needed` of all nodes up: the syllabus' P(at least W replicas available). */
export function quorumAvailability(
  domains: readonly Domain[],
  needed: number,
  down: (domain: Domain) => number = downShare,
): number {
  const counts = upCounts(domains, down);
  assert(needed >= 0, "a quorum is not negative");
  return counts.slice(needed).reduce((sum, probability) => sum + probability, 0);
}

/** How a quorum is lost: how often, and for how long. */
export interface Outages {
  /** Share of time in which enough nodes are up. */
  readonly available: number;
  readonly perYear: number;
  readonly meanHours: number;
}

const hoursAYear = 8766;

/**
 * The frequency of losing a quorum, from the importance of each domain: the difference it makes whether it is up
 * (Birnbaum, 1969), times how often it fails. Mean duration = unavailability ÷ frequency.
 */
export function quorumOutages(domains: readonly Domain[], needed: number): Outages {
  const available = quorumAvailability(domains, needed);
  let perHour = 0;
  for (const domain of allDomains(domains)) {
    const share = (fixed: 0 | 1) => (other: Domain) => (other === domain ? fixed : downShare(other));
    const importance = quorumAvailability(domains, needed, share(0)) - quorumAvailability(domains, needed, share(1));
    perHour += importance / (domain.mtbfHours + domain.mttrHours);
  }
  return {
    available,
    perYear: perHour * hoursAYear,
    meanHours: perHour === 0 ? 0 : (1 - available) / perHour,
  };
}

/** Every domain of a forest, outer ones first. */
export function allDomains(domains: readonly Domain[]): Domain[] {
  return domains.flatMap((domain) => [domain, ...allDomains(domain.domains ?? [])]);
}

/** How available each kind of operation is on a topology, clients assumed to reach every node that is up. */
export interface Availability {
  /** Linearizable reads and writes: a majority is up and has a leader. */
  readonly majority: Outages;
  /** Reads from anyone. */
  readonly any: Outages;
  /** Synchronous replication: every replica is up. */
  readonly all: Outages;
  /** Share of time without a leader while another is elected. */
  readonly failover: number;
}

export function availabilityOf(topology: Topology): Availability {
  const { domains, raft } = topology;
  const size = nodesOf(topology).length;
  // A leader falls with its node and every domain around it. Followers notice after one to two election time-outs.
  const leaderFailuresPerHour = ancestry(domains, topology.leader).reduce(
    (sum, { mtbfHours, mttrHours }) => sum + 1 / (mtbfHours + mttrHours),
    0,
  );
  const failoverMs = 1.5 * raft.electionTimeoutMs;
  return {
    majority: quorumOutages(domains, majority(size)),
    any: quorumOutages(domains, 1),
    all: quorumOutages(domains, size),
    failover: Math.min(1, (leaderFailuresPerHour * failoverMs) / 3_600_000),
  };
}

/** The node with its domains, outermost first; empty where there is no such node. */
function ancestry(domains: readonly Domain[], name: string): Domain[] {
  for (const domain of domains) {
    if (domain.name === name) return [domain];
    const inner = ancestry(domain.domains ?? [], name);
    if (inner.length > 0) return [domain, ...inner];
  }
  return [];
}
