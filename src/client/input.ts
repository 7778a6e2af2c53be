import { emptyBytes, utf8 } from "../base/index.ts";
import {
  fail,
  parseKeyspaceContract,
  parseReadContract,
  quorumKeyspace,
  type PartitionBehavior,
  type ReadContract,
} from "../contract/index.ts";
import type { Compare, KeyspaceDefinition, Operation, TransactionStep } from "../store/index.ts";
import type { Condition, Data, NewKeyspace, ReadSettings, Step, Transaction } from "./types.ts";

export function toBytes(data: Data | undefined): Uint8Array {
  if (typeof data === "string") return utf8(data);
  if (data === undefined) return emptyBytes;
  if (!(data instanceof Uint8Array))
    throw fail("bad-request", `keys and values are text or Uint8Array, not ${typeof data}`);
  return data;
}

/** A whole number of at least `least`, or undefined where none is given. */
export function wholeNumber(value: number | undefined, what: string, least = 0): number | undefined {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least)) {
    throw fail("bad-request", `${what} is a whole number from ${least}, not ${value}`);
  }
  return value;
}

const contracts = new Map<string, ReadContract>();
const maxContracts = 256;

/** As `parseReadContract`, remembering the texts that a program uses again and again; undefined: the keyspace's. */
export function readContract(
  text: string | undefined,
  partition: PartitionBehavior | undefined,
): ReadContract | undefined {
  if (text === undefined) {
    if (partition === undefined) return undefined;
    throw fail(
      "bad-request",
      "partition is for a consistency that is named; without one the keyspace's contract holds",
    );
  }
  const name = partition === undefined ? text : `${text}; PartitionBehavior: ${partition}`;
  let contract = contracts.get(name);
  if (contract === undefined) {
    contract = parseReadContract(name);
    if (contracts.size >= maxContracts) contracts.clear();
    contracts.set(name, contract);
  }
  return contract;
}

/** What a read asks for, where it may say how many replicas have to answer. */
export function consistencyOf({ consistency, r }: ReadSettings): string | undefined {
  if (wholeNumber(r, "r", 1) === undefined) return consistency;
  if (consistency === undefined) return `Quorum(R=${r})`;
  throw fail("bad-request", "consistency and r are both given; say Quorum(R=…) in the consistency");
}

/** Throws a CohortError where no engine keeps such a keyspace. */
export function keyspaceDefinition(keyspace: NewKeyspace): KeyspaceDefinition {
  const { name, engine = "raft", shards = 1, placement, contract, ...rest } = keyspace;
  // One of several shards is on every voter, where nothing else is said.
  const { replicas = engine === "raft" && shards > 1 ? 0 : 3, ...quorum } = rest;
  if (engine === "dynamo")
    return { name, engine, shards, replicas, ...quorumKeyspace({ ...quorum, contract, replicas }) };
  const [first] = Object.entries(quorum).filter(([, value]) => value !== undefined);
  if (first !== undefined)
    throw fail("bad-request", `"${first[0]}" is for the engine dynamo; a raft keyspace has majorities`);
  const definition = { name, engine, shards, replicas, contract: parseKeyspaceContract(contract ?? "", engine).text };
  return shards > 1 ? { ...definition, placement: placement ?? "hash" } : definition;
}

export function transactionOperation(transaction: Transaction, keyspace: string): Operation {
  const { compare = [], then = [], else: otherwise = [] } = transaction;
  return {
    kind: "transaction",
    keyspace,
    compares: compare.map(toCompare),
    then: then.map(toStep),
    otherwise: otherwise.map(toStep),
  };
}

const relations = { "=": "equal", "!=": "not-equal", "<": "less", ">": "greater" } as const;

function toCompare(condition: Condition): Compare {
  if ("lock" in condition) {
    return { target: "lock", key: toBytes(condition.lock), token: wholeNumber(condition.token, "a token", 1) ?? 0 };
  }
  const key = toBytes(condition.key);
  if ("exists" in condition) return { target: "exists", key, exists: condition.exists };
  const relation = relations[condition.is ?? "="];
  if (relation === undefined) throw fail("bad-request", `"${condition.is}" is no relation; there are = != < >`);
  if ("value" in condition) return { target: "value", key, relation, value: toBytes(condition.value) };
  const operand = (value: number): number => wholeNumber(value, "a revision or version") ?? 0;
  if ("revision" in condition) return { target: "modRevision", key, relation, operand: operand(condition.revision) };
  if ("createRevision" in condition) {
    return { target: "createRevision", key, relation, operand: operand(condition.createRevision) };
  }
  if ("version" in condition) return { target: "version", key, relation, operand: operand(condition.version) };
  throw fail("bad-request", "a condition has one of: value, revision, createRevision, version, exists, lock");
}

function toStep(step: Step): TransactionStep {
  if ("put" in step) return { kind: "put", key: toBytes(step.put), value: toBytes(step.value) };
  if ("delete" in step) return { kind: "delete", key: toBytes(step.delete) };
  if ("get" in step) return { kind: "get", key: toBytes(step.get) };
  throw fail("bad-request", "a step has one of: put, delete, get");
}
