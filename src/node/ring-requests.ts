import { ByteReader, ByteWriter, CodecError, emptyBytes, unreachable, utf8 } from "../base/index.ts";
import { readVector, writeVector, type Vector } from "../clock/index.ts";
import {
  CohortError,
  countersKeep,
  fail,
  failure,
  quorumRead,
  quorumWrite,
  type Failure,
  type Kept,
  type QuorumRead,
  type QuorumWrite,
  type ReadContract,
  type RequestBody,
} from "../contract/index.ts";
import { keyedValue } from "../crdt/index.ts";
import { counterName, keyName, type Operation, type Outcome as Reached, type State } from "../dynamo/index.ts";
import { hash32 } from "../placement/index.ts";
import {
  decodeCommand,
  encodeResult,
  StoreError,
  type Command,
  type Operation as StoreOperation,
} from "../store/index.ts";
import type { Origin } from "./requests.ts";
import type { Ring, Rings } from "./rings.ts";
import type { Outcome, Query, RequestId } from "./types.ts";

/** What a request is about, where it may be a keyspace without a leader. */
export type Target = { readonly keyspace: string } & (
  | { readonly kind: "read"; readonly query: Query; readonly contract: ReadContract | undefined }
  | { readonly kind: "write"; readonly command: Command; readonly quorum: QuorumWrite | undefined }
);

export function targetOf(body: RequestBody): Target | undefined {
  if (body.type === "read") {
    const { query, contract } = body;
    if (query.type === "get" || query.type === "list")
      return { kind: "read", keyspace: query.keyspace, query, contract };
    return query.type === "counter" ? { kind: "read", keyspace: query.name, query, contract } : undefined;
  }
  const command = decoded(body.command);
  const keyspace = command && keyspaceOf(command.operation);
  return command === undefined || keyspace === undefined
    ? undefined
    : { kind: "write", keyspace, command, quorum: body.quorum };
}

function decoded(bytes: Uint8Array): Command | undefined {
  try {
    return decodeCommand(bytes);
  } catch (error) {
    // The log's owner says what is wrong with it.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

function keyspaceOf(operation: StoreOperation): string | undefined {
  switch (operation.kind) {
    case "put":
    case "delete":
    case "transaction":
    case "commit":
      return operation.keyspace;
    case "increment":
      return operation.counter;
    default:
      return undefined;
  }
}

interface Pending {
  readonly origin: Origin;
  readonly deadline: number;
  readonly askedAt: number;
  readonly ring: Ring;
  readonly operation: Operation;
  readonly kept: string;
  /** Of a read: what is left where too few answer, and the contract prefers an answer to none. */
  readonly mayDegrade: boolean;
  degraded: boolean;
}

/** Requests about keyspaces without a leader: what they ask of the replicas, and what is answered. */
export class RingRequests {
  readonly #rings: Rings;
  readonly #pending = new Map<number, Pending>();
  readonly #clients = new Map<RequestId, number>();
  #nextId = 1;

  constructor(rings: Rings) {
    this.#rings = rings;
  }

  begin(origin: Origin, deadline: number, ring: Ring, target: Target): void {
    try {
      const asked = target.kind === "read" ? readOf(ring, target) : writeOf(ring, target);
      this.#start({ origin, deadline, askedAt: this.#rings.now.mono, ring, degraded: false, ...asked });
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      this.#answer(origin, { ok: false, failure: error.failure });
    }
  }

  #start(pending: Pending): void {
    const id = this.#nextId++;
    const { origin, deadline, ring, operation } = pending;
    this.#pending.set(id, pending);
    if (origin.kind === "client") this.#clients.set(origin.id, id);
    this.#rings.drive(ring, { kind: "command", command: { type: "request", id, deadline, operation } });
  }

  /** Whether it is one of these. */
  cancel(client: RequestId): boolean {
    const id = this.#clients.get(client);
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return false;
    this.#rings.drive(pending.ring, { kind: "command", command: { type: "cancel", id } });
    return true;
  }

  onDropped(ring: Ring): void {
    const problem = failure("not-found", `the keyspace "${ring.policy.row.name}" was dropped`);
    for (const [id, pending] of this.#pending) if (pending.ring === ring) this.#finish(id, pending, problem);
  }

  onReply(ring: Ring, id: number, reached: Reached): void {
    const pending = this.#pending.get(id);
    if (!pending || pending.ring !== ring) return;
    if (reached.ok) {
      this.#forget(id, pending);
      return this.#answer(pending.origin, this.#outcome(pending, reached));
    }
    const { operation } = pending;
    const tooFew = reached.failure.code === "insufficient-replicas";
    if (!tooFew || !pending.mayDegrade || pending.degraded || operation.type !== "read")
      return this.#finish(id, pending, reached.failure);
    // In a partition: what one replica has, and the answer says so.
    this.#forget(id, pending);
    this.#start({ ...pending, operation: { ...operation, r: 1, linearizable: false }, degraded: true });
  }

  #finish(id: number, pending: Pending, problem: Failure): void {
    this.#forget(id, pending);
    this.#answer(pending.origin, { ok: false, failure: problem });
  }

  #forget(id: number, { origin }: Pending): void {
    this.#pending.delete(id);
    if (origin.kind === "client") this.#clients.delete(origin.id);
  }

  #answer(origin: Origin, outcome: Outcome): void {
    const { sink } = this.#rings;
    if (origin.kind === "client") sink.output({ type: "reply", id: origin.id, outcome });
    else if (origin.kind === "node")
      sink.send(origin.node, { type: "forwarded", group: 0, replies: [{ id: origin.id, outcome }] });
    else origin.reply(outcome);
  }

  #outcome(pending: Pending, { state, substitutes }: Extract<Reached, { ok: true }>): Outcome {
    const { operation, degraded } = pending;
    // Stand-ins make no quorum: what they have meets nothing.
    const weaker = degraded || (substitutes && pending.kept.startsWith("Quorum"));
    const fresh = operation.type === "read" && operation.linearizable;
    const kept: Kept = {
      guarantee: weaker ? "Eventual" : pending.kept,
      position: 0,
      stalenessMs: fresh ? this.#rings.now.mono - pending.askedAt : undefined,
      degraded: weaker,
    };
    return { ok: true, result: resultOf(operation, state), kept };
  }
}

type Asked = Pick<Pending, "operation" | "kept" | "mayDegrade">;

/** Throws a CohortError where the keyspace cannot do that. */
function readOf({ policy }: Ring, { query, contract }: Extract<Target, { kind: "read" }>): Asked {
  if (query.type !== "get" && query.type !== "counter")
    throw fail(
      "unsupported",
      `lists of "${policy.row.name}": the keys of a keyspace without a leader are read one by one`,
    );
  if (query.type === "get" && query.revision !== undefined)
    throw fail("unsupported", `revisions in "${policy.row.name}": a keyspace without a leader has none`);
  const read: QuorumRead = quorumRead(policy.plan, policy.reads, contract, query.type === "counter");
  const strict = contract === undefined ? !countersKeep(policy.contract) : contract.linearizable;
  if (query.type === "counter" && strict)
    throw fail(
      "unsupported",
      `Linearizable reads of the counter "${query.name}": increments without a leader merge in any order; ask for session or Quorum(R=…), or use the engine raft`,
    );
  const name = query.type === "get" ? keyName(query.key) : counterName(query.name);
  const partition = contract?.partition ?? policy.reads.partition;
  return {
    operation: { type: "read", name, r: read.r, linearizable: read.ordered },
    kept: read.text,
    mayDegrade: partition === "AvailabilityPreferred" && contract?.linearizable !== true && !policy.reads.linearizable,
  };
}

function writeOf({ policy }: Ring, { command, quorum }: Extract<Target, { kind: "write" }>): Asked {
  const { operation } = command;
  const w = quorumWrite(policy.plan, quorum?.w);
  const key = keyOf(command);
  const { name } = policy.row;
  const kept = { kept: policy.writeText(w), mayDegrade: false };
  switch (operation.kind) {
    case "increment":
      return {
        ...kept,
        operation: { type: "increment", name: counterName(operation.counter), by: operation.by, w, key },
        kept: policy.plan.linearizable ? `Quorum(W=${w})` : kept.kept,
      };
    case "put":
    case "delete":
      if (operation.expectedRevision !== undefined)
        throw fail("unsupported", `expected revisions in "${name}": a keyspace without a leader has none`);
      return {
        ...kept,
        operation: {
          type: "write",
          name: keyName(operation.key),
          bytes: operation.kind === "put" ? operation.value.slice() : undefined,
          context: contextOf(quorum?.context),
          w,
          linearizable: policy.plan.inOrder,
          key,
        },
      };
    default:
      throw fail("unsupported", `transactions in "${name}": they need the engine raft`);
  }
}

/** What makes a retry the same write. */
function keyOf({ envelope }: Command): string | undefined {
  switch (envelope.kind) {
    case "none":
      return undefined;
    case "session":
      return shortened(`s${envelope.session}:${envelope.sequence}`);
    case "idempotent":
      return shortened(`i${envelope.key}`);
    default:
      return unreachable(envelope);
  }
}

/** Eight bytes that stand for a text. */
function shortened(text: string): string {
  const bytes = utf8(text);
  const low = hash32(bytes, 7);
  const high = hash32(bytes, low ^ 0x1b873593);
  return String.fromCharCode(...[low, high].flatMap((part) => [24, 16, 8, 0].map((shift) => (part >>> shift) & 255)));
}

function contextOf(bytes: Uint8Array | undefined): Vector | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    const reader = new ByteReader(bytes);
    const vector = readVector(reader);
    reader.end();
    return vector;
  } catch (error) {
    if (error instanceof CodecError)
      throw fail("bad-request", `the context is not one that an answer gave: ${error.message}`);
    throw error;
  }
}

function resultOf(operation: Operation, state: State | undefined): Uint8Array {
  if (operation.type === "increment" || operation.name.startsWith("c")) {
    const value = state?.kind === "counter" ? keyedValue(state.counter) : 0;
    return encodeResult({ kind: operation.type === "read" ? "counterValue" : "counter", value, revision: 0 });
  }
  const values = valuesOf(state);
  const context = encodedContext(state);
  return operation.type === "read"
    ? encodeResult({ kind: "versions", values, context })
    : encodeResult({ kind: "written", siblings: values.length, context });
}

function valuesOf(state: State | undefined): Uint8Array[] {
  if (state?.kind === "register") return state.register.value === undefined ? [] : [state.register.value];
  if (state?.kind !== "siblings") return [];
  return state.siblings.versions.flatMap(({ value }) => (value.bytes === undefined ? [] : [value.bytes]));
}

function encodedContext(state: State | undefined): Uint8Array {
  if (state?.kind !== "siblings") return emptyBytes;
  const writer = new ByteWriter(64);
  writeVector(writer, state.siblings.context);
  return writer.finish();
}
