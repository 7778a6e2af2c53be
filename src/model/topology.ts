import type { Random } from "../base/index.ts";
import { distributionProblems, draw, meanOf, type Distribution } from "./distributions.ts";

/** A failure domain: what fails together. Those without parts are nodes. */
export interface Domain {
  /** Unique in the topology. */
  readonly name: string;
  /** `region`, `zone`, `rack`, `node`, or whatever it is. */
  readonly kind: string;
  /** Mean time between failures of the whole domain, hours. */
  readonly mtbfHours: number;
  /** Mean time to repair, hours. */
  readonly mttrHours: number;
  readonly domains?: readonly Domain[];
}

/** One-way delay between anything in one domain and anything in the other; the same name twice: within it. */
export interface Delay {
  readonly between: readonly [string, string];
  readonly oneWay: Distribution;
}

/** Where requests come from: as far from each node as something else in the domain `at` would be. */
export interface ClientSite {
  readonly name: string;
  readonly at: string;
  /** Of all requests; the shares of all sites add up to 1. */
  readonly share: number;
}

/** Where a cluster stands: what can fail together, how far it is from one place to another, how fast its disks are. */
export interface Topology {
  readonly name: string;
  readonly title: string;
  readonly domains: readonly Domain[];
  readonly delays: readonly Delay[];
  /** Makes a batch of the log durable. */
  readonly disk: Distribution;
  /** How long a node gathers what arrives before it acts on it. */
  readonly turnMs: number;
  /** What the clock service claims at most: every wall clock is off by no more than this. */
  readonly clockErrorMs: number;
  readonly raft: { readonly heartbeatMs: number; readonly electionTimeoutMs: number };
  /** The node that leads when all is well. */
  readonly leader: string;
  readonly clients: readonly ClientSite[];
  readonly load: { readonly writesPerSecond: number };
}

/** A node and the domains around it, innermost first, itself included. */
export interface Place {
  readonly id: number;
  readonly name: string;
  readonly chain: readonly string[];
}

/** The nodes in the order in which the topology names them; ids from 1. */
export function nodesOf(topology: Topology): Place[] {
  const places: Place[] = [];
  const walk = (domain: Domain, outer: readonly string[]): void => {
    const chain = [domain.name, ...outer];
    if (domain.domains === undefined) places.push({ id: places.length + 1, name: domain.name, chain });
    else for (const part of domain.domains) walk(part, chain);
  };
  for (const domain of topology.domains) walk(domain, []);
  return places;
}

/** Every domain with the domains around it, innermost first, itself included. */
export function chainsOf(topology: Topology): Map<string, readonly string[]> {
  const chains = new Map<string, readonly string[]>();
  const walk = (domain: Domain, outer: readonly string[]): void => {
    const chain = [domain.name, ...outer];
    chains.set(domain.name, chain);
    for (const part of domain.domains ?? []) walk(part, chain);
  };
  for (const domain of topology.domains) walk(domain, []);
  return chains;
}

/** The delay of the most specific entry for two places; undefined: the topology has none. */
function delayBetween(topology: Topology, one: readonly string[], other: readonly string[]): Distribution | undefined {
  let best: Distribution | undefined;
  let least = Infinity;
  for (const { between, oneWay } of topology.delays) {
    const [a, b] = between;
    for (const [x, y] of [
      [one.indexOf(a), other.indexOf(b)],
      [one.indexOf(b), other.indexOf(a)],
    ] as const) {
      if (x < 0 || y < 0 || x + y >= least) continue;
      least = x + y;
      best = oneWay;
    }
  }
  return best;
}

/** A topology ready for questions. Throws where `topologyProblems` finds any. */
export interface TopologyMap {
  readonly topology: Topology;
  readonly nodes: readonly Place[];
  readonly leader: Place;
  /** One-way, between nodes. */
  readonly between: (from: number, to: number) => Distribution;
  /** One-way, between a client site (by its place in the list) and a node. */
  readonly toNode: (site: number, node: number) => Distribution;
  /** The nodes nearest to a site by mean delay; more than one where they are equally near. */
  readonly nearest: (site: number) => readonly number[];
  /** The longest mean delay between two nodes. */
  readonly farthestMs: number;
}

export function mapOf(topology: Topology): TopologyMap {
  const [problem] = topologyProblems(topology);
  if (problem !== undefined) throw new RangeError(problem);
  const nodes = nodesOf(topology);
  const chains = chainsOf(topology);
  const zero: Distribution = { kind: "constant", ms: 0 };
  const table = nodes.map((from) =>
    nodes.map((to) => (from === to ? zero : delayBetween(topology, from.chain, to.chain)!)),
  );
  const sites = topology.clients.map(({ at }) =>
    nodes.map((to) => delayBetween(topology, ["", ...chains.get(at)!], to.chain)!),
  );
  const nearest = sites.map((row) => {
    const least = Math.min(...row.map(meanOf));
    return nodes.filter((_, i) => meanOf(row[i]!) <= least * 1.000001).map(({ id }) => id);
  });
  return {
    topology,
    nodes,
    leader: nodes.find(({ name }) => name === topology.leader)!,
    between: (from, to) => table[from - 1]![to - 1]!,
    toNode: (site, node) => sites[site]![node - 1]!,
    nearest: (site) => nearest[site]!,
    farthestMs: Math.max(...table.flatMap((row) => row.map(meanOf))),
  };
}

export function drawOneWay(map: TopologyMap, from: number, to: number, random: Random): number {
  return from === to ? 0 : draw(map.between(from, to), random);
}

/** What is wrong with a topology of the right shape: each names the place and the way out. */
export function topologyProblems(topology: Topology): string[] {
  const problems: string[] = [];
  const names = new Map<string, string>();
  const walk = (domain: Domain, path: string): void => {
    const earlier = names.get(domain.name);
    if (earlier !== undefined)
      problems.push(`${path}.name: "${domain.name}" is taken by ${earlier}; give each domain a name of its own`);
    names.set(domain.name, path);
    if (!(domain.mtbfHours > 0)) problems.push(`${path}.mtbfHours: ${domain.mtbfHours}; give more than 0`);
    if (!(domain.mttrHours >= 0)) problems.push(`${path}.mttrHours: ${domain.mttrHours}; give 0 or more`);
    if (domain.domains?.length === 0)
      problems.push(`${path}.domains: empty; leave it out for a node, or name what is inside "${domain.name}"`);
    for (const [i, part] of (domain.domains ?? []).entries()) walk(part, `${path}.domains[${i}]`);
  };
  for (const [i, domain] of topology.domains.entries()) walk(domain, `domains[${i}]`);
  const nodes = nodesOf(topology);
  if (nodes.length === 0) problems.push("domains: no nodes; name at least one");
  const known = [...names.keys()];
  problems.push(
    ...topology.delays.flatMap(({ between, oneWay }, i) => [
      ...between.flatMap((name, j) => unknown(`delays[${i}].between[${j}]`, name, known)),
      ...distributionProblems(oneWay, `delays[${i}].oneWay`),
    ]),
    ...distributionProblems(topology.disk, "disk"),
    ...numberProblems(topology),
    ...unknown(
      "leader",
      topology.leader,
      nodes.map(({ name }) => name),
    ),
    ...siteProblems(topology, known),
  );
  return problems.length > 0 ? problems : distanceProblems(topology, nodes);
}

function unknown(path: string, name: string, known: readonly string[]): string[] {
  return known.includes(name) ? [] : [`${path}: there is no "${name}"; the names are ${known.join(", ")}`];
}

function numberProblems({ turnMs, clockErrorMs, raft, load }: Topology): string[] {
  const problems: string[] = [];
  if (!(turnMs >= 0)) problems.push(`turnMs: ${turnMs}; give 0 or more`);
  if (!(clockErrorMs >= 0)) problems.push(`clockErrorMs: ${clockErrorMs}; give 0 or more`);
  if (!(raft.heartbeatMs > 0)) problems.push(`raft.heartbeatMs: ${raft.heartbeatMs}; give more than 0`);
  if (!(raft.electionTimeoutMs > 2 * raft.heartbeatMs))
    problems.push(
      `raft.electionTimeoutMs: ${raft.electionTimeoutMs}; give more than two heartbeats (${2 * raft.heartbeatMs})`,
    );
  if (!(load.writesPerSecond >= 0)) problems.push(`load.writesPerSecond: ${load.writesPerSecond}; give 0 or more`);
  return problems;
}

function siteProblems({ clients }: Topology, known: readonly string[]): string[] {
  const problems = clients.flatMap(({ at, share }, i) => [
    ...unknown(`clients[${i}].at`, at, known),
    ...(share > 0 ? [] : [`clients[${i}].share: ${share}; give more than 0, or leave the site out`]),
  ]);
  const sum = clients.reduce((total, { share }) => total + share, 0);
  if (Math.abs(sum - 1) > 1e-6)
    problems.push(`clients: the shares add up to ${Number(sum.toFixed(6))}; make them add up to 1`);
  return problems;
}

function distanceProblems(topology: Topology, nodes: readonly Place[]): string[] {
  const chains = chainsOf(topology);
  const missing = (one: string, other: string): string =>
    `delays: none between ${one} and ${other}; add one between them, or between domains that hold them`;
  for (const one of nodes)
    for (const other of nodes)
      if (one.id < other.id && delayBetween(topology, one.chain, other.chain) === undefined)
        return [missing(one.name, other.name)];
  for (const { name, at } of topology.clients)
    for (const node of nodes)
      if (delayBetween(topology, ["", ...chains.get(at)!], node.chain) === undefined)
        return [missing(`clients in ${at} (${name})`, node.name)];
  return [];
}
