/** One node as a child process: started, restarted with growing patience, hurt on request, stopped cleanly. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { NodeId } from "../../base/index.ts";
import type { ToNode, ToSupervisor } from "../ipc.ts";
import { LogFile } from "./log-file.ts";

export type NodeEvent =
  | ToSupervisor
  | { readonly type: "started"; readonly pid: number }
  /** `planned`: it was asked to stop. `restartInMs` undefined: it stays down. */
  | {
      readonly type: "exited";
      readonly reason: string;
      readonly planned: boolean;
      readonly restartInMs: number | undefined;
    };

export type NodeState = "starting" | "recovered" | "ready" | "paused" | "down" | "failed" | "stopped";

const main = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../main.ts" : "../main.js", import.meta.url));

const firstBackoffMs = 250;
const maxBackoffMs = 10_000;
/** Who ran this long before a crash is restarted as quickly as at first. */
const healthyAfterMs = 30_000;
const stopTimeoutMs = 10_000;
const tailBytes = 8192;

export class NodeProcess {
  readonly node: NodeId;
  readonly #configFile: string;
  readonly #log: LogFile;
  readonly #onEvent: (event: NodeEvent) => void;
  #child: ChildProcess | undefined;
  #state: NodeState = "down";
  #paused = false;
  #stopping = false;
  #startedAt = 0;
  #crashes = 0;
  #restarts = 0;
  #downForMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tail = "";
  #failure: (ToSupervisor & { type: "failed" }) | undefined;

  constructor(node: NodeId, configFile: string, logFile: string, onEvent: (event: NodeEvent) => void) {
    this.node = node;
    this.#configFile = configFile;
    this.#log = new LogFile(logFile);
    this.#onEvent = onEvent;
  }

  get state(): NodeState {
    return this.#paused ? "paused" : this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    if (this.#child !== undefined || this.#stopping) return;
    clearTimeout(this.#timer);
    this.#state = "starting";
    this.#startedAt = performance.now();
    this.#tail = "";
    this.#failure = undefined;
    const child = spawn(process.execPath, [...process.execArgv, main, "node", "--config", this.#configFile], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, ...compileCache() },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", this.#onOutput);
    child.on("message", this.#onMessage);
    child.on("error", (error) => (this.#tail = error.message));
    // "close" comes after the last output, which tells why.
    child.on("close", this.#onClose);
    if (child.pid !== undefined) this.#onEvent({ type: "started", pid: child.pid });
  }

  send(message: ToNode): void {
    if (this.#child?.connected) this.#child.send(message);
  }

  /** SIGKILL. It is restarted like after any crash, or after `forMs`. */
  kill(forMs: number | undefined): void {
    if (this.#child === undefined) return;
    this.#downForMs = forMs;
    this.#child.kill("SIGKILL");
  }

  pause(): void {
    if (this.#child === undefined) return;
    this.#child.kill("SIGSTOP");
    this.#paused = true;
  }

  /** Goes on if paused; starts at once if down. */
  resume(): void {
    if (this.#paused) this.#child?.kill("SIGCONT");
    this.#paused = false;
    if (this.#state === "down") this.start();
  }

  /** Asks it to stop, and insists after a while. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== undefined) {
      const gone = once(child, "close");
      this.resume();
      this.send({ type: "stop" });
      const insist = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
      await gone;
      clearTimeout(insist);
    }
    this.#state = "stopped";
    this.#log.close();
  }

  /** No more patience. */
  forceStop(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL");
  }

  readonly #onOutput = (chunk: Buffer): void => {
    this.#log.write(chunk);
    this.#tail = (this.#tail + chunk.toString("utf8")).slice(-tailBytes);
  };

  readonly #onMessage = (message: unknown): void => {
    // Our own child, our own program: the channel carries what `ipc.ts` says.
    const event = message as ToSupervisor;
    if (event.type === "recovered" || event.type === "ready") this.#state = event.type;
    if (event.type === "failed") this.#failure = event;
    this.#onEvent(event);
  };

  readonly #onClose = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#child = undefined;
    this.#paused = false;
    const permanent = this.#failure?.permanent === true;
    const restartInMs = this.#stopping || permanent ? undefined : this.#patience();
    this.#state = permanent ? "failed" : "down";
    this.#onEvent({ type: "exited", reason: this.#reason(code, signal), planned: this.#stopping, restartInMs });
    if (restartInMs === undefined) return;
    this.#restarts++;
    this.#timer = setTimeout(() => this.start(), restartInMs);
  };

  #patience(): number {
    if (performance.now() - this.#startedAt > healthyAfterMs) this.#crashes = 0;
    const backoffMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** this.#crashes);
    const downForMs = this.#downForMs;
    this.#downForMs = undefined;
    if (downForMs !== undefined) return downForMs;
    this.#crashes++;
    return backoffMs;
  }

  #reason(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#failure !== undefined) return this.#failure.detail;
    if (signal !== null) return `ended by ${signal}`;
    const last = lastComplaint(this.#tail);
    return `exited with code ${code}${last === undefined ? "" : `: ${last}`}`;
  }
}

/**
 * With the cache from their very start, nodes that run from TypeScript need not load the compiler that strips
 * types: a fifth of an idle node's memory.
 */
function compileCache(): { NODE_COMPILE_CACHE?: string } {
  const directory = getCompileCacheDir();
  // Node puts what belongs to its version into a directory below.
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: dirname(directory) };
}

/** The last thing that was said in anger: the message of a JSON log line of level error, or a plain line. */
function lastComplaint(output: string): string | undefined {
  for (const line of output.split("\n").reverse()) {
    if (line.trim() === "") continue;
    if (!line.startsWith("{")) {
      // A stack trace: its first line names the error.
      const named = /^\w*Error\b.*$/m.exec(output);
      return named?.[0] ?? line.trim();
    }
    const level = /"level":(\d+)/.exec(line)?.[1];
    if (level !== undefined && Number(level) >= 50) return /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
  }
  return undefined;
}
