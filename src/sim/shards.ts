import { InvariantError } from "../base/index.ts";
import type { Machine } from "./machine.ts";

/** Whether all groups of shards are at rest, and nothing is under way with any shard. */
export function shardsSettled(machines: readonly Machine[]): boolean {
  const shards = machines[0]?.core?.replicas.get(0)?.store.shards;
  if (shards === undefined || shards.isEmpty) return true;
  if (shards.keyspaces().some((keyspace) => [...keyspace.shards].some(({ value }) => value.task !== undefined)))
    return false;
  return shards.groups().every(({ group, replicas }) => {
    const here = machines.filter(({ id }) => replicas.includes(id)).map(({ core }) => core?.replicas.get(group));
    const last = Math.max(0, ...here.map((replica) => replica?.raft.lastIndex ?? 0));
    return here.every((replica) => replica !== undefined && replica.store.applied.index === last);
  });
}

/** At rest each range is served by the group that the map names, and by no other. Throws an InvariantError. */
export function checkShards(machines: readonly Machine[]): void {
  for (const machine of machines) {
    const replicas = machine.core?.replicas;
    const shards = replicas?.get(0)?.store.shards;
    for (const keyspace of shards?.keyspaces() ?? []) {
      for (const { range, value } of keyspace.shards) {
        for (const [group, { store }] of replicas!) {
          if (group === 0 || store.serves(keyspace.id, range) === (group === value.group)) continue;
          const does = group === value.group ? "does not serve" : "serves";
          throw new InvariantError(
            `one owner: group ${group} on node ${machine.id} ${does} the range from ${JSON.stringify(range.from)} on, which group ${value.group} has`,
          );
        }
      }
    }
  }
}
