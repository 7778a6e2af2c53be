/** What has to be looked at before LMDB looks at a file, since it kills the process for what it does not expect. */
import { closeSync, existsSync, openSync, readSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const fileName = "data.mdb";
const lockFileName = "lock.mdb";
/** Room for LMDB's table of readers, 126 by default. */
const lockFileBytes = 16 * 1024;
/** Of LMDB's meta pages, of which there are two: where the stamp, the version and the page size are. */
const stampAt = 24;
const versionAt = 28;
const pageSizeAt = 48;
const stamp = 0xbeefc0de;
const version = 2;

/** Throws an Error where the directory has a file that is not LMDB's: lmdb-js 3.5.6 crashes when it refuses one. */
export function checkFile(directory: string): void {
  const path = join(directory, fileName);
  // An empty one is what a start leaves that got no further.
  if (!existsSync(path) || statSync(path).size === 0) return;
  const header = Buffer.alloc(pageSizeAt + 4);
  const descriptor = openSync(path, "r");
  try {
    const metaPageAt = (position: number): boolean =>
      readSync(descriptor, header, 0, header.length, position) === header.length &&
      header.readUInt32LE(stampAt) === stamp &&
      header.readUInt32LE(versionAt) === version;
    if (metaPageAt(0) && metaPageAt(header.readUInt32LE(pageSizeAt))) return;
  } finally {
    closeSync(descriptor);
  }
  throw new Error(`${fileName} is not a file of LMDB, or its header is damaged`);
}

/**
 * A file may end before its last page, where that page is free. Where it is not, reading a map behind the end of
 * its file would kill the process; a page of zeros is an error instead.
 */
export function prepareFile(directory: string, stats: object): void {
  const { lastPageNumber, pageSize } = stats as { readonly lastPageNumber: number; readonly pageSize: number };
  const path = join(directory, fileName);
  const expected = (lastPageNumber + 1) * pageSize;
  if (statSync(path).size < expected) truncateSync(path, expected);
}

/**
 * LMDB maps a lock file that has no blocks yet; writing to the map on a full disk would kill the process.
 * Written beforehand, a full disk is an error. Throws what `writeFileSync` throws.
 */
export function reserveLockFile(directory: string): void {
  const path = join(directory, lockFileName);
  if (!existsSync(path) || statSync(path).size < lockFileBytes) writeFileSync(path, new Uint8Array(lockFileBytes));
}
