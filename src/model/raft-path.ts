import type { Random } from "../base/index.ts";
import { majority } from "../quorum/index.ts";
import { draw, exponential, meanOf } from "./distributions.ts";
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
export const readKinds = ["linearizable", "session", "bounded", "eventual"] as const;
export type ReadKind = (typeof readKinds)[number];

/** Where a request of a site enters. */
function entryOf({ map, entry }: RaftPath, site: number, random: Random): number {
  if (entry !== undefined) return entry;
  const nearest = map.nearest(site);
  return nearest[random.below(nearest.length)]!;
}

/**
 * From the turn in which the leader takes a write: until it is committed, and until the leader has heard of one
 * follower.
 */
function drawLogging(
  { map, leader }: RaftPath,
  follower: number,
  random: Random,
): { readonly commitMs: number; readonly heardMs: number } {
  const { disk, turnMs } = map.topology;
  const durable = map.nodes.map(({ id }) =>
    id === leader
      ? draw(disk, random)
      : drawOneWay(map, leader, id, random) + turnMs + draw(disk, random) + drawOneWay(map, id, leader, random),
  );
  const heardMs = durable[follower - 1]!;
  durable.sort((a, b) => a - b);
  return { commitMs: durable[majority(durable.length) - 1]!, heardMs };
}

/** A write from a site, from its call to its answer. */
export function drawWrite(path: RaftPath, site: number, random: Random): number {
  const { map, leader } = path;
  const { turnMs } = map.topology;
  const entry = entryOf(path, site, random);
  const client = draw(map.toNode(site, entry), random) + draw(map.toNode(site, entry), random);
  const commit = turnMs + drawLogging(path, leader, random).commitMs;
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
  /** A write that was acknowledged before the read was asked is not in what it saw. */
  readonly misses: boolean;
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
    return { latencyMs, local: !asks, provedMs: asks ? turnMs : 2 * clockErrorMs, misses: false };
  }
  const writes = drawRecentWrites(path, entry, writesPerSecond, random);
  const provedMs = closedAge(path, entry, writes, random) + 2 * clockErrorMs;
  if (kind === "linearizable" || (kind === "bounded" && provedMs > boundMs)) {
    const answer = drawOneWay(map, leader, entry, random);
    // What the leader had committed when it answered has yet to be applied here.
    const behind = Math.max(
      0,
      ...writes.filter(({ committedAt }) => committedAt <= -answer).map(({ appliedAt }) => appliedAt),
    );
    const asking = turnMs + drawOneWay(map, entry, leader, random) + answer + behind;
    return { latencyMs: there + asking + back, local: false, provedMs: asking, misses: false };
  }
  const misses = kind !== "session" && writes.some(({ appliedAt, answeredAt }) => appliedAt > 0 && answeredAt < -there);
  return { latencyMs: there + back, local: true, provedMs, misses };
}

export function drawSite(map: TopologyMap, random: Random): number {
  let place = random.float();
  const { clients } = map.topology;
  for (const [i, { share }] of clients.entries()) if ((place -= share) < 0) return i;
  return clients.length - 1;
}

/** One write, in milliseconds before (negative) or after the moment at which a follower is asked. */
interface RecentWrite {
  /** The leader sends its entry. */
  readonly sentAt: number;
  readonly committedAt: number;
  /** The leader tells the follower of the commit. */
  readonly toldAt: number;
  readonly appliedAt: number;
  /** Its client has the acknowledgement. */
  readonly answeredAt: number;
}

/**
 * The writes that may matter to a follower asked at time 0, oldest first. A follower hears of a commit when the leader
 * has its acknowledgement as well, or with the next entry, whichever is first: one that is far away lags by more than
 * its distance.
 */
function drawRecentWrites(
  path: RaftPath,
  follower: number,
  writesPerSecond: number,
  random: Random,
): readonly RecentWrite[] {
  if (writesPerSecond === 0) return [];
  const { map, leader } = path;
  const gapMs = 1000 / writesPerSecond;
  const sent: number[] = [exponential(random) * gapMs];
  const horizon = horizonMs(map);
  for (let at = -exponential(random) * gapMs; at > -horizon; at -= exponential(random) * gapMs) sent.push(at);
  sent.reverse();
  const writes: RecentWrite[] = [];
  let [committed, applied] = [-Infinity, -Infinity];
  for (const [i, sentAt] of sent.slice(0, -1).entries()) {
    const { commitMs, heardMs } = drawLogging(path, follower, random);
    committed = Math.max(committed, sentAt + commitMs);
    const next = sent.slice(i + 1).find((at) => at >= committed) ?? Infinity;
    const toldAt = Math.min(Math.max(committed, sentAt + heardMs) + map.topology.turnMs, next);
    applied = Math.max(applied, toldAt + drawOneWay(map, leader, follower, random));
    const answeredAt = committed + drawAnswer(path, random);
    writes.push({ sentAt, committedAt: committed, toldAt, appliedAt: applied, answeredAt });
  }
  return writes;
}

/** Older writes are applied everywhere. */
function horizonMs({ farthestMs, topology }: TopologyMap): number {
  return topology.raft.heartbeatMs + 8 * farthestMs + 4 * meanOf(topology.disk);
}

/** From the commit to the acknowledgement at the client of the write, who is drawn among the sites. */
function drawAnswer({ map, leader }: RaftPath, random: Random): number {
  const site = drawSite(map, random);
  const entry = entryOf({ map, leader }, site, random);
  const toEntry = entry === leader ? 0 : map.topology.turnMs + drawOneWay(map, leader, entry, random);
  return toEntry + draw(map.toNode(site, entry), random);
}

/**
 * The age of a follower's closed timestamp: the leader sends one with every heartbeat, every entry and every news of a
 * commit; it counts once everything that was committed when it was sent is applied here.
 */
function closedAge(
  { map, leader }: RaftPath,
  follower: number,
  writes: readonly RecentWrite[],
  random: Random,
): number {
  const { heartbeatMs } = map.topology.raft;
  const way = drawOneWay(map, leader, follower, random);
  const waiting = writes.find(({ appliedAt }) => appliedAt > 0);
  const latest = Math.min(-way, waiting === undefined ? Infinity : waiting.committedAt);
  // The last heartbeat before that.
  let sentAt = -random.float() * heartbeatMs;
  while (sentAt > latest) sentAt -= heartbeatMs;
  for (const write of writes)
    for (const at of [write.sentAt, write.toldAt]) if (at <= latest && at > sentAt) sentAt = at;
  return -sentAt;
}
