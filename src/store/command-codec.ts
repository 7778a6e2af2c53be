/** The bytes of commands. Strict: what does not decode to the last byte is malformed. */
import { ByteReader, ByteWriter, CodecError, unreachable } from "../base/index.ts";
import {
  type Command,
  type CommitDemands,
  type Compare,
  type DecideOperation,
  defaultSettings,
  type Envelope,
  isSharded,
  limits,
  type Operation,
  type Relation,
  type ResolveOperation,
  type Settings,
  type TransactionStep,
} from "./command.ts";
import { placements } from "../placement/index.ts";
import {
  malformed,
  readBounded,
  readEnd,
  readExpected,
  readKey,
  readKeyspaceName,
  readKind,
  readList,
  readName,
  readTransaction,
  readWithin,
  whole,
  writeEnd,
} from "./command-parts.ts";
import { StoreError } from "./errors.ts";
import { decodeShardOperation, encodeShardOperation, isShardKind, isShardOperation } from "./shard-codec.ts";
import { readSigned, writeSigned } from "./values.ts";
import { withQuorum, writeQuorum } from "./result.ts";

/** The first byte of a command. A later version gets the next number. */
const version = 1;
/** Bytes that a later version may begin with. */
const highestVersion = 31;

// Append only: places in these lists are bytes on disk.
const operationKinds = [
  "noop",
  "put",
  "delete",
  "increment",
  "openSession",
  "closeSession",
  "createKeyspace",
  "setContract",
  "dropKeyspace",
  "compact",
  "configure",
  "transaction",
  "acquire",
  "renew",
  "release",
  "withdraw",
  "arrive",
  "depart",
  "commit",
  "prepare",
  "decide",
  "resolve",
  "settle",
  "observe",
  "settleShard",
  "ownRange",
  "splitShard",
  "mergeShard",
  "moveShard",
  "flipShard",
  "beginRange",
  "importRange",
  "sealRange",
  "dropRange",
] as const satisfies readonly Operation["kind"][];
const envelopeKinds = ["none", "session", "idempotent"] as const satisfies readonly Envelope["kind"][];
const compareTargets = ["value", "modRevision", "createRevision", "version", "exists", "lock"] as const;
const relations = ["equal", "not-equal", "less", "greater"] as const satisfies readonly Relation[];
const stepKinds = ["put", "delete", "get"] as const satisfies readonly TransactionStep["kind"][];
const keyspaceEngines = ["raft", "dynamo"] as const;
const settingNames = [
  "retainedRevisions",
  "sessionIdleMs",
  "maximumSessions",
  "idempotencyRetentionMs",
  "maximumIdempotencyKeys",
] as const satisfies readonly (keyof Settings)[];

export interface DecodedCommand extends Command {
  /** Where the operation begins: its bytes are the same whatever the envelope. */
  readonly operationAt: number;
}

const scratch = new ByteWriter(1024);

export function encodeCommand(command: Command): Uint8Array {
  const writer = scratch;
  writer.reset();
  const { envelope } = command;
  writer.u8(version).u8(envelopeKinds.indexOf(envelope.kind));
  if (envelope.kind === "session") {
    writer.uint(whole(envelope.session)).uint(whole(envelope.sequence)).uint(whole(envelope.floor));
  } else if (envelope.kind === "idempotent") writer.text(envelope.key);
  encodeOperation(writer, command.operation);
  const bytes = writer.finish();
  // Whoever encodes what nobody would decode hears of it here, and not from the log.
  decodeCommand(bytes);
  return bytes;
}

/**
 * Keys and values are views into `bytes`.
 * Throws a StoreError: `malformed`, `too-large`, or `unsupported-version` for what a newer release has written.
 */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  try {
    const reader = new ByteReader(bytes);
    const found = reader.u8();
    if (found > version && found <= highestVersion) {
      throw new StoreError(
        "unsupported-version",
        `a command of version ${found}, and this release knows ${version}: upgrade this node`,
      );
    }
    if (found !== version) throw malformed(`not a command: it begins with ${found}`);
    const envelope = decodeEnvelope(reader);
    const operationAt = reader.at;
    const operation = decodeOperation(reader);
    reader.end();
    return { envelope, operation, operationAt };
  } catch (error) {
    throw error instanceof CodecError ? malformed(error.message) : error;
  }
}

function encodeOperation(writer: ByteWriter, operation: Operation): void {
  writer.u8(operationKinds.indexOf(operation.kind));
  if (isShardOperation(operation)) return encodeShardOperation(writer, operation);
  switch (operation.kind) {
    case "noop":
      return;
    case "put":
      writer.text(operation.keyspace).bytes(operation.key).bytes(operation.value);
      return encodeExpected(writer, operation.expectedRevision);
    case "delete":
      writer.text(operation.keyspace).bytes(operation.key);
      return encodeExpected(writer, operation.expectedRevision);
    case "increment":
      writer.text(operation.counter);
      whole(Math.abs(operation.by));
      return writeSigned(writer, operation.by);
    case "openSession":
      return void writer.text(operation.clientId);
    case "closeSession":
      return void writer.uint(whole(operation.session));
    case "createKeyspace": {
      const { name, engine, shards, replicas, contract, placement = "hash", quorum } = operation.keyspace;
      writer.text(name).u8(keyspaceEngines.indexOf(engine)).uint(whole(shards)).uint(whole(replicas)).text(contract);
      if (engine === "dynamo") return writeQuorum(writer, quorum);
      if (!isSharded(operation.keyspace)) return;
      const { nodes = [] } = operation;
      writer.u8(placements.indexOf(placement)).uint(nodes.length);
      for (const node of nodes) writer.uint(whole(node));
      return;
    }
    case "setContract":
      return void writer.text(operation.name).text(operation.contract).uint(whole(operation.expectedVersion));
    case "dropKeyspace":
      return void writer.text(operation.name);
    case "compact":
      return void writer.uint(whole(operation.revision));
    case "configure": {
      const named = settingNames.filter((name) => operation.settings[name] !== undefined);
      writer.uint(named.length);
      for (const name of named) {
        writer.u8(settingNames.indexOf(name)).uint(whole(operation.settings[name] ?? defaultSettings[name]));
      }
      return;
    }
    case "transaction":
      writer.text(operation.keyspace).uint(operation.compares.length);
      for (const compare of operation.compares) encodeCompare(writer, compare);
      encodeSteps(writer, operation.then);
      return encodeSteps(writer, operation.otherwise);
    case "acquire":
      writer.text(operation.lock).text(operation.claim).uint(whole(operation.permits));
      return void writer.uint(whole(operation.ttlMs)).uint(whole(operation.waitMs)).text(operation.note);
    case "renew":
      return void writer.text(operation.lock).uint(whole(operation.token)).uint(whole(operation.ttlMs));
    case "release":
      return void writer.text(operation.lock).uint(whole(operation.token));
    case "withdraw":
      return void writer.text(operation.lock).text(operation.claim);
    case "commit":
      writer.uint(whole(operation.age)).bool(operation.strict);
      return encodeDemands(writer, operation);
    case "prepare":
      writer.text(operation.transaction).uint(whole(operation.age)).uint(whole(operation.deadline));
      writer.uint(whole(operation.home)).bool(operation.isHome).uint(operation.participants.length);
      for (const group of operation.participants) writer.uint(whole(group));
      writer.text(operation.once);
      return encodeDemands(writer, operation);
    case "decide":
      encodeResolution(writer, operation);
      return void writer.uint(whole(operation.minimumAgeMs));
    case "resolve":
      return encodeResolution(writer, operation);
    case "settle":
      writer.uint(operation.transactions.length);
      for (const transaction of operation.transactions) writer.text(transaction);
      return;
    case "observe":
      return void writer.uint(whole(operation.timestamp));
    case "depart":
      return void writer.text(operation.barrier).text(operation.claim);
    case "arrive":
      writer.text(operation.barrier).text(operation.claim);
      return void writer.uint(whole(operation.participants)).uint(whole(operation.waitMs));
    default:
      return unreachable(operation);
  }
}

function encodeDemands(writer: ByteWriter, demands: CommitDemands): void {
  writer.text(demands.keyspace).uint(whole(demands.snapshot)).uint(demands.unchanged.length);
  for (const key of demands.unchanged) writer.bytes(key);
  writer.uint(demands.ranges.length);
  for (const { from, to } of demands.ranges) writeEnd(writer.bytes(from), to);
  writer.uint(demands.writes.length);
  for (const { key, value } of demands.writes) writeEnd(writer.bytes(key), value);
}

function decodeDemands(reader: ByteReader): CommitDemands {
  const keyspace = reader.text();
  const snapshot = reader.uint();
  const unchanged = readList(reader, readKey);
  const ranges = readList(reader, (one) => ({ from: one.bytes(), to: readEnd(one) }));
  const writes = readList(reader, (one) => ({ key: readKey(one), value: readEnd(one) }));
  return { keyspace, snapshot, unchanged, ranges, writes };
}

function encodeResolution(writer: ByteWriter, resolution: DecideOperation | ResolveOperation): void {
  const { transaction, commit, timestamp, deadline } = resolution;
  writer.text(transaction).bool(commit).uint(whole(timestamp)).uint(whole(deadline));
}

function decodeResolution(reader: ByteReader): Omit<ResolveOperation, "kind"> {
  const transaction = readTransaction(reader);
  return { transaction, commit: reader.bool(), timestamp: reader.uint(), deadline: reader.uint() };
}

/** 0: none given; otherwise one more than the revision. */
function encodeExpected(writer: ByteWriter, expected: number | undefined): void {
  writer.uint(expected === undefined ? 0 : whole(expected) + 1);
}

function encodeCompare(writer: ByteWriter, compare: Compare): void {
  writer.u8(compareTargets.indexOf(compare.target)).bytes(compare.key);
  if (compare.target === "exists") return void writer.bool(compare.exists);
  if (compare.target === "lock") return void writer.uint(whole(compare.token));
  writer.u8(relations.indexOf(compare.relation));
  if (compare.target === "value") writer.bytes(compare.value);
  else writer.uint(whole(compare.operand));
}

function encodeSteps(writer: ByteWriter, steps: readonly TransactionStep[]): void {
  writer.uint(steps.length);
  for (const step of steps) {
    writer.u8(stepKinds.indexOf(step.kind)).bytes(step.key);
    if (step.kind === "put") writer.bytes(step.value);
  }
}

function decodeEnvelope(reader: ByteReader): Envelope {
  const kind = readKind(reader, envelopeKinds);
  switch (kind) {
    case "none":
      return { kind };
    case "session":
      return { kind, session: reader.uint(), sequence: reader.uint(), floor: reader.uint() };
    case "idempotent":
      return { kind, key: readName(reader, "an idempotency key") };
    default:
      return unreachable(kind);
  }
}

function decodeOperation(reader: ByteReader): Operation {
  const kind = readKind(reader, operationKinds);
  if (isShardKind(kind)) return decodeShardOperation(reader, kind);
  switch (kind) {
    case "noop":
      return { kind };
    case "put": {
      const keyspace = reader.text();
      return { kind, keyspace, key: readKey(reader), value: reader.bytes(), expectedRevision: readExpected(reader) };
    }
    case "delete":
      return { kind, keyspace: reader.text(), key: readKey(reader), expectedRevision: readExpected(reader) };
    case "increment":
      return { kind, counter: readName(reader, "a counter's name"), by: readSigned(reader) };
    case "openSession":
      return { kind, clientId: readBounded(reader, "a client id", limits.nameBytes) };
    case "closeSession":
      return { kind, session: reader.uint() };
    case "createKeyspace": {
      const keyspace = withQuorum(reader, {
        name: readKeyspaceName(reader),
        engine: readKind(reader, keyspaceEngines),
        shards: reader.uint(),
        replicas: reader.uint(),
        contract: readBounded(reader, "a contract", limits.contractBytes),
      });
      if (!isSharded(keyspace)) return { kind, keyspace };
      if (keyspace.shards > limits.shards)
        throw malformed(`${keyspace.shards} shards, at most ${limits.shards} are possible`);
      const placement = readKind(reader, placements);
      const nodes = readList(reader, (one) => one.uint());
      const placed = { kind, keyspace: { ...keyspace, placement } };
      return nodes.length === 0 ? placed : { ...placed, nodes };
    }
    case "setContract": {
      const name = readKeyspaceName(reader);
      const contract = readBounded(reader, "a contract", limits.contractBytes);
      return { kind, name, contract, expectedVersion: reader.uint() };
    }
    case "dropKeyspace":
      return { kind, name: readKeyspaceName(reader) };
    case "compact":
      return { kind, revision: reader.uint() };
    case "configure":
      return { kind, settings: decodeSettings(reader) };
    case "transaction": {
      const keyspace = reader.text();
      const compares = readList(reader, decodeCompare);
      return { kind, keyspace, compares, then: decodeSteps(reader), otherwise: decodeSteps(reader) };
    }
    case "acquire": {
      const lock = readName(reader, "a lock's name");
      const claim = readName(reader, "a claim");
      const permits = readWithin(reader, "permits", 1, limits.permits);
      const ttlMs = readWithin(reader, "a lease", 1, limits.leaseMs);
      const waitMs = readWithin(reader, "a wait", 0, limits.leaseMs);
      return { kind, lock, claim, permits, ttlMs, waitMs, note: readBounded(reader, "a note", limits.nameBytes) };
    }
    case "renew": {
      const lock = readName(reader, "a lock's name");
      return { kind, lock, token: reader.uint(), ttlMs: readWithin(reader, "a lease", 0, limits.leaseMs) };
    }
    case "release":
      return { kind, lock: readName(reader, "a lock's name"), token: reader.uint() };
    case "withdraw":
      return { kind, lock: readName(reader, "a lock's name"), claim: readName(reader, "a claim") };
    case "commit":
      return { kind, age: reader.uint(), strict: reader.bool(), ...decodeDemands(reader) };
    case "prepare": {
      const transaction = readTransaction(reader);
      const [age, deadline, home] = [reader.uint(), reader.uint(), reader.uint()];
      const isHome = reader.bool();
      const participants = readList(reader, (one) => one.uint());
      const once = readTransaction(reader);
      return { kind, transaction, age, deadline, home, isHome, participants, once, ...decodeDemands(reader) };
    }
    case "decide":
      return { kind, ...decodeResolution(reader), minimumAgeMs: reader.uint() };
    case "resolve":
      return { kind, ...decodeResolution(reader) };
    case "settle":
      return { kind, transactions: readList(reader, (one) => readTransaction(one)) };
    case "observe":
      return { kind, timestamp: reader.uint() };
    case "depart":
      return { kind, barrier: readName(reader, "a barrier's name"), claim: readName(reader, "a claim") };
    case "arrive": {
      const barrier = readName(reader, "a barrier's name");
      const claim = readName(reader, "a claim");
      const participants = readWithin(reader, "participants", 1, limits.permits);
      return { kind, barrier, claim, participants, waitMs: readWithin(reader, "a wait", 1, limits.leaseMs) };
    }
    default:
      return unreachable(kind);
  }
}

function decodeSettings(reader: ByteReader): Partial<Settings> {
  const settings: Partial<Record<keyof Settings, number>> = {};
  for (let left = reader.uint(); left > 0; left--) {
    const name = readKind(reader, settingNames);
    if (settings[name] !== undefined) throw malformed(`${name} is set twice`);
    settings[name] = reader.uint();
  }
  return settings;
}

function decodeCompare(reader: ByteReader): Compare {
  const target = readKind(reader, compareTargets);
  const key = readKey(reader);
  if (target === "exists") return { target, key, exists: reader.bool() };
  if (target === "lock") return { target, key, token: reader.uint() };
  const relation = readKind(reader, relations);
  return target === "value"
    ? { target, key, relation, value: reader.bytes() }
    : { target, key, relation, operand: reader.uint() };
}

function decodeSteps(reader: ByteReader): TransactionStep[] {
  return readList(reader, (from) => {
    const kind = readKind(from, stepKinds);
    const key = readKey(from);
    return kind === "put" ? { kind, key, value: from.bytes() } : { kind, key };
  });
}
