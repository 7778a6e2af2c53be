import { ByteReader, ByteWriter, type GroupId, type LogIndex, type NodeId, unreachable } from "../base/index.ts";
import {
  evenStarts,
  type KeyRange,
  mergeRanges,
  type Placement,
  pointOf,
  RangeMap,
  splitRange,
} from "../placement/index.ts";
import { isSharded, type KeyspaceDefinition, type ShardOperation } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { KeyspaceRow } from "./result.ts";
import { keyspaceOfCurrentKey, keyspacePrefix } from "./rows.ts";
import { afterPrefix, numberKey, numberOfKey } from "./values.ts";

/**
 * opening: its group does not serve it yet, and nobody else does. moving: its keys go to another group, while this one
 * serves them. arriving: they are there, and the group that had them may drop them.
 */
export type ShardTask =
  | { readonly kind: "opening" }
  | { readonly kind: "moving"; readonly move: LogIndex; readonly to: GroupId }
  | { readonly kind: "arriving"; readonly move: LogIndex; readonly from: GroupId };

type MapOperation = Extract<
  ShardOperation,
  { readonly kind: "splitShard" | "mergeShard" | "moveShard" | "flipShard" | "settleShard" }
>;

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

const taskKinds = ["opening", "moving", "arriving"] as const satisfies readonly ShardTask["kind"][];
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

  /** Cuts a new keyspace into shards, each with a group of its own; `placedOn` comes before. */
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

  /** What is said twice is done once. Throws a StoreError: `not-found`, `conflict`. */
  apply(operation: MapOperation): void {
    const { keyspace: name, at } = operation;
    switch (operation.kind) {
      case "splitShard":
        return this.#split(name, at);
      case "mergeShard":
        return this.#merge(name, at);
      case "moveShard":
        return this.#move(name, at, operation.to);
      case "flipShard": {
        const { shard } = this.#at(name, at);
        const { task } = shard;
        const { move, position } = operation;
        if (task?.kind === "arriving" && task.move === move) return;
        if (task?.kind !== "moving" || task.move !== move) throw conflict("this move is not under way");
        const epoch = this.#context.applied.index;
        const arriving = { kind: "arriving", move, from: shard.group } as const;
        return this.#replace(name, at, { group: task.to, epoch, position, task: arriving });
      }
      case "settleShard": {
        const { shard } = this.#at(name, at);
        if (shard.epoch !== operation.epoch) throw conflict(`the shard is at epoch ${shard.epoch}`);
        if (shard.task !== undefined) this.#replace(name, at, { ...shard, task: undefined });
        return;
      }
      default:
        return unreachable(operation);
    }
  }

  #split(name: string, at: string): void {
    const keyspace = this.#keyspace(name);
    const { range, value } = keyspace.shards.find(at);
    if (range.from === at) throw conflict("a shard begins there already");
    refuseBusy(value);
    this.#setAll(keyspace, splitRange(keyspace.shards, at, value));
  }

  #merge(name: string, at: string): void {
    const { keyspace, shard } = this.#at(name, at);
    const place = keyspace.shards.pieces().findIndex(({ from }) => from === at);
    if (place === 0) throw conflict("there is no shard before it");
    const { range, value: before } = keyspace.shards.at(place - 1);
    if (before.group !== shard.group)
      throw conflict(`it is in group ${shard.group}, the one before it in group ${before.group}: move one first`);
    refuseBusy(before);
    refuseBusy(shard);
    const both = {
      ...shard,
      epoch: Math.max(before.epoch, shard.epoch),
      position: Math.max(before.position, shard.position),
    };
    this.#context.overlay.delete("placement", rowKeyOf(keyspace.id, at));
    const merged = mergeRanges(keyspace.shards, at).pieces();
    const pieces = merged.map((piece) => (piece.from === range.from ? { from: piece.from, value: both } : piece));
    this.#setAll(keyspace, new RangeMap(pieces));
  }

  #move(name: string, at: string, to: GroupId): void {
    const { shard } = this.#at(name, at);
    refuseBusy(shard);
    if (to === shard.group) throw conflict(`it is in group ${to} already`);
    if (to !== 0 && !this.#groups.has(to)) throw new StoreError("not-found", `there is no group ${to}`);
    const [first, ...others] = this.#groups.get(shard.group)!.replicas;
    const target = to === 0 ? this.#newGroup([...others, first!]) : to;
    this.#replace(name, at, { ...shard, task: { kind: "moving", move: this.#context.applied.index, to: target } });
  }

  #keyspace(name: string): ShardedKeyspace {
    const keyspace = this.#keyspaces.get(name);
    if (keyspace === undefined) throw new StoreError("not-found", `there is no keyspace "${name}" with several shards`);
    return keyspace;
  }

  /** Throws a StoreError `not-found` where no shard of the keyspace begins there. */
  #at(name: string, at: string): { keyspace: ShardedKeyspace; shard: Shard } {
    const keyspace = this.#keyspace(name);
    const { range, value } = keyspace.shards.find(at);
    if (range.from !== at) throw new StoreError("not-found", `no shard of "${name}" begins there`);
    return { keyspace, shard: value };
  }

  #replace(name: string, at: string, shard: Shard): void {
    const keyspace = this.#keyspace(name);
    const pieces = keyspace.shards.pieces();
    this.#setAll(
      keyspace,
      new RangeMap(pieces.map((piece) => (piece.from === at ? { from: at, value: shard } : piece))),
    );
  }

  #setAll(keyspace: ShardedKeyspace, shards: RangeMap<Shard>): void {
    for (const { from, value } of shards.pieces()) {
      const { range, value: before } = keyspace.shards.find(from);
      if (range.from !== from || before !== value) this.#write(keyspace.id, from, value);
    }
    this.#keyspaces.set(keyspace.name, { ...keyspace, shards });
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
    const { task } = shard;
    scratch.u8(task === undefined ? 0 : 1 + taskKinds.indexOf(task.kind));
    if (task?.kind === "moving") scratch.uint(task.move).uint(task.to);
    else if (task?.kind === "arriving") scratch.uint(task.move).uint(task.from);
    this.#context.overlay.put("placement", rowKeyOf(id, from), scratch.view());
  }
}

/**
 * The definition with as many replicas as there are nodes, where it is one of several shards: every node has the map, and
 * takes requests for any key, so it has a replica of every group. Throws a StoreError `malformed` where it asks for something else.
 */
export function placedOn(definition: KeyspaceDefinition, nodes: readonly NodeId[]): KeyspaceDefinition {
  if (!isSharded(definition)) return definition;
  const { replicas } = definition;
  const known = new Set(nodes).size === nodes.length && nodes.length > 0;
  if (known && (replicas === 0 || replicas === nodes.length)) return { ...definition, replicas: nodes.length };
  throw new StoreError(
    "malformed",
    `${replicas} replicas; a keyspace of several shards lives on every voter, here ${nodes.length}`,
  );
}

/** The shard of a key. */
export function shardOf(keyspace: ShardedKeyspace, key: Uint8Array): Shard {
  return keyspace.shards.find(pointOf(keyspace.placement, key)).value;
}

function readShard(row: Uint8Array): Shard {
  const reader = new ByteReader(row);
  const place = { group: reader.uint(), epoch: reader.uint(), position: reader.uint() };
  return { ...place, task: readTask(reader) };
}

function readTask(reader: ByteReader): ShardTask | undefined {
  const kind = taskKinds[reader.u8() - 1];
  if (kind === undefined || kind === "opening") return kind && { kind };
  const move = reader.uint();
  return kind === "moving" ? { kind, move, to: reader.uint() } : { kind, move, from: reader.uint() };
}

function rowKeyOf(keyspace: number, from: string): string {
  return shardRows + keyspacePrefix(keyspace) + from;
}

function refuseBusy({ task }: Shard): void {
  if (task !== undefined) throw conflict(`the shard is ${task.kind}: wait until it is served again`);
}

function conflict(detail: string): StoreError {
  return new StoreError("conflict", detail);
}

function readNodes(reader: ByteReader): NodeId[] {
  return Array.from({ length: reader.uint() }, () => reader.uint());
}
