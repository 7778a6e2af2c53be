/** A local cluster as a user starts it: `cohort up` in a process of its own, in a directory of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const root = join(import.meta.dirname, "../..");
const main = join(root, "src/cli/main.ts");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line to its end. */
export async function cohort(args: readonly string[], env: Record<string, string> = {}, input = ""): Promise<Finished> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, NO_COLOR: "1", ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

export type UpEvent = { readonly event: string; readonly afterMs: number } & Record<string, unknown>;

export class Up {
  readonly base: number;
  readonly directory: string;
  readonly child: ChildProcess;
  readonly events: UpEvent[] = [];
  stderr = "";
  readonly closed: Promise<number | null>;

  constructor(base: number, directory: string, args: readonly string[]) {
    this.base = base;
    this.directory = directory;
    const child = spawn(process.execPath, [main, "up", "--data", directory, "--json", ...args], {
      env: { ...process.env, COHORT_PORT_BASE: String(base) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    createInterface(child.stdout).on("line", (line) => this.events.push(JSON.parse(line) as UpEvent));
    child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.closed = once(child, "close").then(([code]) => code as number | null);
  }

  http(node: number): string {
    return `http://127.0.0.1:${this.base + 100 + node}`;
  }

  get env(): Record<string, string> {
    return { COHORT_PORT_BASE: String(this.base) };
  }

  /** The first event that fits, now or later. Rejects when the supervisor ends or the time is up. */
  async event(what: string, fits: (event: UpEvent) => boolean, timeoutMs = 30_000, after = 0): Promise<UpEvent> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.events.slice(after).find(fits);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || performance.now() > deadline) throw new Error(`no ${what}: ${this.#story()}`);
      await sleep(10);
    }
  }

  async ready(): Promise<UpEvent> {
    return this.event("readiness", ({ event }) => event === "ready");
  }

  /** Process ids of the nodes, by what was told last. */
  get pids(): Map<number, number> {
    const pids = new Map<number, number>();
    for (const event of this.events) {
      if (event.event !== "node") continue;
      if (event["is"] === "started") pids.set(event["node"] as number, event["pid"] as number);
      if (event["is"] === "exited") pids.delete(event["node"] as number);
    }
    return pids;
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.closed;
  }

  #story(): string {
    const logs = readdirSync(this.directory, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith("node.log"))
      .map((name) => `${name}:\n${readFileSync(join(this.directory, name), "utf8").slice(-2000)}`);
    return [this.stderr, ...this.events.map((event) => JSON.stringify(event)), ...logs].join("\n");
  }
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "cohort-test-"));
}

/** For `afterAll`: ends what still runs and removes the data. */
export async function cleanUp(ups: readonly Up[]): Promise<void> {
  for (const up of ups) {
    if (up.child.exitCode === null && up.child.signalCode === null) await up.stop("SIGTERM");
    rmSync(up.directory, { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

export async function goneWithin(pids: Iterable<number>, timeoutMs: number): Promise<number> {
  const startedAt = performance.now();
  for (const pid of pids) {
    while (isAlive(pid)) {
      if (performance.now() - startedAt > timeoutMs) throw new Error(`process ${pid} still runs after ${timeoutMs} ms`);
      await sleep(20);
    }
  }
  return performance.now() - startedAt;
}

export async function increment(up: Up, node: number): Promise<number> {
  const response = await fetch(`${up.http(node)}/counter/increment`, { method: "POST" });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return ((await response.json()) as { value: number }).value;
}

export async function value(up: Up, node: number, consistency: string): Promise<number> {
  const response = await fetch(`${up.http(node)}/counter/value?consistency=${encodeURIComponent(consistency)}`);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return ((await response.json()) as { value: number }).value;
}
