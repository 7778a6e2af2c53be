/** What operations and queries answer, and its bytes. */
import {
  ByteReader,
  ByteWriter,
  CodecError,
  type GroupId,
  type LogIndex,
  type NodeId,
  unreachable,
} from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import type { QuorumDefinition } from "../contract/index.ts";
import { type Placement, placements } from "../placement/index.ts";
import { isSharded, type KeyspaceDefinition } from "./command.ts";
import type { Exported } from "./migration.ts";
import { StoreError, type StoreErrorCode, storeErrorCodes } from "./errors.ts";
import { readSigned, writeSigned } from "./values.ts";

/** The state of a key at some revision. */
export interface KeyRow {
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Changes since it was created, from 1. */
  readonly version: number;
}

export interface ListedRow extends KeyRow {
  readonly key: Uint8Array;
}

export interface KeyspaceRow extends KeyspaceDefinition {
  /** Never reused, also when the name is. */
  readonly id: number;
  /** Grows by one with each change of the contract, from 1. */
  readonly version: number;
}

/** A shard as the map has it. `from`, `to`: points, see `pointOf`. */
export interface ShardRow {
  readonly from: string;
  readonly to: string | undefined;
  readonly group: GroupId;
  /** Index in group 0's log of what gave the range to this group. */
  readonly epoch: LogIndex;
  /** Where there are replicas; the first is to lead. */
  readonly replicas: readonly NodeId[];
  readonly state: (typeof shardStates)[number];
  /** Of one that is moving. */
  readonly movesTo: GroupId | undefined;
}

export type StepResult =
  | { readonly kind: "put"; readonly previousRevision: number }
  | { readonly kind: "delete"; readonly deleted: boolean; readonly previousRevision: number }
  | { readonly kind: "get"; readonly row: KeyRow | undefined };

/** `revision` is the store's after the operation; `previousRevision` the key's before it, 0: it did not exist. */
export type Result =
  | { readonly kind: "done"; readonly revision: number }
  | { readonly kind: "put"; readonly revision: number; readonly previousRevision: number }
  | { readonly kind: "delete"; readonly revision: number; readonly deleted: boolean; readonly previousRevision: number }
  | { readonly kind: "counter"; readonly value: number; readonly revision: number }
  /** In a keyspace without a leader. `siblings`: how many values there are now; `context`: what the writer has seen. */
  | { readonly kind: "written"; readonly siblings: number; readonly context: Uint8Array }
  | { readonly kind: "session"; readonly session: number }
  | {
      readonly kind: "transaction";
      /** 0: it was in several groups, each of which has revisions of its own. */
      readonly revision: number;
      /** Of what it changed, else of the state that it saw. */
      readonly timestamp: Timestamp;
      readonly succeeded: boolean;
      readonly steps: readonly StepResult[];
    }
  /** `token` 0: not granted; `ahead`: how many wait in front of it. */
  | { readonly kind: "claim"; readonly token: number; readonly ahead: number; readonly revision: number }
  /** `arrived`: how many are at the barrier. */
  /**
   * A part in a transaction over several groups. pending: its record is undecided, and stays so. repeated: another
   * one of the same name was committed, at the timestamp.
   */
  | {
      readonly kind: "transactionState";
      readonly state: "prepared" | "pending" | "committed" | "aborted" | "repeated";
      readonly timestamp: Timestamp;
      readonly revision: number;
    }
  /** Not prepared: an older or younger transaction holds a key. */
  | {
      readonly kind: "blocked";
      readonly transaction: string;
      readonly home: number;
      readonly age: Timestamp;
      readonly deadline: number;
    }
  | { readonly kind: "arrival"; readonly passed: boolean; readonly arrived: number; readonly revision: number }
  | {
      readonly kind: "error";
      readonly code: StoreErrorCode;
      readonly detail: string;
      /** As in StoreError; also the key's present revision with `conflict`. */
      readonly revision: number | undefined;
    };

export interface LockHolder {
  readonly token: number;
  readonly note: string;
  /** What is left of the lease, by the time of the last entry, milliseconds. */
  readonly remainingMs: number;
}

export interface LockState {
  /** 0: nobody has it or wants it. */
  readonly permits: number;
  readonly holders: readonly LockHolder[];
  readonly waiting: number;
  /** Of the claim that was asked about; 0: it has no grant. */
  readonly token: number;
  /** Of the claim that was asked about, in the queue, from 1; 0: it is not there. */
  readonly place: number;
}

export interface BarrierState {
  /** 0: nobody is there. */
  readonly participants: number;
  readonly arrived: number;
  /** Of the claim that was asked about. */
  readonly state: "absent" | "waiting" | "passed";
}

/** What queries answer; `revision` is the one that was read, `timestamp` that of a snapshot with it. */
export type Answer =
  | { readonly kind: "row"; readonly row: KeyRow | undefined; readonly revision: number; readonly timestamp: Timestamp }
  | {
      readonly kind: "rows";
      readonly rows: readonly ListedRow[];
      readonly more: boolean;
      readonly revision: number;
      readonly timestamp: Timestamp;
    }
  | { readonly kind: "counterValue"; readonly value: number; readonly revision: number }
  /** A key of a keyspace without a leader: every value that was written concurrently, and what a writer who has seen them hands back. */
  | { readonly kind: "versions"; readonly values: readonly Uint8Array[]; readonly context: Uint8Array }
  | { readonly kind: "keyspaces"; readonly keyspaces: readonly KeyspaceRow[] }
  | { readonly kind: "shardMap"; readonly placement: Placement; readonly shards: readonly ShardRow[] }
  | ({ readonly kind: "exported" } & Exported)
  | ({ readonly kind: "lockState" } & LockState)
  | ({ readonly kind: "barrierState" } & BarrierState);

// Append only: places in these lists are bytes on disk.
const kinds = [
  "done",
  "put",
  "delete",
  "counter",
  "session",
  "transaction",
  "error",
  "row",
  "rows",
  "counterValue",
  "keyspaces",
  "claim",
  "arrival",
  "lockState",
  "barrierState",
  "transactionState",
  "blocked",
  "versions",
  "written",
  "shardMap",
  "exported",
] as const satisfies readonly (Result | Answer)["kind"][];
const stepKinds = ["put", "delete", "get"] as const satisfies readonly StepResult["kind"][];
const shardStates = ["served", "opening", "moving", "arriving"] as const;
const barrierStates = ["absent", "waiting", "passed"] as const satisfies readonly BarrierState["state"][];
const partStates = ["prepared", "pending", "committed", "aborted", "repeated"] as const;
const keyspaceEngines = ["raft", "dynamo"] as const;

const scratch = new ByteWriter(1024);
/** These carry values, and a writer that has grown never shrinks. */
const largeKinds: ReadonlySet<string> = new Set([
  "row",
  "rows",
  "transaction",
  "keyspaces",
  "lockState",
  "shardMap",
  "exported",
  "versions",
]);

export function encodeResult(result: Result | Answer): Uint8Array {
  const writer = largeKinds.has(result.kind) ? new ByteWriter(1024) : scratch;
  writer.reset();
  writer.u8(kinds.indexOf(result.kind));
  switch (result.kind) {
    case "done":
      writer.uint(result.revision);
      break;
    case "put":
      writer.uint(result.revision).uint(result.previousRevision);
      break;
    case "delete":
      writer.uint(result.revision).bool(result.deleted).uint(result.previousRevision);
      break;
    case "counter":
    case "counterValue":
      writeSigned(writer, result.value);
      writer.uint(result.revision);
      break;
    case "session":
      writer.uint(result.session);
      break;
    case "transaction":
      writer.uint(result.revision).uint(result.timestamp).bool(result.succeeded).uint(result.steps.length);
      for (const step of result.steps) writeStep(writer, step);
      break;
    case "error":
      writer.u8(storeErrorCodes.indexOf(result.code)).text(result.detail);
      writer.uint(result.revision === undefined ? 0 : result.revision + 1);
      break;
    case "row":
      writeRow(writer, result.row);
      writer.uint(result.revision).uint(result.timestamp);
      break;
    case "rows":
      writer.uint(result.rows.length);
      for (const row of result.rows) writeRow(writer.bytes(row.key), row);
      writer.bool(result.more).uint(result.revision).uint(result.timestamp);
      break;
    case "keyspaces":
      writer.uint(result.keyspaces.length);
      for (const keyspace of result.keyspaces) writeKeyspace(writer, keyspace);
      break;
    case "claim":
      writer.uint(result.token).uint(result.ahead).uint(result.revision);
      break;
    case "arrival":
      writer.bool(result.passed).uint(result.arrived).uint(result.revision);
      break;
    case "transactionState":
      writer.u8(partStates.indexOf(result.state)).uint(result.timestamp).uint(result.revision);
      break;
    case "blocked":
      writer.text(result.transaction).uint(result.home).uint(result.age).uint(result.deadline);
      break;
    case "lockState":
      writer.uint(result.permits).uint(result.holders.length);
      for (const { token, note, remainingMs } of result.holders) writer.uint(token).text(note).uint(remainingMs);
      writer.uint(result.waiting).uint(result.token).uint(result.place);
      break;
    case "written":
      writer.uint(result.siblings).bytes(result.context);
      break;
    case "versions":
      writer.bytes(result.context).uint(result.values.length);
      for (const value of result.values) writer.bytes(value);
      break;
    case "barrierState":
      writer.uint(result.participants).uint(result.arrived).u8(barrierStates.indexOf(result.state));
      break;
    case "shardMap":
      writer.u8(placements.indexOf(result.placement)).uint(result.shards.length);
      for (const shard of result.shards) writeShard(writer, shard);
      break;
    case "exported":
      writer.bytes(result.data).text(result.next).bool(result.more).uint(result.count).uint(result.revision);
      break;
    default:
      return unreachable(result);
  }
  return writer.finish();
}

/** Values are views into `bytes`. Throws a StoreError `malformed`. */
export function decodeResult(bytes: Uint8Array): Result | Answer {
  try {
    const reader = new ByteReader(bytes);
    const result = readResult(reader, readKind(reader, kinds));
    reader.end();
    return result;
  } catch (error) {
    throw error instanceof CodecError ? new StoreError("malformed", `not a result: ${error.message}`) : error;
  }
}

function readResult(reader: ByteReader, kind: (typeof kinds)[number]): Result | Answer {
  switch (kind) {
    case "done":
      return { kind, revision: reader.uint() };
    case "put":
      return { kind, revision: reader.uint(), previousRevision: reader.uint() };
    case "delete":
      return { kind, revision: reader.uint(), deleted: reader.bool(), previousRevision: reader.uint() };
    case "counter":
    case "counterValue":
      return { kind, value: readSigned(reader), revision: reader.uint() };
    case "session":
      return { kind, session: reader.uint() };
    case "transaction": {
      const revision = reader.uint();
      const timestamp = reader.uint();
      const succeeded = reader.bool();
      return { kind, revision, timestamp, succeeded, steps: readMany(reader, readStep) };
    }
    case "error": {
      const code = readKind(reader, storeErrorCodes);
      const detail = reader.text();
      const revision = reader.uint();
      return { kind, code, detail, revision: revision === 0 ? undefined : revision - 1 };
    }
    case "row":
      return { kind, row: readRow(reader), revision: reader.uint(), timestamp: reader.uint() };
    case "rows": {
      const rows = readMany(reader, (from) => {
        const key = from.bytes();
        const row = readRow(from);
        if (row === undefined) throw new CodecError("a listed row without a value");
        return { key, ...row };
      });
      return { kind, rows, more: reader.bool(), revision: reader.uint(), timestamp: reader.uint() };
    }
    case "keyspaces":
      return { kind, keyspaces: readMany(reader, readKeyspace) };
    case "written":
      return { kind, siblings: reader.uint(), context: reader.bytes() };
    case "versions": {
      const context = reader.bytes();
      return { kind, context, values: readMany(reader, (from) => from.bytes()) };
    }
    case "claim":
      return { kind, token: reader.uint(), ahead: reader.uint(), revision: reader.uint() };
    case "arrival":
      return { kind, passed: reader.bool(), arrived: reader.uint(), revision: reader.uint() };
    case "transactionState":
      return { kind, state: readKind(reader, partStates), timestamp: reader.uint(), revision: reader.uint() };
    case "blocked":
      return { kind, transaction: reader.text(), home: reader.uint(), age: reader.uint(), deadline: reader.uint() };
    case "lockState": {
      const permits = reader.uint();
      const holders = readMany(reader, (from) => ({
        token: from.uint(),
        note: from.text(),
        remainingMs: from.uint(),
      }));
      return { kind, permits, holders, waiting: reader.uint(), token: reader.uint(), place: reader.uint() };
    }
    case "shardMap":
      return { kind, placement: readKind(reader, placements), shards: readMany(reader, readShard) };
    case "exported": {
      const data = reader.bytes();
      return { kind, data, next: reader.text(), more: reader.bool(), count: reader.uint(), revision: reader.uint() };
    }
    case "barrierState": {
      const participants = reader.uint();
      return { kind, participants, arrived: reader.uint(), state: readKind(reader, barrierStates) };
    }
    default:
      return unreachable(kind);
  }
}

function writeShard(writer: ByteWriter, { from, to, group, epoch, replicas, state, movesTo = 0 }: ShardRow): void {
  writer.text(from).bool(to !== undefined);
  if (to !== undefined) writer.text(to);
  writer.uint(group).uint(epoch).u8(shardStates.indexOf(state)).uint(movesTo).uint(replicas.length);
  for (const node of replicas) writer.uint(node);
}

function readShard(reader: ByteReader): ShardRow {
  const from = reader.text();
  const to = reader.bool() ? reader.text() : undefined;
  const [group, epoch] = [reader.uint(), reader.uint()];
  const state = readKind(reader, shardStates);
  const movesTo = reader.uint();
  const replicas = readMany(reader, (one) => one.uint());
  return { from, to, group, epoch, state, movesTo: movesTo === 0 ? undefined : movesTo, replicas };
}

function writeStep(writer: ByteWriter, step: StepResult): void {
  writer.u8(stepKinds.indexOf(step.kind));
  if (step.kind === "get") writeRow(writer, step.row);
  else if (step.kind === "put") writer.uint(step.previousRevision);
  else writer.bool(step.deleted).uint(step.previousRevision);
}

function readStep(reader: ByteReader): StepResult {
  const kind = readKind(reader, stepKinds);
  if (kind === "get") return { kind, row: readRow(reader) };
  if (kind === "put") return { kind, previousRevision: reader.uint() };
  return { kind, deleted: reader.bool(), previousRevision: reader.uint() };
}

function writeRow(writer: ByteWriter, row: KeyRow | undefined): void {
  writer.bool(row !== undefined);
  if (row !== undefined) writer.uint(row.createRevision).uint(row.modRevision).uint(row.version).bytes(row.value);
}

function readRow(reader: ByteReader): KeyRow | undefined {
  if (!reader.bool()) return undefined;
  const createRevision = reader.uint();
  return { createRevision, modRevision: reader.uint(), version: reader.uint(), value: reader.bytes() };
}

export function writeKeyspace(writer: ByteWriter, keyspace: KeyspaceRow): void {
  writer.text(keyspace.name).uint(keyspace.id).u8(keyspaceEngines.indexOf(keyspace.engine));
  writer.uint(keyspace.shards).uint(keyspace.replicas).text(keyspace.contract).uint(keyspace.version);
  if (isSharded(keyspace)) writer.u8(placements.indexOf(keyspace.placement ?? "hash"));
  if (keyspace.engine === "dynamo") writeQuorum(writer, keyspace.quorum);
}

export function writeQuorum(writer: ByteWriter, quorum: QuorumDefinition | undefined): void {
  if (quorum === undefined) throw new StoreError("malformed", "a keyspace of the engine dynamo says how it counts");
  writer
    .uint(quorum.r)
    .uint(quorum.w)
    .bool(quorum.conflicts === "siblings")
    .bool(quorum.sloppy);
}

/** Reads what `writeQuorum` wrote, where the engine has it. */
export function withQuorum<T extends KeyspaceDefinition>(reader: ByteReader, definition: T): T {
  if (definition.engine !== "dynamo") return definition;
  const r = reader.uint();
  const w = reader.uint();
  const conflicts = reader.bool() ? "siblings" : "lww";
  return { ...definition, quorum: { r, w, conflicts, sloppy: reader.bool() } };
}

export function readKeyspace(reader: ByteReader): KeyspaceRow {
  const name = reader.text();
  const id = reader.uint();
  const engine = readKind(reader, keyspaceEngines);
  const shards = reader.uint();
  const row = { name, id, engine, shards, replicas: reader.uint(), contract: reader.text(), version: reader.uint() };
  return isSharded(row) ? { ...row, placement: readKind(reader, placements) } : withQuorum(reader, row);
}

function readMany<T>(reader: ByteReader, readOne: (reader: ByteReader) => T): T[] {
  const many: T[] = [];
  for (let left = reader.uint(); left > 0; left--) many.push(readOne(reader));
  return many;
}

function readKind<K>(reader: ByteReader, known: readonly K[]): K {
  const place = reader.u8();
  const kind = known[place];
  if (kind === undefined) throw new CodecError(`no such kind: ${place} before ${reader.at}`);
  return kind;
}
