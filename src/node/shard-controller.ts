import type { GroupId, Reading } from "../base/index.ts";
import { encodeCommand, errorCodeOf, type Operation, type PlacedShard, type ShardedKeyspace } from "../store/index.ts";
import type { Replica } from "./replica.ts";
import { ShardMove } from "./shard-move.ts";
import type { Outcome } from "./types.ts";

/** What the controller needs of its node. */
export interface ControllerNode {
  readonly now: Reading;
  replica(group: GroupId): Replica | undefined;
}

/** How long a step may take, and when it is tried again after a failure, milliseconds. */
const stepMs = 1000;
const retryMs = 50;

/**
 * Brings what the map says about, on the node that leads group 0: what is to be done is in the map, what has been
 * done in the groups, and nothing here, so whoever leads next goes on.
 */
export class ShardController {
  readonly #node: ControllerNode;
  /** Shards, by keyspace and beginning, with a step under way. */
  readonly #busy = new Set<string>();
  #seenVersion = -1;
  #retryAt: number | undefined;

  constructor(node: ControllerNode) {
    this.#node = node;
  }

  get wakeAt(): number | undefined {
    return this.#retryAt;
  }

  /** Group 0 has another leader, perhaps this node. */
  onLeadership(): void {
    this.#seenVersion = -1;
  }

  /** End of the step. */
  flush(): void {
    const home = this.#node.replica(0)!;
    const map = home.store.shards;
    const due = this.#retryAt !== undefined && this.#retryAt <= this.#node.now.mono;
    if (map.version === this.#seenVersion && !due) return;
    this.#seenVersion = map.version;
    this.#retryAt = undefined;
    if (home.raft.role !== "leader") return;
    for (const keyspace of map.keyspaces()) {
      for (const { range, value } of keyspace.shards) {
        if (value.task !== undefined) this.#advance(keyspace, { ...value, range });
      }
    }
  }

  #advance(keyspace: ShardedKeyspace, shard: PlacedShard): void {
    const name = `${keyspace.id}/${shard.range.from}`;
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    const { range, epoch, group, task } = shard;
    const { id, placement } = keyspace;
    const keys = { keyspace: { id, name: keyspace.name, placement }, range };
    if (task?.kind === "moving")
      return new ShardMove(this.#node, keys.keyspace, shard, task, () => this.#end(name)).begin();
    const settle: Operation = { kind: "settleShard", keyspace: keyspace.name, at: range.from, epoch };
    const settled = (): void => this.#run(name, 0, settle, () => this.#end(name));
    this.#run(name, group, { kind: "ownRange", ...keys, epoch }, () => {
      if (task?.kind !== "arriving") return settled();
      this.#run(name, task.from, { kind: "dropRange", ...keys, move: task.move, epoch }, settled);
    });
  }

  /** Has a group apply something; from the beginning where that fails. */
  #run(name: string, group: GroupId, operation: Operation, then: () => void): void {
    const replica = this.#node.replica(group);
    if (replica === undefined) return this.#end(name);
    const reply = (outcome: Outcome): void => {
      if (outcome.ok && errorCodeOf(outcome.result) === undefined) then();
      else this.#end(name);
    };
    replica.requestSelf(reply, this.#node.now.mono + stepMs, encodeCommand({ envelope: { kind: "none" }, operation }));
  }

  #end(name: string): void {
    this.#busy.delete(name);
    // Looks again whatever became of it: what is done shows in the map.
    this.#retryAt = this.#node.now.mono + retryMs;
  }
}
