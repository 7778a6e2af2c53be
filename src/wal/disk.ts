/**
 * What the log asks of a disk. Small, so that the simulator can stand in for it and break it.
 *
 * The first three run synchronously and only while the log is opened. The others complete through `done`,
 * which is called exactly once and never before the call itself has returned. A caller has at most one
 * of them under way for a file.
 */
export interface Disk {
  /**
   * The names of all files in the log's directory, sorted. They are durable before it returns: what an earlier process
   * removed and was killed over must not come back behind files that go later. Throws a DiskFault.
   */
  list(): string[];
  /** The whole file. Throws a DiskFault. */
  read(name: string): Uint8Array;
  /** Overwrites bytes inside the file and makes the file's content durable before it returns. Throws a DiskFault. */
  repair(name: string, offset: number, bytes: Uint8Array): void;

  /**
   * Makes a file of `size` zero bytes, in place of any earlier file of that name. When it is done, the bytes
   * are really allocated (a later write inside them does not meet a full disk), and file and directory entry are durable.
   * After an error nothing of the file may be left to take up space.
   */
  create(name: string, size: number, done: DiskDone): void;
  /** Overwrites bytes inside the file. The caller leaves `bytes` alone until done. Not durable before `sync`. */
  write(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void;
  /** Makes every finished write to the file durable (fdatasync). */
  sync(name: string, done: DiskDone): void;
  /** Removes the file, durably. */
  remove(name: string, done: DiskDone): void;
}

export type DiskDone = (error?: DiskError) => void;

export interface DiskError {
  /** full: no space or quota; io: the device or file system failed; missing: no such file; permission: not allowed. */
  readonly code: "full" | "io" | "missing" | "permission";
  readonly message: string;
}

/** A DiskError, thrown by the synchronous operations. */
export class DiskFault extends Error {
  override readonly name = "DiskFault";
  readonly code: DiskError["code"];

  constructor(error: DiskError) {
    super(error.message);
    this.code = error.code;
  }
}

/** Disks write whole sectors: after power loss each holds its old or its new content, never a mixture. */
export const sectorBytes = 512;
