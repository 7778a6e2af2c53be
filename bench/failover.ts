/** How long writes stop when the leader of a loaded cluster is killed with SIGKILL. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Cohort } from "./cohort.ts";
import { Etcd } from "./etcd.ts";
import { sleep, until } from "./processes.ts";

export interface FailoverResult {
  readonly cohortMs: readonly number[];
  readonly etcdMs: readonly number[];
}

/** Writes under way at the same time while the leader dies. */
const workers = 16;

export async function failover(
  directory: string,
  trials: number,
  etcdLoadBinary: string | undefined,
  say: (text: string) => void,
): Promise<FailoverResult> {
  const cohortMs: number[] = [];
  const etcdMs: number[] = [];
  const cohort = await Cohort.start(directory);
  for (let trial = 0; trial < trials; trial++) cohortMs.push(await killCohortLeader(cohort));
  await cohort.stop();
  say(`failover of Cohort, ms: ${cohortMs.map(Math.round).join(" ")}`);
  if (etcdLoadBinary === undefined) return { cohortMs, etcdMs };
  const etcd = await Etcd.start(directory);
  for (let trial = 0; trial < trials; trial++) etcdMs.push(await killEtcdLeader(etcd, etcdLoadBinary));
  await etcd.stop();
  say(`failover of etcd, ms: ${etcdMs.map(Math.round).join(" ")}`);
  return { cohortMs, etcdMs };
}

/** From the kill to the end of the first write that began after it. */
async function killCohortLeader(cohort: Cohort): Promise<number> {
  const client = cohort.client();
  let killedAt = Infinity;
  let firstMs: number | undefined;
  const stop = new AbortController();
  const worker = async (name: string): Promise<void> => {
    while (!stop.signal.aborted) {
      const start = performance.now();
      try {
        await client.put(name, "x", { timeoutMs: 10_000 });
      } catch {
        continue;
      }
      if (start > killedAt) firstMs ??= performance.now() - killedAt;
    }
  };
  const load = Array.from({ length: workers }, async (_, i) => worker(`failover-${i}`));
  await sleep(1000);
  const leader = await cohort.leader();
  killedAt = performance.now();
  await cohort.kill(leader);
  await until("a write succeeds", 30_000, async () => {
    if (firstMs === undefined) throw new Error("no write yet");
  });
  stop.abort();
  await Promise.all(load);
  await client.close();
  cohort.restart(leader);
  // The next trial needs three nodes that have caught up.
  await until("the node is back", 30_000, async () => {
    const response = await fetch(`${cohort.http(leader)}/readyz`);
    if (!response.ok) throw new Error(`readyz: ${response.status}`);
  });
  await sleep(1000);
  return firstMs!;
}

/** The same for etcd. Its tries are short and repeated at once, which favours it. */
async function killEtcdLeader(etcd: Etcd, binary: string): Promise<number> {
  const args = [
    "-endpoints",
    etcd.endpoints,
    "-operation",
    "put",
    "-outstanding",
    String(workers),
    "-connections",
    "4",
    "-warmup",
    "0",
    "-seconds",
    "20",
    "-timeout",
    "300ms",
    "-trace",
  ];
  const load = spawn(binary, args, { stdio: ["ignore", "pipe", "ignore"] });
  let killedAtUs = Infinity;
  let firstMs: number | undefined;
  createInterface({ input: load.stdout }).on("line", (line) => {
    const [start = 0, finish = 0] = line.split(" ").map(Number);
    if (start > killedAtUs) firstMs ??= (finish - killedAtUs) / 1000;
  });
  await sleep(1500);
  const { node } = await etcd.leader();
  killedAtUs = (performance.timeOrigin + performance.now()) * 1000;
  await etcd.kill(node);
  await until("a write succeeds", 30_000, async () => {
    if (firstMs === undefined) throw new Error("no write yet");
  });
  load.kill("SIGKILL");
  etcd.restart(node);
  await sleep(2500);
  await etcd.ready();
  return firstMs!;
}
