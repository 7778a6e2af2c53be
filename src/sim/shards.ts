import { InvariantError } from "../base/index.ts";
import type { KeyRange } from "../placement/index.ts";
import type { Operation, ShardedKeyspace } from "../store/index.ts";
import type { Machine } from "./machine.ts";
import type { Fault } from "./plan.ts";

/** What a fault asks for, by the map that a node has; undefined: there is no shard for it. */
export function changeOf(machine: Machine, fault: Extract<Fault, { kind: "shards" }>): Operation | undefined {
  const map = machine.core?.replicas.get(0)?.store.shards;
  const keyspace = map?.keyspaces()[0];
  if (map === undefined || keyspace === undefined) return undefined;
  const { range, value } = shardAt(keyspace, fault.pick);
  const at = range.from;
  if (fault.change === "merge") return { kind: "mergeShard", keyspace: keyspace.name, at };
  if (fault.change === "split") return { kind: "splitShard", keyspace: keyspace.name, at: middleOf(range) };
  const others = [0, ...map.groups().map(({ group }) => group)].filter((group) => group !== value.group);
  const place = Math.min(others.length - 1, Math.floor(fault.to * others.length));
  // A few groups are enough: a new one only where there are few.
  const to = others[place] === 0 && others.length > 5 ? others.at(-1)! : others[place]!;
  return { kind: "moveShard", keyspace: keyspace.name, at, to };
}

function shardAt({ shards }: ShardedKeyspace, share: number): ReturnType<ShardedKeyspace["shards"]["at"]> {
  return shards.at(Math.min(shards.size - 1, Math.floor(share * shards.size)));
}

/** Of points of hashes: they have four characters. */
function middleOf({ from, to }: KeyRange): string {
  const number = (point: string): number =>
    [0, 1, 2, 3].reduce((sum, i) => sum * 256 + (point.length > i ? point.charCodeAt(i) : 0), 0);
  const middle = Math.floor((number(from) + (to === undefined ? 2 ** 32 : number(to))) / 2);
  return String.fromCharCode(middle >>> 24, (middle >>> 16) & 0xff, (middle >>> 8) & 0xff, middle & 0xff);
}

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
