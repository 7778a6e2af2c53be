import { assert, countWhile, type NodeId } from "../base/index.ts";
import { mix32 } from "./hash.ts";
import { spread, type Member } from "./replica-sets.ts";

/** Points on the circle of 32-bit hashes, in order, each a member's. */
export interface Ring {
  readonly points: readonly { readonly at: number; readonly member: Member }[];
  readonly members: readonly Member[];
}

/**
 * Consistent hashing with virtual nodes (Karger et al., 1997; Dynamo, 2007, section 4.2). A member has
 * `virtualNodes × weight` points, so its share strays from the fair one by about 1/√virtualNodes.
 */
export function buildRing(members: readonly Member[], virtualNodes = 128): Ring {
  assert(virtualNodes >= 1, "virtualNodes: at least 1");
  const points = members.flatMap((member) => {
    const count = Math.max(1, Math.round(virtualNodes * (member.weight ?? 1)));
    return Array.from({ length: count }, (_, i) => ({
      at: mix32(Math.imul(member.node, 0x9e3779b1) + mix32(i)),
      member,
    }));
  });
  points.sort((one, other) => one.at - other.at || one.member.node - other.member.node);
  return { points, members };
}

/** Every member once, in the order in which their points follow the hash clockwise. */
export function ringOrder(ring: Ring, hash: number): Member[] {
  const order: Member[] = [];
  const seen = new Set<NodeId>();
  const { points, members } = ring;
  const first = firstAtOrAfter(ring, hash);
  for (let i = 0; i < points.length && order.length < members.length; i++) {
    const { member } = points[(first + i) % points.length]!;
    if (seen.has(member.node)) continue;
    seen.add(member.node);
    order.push(member);
  }
  return order;
}

/** The nodes that hold what has this hash, the first one first; over as many zones and racks as there are. */
export function ringOwners(ring: Ring, hash: number, replicas: number): NodeId[] {
  return spread(ringOrder(ring, hash), replicas);
}

function firstAtOrAfter({ points }: Ring, hash: number): number {
  return countWhile(points.length, (place) => points[place]!.at < hash);
}
