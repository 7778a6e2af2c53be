import { close, closeSync, fdatasync, fsync, fsyncSync, ftruncate, open, openSync, readdirSync, readFileSync, unlink, write, writeSync } from "node:fs";
import { join } from "node:path";
import { type Disk, type DiskDone, type DiskError, DiskFault } from "../wal/index.ts";

const zeroBytes = new Uint8Array(1024 * 1024);

/** What the operating system's error means to the log. */
function diskError(error: NodeJS.ErrnoException): DiskError {
  const { code = "", message } = error;
  if (code === "ENOSPC" || code === "EDQUOT") return { code: "full", message };
  if (code === "ENOENT") return { code: "missing", message };
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return { code: "permission", message };
  return { code: "io", message };
}

function attempt<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new DiskFault(diskError(error as NodeJS.ErrnoException));
  }
}

/** The files of one directory, which exists. Files that are written stay open until they are removed or `close`. */
export class FileDisk implements Disk {
  readonly #directory: string;
  readonly #open = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  list(): string[] {
    return attempt(() => readdirSync(this.#directory).sort());
  }

  read(name: string): Uint8Array {
    return attempt(() => readFileSync(join(this.#directory, name)));
  }

  repair(name: string, offset: number, bytes: Uint8Array): void {
    attempt(() => {
      const file = this.#descriptor(name);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, offset + at);
      fsyncSync(file);
    });
  }

  create(name: string, size: number, done: DiskDone): void {
    const path = join(this.#directory, name);
    this.#forget(name);
    open(path, "w+", 0o600, (openError, file) => {
      if (openError) return done(diskError(openError));
      const fail = (error: NodeJS.ErrnoException): void => {
        // What does not fit must not take up space either: the log tries again when there is some.
        close(file, () => unlink(path, () => done(diskError(error))));
      };
      writeZeros(file, size, (writeError) => {
        if (writeError) return fail(writeError);
        fsync(file, (syncError) => {
          if (syncError) return fail(syncError);
          this.#syncDirectory((directoryError) => {
            if (directoryError) return fail(directoryError);
            this.#open.set(name, file);
            done();
          });
        });
      });
    });
  }

  write(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void {
    const file = this.#descriptor(name);
    writeAll(file, bytes, 0, offset, (error) => done(error ? diskError(error) : undefined));
  }

  sync(name: string, done: DiskDone): void {
    fdatasync(this.#descriptor(name), (error) => done(error ? diskError(error) : undefined));
  }

  remove(name: string, done: DiskDone): void {
    this.#forget(name);
    unlink(join(this.#directory, name), (error) => {
      if (error) return done(diskError(error));
      this.#syncDirectory((syncError) => done(syncError ? diskError(syncError) : undefined));
    });
  }

  /** Nothing may be under way. */
  close(): void {
    for (const name of [...this.#open.keys()]) this.#forget(name);
  }

  #descriptor(name: string): number {
    let file = this.#open.get(name);
    if (file === undefined) {
      file = openSync(join(this.#directory, name), "r+");
      this.#open.set(name, file);
    }
    return file;
  }

  #forget(name: string): void {
    const file = this.#open.get(name);
    if (file === undefined) return;
    this.#open.delete(name);
    closeSync(file);
  }

  /** Makes names durable: a file that is synced is still lost when its directory entry is. */
  #syncDirectory(done: (error: NodeJS.ErrnoException | null) => void): void {
    open(this.#directory, "r", (openError, file) => {
      if (openError) return done(openError);
      fsync(file, (syncError) => close(file, (closeError) => done(syncError ?? closeError)));
    });
  }
}

type Callback = (error: NodeJS.ErrnoException | null) => void;

function writeAll(file: number, bytes: Uint8Array, from: number, offset: number, done: Callback): void {
  write(file, bytes, from, bytes.length - from, offset + from, (error, written) => {
    if (error || from + written === bytes.length) return done(error);
    writeAll(file, bytes, from + written, offset, done);
  });
}

/** Really allocates: a file that is only extended may meet a full disk later. */
function writeZeros(file: number, size: number, done: Callback, at = 0): void {
  if (at >= size) return ftruncate(file, size, done);
  const piece = zeroBytes.subarray(0, Math.min(zeroBytes.length, size - at));
  writeAll(file, piece, 0, at, (error) => (error ? done(error) : writeZeros(file, size, done, at + piece.length)));
}
