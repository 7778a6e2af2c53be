/**
 * What shards cost and do not cost, on three nodes on this machine:
 *
 *     npm run bench -- shards [--seconds 5] [--idle 1000] [--only throughput,moving,idle] [--json]
 *
 *     throughput   puts into a keyspace of three shards beside puts into `default`, in turns; goal: 0.9
 *     moving       how long puts take while shards split, move and merge; goal: 99th percentile below 500 ms
 *     idle         processor and memory of a node with a thousand idle groups; goals: 5 % of a core, 300 MB
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../src/client/index.ts";
import { Cohort, nativeLoad } from "./cohort.ts";
import { median, memoryOf, processorMs, sleep, until } from "./processes.ts";

const nodes = [1, 2, 3];
const value = new Uint8Array(128).fill(118);
const outstanding = 256;

export interface ShardBench {
  readonly seconds: number;
  readonly idle: number;
  readonly only: ReadonlySet<string>;
  readonly json: boolean;
}

export async function benchShards({ seconds, idle, only, json }: ShardBench): Promise<void> {
  const results: Record<string, unknown> = {};
  const say = (text: string): void => void (json || console.log(text));
  if (only.has("throughput")) results["throughput"] = await inCluster((cohort) => throughput(cohort, seconds, say));
  if (only.has("moving")) results["moving"] = await inCluster((cohort) => moving(cohort, seconds, say));
  if (only.has("idle")) results["idle"] = await inCluster((cohort) => idleGroups(cohort, idle, say));
  if (json) console.log(JSON.stringify(results));
}

async function inCluster<T>(run: (cohort: Cohort) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "cohort-shards-"));
  const cohort = await Cohort.start(directory);
  try {
    return await run(cohort);
  } finally {
    await cohort.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function make(client: Client, name: string, shards: number): Promise<void> {
  await client.createKeyspace({ name, shards });
  await until("every shard serves", 60_000, async () => {
    for (let i = 0; i < 8 * shards; i++) await client.put(`warm-${i}`, value, { keyspace: name, timeoutMs: 5000 });
  });
}

/** In turns, so that what else the machine does hits both. One client a node for shards: each has leaders on all. */
async function throughput(cohort: Cohort, seconds: number, say: (text: string) => void): Promise<object> {
  const client = cohort.client();
  await make(client, "three", 3);
  // Leaders go where the map wants them.
  await sleep(3000);
  const put = (keyspace?: string) => async (one: Client, key: string) =>
    one.put(key, value, keyspace === undefined ? {} : { keyspace });
  const one: number[] = [];
  const three: number[] = [];
  const run = async (operation: ReturnType<typeof put>): Promise<number> =>
    (await nativeLoad(client, { outstanding, seconds, warmup: 0.5, operation })).rate;
  await run(put());
  for (let turn = 0; turn < 3; turn++) {
    one.push(await run(put()));
    three.push(await run(put("three")));
  }
  await client.close();
  const [single, sharded] = [median(one), median(three)];
  const ratio = sharded / single;
  say(
    `puts/s, ${outstanding} under way: one shard ${Math.round(single)}, three shards ${Math.round(sharded)}: ${ratio.toFixed(2)} of it (goal 0.9)`,
  );
  return { single, sharded, ratio };
}

interface Shard {
  readonly shard: string;
  readonly group: number;
  readonly state: string;
}

/** Puts to many keys at a steady rate while the map changes all the time; each key's stall is the latency of its puts. */
async function moving(cohort: Cohort, seconds: number, say: (text: string) => void): Promise<object> {
  const client = cohort.client();
  await make(client, "moving", 3);
  const keys = Array.from({ length: 2000 }, (_, i) => `key-${i}`);
  for (const key of keys) await client.put(key, value, { keyspace: "moving" });
  const latencies: number[] = [];
  const acknowledged = new Map<string, number>();
  let failed = 0;
  const over = new AbortController();
  const writer = async (lane: number): Promise<void> => {
    for (let i = lane; !over.signal.aborted; i += 16) {
      const key = keys[i % keys.length]!;
      const begun = performance.now();
      try {
        await client.put(key, String(i), { keyspace: "moving", timeoutMs: 10_000 });
        acknowledged.set(key, Math.max(i, acknowledged.get(key) ?? -1));
      } catch {
        failed++;
      }
      latencies.push(performance.now() - begun);
    }
  };
  const writers = Array.from({ length: 16 }, (_, lane) => writer(lane));
  const changes = await changeFor(cohort, 3 * seconds * 1000);
  over.abort();
  await Promise.all(writers);
  let lost = 0;
  for (const [key, last] of acknowledged) {
    const found = await client.get(key, { keyspace: "moving" });
    if (Number(new TextDecoder().decode(found?.value)) < last) lost++;
  }
  await client.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
  const [p50Ms, p99Ms, worstMs] = [at(0.5), at(0.99), latencies.at(-1)!];
  say(
    `${latencies.length} puts during ${changes.move} moves, ${changes.split} splits and ${changes.merge} merges: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (goal 500), longest ${worstMs.toFixed(1)} ms; ${failed} failed, ${lost} lost`,
  );
  return { puts: latencies.length, ...changes, p50Ms, p99Ms, worstMs, failed, lost };
}

async function changeFor(cohort: Cohort, ms: number): Promise<{ move: number; split: number; merge: number }> {
  const url = `${cohort.http(1)}/v1/keyspaces/moving/shards`;
  const shards = async (): Promise<Shard[]> => ((await (await fetch(url)).json()) as { shards: Shard[] }).shards;
  const change = async (body: object): Promise<boolean> => {
    const headers = { "content-type": "application/json" };
    return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).ok;
  };
  const done = { move: 0, split: 0, merge: 0 };
  const end = performance.now() + ms;
  for (let turn = 0; performance.now() < end; turn++) {
    const map = await shards();
    const place = turn % map.length;
    const { shard, group } = map[place]!;
    const others = map.filter((other) => other.group !== group);
    const action = map.length < 5 && turn % 3 === 0 ? "split" : "move";
    const before = map[place - 1];
    if (before?.group === group && map.length > 4) {
      if (await change({ action: "merge", shard })) done.merge++;
    } else {
      const to = action === "move" && others.length > 0 ? { to: others[turn % others.length]!.group } : {};
      if (await change({ action, shard, ...to })) done[action]++;
    }
    await until("the map is at rest", 60_000, async () => {
      if ((await shards()).some(({ state }) => state !== "served")) throw new Error("moving");
    });
  }
  return done;
}

async function idleGroups(cohort: Cohort, groups: number, say: (text: string) => void): Promise<object> {
  const client = cohort.client();
  const before = nodes.map((node) => memoryOf(cohort.pid(node)).residentMb);
  await make(client, "idle", groups);
  await client.close();
  // Leaders settle, groups fall asleep, checkpoints end.
  await sleep(30_000);
  const seconds = 20;
  const spent = nodes.map((node) => processorMs(cohort.pid(node)));
  await sleep(seconds * 1000);
  const percent = nodes.map((node, i) => (processorMs(cohort.pid(node)) - spent[i]!) / (10 * seconds));
  const resident = nodes.map((node) => memoryOf(cohort.pid(node)).residentMb);
  say(
    `${groups} idle groups: ${percent.map((share) => share.toFixed(1)).join(", ")} % of a core (goal 5), ${resident.map(Math.round).join(", ")} MB (goal 300; ${before.map(Math.round).join(", ")} before)`,
  );
  return { groups, percentOfCore: percent, residentMb: resident, residentBeforeMb: before };
}
