import { assert, type Random } from "../base/index.ts";
import { majority } from "../quorum/index.ts";
import { draw, exponential } from "./distributions.ts";
import { drawOneWay, type TopologyMap } from "./topology.ts";

/**
 * What a request meets on its way through a Raft keyspace, step by step as the engine takes them: to the nearest node,
 * on to the leader, into the log of a majority, back (Ongaro's thesis, figure 10.2 and section 6.4). All in
 * milliseconds. Queues are not modelled: the load is taken to be far below what disks and processors can do.
 */
export interface RaftPath {
  readonly map: TopologyMap;
  /** The node that leads. */
  readonly leader: number;
  /** The first node of a request; undefined: one of the nearest. */
  readonly entry?: number;
}

/** How a read is answered. `session` is a read after a write of one's own, at the node that took the write. */
export type ReadKind = "linearizable" | "session" | "bounded" | "eventual";

/** Where a request of a site enters. */
function entryOf({ map, entry }: RaftPath, site: number, random: Random): number {
  if (entry !== undefined) return entry;
  const nearest = map.nearest(site);
  return nearest[random.below(nearest.length)]!;
}

/** From the turn in which the leader takes a write to the moment it is committed. */
export function drawCommit({ map, leader }: RaftPath, random: Random): number {
  const { disk, turnMs } = map.topology;
  const durable = map.nodes.map(({ id }) =>
    id === leader
      ? draw(disk, random)
      : drawOneWay(map, leader, id, random) + turnMs + draw(disk, random) + drawOneWay(map, id, leader, random),
  );
  durable.sort((a, b) => a - b);
  return durable[majority(durable.length) - 1]!;
}

/** A write from a site, from its call to its answer. */
export function drawWrite(path: RaftPath, site: number, random: Random): number {
  const { map, leader } = path;
  const { turnMs } = map.topology;
  const entry = entryOf(path, site, random);
  const client = draw(map.toNode(site, entry), random) + draw(map.toNode(site, entry), random);
  const commit = turnMs + drawCommit(path, random);
  return entry === leader ? client + commit : client + forwarding(path, entry, random) + commit;
}

/** There and back between the first node and the leader, each gathering a turn. */
function forwarding({ map, leader }: RaftPath, entry: number, random: Random): number {
  const { turnMs } = map.topology;
  return turnMs + drawOneWay(map, entry, leader, random) + turnMs + drawOneWay(map, leader, entry, random);
}

/** What became of one read. */
export interface ReadDraw {
  readonly latencyMs: number;
  /** Answered by the first node alone. */
  readonly local: boolean;
  /** What the answer can say of its age; at the leader and after asking it, the age of the question. */
  readonly provedMs: number;
  /** So long before the read was asked, a write that was then acknowledged may still be missing; 0: none is. */
  readonly missingMs: number;
}

/** One read from a site. `boundMs` belongs to `bounded`. */
export function drawRead(
  path: RaftPath,
  site: number,
  kind: ReadKind,
  boundMs: number,
  writesPerSecond: number,
  random: Random,
): ReadDraw {
  const { map, leader } = path;
  const { turnMs, clockErrorMs } = map.topology;
  const entry = entryOf(path, site, random);
  const there = draw(map.toNode(site, entry), random);
  const back = draw(map.toNode(site, entry), random);
  if (entry === leader) {
    // Under its lease a leader knows that nothing is newer; it is asked for it once a turn.
    const asks = kind === "linearizable";
    const latencyMs = there + back + (asks ? turnMs : 0);
    return { latencyMs, local: !asks, provedMs: asks ? turnMs : 2 * clockErrorMs, missingMs: 0 };
  }
  const provedMs = drawClosedAge(path, entry, writesPerSecond, random) + 2 * clockErrorMs;
  if (kind === "linearizable" || (kind === "bounded" && provedMs > boundMs)) {
    const asking = turnMs + drawOneWay(map, entry, leader, random) + drawOneWay(map, leader, entry, random);
    return { latencyMs: there + asking + back, local: false, provedMs: asking, missingMs: 0 };
  }
  const missingMs = kind === "session" ? 0 : Math.max(0, drawLag(path, entry, random) - there);
  return { latencyMs: there + back, local: true, provedMs, missingMs };
}

/**
 * How much later than its acknowledgement a write is applied at a follower: the news of the commit travels while the
 * answer does. Negative: it is there first. The writer is drawn among the sites.
 */
export function drawLag(path: RaftPath, follower: number, random: Random): number {
  const { map, leader } = path;
  const { turnMs } = map.topology;
  const site = drawSite(map, random);
  const entry = entryOf({ map, leader }, site, random);
  const answered =
    (entry === leader ? 0 : turnMs + drawOneWay(map, leader, entry, random)) + draw(map.toNode(site, entry), random);
  return turnMs + drawOneWay(map, leader, follower, random) - answered;
}

export function drawSite(map: TopologyMap, random: Random): number {
  let place = random.float();
  const { clients } = map.topology;
  for (const [i, { share }] of clients.entries()) if ((place -= share) < 0) return i;
  return clients.length - 1;
}

/**
 * The age of a follower's closed timestamp: the way it took, and the time since the leader last sent one. It sends one
 * with every heartbeat, every entry, and every news of a commit.
 */
export function drawClosedAge(path: RaftPath, follower: number, writesPerSecond: number, random: Random): number {
  const { map, leader } = path;
  const { raft, turnMs } = map.topology;
  let since = random.float() * raft.heartbeatMs;
  if (writesPerSecond > 0) {
    const meanGapMs = 1000 / writesPerSecond;
    // Writes back in time: each sent its entry when it came, and the news of its commit a while later.
    for (let age = exponential(random) * meanGapMs; ; age += exponential(random) * meanGapMs) {
      const newsAge = age - drawCommit(path, random) - turnMs;
      if (age < since) since = age;
      if (newsAge >= 0 && newsAge < since) since = newsAge;
      if (newsAge >= since) break;
    }
  }
  assert(since >= 0, "an age is not negative");
  return drawOneWay(map, leader, follower, random) + since;
}
