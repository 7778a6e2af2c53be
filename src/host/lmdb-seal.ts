/**
 * LMDB's pages carry no checksums, so each row does: four bytes behind its value, over key and value. What a disk
 * has changed is noticed when it is read, and not answered or sent to other nodes.
 */
import { DamagedStateError } from "../store/index.ts";

const checksumBytes = 4;
/** Rows of one slab: sealing copies, and a row with an array of its own would cost five times as much. */
const slabBytes = 256 * 1024;

let slab = new Uint8Array(0);
let used = 0;

export function seal(value: Uint8Array, key: string): Uint8Array {
  const row = allocate(value.length + checksumBytes);
  row.set(value);
  const checksum = checksumOf(value, value.length, key);
  const at = value.length;
  row[at] = checksum & 0xff;
  row[at + 1] = (checksum >>> 8) & 0xff;
  row[at + 2] = (checksum >>> 16) & 0xff;
  row[at + 3] = checksum >>> 24;
  return row;
}

/** A view of the value, plain also where the row is a Buffer. Throws a DamagedStateError. */
export function unseal(row: Uint8Array, key: string): Uint8Array {
  const at = row.length - checksumBytes;
  if (at >= 0) {
    const stored = row[at]! | (row[at + 1]! << 8) | (row[at + 2]! << 16) | (row[at + 3]! << 24);
    if (stored === checksumOf(row, at, key)) return new Uint8Array(row.buffer, row.byteOffset, at);
  }
  throw new DamagedStateError("a row of the state is damaged");
}

function allocate(length: number): Uint8Array {
  if (length > slab.length - used) {
    if (length > slabBytes >> 2) return new Uint8Array(length);
    slab = new Uint8Array(slabBytes);
    used = 0;
  }
  const at = used;
  used += length;
  return slab.subarray(at, used);
}

/** MurmurHash3 (Appleby), 32 bits: a third of the time of a CRC in JavaScript, and misses one change in four billion. */
function checksumOf(bytes: Uint8Array, length: number, key: string): number {
  let hash = key.length;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  let at = 0;
  for (const end = length - 3; at < end; at += 4) {
    hash = mix(hash, bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
  }
  let rest = 0;
  for (let shift = 0; at < length; at++, shift += 8) rest |= bytes[at]! << shift;
  hash = mix(hash, rest) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = (mixed << 15) | (mixed >>> 17);
  mixed = hash ^ Math.imul(mixed, 0x1b873593);
  mixed = (mixed << 13) | (mixed >>> 19);
  return (Math.imul(mixed, 5) + 0xe6546b64) | 0;
}
