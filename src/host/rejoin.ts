/**
 * A data directory that lost what its node had promised. The file `rejoin.json` says so from before anything is put
 * aside until the node has rejoined, whatever happens in between; without it an empty log would pass for that of
 * a node which never promised anything.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { LostStorageError } from "../raft/index.ts";
import { DamagedStateError } from "../store/index.ts";
import { WalError } from "../wal/index.ts";
import { syncDirectory } from "./sync-directory.ts";

/** What is of no use any more. The state is, without the log: what has been applied was committed. */
export type Lost = "log" | "log and state";

const markerFile = "rejoin.json";

/** What an error says is lost on this disk; undefined: it says no such thing. */
export function lostBy(error: unknown): Lost | undefined {
  if (error instanceof WalError)
    return error.code.startsWith("corrupt") || error.code === "missing-segment" ? "log" : undefined;
  if (error instanceof LostStorageError) return error.lost === "log" ? "log" : "log and state";
  return error instanceof DamagedStateError ? "log and state" : undefined;
}

/** Says durably that the node has to rejoin, and what the next start puts aside before it. */
export function markLost(directory: string, lost: Lost, reason: string): void {
  writeMarker(directory, { putAside: lost, reason });
}

/** Whether the node has to rejoin. Puts aside what the marker says. Returns where that is now. */
export function prepareRejoin(directory: string): { readonly rejoining: boolean; readonly aside: string | undefined } {
  const file = join(directory, markerFile);
  if (!existsSync(file)) return { rejoining: false, aside: undefined };
  const { putAside, reason } = readMarker(file);
  if (putAside === "nothing") return { rejoining: true, aside: undefined };
  const aside = freeName(directory);
  mkdirSync(aside, { mode: 0o700 });
  for (const part of putAside === "log" ? ["log"] : ["log", "state", "shards"]) {
    const from = join(directory, part);
    if (existsSync(from)) renameSync(from, join(aside, part));
  }
  syncDirectory(aside);
  syncDirectory(directory);
  writeMarker(directory, { putAside: "nothing", reason });
  return { rejoining: true, aside };
}

/** It has rejoined: a restart is a restart again. */
export function endRejoin(directory: string): void {
  rmSync(join(directory, markerFile), { force: true });
  syncDirectory(directory);
}

interface Marker {
  readonly putAside: Lost | "nothing";
  readonly reason: string;
}

function readMarker(file: string): Marker {
  try {
    const found: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof found === "object" && found !== null && "putAside" in found && "reason" in found) {
      const { putAside, reason } = found;
      const known = putAside === "nothing" || putAside === "log" || putAside === "log and state";
      if (known && typeof reason === "string") return { putAside, reason };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  // It is there, so something is lost; what, it does not say any more.
  return { putAside: "log and state", reason: `${file} cannot be read` };
}

function writeMarker(directory: string, marker: Marker): void {
  const next = join(directory, `${markerFile}.next`);
  const file = openSync(next, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify(marker)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, join(directory, markerFile));
  syncDirectory(directory);
}

function freeName(directory: string): string {
  let number = 1;
  while (existsSync(join(directory, `damaged-${number}`))) number++;
  return join(directory, `damaged-${number}`);
}
