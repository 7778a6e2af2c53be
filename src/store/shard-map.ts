import { ByteReader, ByteWriter, type GroupId, type LogIndex, type NodeId } from "../base/index.ts";
import { evenStarts, type KeyRange, type Placement, pointOf, RangeMap } from "../placement/index.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { KeyspaceRow } from "./result.ts";
import { keyspaceOfCurrentKey, keyspacePrefix } from "./rows.ts";
import { afterPrefix, numberKey, numberOfKey } from "./values.ts";

/** opening: its group does not serve it yet, and nobody else does. */
export type ShardTask = { readonly kind: "opening" };

/** One range of a keyspace. */
export interface Shard {
  readonly group: GroupId;
  /** Index in group 0's log of what gave the range to this group. */
  readonly epoch: LogIndex;
  /** A replica of the group that has not applied this index knows nothing of the range as it is now. */
  readonly position: LogIndex;
  /** What is under way; undefined: it is served. */
  readonly task: ShardTask | undefined;
}

export interface PlacedShard extends Shard {
  readonly range: KeyRange;
}

/** A group that holds shards. The first of the replicas is to lead where it can. */
export interface ShardGroup {
  readonly group: GroupId;
  readonly replicas: readonly NodeId[];
}

/** A keyspace whose keys are in groups of their own. */
export interface ShardedKeyspace {
  readonly id: number;
  readonly name: string;
  readonly placement: Placement;
  readonly shards: RangeMap<Shard>;
}

const taskKinds = ["opening"] as const satisfies readonly ShardTask["kind"][];
const shardRows = "d";
const groupRows = "g";
const scratch = new ByteWriter(256);

/**
 * Which group has which range of which keyspace: state of group 0. Small, and looked at for every request, so it is
 * kept in memory as well. Groups have numbers from 1 that are never used again.
 */
export class ShardMap {
  readonly #context: Context;
  readonly #keyspaces = new Map<string, ShardedKeyspace>();
  readonly #groups = new Map<GroupId, ShardGroup>();
  /** Grows with every change, also of what was there before: whoever kept something looks again. */
  version = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Reads what the overlay has. */
  load(keyspaces: readonly KeyspaceRow[]): void {
    const { overlay } = this.#context;
    this.version++;
    this.#keyspaces.clear();
    this.#groups.clear();
    for (const [key, row] of overlay.range("placement", { from: groupRows, to: afterPrefix(groupRows) })) {
      const group = numberOfKey(key, groupRows.length);
      this.#groups.set(group, { group, replicas: readNodes(new ByteReader(row)) });
    }
    const pieces = new Map<number, { from: string; value: Shard }[]>();
    for (const [key, row] of overlay.range("placement", { from: shardRows, to: afterPrefix(shardRows) })) {
      const rest = key.slice(shardRows.length);
      const id = keyspaceOfCurrentKey(rest);
      const piece = { from: rest.slice(4), value: readShard(row) };
      const of = pieces.get(id);
      if (of === undefined) pieces.set(id, [piece]);
      else of.push(piece);
    }
    for (const { name, id, placement = "hash" } of keyspaces) {
      const of = pieces.get(id);
      if (of !== undefined) this.#keyspaces.set(name, { id, name, placement, shards: new RangeMap(of) });
    }
  }

  /** Whether there are keyspaces of several shards at all. */
  get isEmpty(): boolean {
    return this.#keyspaces.size === 0;
  }

  keyspaces(): ShardedKeyspace[] {
    return [...this.#keyspaces.values()].sort((a, b) => a.id - b.id);
  }

  find(keyspace: string): ShardedKeyspace | undefined {
    return this.#keyspaces.get(keyspace);
  }

  /** In order of number. */
  groups(): ShardGroup[] {
    return [...this.#groups.values()];
  }

  group(group: GroupId): ShardGroup | undefined {
    return this.#groups.get(group);
  }

  /** Cuts a new keyspace into shards, each with a group of its own; `refuseTooFew` comes before. */
  create(row: KeyspaceRow, nodes: readonly NodeId[]): void {
    const { name, id, shards, replicas, placement = "hash" } = row;
    const epoch = this.#context.applied.index;
    const pieces = evenStarts(shards).map((from, place) => {
      const members = Array.from({ length: replicas }, (_, i) => nodes[(place + i) % nodes.length]!);
      const group = this.#newGroup(members);
      return { from, value: { group, epoch, position: 0, task: { kind: "opening" } } satisfies Shard };
    });
    this.#keyspaces.set(name, { id, name, placement, shards: new RangeMap(pieces) });
    for (const { from, value } of pieces) this.#write(id, from, value);
    this.version++;
  }

  /** What was under way is over. It may be said twice. */
  settle(name: string, at: string, epoch: number): void {
    const { id, shard } = this.#at(name, at);
    if (shard.epoch !== epoch) throw new StoreError("conflict", `the shard is at epoch ${shard.epoch}`);
    if (shard.task !== undefined) this.#replace(name, id, at, { ...shard, task: undefined });
  }

  /** Throws a StoreError `not-found` where no shard of the keyspace begins there. */
  #at(name: string, at: string): { id: number; shard: Shard } {
    const keyspace = this.#keyspaces.get(name);
    if (keyspace === undefined) throw new StoreError("not-found", `there is no keyspace "${name}" with several shards`);
    const { range, value } = keyspace.shards.find(at);
    if (range.from !== at) throw new StoreError("not-found", `no shard of "${name}" begins there`);
    return { id: keyspace.id, shard: value };
  }

  #replace(name: string, id: number, at: string, shard: Shard): void {
    const keyspace = this.#keyspaces.get(name)!;
    const pieces = keyspace.shards.pieces().map((piece) => (piece.from === at ? { from: at, value: shard } : piece));
    this.#keyspaces.set(name, { ...keyspace, shards: new RangeMap(pieces) });
    this.#write(id, at, shard);
    this.version++;
  }

  #newGroup(replicas: readonly NodeId[]): GroupId {
    let last = 0;
    for (const group of this.#groups.keys()) last = group;
    const group = last + 1;
    this.#groups.set(group, { group, replicas });
    scratch.reset();
    scratch.uint(replicas.length);
    for (const node of replicas) scratch.uint(node);
    this.#context.overlay.put("placement", groupRows + numberKey(group), scratch.view());
    return group;
  }

  #write(id: number, from: string, shard: Shard): void {
    scratch.reset();
    scratch.uint(shard.group).uint(shard.epoch).uint(shard.position);
    scratch.u8(shard.task === undefined ? 0 : 1 + taskKinds.indexOf(shard.task.kind));
    this.#context.overlay.put("placement", shardRows + keyspacePrefix(id) + from, scratch.view());
  }
}

/** Throws a StoreError `malformed` where there are not as many nodes as a group has replicas. */
export function refuseTooFew(replicas: number, nodes: readonly NodeId[]): void {
  if (replicas >= 1 && new Set(nodes).size >= replicas && new Set(nodes).size === nodes.length) return;
  throw new StoreError("malformed", `${replicas} replicas, and ${new Set(nodes).size} nodes for them`);
}

/** The shard of a key. */
export function shardOf(keyspace: ShardedKeyspace, key: Uint8Array): Shard {
  return keyspace.shards.find(pointOf(keyspace.placement, key)).value;
}

function readShard(row: Uint8Array): Shard {
  const reader = new ByteReader(row);
  const place = { group: reader.uint(), epoch: reader.uint(), position: reader.uint() };
  const kind = reader.u8();
  return { ...place, task: kind === 0 ? undefined : { kind: taskKinds[kind - 1]! } };
}

function readNodes(reader: ByteReader): NodeId[] {
  return Array.from({ length: reader.uint() }, () => reader.uint());
}
