/** A three-node Cohort on loopback with its defaults, as real processes, and loads on it through the native client. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createHistogram } from "node:perf_hooks";
import { join } from "node:path";
import { connect, type Client } from "../src/client/index.ts";
import type { LoadResult } from "./etcd.ts";
import { end, type Running, start, until } from "./processes.ts";

const nodes = [1, 2, 3];
const base = 17_000;

export class Cohort {
  readonly #directory: string;
  #running: Running[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(root: string): Promise<Cohort> {
    const cohort = new Cohort(mkdtempSync(join(root, "cohort-")));
    const members = nodes.map((id) => ({
      id,
      http: `127.0.0.1:${base + 100 + id}`,
      peer: `127.0.0.1:${base + 300 + id}`,
      native: `127.0.0.1:${base + 400 + id}`,
    }));
    for (const nodeId of nodes) {
      const config = {
        clusterId: "bench",
        nodeId,
        dataDirectory: join(cohort.#directory, `node-${nodeId}`),
        members,
        logLevel: "warn",
        clockErrorMs: 1,
      };
      writeFileSync(cohort.#config(nodeId), JSON.stringify(config));
      cohort.restart(nodeId);
    }
    await cohort.ready();
    return cohort;
  }

  #config(node: number): string {
    return join(this.#directory, `node-${node}.json`);
  }

  restart(node: number): void {
    const main = new URL("../src/cli/main.ts", import.meta.url).pathname;
    this.#running[node] = start(`cohort ${node}`, process.execPath, [main, "node", "--config", this.#config(node)]);
  }

  http(node: number): string {
    return `http://127.0.0.1:${base + 100 + node}`;
  }

  get endpoints(): string[] {
    return nodes.map((id) => `127.0.0.1:${base + 400 + id}`);
  }

  client(): Client {
    return connect({ endpoints: this.endpoints, maxOutstandingWrites: 4096 });
  }

  /** Who leads, as the nodes themselves say it. */
  async leader(): Promise<number> {
    for (const node of nodes) {
      try {
        const response = await fetch(`${this.http(node)}/metrics`, { signal: AbortSignal.timeout(2000) });
        if (/^cohort_raft_is_leader\{[^}]*\} 1$/m.test(await response.text())) return node;
      } catch {
        // This one is down; the others are asked.
      }
    }
    throw new Error("no node leads");
  }

  /** Serves writes. */
  async ready(): Promise<void> {
    const client = this.client();
    try {
      await until("cohort is ready", 30_000, async () => client.put("ready", "now", { timeoutMs: 1000 }));
    } catch (error) {
      throw new Error(this.#running.map((running) => running?.output() ?? "").join("\n"), { cause: error });
    } finally {
      await client.close();
    }
  }

  pid(node: number): number {
    return this.#running[node]!.child.pid!;
  }

  async kill(node: number): Promise<void> {
    await end(this.#running[node]!, "SIGKILL");
  }

  async stop(): Promise<void> {
    await Promise.all(nodes.map(async (node) => end(this.#running[node]!)));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export interface NativeLoad {
  readonly outstanding: number;
  readonly seconds: number;
  readonly warmup?: number;
  readonly operation: (client: Client, key: string) => Promise<unknown>;
  readonly keys?: number;
}

/** Keeps `outstanding` operations under way over one client, and measures those that fall into the time. */
export async function nativeLoad(client: Client, load: NativeLoad): Promise<LoadResult> {
  const { keys = 10_000 } = load;
  const names = Array.from({ length: keys }, (_, i) => `key-${String(i).padStart(11, "0")}`);
  const begin = performance.now() + (load.warmup ?? 1) * 1000;
  const finish = begin + load.seconds * 1000;
  const latencies = createHistogram();
  let operations = 0;
  let errors = 0;
  let place = 0;
  const worker = async (): Promise<void> => {
    while (true) {
      const start = performance.now();
      if (start > finish) return;
      place = (place * 1_103_515_245 + 12_345) % 2_147_483_648;
      try {
        await load.operation(client, names[place % keys]!);
      } catch {
        errors++;
        continue;
      }
      const now = performance.now();
      if (now < begin || now > finish) continue;
      operations++;
      latencies.record(Math.max(1, Math.round((now - start) * 1000)));
    }
  };
  await Promise.all(Array.from({ length: load.outstanding }, worker));
  return {
    rate: operations / load.seconds,
    p50Ms: latencies.percentile(50) / 1000,
    p99Ms: latencies.percentile(99) / 1000,
    errors,
  };
}
