import type { NodeId } from "../base/index.ts";
import { mix32 } from "./hash.ts";
import { spread, type Member } from "./replica-sets.ts";

/**
 * All members, the one with the highest score first. Highest random weight (Thaler and Ravishankar, 1998), weighted
 * by the logarithmic method (Schindelhauer and Schomaker, 2005): shares are exactly proportional to the weights, and
 * when a member comes or goes only keys move that it wins or held. Costs one hash a member for each key.
 */
export function rendezvousOrder(members: readonly Member[], hash: number): Member[] {
  return members
    .map((member) => ({ member, score: scoreOf(member, hash) }))
    .sort((one, other) => other.score - one.score || one.member.node - other.member.node)
    .map(({ member }) => member);
}

/** The nodes that hold what has this hash; over as many zones and racks as there are. */
export function rendezvous(members: readonly Member[], hash: number, replicas: number): NodeId[] {
  return spread(rendezvousOrder(members, hash), replicas);
}

function scoreOf({ node, weight = 1 }: Member, hash: number): number {
  const drawn = (mix32(hash ^ mix32(Math.imul(node, 0x9e3779b1))) + 0.5) / 2 ** 32;
  return -weight / Math.log(drawn);
}
