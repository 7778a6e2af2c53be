import { fromBinaryString, must } from "../base/index.ts";
import { hash32 } from "../placement/index.ts";
import type { Hashed, Name } from "./types.ts";

export const partitions = 64;
export const leavesOfPartition = 64;

/** Where a name is: the pieces of which a keyspace is made, each with one set of replicas, and a leaf in it. */
export function placeOf(name: Name): { readonly partition: number; readonly leaf: number } {
  const hash = hash32(fromBinaryString(name));
  return { partition: hash >>> 26, leaf: (hash >>> 20) & 63 };
}

/** The point of a partition on the ring. */
export function ringPoint(partition: number): number {
  return (partition * (2 ** 32 / partitions)) >>> 0;
}

/**
 * A hash tree over everything that a replica holds (Merkle, 1987; Dynamo, section 4.7): two replicas that hold the same
 * find out with one comparison. A leaf is the exclusive-or of the hashes of its rows, so that a change costs as much as
 * the row; partitions are hashes over their leaves.
 */
export class Tree {
  readonly #leaves = new Map<number, Uint32Array>();

  /** A row came (`undefined` before), changed, or went. */
  change(
    name: Name,
    before: readonly [number, number] | undefined,
    after: readonly [number, number] | undefined,
  ): void {
    const { partition, leaf } = placeOf(name);
    let leaves = this.#leaves.get(partition);
    if (!leaves) this.#leaves.set(partition, (leaves = new Uint32Array(2 * leavesOfPartition)));
    for (const hash of [before, after]) {
      if (!hash) continue;
      leaves[2 * leaf]! ^= hash[0];
      leaves[2 * leaf + 1]! ^= hash[1];
    }
  }

  root(partition: number): string {
    const leaves = this.#leaves.get(partition);
    if (!leaves || leaves.every((part) => part === 0)) return "";
    const bytes = new Uint8Array(leaves.buffer);
    const low = hash32(bytes);
    return textOf(low, hash32(bytes, low));
  }

  /** All leaves with something in them. */
  leaves(partition: number): Hashed[] {
    const leaves = this.#leaves.get(partition);
    if (!leaves) return [];
    const all: Hashed[] = [];
    for (let place = 0; place < leavesOfPartition; place++) {
      const low = must(leaves[2 * place], "a leaf");
      const high = must(leaves[2 * place + 1], "a leaf");
      if (low !== 0 || high !== 0) all.push({ place, hash: textOf(low, high) });
    }
    return all;
  }
}

export function textOf(low: number, high: number): string {
  let text = "";
  for (const part of [low, high])
    for (let shift = 0; shift < 32; shift += 8) text += String.fromCharCode((part >>> shift) & 0xff);
  return text;
}
