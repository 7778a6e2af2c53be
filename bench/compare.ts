/**
 * Cohort beside a three-node etcd, in one run on one machine: both durable on a majority before they
 * acknowledge, same value size, same number of operations under way, warm, loads one after the other in turn.
 *
 *     npm run bench                      everything
 *     npm run bench -- --only writes     writes | http | reads | failover | memory
 *     npm run bench -- --seconds 2 --trials 3
 *     npm run bench -- sim | check       the simulator and the checkers, alone
 *
 * Prints a table for README and, with --json, one document. Where etcd, wrk or Go are missing it says so
 * and measures Cohort alone.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { failover, type FailoverResult } from "./failover.ts";
import { Cohort, nativeLoad } from "./cohort.ts";
import { buildEtcdLoad, cohortWrkScript, Etcd, etcdLoad, etcdWrkScript, wrk, type LoadResult } from "./etcd.ts";
import { memory, type MemoryResult } from "./memory.ts";
import { isInstalled, median } from "./processes.ts";

interface Row {
  readonly what: string;
  readonly cohort: string;
  readonly etcd: string;
  readonly ratio: string;
  readonly goal: string;
  readonly met: boolean | undefined;
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    trials: { type: "string", default: "10" },
    keys: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const wanted = (part: string): boolean => values.only === undefined || values.only.split(",").includes(part);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const directory = mkdtempSync(join(tmpdir(), "cohort-bench-"));
const rows: Row[] = [];
const notes: string[] = [];

interface Pair {
  readonly cohort: LoadResult;
  readonly etcd: LoadResult | undefined;
}

/** Several rounds, one system after the other in each, so that both see the same machine; the median by rate. */
async function paired(
  what: string,
  cohort: () => Promise<LoadResult>,
  etcd: (() => LoadResult) | undefined,
): Promise<Pair> {
  const ours: LoadResult[] = [];
  const theirs: LoadResult[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await cohort());
    if (etcd) theirs.push(etcd());
  }
  const errors = [...ours, ...theirs].reduce((sum, { errors: some }) => sum + some, 0);
  if (errors > 0) notes.push(`${what}: ${errors} operations failed`);
  say(
    `${what}: ${ours.map(({ rate }) => Math.round(rate)).join(" ")} | etcd ${theirs.map(({ rate }) => Math.round(rate)).join(" ")}`,
  );
  return { cohort: middle(ours), etcd: theirs.length > 0 ? middle(theirs) : undefined };
}

function middle(results: readonly LoadResult[]): LoadResult {
  return [...results].sort((a, b) => a.rate - b.rate)[Math.floor(results.length / 2)]!;
}

function rateRow(what: string, { cohort, etcd }: Pair, goal: number): void {
  const ratio = etcd ? cohort.rate / etcd.rate : undefined;
  rows.push({
    what,
    cohort: show(cohort),
    etcd: etcd ? show(etcd) : "–",
    ratio: ratio ? `${ratio.toFixed(1)} ×` : "–",
    goal: `≥ ${goal} ×`,
    met: ratio === undefined ? undefined : ratio >= goal,
  });
}

function show({ rate, p50Ms, p99Ms }: LoadResult): string {
  return `${Math.round(rate).toLocaleString("en")}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}

async function writes(cohort: Cohort, etcd: Etcd | undefined, load: string | undefined): Promise<void> {
  const client = cohort.client();
  const value = new Uint8Array(128).fill(118);
  const operation = async (through: typeof client, key: string): Promise<unknown> => through.put(key, value);
  const many = await paired(
    "puts, 256 under way",
    async () => nativeLoad(client, { outstanding: 256, seconds, operation }),
    etcd && load
      ? () => etcdLoad(load, etcd, { operation: "put", outstanding: 256, connections: 16, seconds })
      : undefined,
  );
  rateRow("puts of 128 bytes, 256 under way", many, 10);
  const one = await paired(
    "puts, 1 under way",
    async () => nativeLoad(client, { outstanding: 1, seconds, operation }),
    etcd && load
      ? () => etcdLoad(load, etcd, { operation: "put", outstanding: 1, connections: 1, seconds })
      : undefined,
  );
  const ratio = one.etcd ? one.cohort.p50Ms / one.etcd.p50Ms : undefined;
  rows.push({
    what: "puts of 128 bytes, 1 under way (p50)",
    cohort: show(one.cohort),
    etcd: one.etcd ? show(one.etcd) : "–",
    ratio: ratio ? `${ratio.toFixed(2)} ×` : "–",
    goal: "≤ 0.6 ×",
    met: ratio === undefined ? undefined : ratio <= 0.6,
  });
  await client.close();
}

async function http(cohort: Cohort, etcd: Etcd | undefined): Promise<void> {
  if (!isInstalled("wrk")) {
    notes.push("HTTP puts: wrk is not installed (Debian: apt-get install wrk)");
    return;
  }
  const leader = await cohort.leader();
  const etcdUrl = etcd ? (await etcd.leader()).url : "";
  const pair = await paired(
    "HTTP puts",
    async () => wrk(cohort.http(leader), cohortWrkScript(directory), 64, seconds),
    etcd ? () => wrk(etcdUrl, etcdWrkScript(directory), 64, seconds) : undefined,
  );
  rateRow("HTTP puts of 128 bytes, wrk, 64 connections", pair, 3);
}

async function reads(cohort: Cohort, etcd: Etcd | undefined, load: string | undefined): Promise<void> {
  const client = cohort.client();
  const leader = await cohort.leader();
  const followers = cohort.endpoints.filter((_, i) => i + 1 !== leader);
  const bounded: LoadResult[] = [];
  let turn = 0;
  const linearizable = await paired(
    "linearizable gets",
    async () => {
      // In turns with the rounds they are compared with: what the machine does besides falls on both.
      bounded.push(
        await nativeLoad(client, {
          outstanding: 256,
          seconds,
          operation: async (through, key) =>
            through.get(key, { consistency: "bounded(500ms)", prefer: followers[turn++ % followers.length]! }),
        }),
      );
      return nativeLoad(client, { outstanding: 256, seconds, operation: async (through, key) => through.get(key) });
    },
    etcd && load
      ? () => etcdLoad(load, etcd, { operation: "get", outstanding: 256, connections: 16, seconds })
      : undefined,
  );
  rateRow("linearizable gets, 256 under way", linearizable, 5);
  say(`bounded-staleness gets on the followers: ${bounded.map(({ rate }) => Math.round(rate)).join(" ")}`);
  const nearby = middle(bounded);
  const ratio = nearby.rate / linearizable.cohort.rate;
  rows.push({
    what: "gets bounded(500ms) on the followers, against the row above",
    cohort: show(nearby),
    etcd: "–",
    ratio: `${ratio.toFixed(2)} ×`,
    goal: "≥ 1 ×",
    met: ratio >= 1,
  });
  await client.close();
}

function failoverRow({ cohortMs, etcdMs }: FailoverResult): void {
  const ours = median(cohortMs);
  const theirs = etcdMs.length > 0 ? median(etcdMs) : undefined;
  const spread = (all: readonly number[]): string =>
    `median ${Math.round(median(all))} ms (${Math.round(Math.min(...all))}–${Math.round(Math.max(...all))}, ${all.length} trials)`;
  rows.push({
    what: "leader killed under load → next successful write",
    cohort: spread(cohortMs),
    etcd: theirs === undefined ? "–" : spread(etcdMs),
    ratio: theirs === undefined ? "–" : `${(ours / theirs).toFixed(2)} ×`,
    goal: "≤ 0.5 ×",
    met: theirs === undefined ? undefined : ours <= theirs / 2,
  });
}

function memoryRows(result: MemoryResult): void {
  const mb = (value: number): string => `${Math.round(value)} MB`;
  rows.push(
    {
      what: "resident memory of an idle node",
      cohort: mb(result.idleMb),
      etcd: "–",
      ratio: "–",
      goal: "≤ 120 MB",
      met: result.idleMb <= 120,
    },
    {
      what: `the same with ${result.keys.toLocaleString("en")} keys of 128 bytes, without file-backed pages`,
      cohort: mb(result.loadedAnonymousMb),
      etcd: "–",
      ratio: "–",
      goal: "≤ 400 MB",
      met: result.loadedAnonymousMb <= 400,
    },
    {
      what: "all killed with that data → serving again",
      cohort: `${(result.recoveryMs / 1000).toFixed(2)} s`,
      etcd: "–",
      ratio: "–",
      goal: "≤ 5 s",
      met: result.recoveryMs <= 5000,
    },
  );
}

function table(): string {
  const header = ["what", "Cohort", "etcd", "ratio", "goal", ""];
  const lines = rows.map((row) => [
    row.what,
    row.cohort,
    row.etcd,
    row.ratio,
    row.goal,
    row.met === undefined ? "" : row.met ? "met" : "**missed**",
  ]);
  return [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

try {
  const hasEtcd = Etcd.isInstalled();
  if (!hasEtcd) notes.push("etcd is not installed (Debian: apt-get install etcd-server etcd-client)");
  const load = hasEtcd ? buildEtcdLoad() : undefined;
  if (hasEtcd && load === undefined)
    notes.push("etcd's Go client is missing (Debian: apt-get install golang-go golang-etcd-server-dev)");
  if (wanted("writes") || wanted("http") || wanted("reads")) {
    const etcd = hasEtcd ? await Etcd.start(directory) : undefined;
    const cohort = await Cohort.start(directory);
    if (wanted("writes")) await writes(cohort, etcd, load);
    if (wanted("http")) await http(cohort, etcd);
    if (wanted("reads")) await reads(cohort, etcd, load);
    await cohort.stop();
    await etcd?.stop();
  }
  if (wanted("failover")) failoverRow(await failover(directory, Number(values.trials), load, say));
  if (wanted("memory")) memoryRows(await memory(directory, Number(values.keys), say));
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, ${hasEtcd ? Etcd.version() : "no etcd"}`;
  if (values.json) console.log(JSON.stringify({ machine, rows, notes }, undefined, 2));
  else console.log([table(), "", machine, ...notes.map((note) => `Note: ${note}`)].join("\n"));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
