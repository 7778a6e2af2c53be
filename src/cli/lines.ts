import { closeSync, openSync, readSync } from "node:fs";

const chunkBytes = 1 << 20;
/** A longer line is no line of a history. */
const longestLineBytes = 256 << 20;
const newline = 10;

/**
 * The lines of a file, or of standard input for `-`, without their ends, read a megabyte at a time. A file larger
 * than memory passes through.
 */
export function* readLines(path: string): Generator<string> {
  const file = path === "-" ? 0 : openSync(path, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const count = readChunk(file, chunk);
      if (count === 0) break;
      const bytes = rest.length === 0 ? chunk.subarray(0, count) : Buffer.concat([rest, chunk.subarray(0, count)]);
      let start = 0;
      for (let end = bytes.indexOf(newline, start); end >= 0; end = bytes.indexOf(newline, start)) {
        yield textOf(bytes, start, end);
        start = end + 1;
      }
      rest = Buffer.from(bytes.subarray(start));
      if (rest.length > longestLineBytes) throw new RangeError(`a line of more than ${longestLineBytes >> 20} MB`);
    }
    if (rest.length > 0) yield textOf(rest, 0, rest.length);
  } finally {
    if (file !== 0) closeSync(file);
  }
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, end > start && bytes[end - 1] === 13 ? end - 1 : end);
}

/** Bytes read; 0 at the end. A pipe that has nothing yet is asked again. */
function readChunk(file: number, chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(file, chunk, 0, chunk.length, null);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
