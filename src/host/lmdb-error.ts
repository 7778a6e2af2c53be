import { statfsSync } from "node:fs";
import type { EngineError } from "../store/index.ts";

/** No space, quota, file too large; by name from Node, by number from LMDB, whose own one says that its map is full. */
const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG", 28, 122, 27, -30792]);
/** EIO: also what LMDB makes of a write that was cut short, as the last one is that fits on a disk. */
const shortWriteCode = 5;
/** With less than this free, a short write means a full disk. */
const hardlyFreeBytes = 16 * 1024 * 1024;

/** What went wrong while writing below `directory`. */
export function engineError(error: unknown, directory: string): EngineError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const full = fullCodes.has(code) || (code === shortWriteCode && isFull(directory));
  const message = `cannot write to ${directory}: ${error instanceof Error ? error.message : String(error)}`;
  return { code: full ? "full" : "io", message };
}

/** lmdb-js tells why a commit failed in a promise beside the rejection, which rejects with the reason. */
export async function commitError(error: unknown, directory: string): Promise<EngineError> {
  if (error instanceof Error && "commitError" in error) {
    try {
      await error.commitError;
    } catch (reason) {
      return engineError(reason, directory);
    }
  }
  return engineError(error, directory);
}

function isFull(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize < hardlyFreeBytes;
}
