import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartupError } from "./startup-error.ts";

/** Empty for ever; the kernel's lock on it is the lock. Nobody else may open it. */
const lockFile = "lock";
/** Who has it: only to name them to those who come too late. */
const holderFile = "holder.json";

const sqliteBusy = 5;

export interface DirectoryLock {
  /** Lets another process have it. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** The kernel's lock goes with its descriptor: a lock that nobody refers to must not be collected. */
const held = new Set<DatabaseSync>();

/**
 * Takes a directory for this process alone. Throws a StartupError where another one has it.
 *
 * The lock must be gone with the process, however that ends, and stay while the process is only paused: so it has to
 * be the kernel's, not a file that says "locked". Node offers none, but the SQLite in it takes one (fcntl on Unix,
 * LockFileEx on Windows) for an exclusive transaction, and never writes anything when that transaction is not
 * committed. It holds between all processes of the machine, also in containers that share the directory: a
 * socket's name would not. On a network file system it is as good as that system's locks are.
 */
export function lockDirectory(path: string): DirectoryLock {
  const database = open(path);
  held.add(database);
  const holder: Holder = { pid: process.pid, host: hostname() };
  writeFileSync(join(path, holderFile), JSON.stringify(holder));
  return {
    release() {
      if (!held.delete(database)) return;
      rmSync(join(path, holderFile), { force: true });
      database.close();
    },
  };
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(join(path, lockFile), { timeout: 0 });
  try {
    // In memory, since a journal beside the file would outlive a process that was killed.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === sqliteBusy)) throw error;
    throw inUse(path, holderOf(path), error);
  }
}

function inUse(path: string, holder: Holder | undefined, cause: Error): StartupError {
  const refuse = (who: string, advice: string): StartupError =>
    new StartupError("data-directory-in-use", `${path} is in use by ${who}`, advice, { cause });
  if (holder === undefined) return refuse("another process", "Stop that one first, or name another directory.");
  const { pid, host } = holder;
  if (host !== hostname()) {
    return refuse(`process ${pid} on ${host}`, "Stop it there first, or name another directory.");
  }
  if (isPaused(pid)) {
    return refuse(`process ${pid}, which is paused`, `Let it go on (kill -CONT ${pid}) or end it (kill -KILL ${pid}).`);
  }
  return refuse(`process ${pid}`, `Stop it first (kill ${pid}), or name another directory.`);
}

/** Undefined where nobody is named, or where whoever is named is gone and another has not yet written its name. */
function holderOf(path: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(readFileSync(join(path, holderFile), "utf8")) as Record<string, unknown>;
    if (typeof pid !== "number" || !Number.isInteger(pid) || pid < 1 || typeof host !== "string") return undefined;
    return host === hostname() && !isAlive(pid) ? undefined : { pid, host };
  } catch {
    // Not there, or half written: the lock says that it is taken, and that is what matters.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and belongs to someone else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Linux: state T or t in the third field of /proc/<pid>/stat (proc(5)), behind the name in brackets. */
function isPaused(pid: number): boolean {
  try {
    return /^.*\) [Tt] /s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    // No such place on this system: then nothing is known about it.
    return false;
  }
}
