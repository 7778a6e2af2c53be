import { allDomains, downShare, quorumAvailability } from "./availability.ts";
import { majority } from "../quorum/index.ts";
import type { Domain, Topology } from "./topology.ts";
import { nodesOf } from "./topology.ts";

/** A failure mode f and impact(f): the nodes that go down with a domain (syllabus, module 1.1). */
export interface Impact {
  readonly domain: string;
  readonly kind: string;
  readonly nodes: readonly string[];
  /** |impact(f)| / |N|. */
  readonly blastRadius: number;
  readonly failuresPerYear: number;
  /** Whether what is left is a majority. */
  readonly survives: boolean;
  /** No other failure mode's impact contains it and more. */
  readonly maximal: boolean;
}

const hoursAYear = 8766;

/** What each failure mode of a topology takes away, outer domains first. */
export function impactsOf(topology: Topology): Impact[] {
  const size = nodesOf(topology).length;
  const sets = allDomains(topology.domains).map((domain) => ({ domain, nodes: leavesOf(domain) }));
  return sets.map(({ domain, nodes }) => ({
    domain: domain.name,
    kind: domain.kind,
    nodes,
    blastRadius: nodes.length / size,
    failuresPerYear: hoursAYear / (domain.mtbfHours + domain.mttrHours),
    survives: size - nodes.length >= majority(size),
    maximal: !sets.some(
      (other) => other.nodes.length > nodes.length && nodes.every((node) => other.nodes.includes(node)),
    ),
  }));
}

function leavesOf(domain: Domain): string[] {
  return domain.domains === undefined ? [domain.name] : domain.domains.flatMap(leavesOf);
}

/** Expected share of all nodes that are down because of each domain, weighted by how often and how long: where the risk is. */
export function expectedBlast(topology: Topology): { readonly domain: string; readonly share: number }[] {
  const size = nodesOf(topology).length;
  return allDomains(topology.domains).map((domain) => ({
    domain: domain.name,
    share: downShare(domain) * (leavesOf(domain).length / size),
  }));
}

/** What it costs to cut a capacity into equal failure domains. Any one unit of money. */
export interface DomainEconomics {
  /** Servers that the load needs, and what one costs a year. */
  readonly servers: number;
  readonly serverCost: number;
  /** What a domain costs a year beside its servers: power, network, people. */
  readonly domainCost: number;
  /** How often one domain fails, and how long that takes. */
  readonly failuresPerYear: number;
  readonly hoursToRepair: number;
  /** Lost in an hour in which everything is down. */
  readonly lossPerHour: number;
  /**
   * How the loss grows with the share b that is down: b^severity. 1: in proportion, then the size of domains makes no
   * difference to it; above 1: large outages hurt more than their share.
   */
  readonly severity: number;
}

export interface DomainSizing {
  readonly domains: number;
  /** Capacity that stands by so that the load survives the loss of one domain, servers included. */
  readonly capacityCost: number;
  readonly overhead: number;
  readonly expectedLoss: number;
  readonly total: number;
  readonly best: boolean;
}

/**
 * The economics of domain sizing. k equal domains survive one of them with k/(k−1) of the capacity; each has a fixed
 * cost; each failure takes 1/k of everything away until load has moved. Few domains waste capacity, many cost overhead:
 * the best is between (Barroso, Hölzle and Ranganathan, "The Datacenter as a Computer", 3rd edition, sections 6 and 7).
 */
export function domainSizing(economics: DomainEconomics, most = 12): DomainSizing[] {
  const { servers, serverCost, domainCost, failuresPerYear, hoursToRepair, lossPerHour, severity } = economics;
  const sizes = Array.from({ length: most }, (_, i) => {
    const k = i + 1;
    // One domain has nothing to fall back on: no spare capacity, and everything is down with it.
    const capacityCost = servers * serverCost * (k === 1 ? 1 : k / (k - 1));
    const overhead = k * domainCost;
    const expectedLoss = k * failuresPerYear * hoursToRepair * lossPerHour * (1 / k) ** severity;
    return { domains: k, capacityCost, overhead, expectedLoss, total: capacityCost + overhead + expectedLoss };
  });
  const least = Math.min(...sizes.map(({ total }) => total));
  return sizes.map((size) => ({ ...size, best: size.total === least }));
}

/** How much correlation costs: unavailability of a majority, with the tree and with the same nodes on their own. */
export function correlationPrice(topology: Topology): { readonly correlated: number; readonly independent: number } {
  const nodes = nodesOf(topology);
  const needed = majority(nodes.length);
  const own = nodes.map(({ name, chain }): Domain => {
    // A node fails as often as all that holds it together would make it.
    const up = allDomains(topology.domains)
      .filter((domain) => chain.includes(domain.name))
      .reduce((share, domain) => share * (1 - downShare(domain)), 1);
    return { name, kind: "node", mtbfHours: up, mttrHours: 1 - up };
  });
  return {
    correlated: 1 - quorumAvailability(topology.domains, needed),
    independent: 1 - quorumAvailability(own, needed),
  };
}
