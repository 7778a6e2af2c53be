import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** Appends to a file; at `maxBytes` it becomes `path.1`, that one `path.2`, and so on up to `keep`. */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #keep: number;
  #fd: number;
  #size: number;

  constructor(path: string, maxBytes = 10 * 1024 * 1024, keep = 3) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#keep = keep;
    this.#fd = openSync(path, "a");
    this.#size = fstatSync(this.#fd).size;
  }

  write(chunk: Uint8Array): void {
    if (this.#size > 0 && this.#size + chunk.length > this.#maxBytes) this.#rotate();
    writeSync(this.#fd, chunk);
    this.#size += chunk.length;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #rotate(): void {
    closeSync(this.#fd);
    for (let i = this.#keep; i >= 1; i--) {
      const from = i === 1 ? this.#path : `${this.#path}.${i - 1}`;
      if (existsSync(from)) renameSync(from, `${this.#path}.${i}`);
    }
    this.#fd = openSync(this.#path, "a");
    this.#size = 0;
  }
}
