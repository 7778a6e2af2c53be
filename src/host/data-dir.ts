import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { NodeId } from "../base/index.ts";
import { syncDirectory } from "./sync-directory.ts";
import { lockDirectory } from "./lock.ts";
import { prepareRejoin } from "./rejoin.ts";
import { StartupError } from "./startup-error.ts";

/** Of the whole directory. A later release that changes it in a way that this one cannot read counts up. */
const format = 1;
const formatFile = "format.json";

/** Whose data they are. */
export interface DataIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
}

export interface DataDirectory {
  readonly log: string;
  readonly state: string;
  /** Made when there is something to put there. */
  readonly shards: string;
  /** What was promised on this disk is lost. */
  readonly rejoining: boolean;
  /** Where what was damaged has been put just now. */
  readonly aside: string | undefined;
  readonly rings: string;
  /** Lets another process have it. */
  release(): void;
}

/**
 * Makes the directory where it is missing, takes it for this process alone, and checks whose it is.
 * Throws a StartupError: in use, not usable, damaged, of a newer release, of another node or cluster.
 *
 *     format.json   format, clusterId, nodeId
 *     rejoin.json   there while what was promised here is lost (rejoin.ts)
 *     damaged-1/    what was put aside then
 *     lock          held while a process uses the directory; holder.json names it
 *     log/          the write-ahead log
 *     state/        what group 0 has applied
 *     shards/       what all other groups have applied, where there are any
 *     rings/        the rows of keyspaces without a leader
 */
export function openDataDirectory(
  path: string,
  identity: DataIdentity,
  prepare: () => Pick<DataDirectory, "rejoining" | "aside"> = () => prepareRejoin(path),
): DataDirectory {
  const lock = usable(path, () => {
    makeDirectory(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return lockDirectory(path);
  });
  try {
    const log = join(path, "log");
    const state = join(path, "state");
    const rings = join(path, "rings");
    const { rejoining, aside } = usable(path, () => {
      checkFormat(path, identity, existsSync(log) || existsSync(state));
      const prepared = prepare();
      makeDirectory(log);
      makeDirectory(state);
      makeDirectory(rings);
      return prepared;
    });
    return { log, state, rings, shards: join(path, "shards"), rejoining, aside, release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** With everything above it that is missing, durably: what is synced inside is lost when a name on the way is. */
function makeDirectory(path: string): void {
  const absolute = resolve(path);
  const first = mkdirSync(absolute, { recursive: true, mode: 0o700 });
  // Existing is not enough: an earlier start may have been interrupted before its names were durable.
  const top = dirname(first ?? absolute);
  for (let at = dirname(absolute); ; at = dirname(at)) {
    syncName(at);
    if (at === top || at === dirname(at)) return;
  }
}

function syncName(directory: string): void {
  if (process.platform === "win32") return;
  try {
    syncDirectory(directory);
  } catch (error) {
    // Above our own directory we may be allowed to pass and not to look: then its names are not ours to make durable.
    if (codeOf(error) !== "EACCES") throw error;
  }
}

function usable<T>(path: string, act: () => T): T {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) throw unusable(path, "is not a directory");
    return act();
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw unusable(path, reasons[codeOf(error)] ?? `cannot be used: ${String(error)}`, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOTDIR: "is not a directory, or something above it is not",
  EEXIST: "is not a directory",
  EACCES: "may not be read and written by this user",
  EPERM: "may not be read and written by this user",
  EROFS: "is on a file system that is mounted read-only",
  ENOSPC: "is on a disk that is full",
  EDQUOT: "is over the quota of this user",
};

function unusable(path: string, reason: string, cause?: unknown): StartupError {
  return new StartupError("data-directory-unusable", `${path} ${reason}`, "Name another directory, or mend this one.", {
    cause,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function checkFormat(path: string, identity: DataIdentity, used: boolean): void {
  const file = join(path, formatFile);
  if (!existsSync(file)) {
    if (used) throw damaged(`${file} is missing, but there are data`);
    return writeDurably(path, formatFile, `${JSON.stringify({ format, ...pick(identity) })}\n`);
  }
  const found = readFormat(file);
  if (found.clusterId === identity.clusterId && found.nodeId === identity.nodeId) return;
  const [whose, own] = [found, identity].map(({ clusterId, nodeId }) => `node ${nodeId} of cluster "${clusterId}"`);
  const detail = `${path} belongs to ${whose}, not to ${own}`;
  throw new StartupError("wrong-identity", detail, "Check dataDirectory, clusterId and nodeId in the configuration.");
}

/** Callers pass whole configurations. */
function pick({ clusterId, nodeId }: DataIdentity): DataIdentity {
  return { clusterId, nodeId };
}

function damaged(detail: string): StartupError {
  return new StartupError(
    "damaged",
    detail,
    "Restore it, or keep the directory aside and let the node be filled from its peers.",
  );
}

/** What else is in the file means something only in a format that this release knows. */
function readFormat(file: string): DataIdentity {
  const { format: found, clusterId, nodeId } = parseObject(readFileSync(file, "utf8"));
  if (typeof found === "number" && found > format) {
    const detail = `${file} says format ${found}, and this release knows up to ${format}`;
    throw new StartupError("newer-format", detail, "Start the release that wrote it, or a later one.");
  }
  if (found === format && typeof clusterId === "string" && typeof nodeId === "number") return { clusterId, nodeId };
  throw damaged(`${file} is not what Cohort writes`);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? { ...found } : {};
  } catch {
    // Not JSON, so it says nothing; the caller complains.
    return {};
  }
}

/** Either nothing or the whole file, whenever the power fails. */
function writeDurably(directory: string, name: string, text: string): void {
  const next = join(directory, `${name}.next`);
  const file = openSync(next, "w", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, join(directory, name));
  syncName(directory);
}
