import type { GroupId, NodeId, Reading } from "../base/index.ts";
import type { ShardMap } from "../store/index.ts";
import type { Replica } from "./replica.ts";

/** What the spreading of leaders needs of its node. */
export interface SpreadNode {
  readonly id: NodeId;
  readonly now: Reading;
  readonly replicas: ReadonlyMap<GroupId, Replica>;
  replica(group: GroupId): Replica | undefined;
}

/** How long a new leader stays at least, and how often it looks whether the right one is ready, milliseconds. */
const restMs = 1000;
/** A node that did not keep what it was given is asked less and less often. */
const mostRestMs = 60_000;

/**
 * Leaders where the map wants them: the first replica of each group leads it when it can, so that the groups' leaders
 * are spread over the nodes as the map spreads first replicas. A group that is led by the right node costs nothing.
 */
export class LeaderSpread {
  readonly #node: SpreadNode;
  #lookAt: number | undefined;
  readonly #tries = new Map<GroupId, { rest: number; notBefore: number }>();

  constructor(node: SpreadNode) {
    this.#node = node;
  }

  get wakeAt(): number | undefined {
    return this.#lookAt;
  }

  /** A group of shards has another leader, perhaps this node. */
  onLeadership(): void {
    this.#lookAt ??= this.#node.now.mono + restMs;
  }

  /** End of the step. */
  flush(map: ShardMap): void {
    const { now, replicas, id } = this.#node;
    if (this.#lookAt === undefined || now.mono < this.#lookAt) return;
    this.#lookAt = undefined;
    for (const { group, replicas: wanted } of map.groups()) {
      const [first] = wanted;
      if (first === undefined || first === id || replicas.get(group)?.raft.role !== "leader") continue;
      this.#lookAt = now.mono + restMs;
      this.#handOver(group, first);
    }
  }

  #handOver(group: GroupId, to: NodeId): void {
    const { now } = this.#node;
    const { rest, notBefore } = this.#tries.get(group) ?? { rest: restMs, notBefore: 0 };
    if (now.mono < notBefore) return;
    const replica = this.#node.replica(group)!;
    const follower = replica.raft.followers(now).find(({ node }) => node === to);
    const isReady =
      follower?.state === "replicate" && follower.lagEntries < 100 && (follower.silentMs ?? restMs) < restMs;
    if (!isReady || !replica.raft.membership.voters.includes(to)) return;
    this.#tries.set(group, { rest: Math.min(2 * rest, mostRestMs), notBefore: now.mono + rest });
    replica.drive({ kind: "command", command: { type: "transfer", to } });
  }
}
