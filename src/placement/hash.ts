import { utf8 } from "../base/index.ts";

/** 32 well-mixed bits: FNV-1a and the finalizer of MurmurHash3 (Appleby). The same on every node and release. */
export function hash32(bytes: Uint8Array, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix32(hash ^ bytes.length);
}

export function hashText(text: string, seed = 0): number {
  return hash32(utf8(text), seed);
}

/** A bijection of 32-bit numbers in which every bit affects every other. */
export function mix32(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
