import { ByteReader, ByteWriter } from "../base/index.ts";
import type { QuorumDefinition } from "../contract/index.ts";
import { isSharded, type KeyspaceDefinition, type KeyspaceName } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import { moved } from "./holdings.ts";
import type { KeyspaceHandle } from "./keys.ts";
import { type KeyspaceRow, readKeyspace, writeKeyspace } from "./result.ts";
import { keyspacePrefix } from "./rows.ts";

/** Always there. */
export const defaultKeyspace = "default";

const defaultRow: KeyspaceRow = {
  name: defaultKeyspace,
  id: 1,
  version: 1,
  engine: "raft",
  shards: 1,
  replicas: 3,
  contract: "ReadConsistency: Linearizable\nWriteConsistency: Linearizable\nPartitionBehavior: ConsistencyPreferred",
};

interface Entry {
  readonly row: KeyspaceRow;
  readonly handle: KeyspaceHandle;
}

const scratch = new ByteWriter(256);

/** The table of keyspaces: small, and looked at for every operation, so it is kept in memory as well. */
export class Keyspaces {
  readonly #context: Context;
  readonly #byName = new Map<string, Entry>();
  /** In a group of shards: it knows what it was told of, and has the keys that it was given. */
  readonly #ofShards: boolean;
  /** Of the next keyspace. Ids are never reused, so that what is left of a dropped one cannot come back. */
  nextId = defaultRow.id + 1;
  /** Grows with each change: whoever keeps something of the table looks again. */
  changes = 0;

  constructor(context: Context, ofShards = false) {
    this.#context = context;
    this.#ofShards = ofShards;
  }

  /** Reads what the overlay has. */
  load(nextId: number | undefined): void {
    this.nextId = nextId ?? defaultRow.id + 1;
    this.changes++;
    this.#byName.clear();
    this.#remember(defaultRow);
    for (const [, bytes] of this.#context.overlay.range("keyspaces", {})) {
      this.#remember(readKeyspace(new ByteReader(bytes)));
    }
  }

  list(): KeyspaceRow[] {
    return [...this.#byName.values()].map(({ row }) => row).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  ids(): Set<number> {
    return new Set(this.list().map(({ id }) => id));
  }

  maybe(name: string): KeyspaceHandle | undefined {
    return this.#byName.get(name)?.handle;
  }

  /** Throws a StoreError: `not-found`, or `unsupported` where its keys are not in this log. */
  find(name: string): KeyspaceHandle {
    const { row, handle } = this.#entry(name);
    if (row.engine === "dynamo") throw withoutLeader(name);
    return handle;
  }

  /** Whether the keyspace, or the counter of its name, is kept by quorums. */
  isLeaderless(name: string): boolean {
    return this.#byName.get(name)?.row.engine === "dynamo";
  }

  /** Throws a StoreError `not-found`. */
  idOf(name: string): number {
    return this.#entry(name).row.id;
  }

  contractOf(name: string): string {
    return (this.#byName.get(name) ?? this.#entry(defaultKeyspace)).row.contract;
  }

  /** The new one; undefined: there is one with the same definition, which is fine. Throws a StoreError `exists` where it differs. */
  create(definition: KeyspaceDefinition): KeyspaceRow | undefined {
    const { name, engine, shards, replicas, contract, placement = "hash", quorum } = definition;
    const existing = this.#byName.get(name)?.row;
    if (existing !== undefined) {
      const same =
        existing.engine === engine &&
        existing.shards === shards &&
        existing.replicas === replicas &&
        existing.contract === contract &&
        (existing.placement ?? "hash") === placement &&
        sameQuorum(existing.quorum, quorum);
      if (same) return undefined;
      throw new StoreError("exists", `the keyspace "${name}" exists, with another definition`);
    }
    const given = { name, engine, shards, replicas, contract, id: this.nextId++, version: 1 };
    const row = isSharded(given) ? { ...given, placement } : quorum === undefined ? given : { ...given, quorum };
    this.#write(row);
    return row;
  }

  /** In a group of shards: a keyspace of which it gets keys. */
  learn({ id, name, placement }: KeyspaceName): void {
    if (this.#byName.get(name)?.row.id === id) return;
    this.#write({ name, id, placement, engine: "raft", shards: 2, replicas: 0, contract: "", version: 1 });
  }

  /** Throws a StoreError: `not-found`, or `conflict` where `expectedVersion` is neither 0 nor the present one. */
  setContract(name: string, contract: string, expectedVersion: number): void {
    const { row } = this.#entry(name);
    if (expectedVersion !== 0 && expectedVersion !== row.version) {
      throw new StoreError("conflict", `the contract of "${name}" is at version ${row.version}`, row.version);
    }
    if (contract !== row.contract) this.#write({ ...row, contract, version: row.version + 1 });
  }

  /** The id of the dropped keyspace, whose rows are then nobody's. Throws a StoreError: `not-found`, `conflict`. */
  drop(name: string): number {
    const { row } = this.#entry(name);
    if (name === defaultKeyspace) throw new StoreError("conflict", `the keyspace "${name}" cannot be dropped`);
    if (isSharded(row)) throw new StoreError("conflict", `the keyspace "${name}" has shards, and cannot be dropped`);
    this.changes++;
    this.#byName.delete(name);
    this.#context.overlay.delete("keyspaces", name);
    return row.id;
  }

  #entry(name: string): Entry {
    const entry = this.#byName.get(name);
    if (entry === undefined)
      throw this.#ofShards ? moved() : new StoreError("not-found", `there is no keyspace "${name}"`);
    return entry;
  }

  #write(row: KeyspaceRow): void {
    scratch.reset();
    writeKeyspace(scratch, row);
    this.changes++;
    this.#context.overlay.put("keyspaces", row.name, scratch.view());
    this.#remember(row);
  }

  #remember(row: KeyspaceRow): void {
    const { id, name, placement = "hash" } = row;
    const sharded = isSharded(row) || this.#ofShards ? { id, name, placement } : undefined;
    this.#byName.set(name, { row, handle: { id, prefix: keyspacePrefix(id), sharded } });
  }
}

/** What came here before this replica knew of the keyspace, or what only a log can do. */
export function withoutLeader(name: string): StoreError {
  return new StoreError(
    "unsupported",
    `"${name}" is a keyspace without a leader: its keys and its counter are read and written one by one`,
  );
}

function sameQuorum(one: QuorumDefinition | undefined, other: QuorumDefinition | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.r === other.r && one.w === other.w && one.conflicts === other.conflicts && one.sloppy === other.sloppy;
}
