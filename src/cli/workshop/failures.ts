/** The workshop's three failures, brought upon a real cluster while it is under load. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeId } from "../../base/index.ts";
import type { StatusView } from "../../api/index.ts";
import { nodes, type OwnCluster } from "./own-cluster.ts";
import type { Engine, Load } from "./load.ts";

export interface Failure {
  readonly name: "node-fails" | "partition" | "long-downtime";
  readonly title: string;
  /** Whom it hits. */
  choose(cluster: OwnCluster): NodeId;
  /** Resolves to the evidence that it has happened. */
  bring(cluster: OwnCluster, node: NodeId): Promise<string>;
  heal(cluster: OwnCluster, node: NodeId): void;
  /** New keys are written meanwhile. */
  readonly missesMuch: boolean;
}

export const failures: readonly Failure[] = [
  {
    name: "node-fails",
    title: "One node fails during writes: the leader is killed with SIGKILL, and started again",
    choose: (cluster) => cluster.leader,
    bring: async (cluster, node) => cluster.kill(node),
    heal: (cluster, node) => cluster.begin(node),
    missesMuch: false,
  },
  {
    name: "partition",
    title: "A partition isolates a minority: the leader is cut off from the others",
    choose: (cluster) => cluster.leader,
    bring: async (cluster, node) => cluster.isolate(node),
    heal: (cluster) => cluster.heal(),
    missesMuch: false,
  },
  {
    name: "long-downtime",
    title:
      "A replica returns after long downtime: a follower is killed, and much is written before it is started again",
    choose: (cluster) => nodes.find((node) => node !== cluster.leader)!,
    bring: async (cluster, node) => cluster.kill(node),
    heal: (cluster, node) => cluster.begin(node),
    missesMuch: true,
  },
];

/** Moments of one failure, by `performance.now()`. */
export interface Course {
  readonly node: NodeId;
  readonly evidence: string;
  readonly beganMs: number;
  readonly hurtMs: number;
  readonly healedMs: number;
  readonly endedMs: number;
  /** When the hurt node had everything again, by engine; undefined: not in time. */
  readonly caughtUpMs: Readonly<Record<string, number | undefined>>;
}

/** The load of one engine, and its keyspaces without a leader. */
export interface EngineLoad {
  readonly engine: Engine;
  readonly load: Load;
  readonly rings: readonly string[];
}

/** How long all is well before and after, at most. */
const calmMs = 1000;
const catchUpTimeoutMs = 60_000;
const pollMs = 20;

/** One failure from before it to after it, with loads running on both engines, or one. */
export async function runFailure(
  failure: Failure,
  lastsMs: number,
  cluster: OwnCluster,
  loads: readonly EngineLoad[],
  signal: AbortSignal,
): Promise<Course> {
  try {
    return await course(failure, lastsMs, cluster, loads, signal);
  } finally {
    await Promise.all(loads.map(async ({ load }) => load.end()));
  }
}

async function course(
  failure: Failure,
  lastsMs: number,
  cluster: OwnCluster,
  loads: readonly EngineLoad[],
  signal: AbortSignal,
): Promise<Course> {
  const pause = async (ms: number): Promise<void> => sleep(Math.max(0, ms), undefined, { signal });
  const calm = Math.min(calmMs, lastsMs);
  const beganMs = performance.now();
  for (const { load } of loads) load.begin();
  await pause(calm);
  const node = failure.choose(cluster);
  const hurtMs = performance.now();
  const evidence = await failure.bring(cluster, node);
  if (failure.missesMuch) for (const { load } of loads) load.beginMissed(node);
  await pause(hurtMs + lastsMs - performance.now());
  await Promise.all(loads.map(async ({ load }) => load.endMissed()));
  const goal = await committedOf(cluster);
  const healedMs = performance.now();
  failure.heal(cluster, node);
  const caughtUp = await Promise.all(
    loads.map(async ({ engine, rings }) => {
      const is = engine === "raft" ? () => hasApplied(cluster, node, goal) : togetherAgain(cluster, node, rings);
      return [engine, await when(is, pause)] as const;
    }),
  );
  await when(async () => loads.every(({ load }) => load.wroteSince(node, healedMs)), pause);
  await pause(calm);
  await Promise.all(loads.map(async ({ load }) => load.end()));
  const endedMs = performance.now();
  await Promise.all(loads.map(async ({ load }) => load.look(node)));
  return { node, evidence, beganMs, hurtMs, healedMs, endedMs, caughtUpMs: Object.fromEntries(caughtUp) };
}

async function when(is: () => Promise<boolean>, pause: (ms: number) => Promise<void>): Promise<number | undefined> {
  const deadline = performance.now() + catchUpTimeoutMs;
  while (performance.now() < deadline) {
    if (await is()) return performance.now();
    await pause(pollMs);
  }
  return undefined;
}

async function statuses(cluster: OwnCluster): Promise<(StatusView | undefined)[]> {
  return Promise.all(nodes.map(async (node) => cluster.status(node)));
}

/** How far the log of the cluster is. */
async function committedOf(cluster: OwnCluster): Promise<number> {
  return Math.max(...(await statuses(cluster)).map((status) => status?.groups[0]?.commitIndex ?? 0));
}

async function hasApplied(cluster: OwnCluster, node: NodeId, index: number): Promise<boolean> {
  const status = await cluster.status(node);
  return (status?.groups[0]?.appliedIndex ?? 0) >= index;
}

/**
 * Whether the node has every name that another one has, and each hint that they held for each other has been handed
 * over. What was seen once counts: under load there may be new hints at any time.
 */
function togetherAgain(cluster: OwnCluster, hurt: NodeId, rings: readonly string[]): () => Promise<boolean> {
  const done = new Set<string>();
  return async () => {
    const all = (await statuses(cluster)).map((status) => status?.quorums ?? []);
    if (all.some((views) => views.length === 0)) return false;
    let left = 0;
    const see = (what: string, is: boolean): void => {
      if (is) done.add(what);
      else if (!done.has(what)) left++;
    };
    for (const ring of rings) {
      const views = all.map((quorums) => quorums.find(({ keyspace }) => keyspace === ring));
      const most = Math.max(...views.map((view) => view?.names ?? 0));
      see(`${ring} names`, (views[nodes.indexOf(hurt)]?.names ?? -1) >= most);
      views.forEach((view, i) => {
        for (const { node, hints } of view?.peers ?? [])
          if (node === hurt || nodes[i] === hurt) see(`${ring} ${nodes[i]} ${node}`, hints === 0);
      });
    }
    return left === 0;
  };
}
