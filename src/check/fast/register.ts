import { valueText } from "../../history/index.ts";
import type { Operation, Scalar } from "../../history/index.ts";
import type { RegisterAccess } from "../model.ts";
import { operationText } from "../verdict.ts";
import type { Fast } from "./fast.ts";
import { suspect } from "./tell.ts";

/**
 * Registers, and compare-and-set registers, whose written values are all different: a value names the operation
 * that wrote it. The values that compare-and-sets link form chains, whose inner order is given; a chain takes a
 * stretch of time of its own (Gibbons and Korach, "Testing shared memories", 1997, for chains of one value):
 *
 *     first return ──────── last call     forward zone: the chain certainly held all this time
 *     last call ──────── first return     backward zone: some moment inside is enough
 *
 * There is an order exactly when each chain is right by itself, no two forward zones overlap, and no forward
 * zone contains a backward one. For if chain X must precede Y when something of X returned before something of
 * Y was called, then every circle of such demands contains one of length two.
 */
export function registerChains(initial: Scalar, access: (operation: Operation) => RegisterAccess | undefined): Fast {
  return (operations) => {
    const table = gather(operations, initial, access);
    if (table === undefined) return undefined;
    if (!Array.isArray(table)) return table;
    const chains = link(table);
    if (!Array.isArray(chains)) return chains;
    for (const chain of chains) {
      const wrong = inspectChain(chain);
      if (wrong !== undefined) return wrong;
    }
    return compareZones(chains.map(zoneOf)) ?? "holds";
  };
}

/** One value: who wrote it, who read it, and the compare-and-sets that found it. */
interface Cluster {
  readonly value: Scalar;
  /** Undefined for the initial value, and for one that nobody wrote. */
  writer: Operation | undefined;
  /** The value that the writer, a compare-and-set, found. */
  from: Cluster | undefined;
  readonly reads: Operation[];
  readonly takers: Cluster[];
  readonly initial: boolean;
  happened: boolean;
}

type Wrong = Exclude<ReturnType<Fast>, "holds" | undefined>;

function gather(
  operations: readonly Operation[],
  initial: Scalar,
  access: (operation: Operation) => RegisterAccess | undefined,
): Cluster[] | Wrong | undefined {
  const clusters = new Map<Scalar, Cluster>();
  const clusterOf = (value: Scalar): Cluster => {
    let cluster = clusters.get(value);
    if (cluster === undefined) {
      cluster = {
        value,
        writer: undefined,
        from: undefined,
        reads: [],
        takers: [],
        initial: value === initial,
        happened: false,
      };
      clusters.set(value, cluster);
    }
    return cluster;
  };
  clusterOf(initial).happened = true;
  for (const operation of operations) {
    const touched = access(operation);
    if (touched === undefined) return undefined;
    if (touched.kind === "read") {
      clusterOf(touched.value).reads.push(operation);
      continue;
    }
    const cluster = clusterOf(touched.kind === "cas" ? touched.to : touched.value);
    if (cluster.writer !== undefined || cluster.initial) return undefined;
    cluster.writer = operation;
    if (touched.kind === "cas") {
      cluster.from = clusterOf(touched.from);
      if (cluster.from === cluster) return undefined;
    }
  }
  return settle([...clusters.values()]);
}

/** Finds which operations of unknown outcome must have happened: those whose value was seen. The others may be left out. */
function settle(clusters: Cluster[]): Cluster[] | Wrong {
  for (const cluster of clusters) {
    const seen =
      cluster.reads.length > 0 ||
      (cluster.writer !== undefined && cluster.writer.outcome === "ok" && cluster.writer.ret !== Infinity);
    if (!seen) continue;
    for (let at: Cluster | undefined = cluster; at !== undefined && !at.happened; at = at.from) at.happened = true;
  }
  const real = clusters.filter(({ happened }) => happened);
  for (const cluster of real) cluster.from?.takers.push(cluster);
  const rootless = real.find(({ writer, initial }) => writer === undefined && !initial);
  if (rootless === undefined) return real;
  const seen = evidence(rootless);
  return suspect(
    seen,
    `nothing wrote ${valueText(rootless.value)}, which ${seen[0] === undefined ? "was seen" : operationText(seen[0])} found`,
  );
}

/** The clusters of each chain in order. */
function link(clusters: readonly Cluster[]): Cluster[][] | Wrong {
  const chains: Cluster[][] = [];
  let linked = 0;
  for (const root of clusters) {
    if (root.from !== undefined) continue;
    const chain: Cluster[] = [];
    for (let at: Cluster | undefined = root; at !== undefined; at = at.takers[0]) {
      chain.push(at);
      if (at.takers.length > 1) return forked(at);
    }
    chains.push(chain);
    linked += chain.length;
  }
  if (linked === clusters.length) return chains;
  const inChain = new Set(chains.flat());
  const circle = clusters.filter((cluster) => !inChain.has(cluster));
  return suspect(circle.flatMap(operationsOfCluster), "these compare-and-sets found each other's values, in a circle");
}

function operationsOfCluster({ writer, reads }: Cluster): Operation[] {
  return writer === undefined ? reads : [writer, ...reads];
}

function forked(cluster: Cluster): Wrong {
  const takers = cluster.takers.slice(0, 2);
  const back: Operation[] = [];
  for (let at: Cluster | undefined = cluster; at !== undefined; at = at.from)
    if (at.writer !== undefined) back.push(at.writer);
  const seen = takers.flatMap((taker) => [...(taker.writer === undefined ? [] : [taker.writer]), ...evidence(taker)]);
  return suspect(
    [...back, ...seen],
    `two compare-and-sets found the same ${valueText(cluster.value)}, which was written once`,
  );
}

/** Operations that show that a value was there: a read of it, or of a value that came of it. */
function evidence(cluster: Cluster): Operation[] {
  const path: Operation[] = [];
  for (let at: Cluster | undefined = cluster; at !== undefined; at = at.takers[0]) {
    if (at.writer !== undefined) path.push(at.writer);
    const read = at.reads[0];
    if (read !== undefined) return [...path, read];
    if (at.writer?.outcome === "ok") return path;
  }
  return path;
}

/** Inside a chain the order is given: nothing of an earlier stage may be called after something of a later one returned. */
function inspectChain(chain: readonly Cluster[]): Wrong | undefined {
  let latest: Operation | undefined;
  for (const cluster of chain) {
    const { writer } = cluster;
    if (writer !== undefined) {
      if (latest !== undefined && writer.ret < latest.call) return disordered(chain, latest, writer);
      if (latest === undefined || writer.call > latest.call) latest = writer;
    }
    let latestRead = latest;
    for (const read of cluster.reads) {
      if (latest !== undefined && read.ret < latest.call) return disordered(chain, latest, read);
      if (latestRead === undefined || read.call > latestRead.call) latestRead = read;
    }
    latest = latestRead;
  }
  return undefined;
}

function disordered(chain: readonly Cluster[], first: Operation, second: Operation): Wrong {
  const writers = chain.map(({ writer }) => writer).filter((writer) => writer !== undefined);
  return suspect(
    [...writers, ...chain.flatMap(evidence), first, second],
    `${operationText(second)} saw what came after ${operationText(first)}, yet had returned (line ${second.retLine}) before that was called (line ${first.line})`,
  );
}

interface Zone {
  readonly chain: readonly Cluster[];
  /** The operation that returned first, and the one that was called last. */
  readonly first: Operation | undefined;
  readonly last: Operation | undefined;
  readonly firstReturn: number;
  readonly lastCall: number;
}

function zoneOf(chain: readonly Cluster[]): Zone {
  let first: Operation | undefined;
  let last: Operation | undefined;
  for (const { writer, reads } of chain) {
    if (writer !== undefined) {
      if (first === undefined || writer.ret < first.ret) first = writer;
      if (last === undefined || writer.call > last.call) last = writer;
    }
    for (const read of reads) {
      if (first === undefined || read.ret < first.ret) first = read;
      if (last === undefined || read.call > last.call) last = read;
    }
  }
  // The initial value was there before everything.
  const begin = chain[0]?.initial === true;
  return {
    chain,
    first,
    last,
    firstReturn: begin ? -Infinity : (first?.ret ?? Infinity),
    lastCall: last?.call ?? -Infinity,
  };
}

const byNumber = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

function compareZones(zones: readonly Zone[]): Wrong | undefined {
  const forward = zones
    .filter(({ firstReturn, lastCall }) => firstReturn < lastCall)
    .sort((a, b) => byNumber(a.firstReturn, b.firstReturn));
  for (let i = 1; i < forward.length; i++) {
    const [before, after] = [forward[i - 1]!, forward[i]!];
    if (after.firstReturn < before.lastCall) return clash(before, after);
  }
  for (const zone of zones) {
    if (zone.firstReturn < zone.lastCall) continue;
    // The last forward zone that begins before this one's last call.
    let low = 0;
    let high = forward.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (forward[middle]!.firstReturn < zone.lastCall) low = middle + 1;
      else high = middle;
    }
    const around = forward[low - 1];
    if (around !== undefined && zone.firstReturn < around.lastCall) return clash(around, zone);
  }
  return undefined;
}

function clash(a: Zone, b: Zone): Wrong {
  const operations = [a, b].flatMap(({ chain, first, last }) => [
    ...chain.map(({ writer }) => writer),
    ...chain.flatMap(evidence),
    first,
    last,
  ]);
  const name = ({ chain }: Zone): string => valueText(chain[0]?.value ?? null);
  return suspect(
    operations.filter((operation) => operation !== undefined),
    `the value ${name(a)}${a.chain.length > 1 ? " and what came of it" : ""} must have come both before and after ${name(b)}`,
  );
}
