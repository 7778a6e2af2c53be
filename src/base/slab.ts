/**
 * Memory for small copies. An array of its own for each takes about eight times as long to allocate (1.1 against
 * 0.15 µs for 170 bytes); in return a copy that is kept for long keeps its slab of 8 KiB alive.
 */
const slabBytes = 8192;
const maxShare = 1024;

let slab = new Uint8Array(0);
let used = 0;

/** A copy. It may share its buffer with other copies: mind its `byteOffset`. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length > maxShare) return bytes.slice();
  if (length > slab.length - used) {
    slab = new Uint8Array(slabBytes);
    used = 0;
  }
  const copy = slab.subarray(used, used + length);
  copy.set(bytes);
  used += length;
  return copy;
}
