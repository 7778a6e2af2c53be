import { toBinaryString } from "../base/index.ts";
import { hash32 } from "./hash.ts";

/** How the keys of a keyspace lie in its shards: by the hash of the key, or in their own order. */
export const placements = ["hash", "range"] as const;
export type Placement = (typeof placements)[number];

/** Where a key is, among the bounds of shards: four characters of its hash, or the key itself. */
export function pointOf(placement: Placement, key: Uint8Array): string {
  return placement === "hash" ? pointOfHash(hash32(key)) : toBinaryString(key);
}

/** Where `count` shards of about the same size begin; of keys in their own order, where first bytes are equally frequent. */
export function evenStarts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? "" : pointOfHash(Math.floor((i * 2 ** 32) / count))));
}

function pointOfHash(hash: number): string {
  return String.fromCharCode(hash >>> 24, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff);
}
