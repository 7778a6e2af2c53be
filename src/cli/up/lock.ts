/** One supervisor a directory. The lock also names the children, so that a successor can wait for them to go. */
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "../output.ts";

interface ProcessMark {
  readonly pid: number;
  /** Start time as the kernel tells it, so that a reused pid is not mistaken; empty where it tells none. */
  readonly started: string;
}

interface LockContent extends ProcessMark {
  readonly children: readonly ProcessMark[];
}

export interface Lock {
  /** Records which children run now. */
  update(children: readonly number[]): void;
  release(): void;
}

const orphanTimeoutMs = 15_000;

/** Takes the lock, waiting for nodes of a supervisor that died. Throws a CommandError where another one runs. */
export async function lockDirectory(directory: string, onWait: (pids: readonly number[]) => void): Promise<Lock> {
  const path = join(directory, "cohort.lock");
  const own = markOf(process.pid);
  const next = `${path}.${process.pid}`;
  const prepare = (children: readonly number[]): void => {
    writeFileSync(next, JSON.stringify({ ...own, children: children.map(markOf) } satisfies LockContent));
  };
  prepare([]);
  try {
    while (!linkNew(next, path)) await removeStale(path, directory, onWait);
  } finally {
    rmSync(next, { force: true });
  }
  return {
    update: (children) => {
      prepare(children);
      renameSync(next, path);
    },
    release: () => rmSync(path, { force: true }),
  };
}

/** A link appears whole or not at all, unlike a file that is written. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

async function removeStale(path: string, directory: string, onWait: (pids: readonly number[]) => void): Promise<void> {
  const text = readIfThere(path);
  if (text === undefined) return;
  const content = parseLock(text);
  if (content !== undefined && isAlive(content)) {
    throw new CommandError(
      `another \`cohort up\` (process ${content.pid}) runs on ${directory}`,
      "Stop it first, or name another directory with --data and another COHORT_PORT_BASE.",
    );
  }
  if (content !== undefined) await waitForOrphans(content.children.filter(isAlive), onWait);
  // Two successors may be here at once: what one moved away must be what it looked at.
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  if (readIfThere(aside) !== text) linkNew(aside, path);
  unlinkSync(aside);
}

/** Nodes whose supervisor died stop by themselves; a paused one must be woken to notice. */
async function waitForOrphans(
  orphans: readonly ProcessMark[],
  onWait: (pids: readonly number[]) => void,
): Promise<void> {
  if (orphans.length === 0) return;
  onWait(orphans.map(({ pid }) => pid));
  for (const { pid } of orphans) signalIfThere(pid, "SIGCONT");
  const deadline = performance.now() + orphanTimeoutMs;
  while (orphans.some(isAlive)) {
    if (performance.now() > deadline) {
      const pids = orphans.filter(isAlive).map(({ pid }) => pid);
      throw new CommandError(
        `nodes of an earlier run do not stop (processes ${pids.join(", ")})`,
        `End them: kill -9 ${pids.join(" ")}`,
      );
    }
    await sleep(50);
  }
}

function markOf(pid: number): ProcessMark {
  return { pid, started: startOf(pid) ?? "" };
}

function isAlive({ pid, started }: ProcessMark): boolean {
  const now = startOf(pid);
  if (now !== undefined || started !== "") return now === started;
  return signalIfThere(pid, 0);
}

/** Field 22 of `/proc/PID/stat` (proc(5)); undefined where there is no such process, no such file, or only a zombie. */
function startOf(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}

function signalIfThere(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (isCode(error, "ESRCH")) return false;
    if (isCode(error, "EPERM")) return true;
    throw error;
  }
}

function parseLock(text: string): LockContent | undefined {
  try {
    return JSON.parse(text) as LockContent;
  } catch (error) {
    // Not written by us: nobody holds it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ESRCH")) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
