/**
 * Memory for small copies. An array of its own for each takes about eight times as long to allocate (1.1 against
 * 0.15 µs for 170 bytes); in return a copy that is kept for long keeps its slab of 8 KiB alive.
 */
const slabBytes = 8192;
const maxShare = 1024;

let slab = new Uint8Array(0);
let used = 0;

/** Zeros, to be written to. They may share their buffer with others: mind the `byteOffset`. */
export function freshBytes(length: number): Uint8Array {
  if (length > maxShare) return new Uint8Array(length);
  if (length > slab.length - used) {
    slab = new Uint8Array(slabBytes);
    used = 0;
  }
  const fresh = slab.subarray(used, used + length);
  used += length;
  return fresh;
}

/** A copy, in memory as of `freshBytes`. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length > maxShare) return bytes.slice();
  const copy = freshBytes(bytes.length);
  copy.set(bytes);
  return copy;
}
