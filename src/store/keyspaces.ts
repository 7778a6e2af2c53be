import { ByteReader, ByteWriter } from "../base/index.ts";
import type { KeyspaceDefinition } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
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
  /** Of the next keyspace. Ids are never reused, so that what is left of a dropped one cannot come back. */
  nextId = defaultRow.id + 1;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Reads what the overlay has. */
  load(nextId: number | undefined): void {
    this.nextId = nextId ?? defaultRow.id + 1;
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

  /** Throws a StoreError `not-found`. */
  find(name: string): KeyspaceHandle {
    return this.#entry(name).handle;
  }

  /** Throws a StoreError `not-found`. */
  idOf(name: string): number {
    return this.#entry(name).row.id;
  }

  contractOf(name: string): string {
    return (this.#byName.get(name) ?? this.#entry(defaultKeyspace)).row.contract;
  }

  /** Creating one again with the same definition is fine. Throws a StoreError `exists` where it differs. */
  create(definition: KeyspaceDefinition): void {
    const { name, engine, shards, replicas, contract } = definition;
    const existing = this.#byName.get(name)?.row;
    if (existing !== undefined) {
      const same =
        existing.engine === engine &&
        existing.shards === shards &&
        existing.replicas === replicas &&
        existing.contract === contract;
      if (same) return;
      throw new StoreError("exists", `the keyspace "${name}" exists, with another definition`);
    }
    this.#write({ name, engine, shards, replicas, contract, id: this.nextId++, version: 1 });
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
    this.#byName.delete(name);
    this.#context.overlay.delete("keyspaces", name);
    return row.id;
  }

  #entry(name: string): Entry {
    const entry = this.#byName.get(name);
    if (entry === undefined) throw new StoreError("not-found", `there is no keyspace "${name}"`);
    return entry;
  }

  #write(row: KeyspaceRow): void {
    scratch.reset();
    writeKeyspace(scratch, row);
    this.#context.overlay.put("keyspaces", row.name, scratch.view());
    this.#remember(row);
  }

  #remember(row: KeyspaceRow): void {
    this.#byName.set(row.name, { row, handle: { id: row.id, prefix: keyspacePrefix(row.id) } });
  }
}
