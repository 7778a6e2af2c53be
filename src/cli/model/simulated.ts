/** A topology in the simulator: where model and simulator meet. It runs in a browser as well. */
import { seededRandom, type Random } from "../../base/index.ts";
import { draw, exponential, mapOf, type ReadKind, type Topology, type TopologyMap } from "../../model/index.ts";
import { measure } from "../../sim/index.ts";
import type { OperationRecord, PlannedOperation } from "../../workload/index.ts";

/** One configuration that is simulated. */
export interface Trial {
  readonly topology: Topology;
  readonly reads: ReadKind;
  readonly boundMs: number;
  readonly seed: number;
  readonly durationMs: number;
}

/** What clients of a topology measure: the engine itself, with its delays and disks, in virtual time. */
export function simulate({ topology, reads, boundMs, seed, durationMs }: Trial): OperationRecord[] {
  const map = mapOf(topology);
  const random = seededRandom(seed);
  // One client for each of the nodes nearest to a site, so that the load is spread as the model spreads it; several of
  // each, since a client does one thing after the other.
  const places = topology.clients.flatMap(({ share }, site) =>
    map
      .nearest(site)
      .flatMap((home, _, { length }) => Array.from({ length: 6 }, () => ({ site, home, share: share / length / 6 }))),
  );
  const operationsOf = (
    perSecond: number,
    operation: PlannedOperation["operation"],
    client: number,
  ): PlannedOperation[] => {
    const planned: PlannedOperation[] = [];
    const gapMs = 1000 / perSecond;
    for (let at = exponential(random) * gapMs; at < durationMs - 1000; at += exponential(random) * gapMs)
      planned.push({ at, client, operation });
    return planned;
  };
  const clients = places.flatMap(({ site, home, share }, client) => [
    {
      site,
      home,
      operations: operationsOf(
        topology.load.writesPerSecond * share,
        { kind: "increment", counter: "c", by: 1 },
        client,
      ),
    },
    {
      site,
      home,
      operations: operationsOf(60 * share, { kind: "readCounter", counter: "c", consistency: reads, boundMs }, client),
    },
  ]);
  const timeoutMs = Math.max(2000, 4 * topology.raft.electionTimeoutMs);
  return measure({
    ...worldOf(topology, map, clients),
    seed,
    leader: map.leader.id,
    outages: [],
    durationMs,
    attemptTimeoutMs: timeoutMs,
    operationTimeoutMs: timeoutMs,
  });
}

/** What the simulator takes from a topology and its clients. */
export function worldOf<Client extends { readonly site: number }>(
  topology: Topology,
  map: TopologyMap,
  clients: readonly Client[],
) {
  return {
    nodes: map.nodes.length,
    heartbeatMs: topology.raft.heartbeatMs,
    electionTimeoutMs: topology.raft.electionTimeoutMs,
    clockErrorMs: topology.clockErrorMs,
    delayOf: (from: number, to: number, source: Random) => delayOf(map, clients, from, to, source),
    diskOf: (source: Random) => draw(topology.disk, source),
    clients,
  };
}

/** One-way, of one message; clients are -1, -2, … */
function delayOf(
  map: TopologyMap,
  clients: readonly { readonly site: number }[],
  from: number,
  to: number,
  random: Random,
): number {
  if (from < 0) return draw(map.toNode(clients[-1 - from]!.site, to), random);
  if (to < 0) return draw(map.toNode(clients[-1 - to]!.site, from), random);
  return draw(map.between(from, to), random);
}
