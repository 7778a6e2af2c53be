/** Processes that a benchmark starts, watches and ends; each is ended by its own id. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Running {
  readonly child: ChildProcess;
  readonly name: string;
  output(): string;
}

export function start(
  name: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Running {
  const child = spawn(command, [...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  return { child, name, output: () => output };
}

/** Ends a process and waits until it is gone. */
export async function end(running: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  const { child } = running;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(force);
}

export function isInstalled(command: string): boolean {
  return spawnSync("which", [command]).status === 0;
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tries until it succeeds; the last error when the time is up. */
export async function until<T>(what: string, timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: error });
      await sleep(20);
    }
  }
}

export interface Memory {
  /** What the process alone holds, MB: heap, stacks, buffers. */
  readonly anonymousMb: number;
  /** Pages of files that it has mapped, MB: code, libraries, and the embedded engine's data. */
  readonly fileMb: number;
  readonly residentMb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1024;
  return { anonymousMb: mb("RssAnon"), fileMb: mb("RssFile"), residentMb: mb("VmRSS") };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** User and system time of a process so far; Linux counts it in hundredths of a second. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
