import type { NodeId } from "../base/index.ts";

/** A node as placement sees it. */
export interface Member {
  readonly node: NodeId;
  /** Its share of the data, relative to others; 1 where nothing is said. More than 0. */
  readonly weight?: number;
  /** Failure domains: what fails together. A node without one is a domain of its own. */
  readonly zone?: string;
  readonly rack?: string;
}

/**
 * The first `count` of the candidates such that they are in as many zones as possible, then in as many racks as
 * possible, and otherwise in the order given. Fewer where there are fewer. Stable: who is before stays before.
 */
export function spread(candidates: readonly Member[], count: number): NodeId[] {
  const chosen = new Set<Member>();
  const zones = new Set<string>();
  const racks = new Set<string>();
  const take = (fits: (member: Member) => boolean): void => {
    for (const member of candidates) {
      if (chosen.size >= count) return;
      if (chosen.has(member) || !fits(member)) continue;
      chosen.add(member);
      zones.add(zoneOf(member));
      racks.add(rackOf(member));
    }
  };
  take((member) => !zones.has(zoneOf(member)));
  take((member) => !racks.has(rackOf(member)));
  take(() => true);
  return candidates.filter((member) => chosen.has(member)).map(({ node }) => node);
}

function zoneOf({ node, zone }: Member): string {
  return zone === undefined ? `node ${node}` : `zone ${zone}`;
}

/** Racks of different zones are different, whatever their names. */
function rackOf(member: Member): string {
  return `${zoneOf(member)} ${member.rack === undefined ? `node ${member.node}` : `rack ${member.rack}`}`;
}
