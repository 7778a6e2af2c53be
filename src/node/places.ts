import type { GroupId } from "../base/index.ts";
import { failure, type Failure, type Query } from "../contract/index.ts";
import type { Timestamp } from "../clock/index.ts";
import { pointOf, type KeyRange } from "../placement/index.ts";
import {
  decodeCommand,
  shardOf,
  StoreError,
  type Operation,
  type Shard,
  type ShardedKeyspace,
  type ShardMap,
} from "../store/index.ts";

/** What a group has of a keyspace: the shard of it that came last, and all ranges. */
export interface GroupOfShards {
  readonly shard: Shard;
  readonly ranges: readonly KeyRange[];
}

/** Where a request belongs: in group 0, in one shard, in all that a list goes over, or nowhere. */
export type Place =
  | { readonly kind: "home" }
  /**
   * `strict`: the answer waits until the timestamp of what was committed has passed; where it is blind, the group has to be
   * told the time first, as it is by reads.
   */
  | { readonly kind: "shard"; readonly shard: Shard; readonly strict?: "read" | "blind" }
  | { readonly kind: "shards"; readonly groups: readonly GroupOfShards[] }
  /** A transaction that has only read, and is to be answered when its snapshot has passed. */
  | { readonly kind: "read"; readonly snapshot: Timestamp }
  /** A transaction over several groups. */
  | { readonly kind: "groups"; readonly keyspace: ShardedKeyspace }
  | { readonly kind: "nowhere"; readonly failure: Failure };

const home: Place = { kind: "home" };

export function placeOfQuery(map: ShardMap, query: Query): Place {
  if (query.type === "export") return nowhere("chunks of shards are for nodes");
  if (query.type !== "get" && query.type !== "list") return home;
  const keyspace = map.find(query.keyspace);
  if (keyspace === undefined) return home;
  if (query.revision !== undefined)
    return nowhere(`"${keyspace.name}" has several shards, each with revisions of its own: read without a revision`);
  if (query.type === "get") return { kind: "shard", shard: shardOf(keyspace, query.key) };
  return { kind: "shards", groups: groupsOf(keyspace) };
}

/** A malformed command is home where everything is that no shard has: it is refused there. */
export function placeOfCommand(map: ShardMap, command: Uint8Array): Place {
  let operation: Operation;
  try {
    ({ operation } = decodeCommand(command));
  } catch (error) {
    if (error instanceof StoreError) return home;
    throw error;
  }
  switch (operation.kind) {
    case "put":
    case "delete": {
      const keyspace = map.find(operation.keyspace);
      return keyspace === undefined ? home : { kind: "shard", shard: shardOf(keyspace, operation.key) };
    }
    case "transaction": {
      const keyspace = map.find(operation.keyspace);
      if (keyspace === undefined) return home;
      if (operation.compares.some(({ target }) => target === "lock"))
        return nowhere(`locks cannot be compared in "${keyspace.name}", which has several shards`);
      const steps = [...operation.compares, ...operation.then, ...operation.otherwise];
      return placeOfKeys(
        keyspace,
        steps.map(({ key }) => key),
      );
    }
    case "commit": {
      const keyspace = map.find(operation.keyspace);
      if (keyspace === undefined) return home;
      const { unchanged, ranges, writes, snapshot } = operation;
      if (writes.length === 0) return { kind: "read", snapshot };
      // Where keys lie by hash, those of a range are everywhere.
      if (ranges.length > 0 && groupsOf(keyspace).length > 1) return { kind: "groups", keyspace };
      const place = placeOfKeys(keyspace, [...writes.map(({ key }) => key), ...unchanged]);
      return place.kind === "shard" && operation.strict ? { ...place, strict: snapshot > 0 ? "read" : "blind" } : place;
    }
    default:
      return home;
  }
}

function placeOfKeys(keyspace: ShardedKeyspace, keys: readonly Uint8Array[]): Place {
  const [first, ...others] = keys.map((key) => shardOf(keyspace, key));
  if (first === undefined)
    return { kind: "shard", shard: keyspace.shards.find(pointOf("range", new Uint8Array(0))).value };
  if (others.some(({ group }) => group !== first.group)) return { kind: "groups", keyspace };
  // The latest of what is known of any of them.
  const position = Math.max(first.position, ...others.map((shard) => shard.position));
  return { kind: "shard", shard: { ...first, position } };
}

/** A group answers for all of its shards at once. */
function groupsOf(keyspace: ShardedKeyspace): GroupOfShards[] {
  const byGroup = new Map<GroupId, { shard: Shard; ranges: KeyRange[] }>();
  for (const { range, value } of keyspace.shards) {
    const known = byGroup.get(value.group);
    if (known === undefined) byGroup.set(value.group, { shard: value, ranges: [range] });
    else {
      known.ranges.push(range);
      if (known.shard.position < value.position) known.shard = value;
    }
  }
  return [...byGroup.values()];
}

function nowhere(detail: string): Place {
  return { kind: "nowhere", failure: failure("unsupported", detail) };
}
