/** A three-node etcd on loopback with its defaults, and loads on it: the peer that Cohort is measured against. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { end, isInstalled, type Running, start, until } from "./processes.ts";

export interface LoadResult {
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

const clientPort = (node: number): number => 23790 + node;
const peerPort = (node: number): number => 23800 + node;
const nodes = [1, 2, 3];

export class Etcd {
  readonly #directory: string;
  #running: Running[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static isInstalled(): boolean {
    return isInstalled("etcd") && isInstalled("etcdctl");
  }

  static version(): string {
    return spawnSync("etcd", ["--version"]).stdout.toString().split("\n")[0] ?? "etcd";
  }

  static async start(root: string): Promise<Etcd> {
    const etcd = new Etcd(mkdtempSync(join(root, "etcd-")));
    for (const node of nodes) etcd.#running[node] = etcd.#startNode(node);
    await etcd.ready();
    return etcd;
  }

  #startNode(node: number): Running {
    const cluster = nodes.map((each) => `n${each}=http://127.0.0.1:${peerPort(each)}`).join(",");
    const args = {
      name: `n${node}`,
      "data-dir": join(this.#directory, `n${node}`),
      "listen-client-urls": `http://127.0.0.1:${clientPort(node)}`,
      "advertise-client-urls": `http://127.0.0.1:${clientPort(node)}`,
      "listen-peer-urls": `http://127.0.0.1:${peerPort(node)}`,
      "initial-advertise-peer-urls": `http://127.0.0.1:${peerPort(node)}`,
      "initial-cluster": cluster,
      "initial-cluster-state": "new",
      "log-level": "error",
    };
    return start(
      `etcd ${node}`,
      "etcd",
      Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]),
    );
  }

  get endpoints(): string {
    return nodes.map((node) => `127.0.0.1:${clientPort(node)}`).join(",");
  }

  /** The HTTP address of the leader's JSON gateway. */
  async leader(): Promise<{ node: number; url: string }> {
    for (const node of nodes) {
      const url = `http://127.0.0.1:${clientPort(node)}`;
      try {
        const response = await fetch(`${url}/v3/maintenance/status`, {
          method: "POST",
          body: "{}",
          signal: AbortSignal.timeout(2000),
        });
        const status = (await response.json()) as { leader?: string; header?: { member_id?: string } };
        if (status.leader !== undefined && status.leader === status.header?.member_id) return { node, url };
      } catch {
        // This one is down; the others are asked.
      }
    }
    throw new Error("etcd has no leader");
  }

  async ready(): Promise<void> {
    await until("etcd is ready", 30_000, async () => {
      const { url } = await this.leader();
      const response = await fetch(`${url}/v3/kv/put`, {
        method: "POST",
        body: JSON.stringify({ key: "cg==", value: "cg==" }),
      });
      if (!response.ok) throw new Error(`put: ${response.status}`);
    });
  }

  pid(node: number): number {
    return this.#running[node]!.child.pid!;
  }

  async kill(node: number): Promise<void> {
    await end(this.#running[node]!, "SIGKILL");
  }

  restart(node: number): void {
    this.#running[node] = this.#startNode(node);
  }

  async stop(): Promise<void> {
    for (const node of nodes) await end(this.#running[node]!);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Builds the load generator that uses etcd's own Go client; undefined where Go or the client's source is missing. */
export function buildEtcdLoad(): string | undefined {
  if (!isInstalled("go")) return undefined;
  const binary = join(tmpdir(), `etcd-load-${process.pid}`);
  const source = new URL("./peers/etcd-load", import.meta.url).pathname;
  const built = spawnSync("go", ["build", "-o", binary, "."], {
    cwd: source,
    env: { ...process.env, GO111MODULE: "off", GOPATH: "/usr/share/gocode" },
  });
  return built.status === 0 ? binary : undefined;
}

export function etcdLoad(binary: string, etcd: Etcd, options: Readonly<Record<string, string | number>>): LoadResult {
  const args = Object.entries({ endpoints: etcd.endpoints, ...options }).map(([name, value]) => `-${name}=${value}`);
  const run = spawnSync(binary, args, { maxBuffer: 64 * 2 ** 20 });
  if (run.status !== 0) throw new Error(`etcd-load: ${run.stderr.toString()}`);
  return JSON.parse(run.stdout.toString()) as LoadResult;
}

/** A wrk script of puts of 128-byte values over 10,000 keys through the JSON gateway. */
export function etcdWrkScript(directory: string): string {
  const file = join(directory, "etcd-put.lua");
  const value = Buffer.alloc(128, "v").toString("base64");
  writeFileSync(
    file,
    `math.randomseed(os.time())
local b = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function enc(data)
  return ((data:gsub('.', function(x)
    local r, c = '', x:byte()
    for i = 8, 1, -1 do r = r .. (c % 2 ^ i - c % 2 ^ (i - 1) > 0 and '1' or '0') end
    return r
  end) .. '0000'):gsub('%d%d%d?%d?%d?%d?', function(x)
    if #x < 6 then return '' end
    local c = 0
    for i = 1, 6 do c = c + (x:sub(i, i) == '1' and 2 ^ (6 - i) or 0) end
    return b:sub(c + 1, c + 1)
  end) .. ({ '', '==', '=' })[#data % 3 + 1])
end
local bodies = {}
for i = 1, 10000 do bodies[i] = '{"key":"' .. enc(string.format('key-%011d', i)) .. '","value":"${value}"}' end
request = function() return wrk.format('POST', '/v3/kv/put', nil, bodies[math.random(10000)]) end
`,
  );
  return file;
}

export function cohortWrkScript(directory: string): string {
  const file = join(directory, "cohort-put.lua");
  writeFileSync(
    file,
    `math.randomseed(os.time())
local body = string.rep('v', 128)
local headers = { ['Content-Type'] = 'application/octet-stream' }
request = function() return wrk.format('PUT', string.format('/v1/keyspaces/default/keys/key-%011d', math.random(10000)), headers, body) end
`,
  );
  return file;
}

/** Requests a second that wrk reports, and errors. */
export function wrk(url: string, script: string, connections: number, seconds: number): LoadResult {
  const args = ["-t", "2", "-c", String(connections), "-d", `${seconds}s`, "--latency", "-s", script, url];
  const run = spawnSync("wrk", args);
  const text = run.stdout.toString();
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  if (!Number.isFinite(rate)) throw new Error(`wrk: ${text}${run.stderr.toString()}`);
  const errors = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const at = (share: string): number => durationMs(new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`).exec(text));
  return { rate, errors, p50Ms: at("50"), p99Ms: at("99") };
}

function durationMs(match: RegExpExecArray | null): number {
  if (!match) return Number.NaN;
  return Number(match[1]) * { us: 0.001, ms: 1, s: 1000 }[match[2] as "us" | "ms" | "s"];
}
