import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { NodeId } from "../base/index.ts";
import { StartupError } from "./startup-error.ts";

/** Of the whole directory. A later release that changes it in a way that this one cannot read counts up. */
const format = 1;
const formatFile = "format.json";
const holderFile = "holder.pid";

export interface DataDirectory {
  readonly log: string;
  readonly state: string;
  /** Lets another process have it. */
  release(): void;
}

/**
 * Makes the directory where it is missing, takes it for this process alone, and checks whose it is.
 * Rejects with a StartupError: in use, not usable, of a newer release, of another node or cluster.
 */
export async function openDataDirectory(path: string, identity: { readonly clusterId: string; readonly nodeId: NodeId }): Promise<DataDirectory> {
  usable(path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  const lock = await takeLock(path);
  try {
    checkFormat(path, identity);
    const log = join(path, "log");
    const state = join(path, "state");
    for (const directory of [log, state]) usable(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
    return { log, state, release: () => releaseLock(path, lock) };
  } catch (error) {
    releaseLock(path, lock);
    throw error;
  }
}

function usable<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what =
      code === "EEXIST" || code === "ENOTDIR"
        ? `${path} is not a directory`
        : code === "EACCES" || code === "EPERM"
          ? `${path} may not be read and written by this user`
          : code === "EROFS"
            ? `${path} is on a file system that is mounted read-only`
            : `${path} cannot be used: ${message}`;
    throw new StartupError("data-directory-unusable", what, "Name another directory, or mend this one.", { cause: error });
  }
}

/**
 * The lock is a name that the kernel gives to one socket at a time and takes back when its process ends,
 * however it ends. The name is that of the directory itself, so that other paths to it make no difference.
 * Where the kernel has no such names (outside Linux) the name is a file's, which outlives a process that was
 * killed; then a holder that is gone is told by its process id.
 */
async function takeLock(path: string): Promise<Server> {
  const { dev, ino } = usable(path, () => statSync(path, { bigint: true }));
  const isLinux = process.platform === "linux";
  const name = isLinux ? `\0cohort-${dev}-${ino}` : process.platform === "win32" ? `\\\\.\\pipe\\cohort-${dev}-${ino}` : join(path, "lock.sock");
  if (!isLinux && process.platform !== "win32" && !isAlive(holderOf(path))) rmSync(name, { force: true });
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      const holder = holderOf(path);
      const who = holder === undefined ? "another process" : `process ${holder}`;
      reject(new StartupError("data-directory-in-use", `${path} is in use by ${who}`, "Stop that one first, or name another directory."));
    });
    server.listen(name, resolve);
  });
  server.unref();
  usable(path, () => writeFileSync(join(path, holderFile), String(process.pid)));
  return server;
}

function releaseLock(path: string, lock: Server): void {
  rmSync(join(path, holderFile), { force: true });
  lock.close();
}

function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(path, holderFile), "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    // Nobody has written it yet: then nobody is named.
    return undefined;
  }
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function checkFormat(path: string, identity: { readonly clusterId: string; readonly nodeId: NodeId }): void {
  const file = join(path, formatFile);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return usable(file, () => void readFileSync(file));
    return usable(file, () => writeDurably(path, formatFile, `${JSON.stringify({ format, ...identity })}\n`));
  }
  const found = parseFormat(text);
  if (found === undefined) {
    throw new StartupError("damaged", `${file} is not what Cohort writes`, "Restore it, or keep the directory aside and let the node be filled from its peers.");
  }
  if (found.format > format) {
    throw new StartupError("newer-format", `${path} has format ${found.format}, this release knows ${format}`, "Start the release that wrote it, or a later one.");
  }
  if (found.clusterId !== identity.clusterId || found.nodeId !== identity.nodeId) {
    throw new StartupError(
      "wrong-identity",
      `${path} belongs to node ${found.nodeId} of cluster "${found.clusterId}", not to node ${identity.nodeId} of "${identity.clusterId}"`,
      "Check dataDirectory, clusterId and nodeId in the configuration.",
    );
  }
}

function parseFormat(text: string): { format: number; clusterId: string; nodeId: number } | undefined {
  try {
    const { format: version, clusterId, nodeId } = JSON.parse(text) as Record<string, unknown>;
    if (typeof version !== "number" || typeof clusterId !== "string" || typeof nodeId !== "number") return undefined;
    return { format: version, clusterId, nodeId };
  } catch {
    // Not JSON: the caller says so.
    return undefined;
  }
}

/** Either the old file or the whole new one, whenever the power fails. */
function writeDurably(directory: string, name: string, text: string): void {
  const next = join(directory, `${name}.next`);
  const file = openSync(next, "w", 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(next, join(directory, name));
  const handle = openSync(directory, "r");
  fsyncSync(handle);
  closeSync(handle);
}
