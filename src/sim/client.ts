import { emptyBytes, fromUtf8, utf8, type GroupId, type LogIndex, type NodeId, type Random } from "../base/index.ts";
import type { Kept, Outcome, ReadContract, RequestBody } from "../contract/index.ts";
import {
  decodeResult,
  defaultKeyspace,
  encodeCommand,
  type Answer,
  type Operation,
  type Result,
} from "../store/index.ts";
import { type Ask, RunningTransaction } from "./transactions.ts";
import type {
  Consistency,
  OperationRecord,
  PlannedOperation,
  RetryMode,
  TransactionWork,
  WorkOperation,
} from "../workload/index.ts";

/** Whoever does a workload's operations, one after the other. */
export interface WorkClient {
  readonly id: number;
  readonly mode: RetryMode;
  /** Whether an operation is under way or waits. */
  readonly busy: boolean;
  run(planned: PlannedOperation): void;
  /** Puts what was begun and never came back on record. */
  abandon(): void;
}

/** Who is told of a workload's operations. */
export interface WorkWorld {
  readonly now: number;
  onInvoke(client: WorkClient, operation: WorkOperation): void;
  onRecord(record: OperationRecord): void;
}

/** What a client needs of the world around it. */
export interface ClientWorld extends WorkWorld {
  readonly nodes: readonly NodeId[];
  after(delayMs: number, run: () => void): void;
  /** Hands a request to a node; the reply comes back through `onReply`, or never. */
  request(client: SimClient, to: NodeId, id: number, ttlMs: number, body: RequestBody): void;
}

export interface ClientOptions {
  readonly id: number;
  readonly mode: Exclude<RetryMode, "library">;
  /** Answers in doubt after this long are unknown. */
  readonly operationTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly bugs: ReadonlySet<string>;
  /** What `promised` reads ask for. */
  readonly contract: ReadContract | undefined;
  /** The node that it asks first; undefined: one by chance. */
  readonly home: NodeId | undefined;
  /** Where its keys are; left out: in `default`. */
  readonly keyspace?: string | undefined;
}

interface Running {
  readonly planned: PlannedOperation;
  readonly invokedAt: number;
  readonly deadline: number;
  readonly token: number;
  /** What makes a retry the same operation. */
  body: RequestBody | undefined;
  session: number;
  readonly transaction: RunningTransaction | undefined;
  /** Of an addition to a set: what is in it already. */
  set: { readonly members: readonly number[]; readonly context: Uint8Array } | undefined;
  /** Of a transaction: what comes next. */
  ask: Ask;
  /** The fencing token that it comes with. */
  fence: number | undefined;
  attempts: number;
  /** Whether an attempt may have happened. */
  inDoubt: boolean;
  note: string;
  refused: string | undefined;
}

const retryDelayMs = 30;

/**
 * A client that does one thing after the other, sends again what was not answered, and never claims to know more than it does.
 * The plainest thing that keeps the rules of sessions (thesis, 6.3); it speaks requests, not bytes.
 */
export class SimClient implements WorkClient {
  readonly id: number;
  readonly #options: ClientOptions;
  readonly #world: ClientWorld;
  readonly #random: Random;
  readonly #waiting: PlannedOperation[] = [];
  #running: Running | undefined;
  #attempt = 0;
  #node = 0;
  #token = 0;
  /** What it has seen of groups of shards. */
  readonly #shards = new Map<number, number>();
  /** The latest timestamp that a transaction of it has seen or got. */
  #since = 0;
  #session = 0;
  #sequence = 0;
  #unique = 0;
  #claims = 0;
  /** The latest token for each lock, over or not. */
  readonly #tokens = new Map<string, number>();

  constructor(options: ClientOptions, world: ClientWorld, random: Random) {
    this.id = options.id;
    this.#options = options;
    this.#world = world;
    this.#random = random;
    const chance = random.below(64);
    this.#node = options.home === undefined ? chance : options.home - 1;
  }

  get #keyspace(): string {
    return this.#options.keyspace ?? defaultKeyspace;
  }

  get mode(): ClientOptions["mode"] {
    return this.#options.mode;
  }

  get busy(): boolean {
    return this.#running !== undefined || this.#waiting.length > 0;
  }

  run(planned: PlannedOperation): void {
    this.#waiting.push(planned);
    if (!this.#running) this.#next();
  }

  #next(): void {
    const planned = this.#waiting.shift();
    if (!planned) return;
    const { now } = this.#world;
    const deadline = now + this.#options.operationTimeoutMs;
    this.#world.onInvoke(this, planned.operation);
    const { operation } = planned;
    const transaction =
      operation.kind === "transaction"
        ? new RunningTransaction(operation, this.#keyspace, this.#options.bugs, this.#since)
        : undefined;
    this.#running = {
      planned,
      transaction,
      ask: transaction?.next(),
      invokedAt: now,
      deadline,
      token: this.#token,
      body: undefined,
      set: undefined,
      session: 0,
      fence: fenceOf(planned.operation, this.#tokens),
      attempts: 0,
      inDoubt: false,
      note: "",
      refused: undefined,
    };
    // Without a token there is nothing to say.
    if (this.#running.fence === 0) return this.#finish("fail");
    if (transaction !== undefined && this.#running.ask === undefined) return this.#finish("ok");
    this.#try();
  }

  #try(): void {
    const running = this.#running;
    if (!running) return;
    const { now, nodes } = this.#world;
    const left = running.deadline - now;
    const isWrite = isWriting(running);
    const maySendAgain = !isWrite || this.#options.mode !== "bare" || !running.inDoubt;
    if (left <= 0 || !maySendAgain) return this.#finish(running.inDoubt && isWrite ? "unknown" : "fail");
    const needsSession =
      isWrite && this.#options.mode === "session" && this.#session === 0 && running.body === undefined;
    const body = needsSession ? openSession(this.id) : (running.body ??= this.#bodyOf(running));
    const attempt = ++this.#attempt;
    running.attempts++;
    const to = nodes[this.#node % nodes.length]!;
    running.note = `node ${to}`;
    const ttlMs = Math.min(left, this.#options.attemptTimeoutMs);
    this.#world.request(this, to, attempt, Math.max(1, ttlMs - 5), body);
    this.#world.after(ttlMs, () => {
      if (this.#attempt !== attempt || this.#running !== running) return;
      if (!needsSession && !isStillReading(running)) running.inDoubt = true;
      this.#again(0);
    });
  }

  /** Another try, at another node. */
  #again(delayMs: number): void {
    this.#attempt++;
    this.#node++;
    const running = this.#running;
    this.#world.after(delayMs, () => {
      if (this.#running === running) this.#try();
    });
  }

  onReply(attempt: number, outcome: Outcome): void {
    const running = this.#running;
    if (!running || attempt !== this.#attempt) return;
    if (!outcome.ok) {
      const { failure } = outcome;
      running.note += `: ${failure.code}`;
      if (["unavailable", "staleness", "deadline"].includes(failure.code))
        running.refused ??= `${running.note}: ${failure.detail}`;
      if (!failure.definite && running.body && !isStillReading(running)) running.inDoubt = true;
      return this.#again(retryDelayMs * (1 + this.#random.float()));
    }
    const result = decodeResult(outcome.result);
    if (result.kind === "session") {
      this.#session = result.session;
      this.#sequence = 0;
      return this.#again(0);
    }
    if (result.kind === "error") return this.#onStoreError(running, result.code);
    const { kept } = outcome;
    this.#token = Math.max(this.#token, kept.position);
    noteShards(this.#shards, kept);
    if (running.transaction && isReadingTransaction(running)) {
      running.transaction.onRead(result);
      running.body = undefined;
      running.ask = running.transaction.next();
      return running.ask === undefined ? this.#finish("ok", undefined, kept) : this.#try();
    }
    const { operation } = running.planned;
    if (operation.kind === "add" && running.set === undefined && result.kind === "versions") {
      running.set = { members: membersOf(result.values), context: result.context };
      running.body = undefined;
      return this.#try();
    }
    const members = operation.kind === "members" && result.kind === "versions" ? membersOf(result.values) : undefined;
    const value = running.fence === undefined ? valueOf(result) : fencedValueOf(result, running.fence);
    if (operation.kind === "acquire" && value !== undefined && value > 0) this.#tokens.set(operation.lock, value);
    const timestamp = result.kind === "transaction" ? result.timestamp : undefined;
    this.#finish("ok", value, kept, { timestamp, members });
  }

  #onStoreError(running: Running, code: string): void {
    running.note += `: ${code}`;
    if (code === "session-expired" || code === "stale-sequence") {
      if (running.session === this.#session) this.#session = 0;
      if (running.inDoubt) return this.#finish("unknown");
      running.body = undefined;
      return this.#again(0);
    }
    this.#finish("fail");
  }

  #finish(
    outcome: OperationRecord["outcome"],
    value?: number,
    kept?: Kept,
    { timestamp, members }: Pick<OperationRecord, "timestamp" | "members"> = {},
  ): void {
    const running = this.#running!;
    if (outcome === "ok") this.#since = Math.max(this.#since, timestamp ?? 0, running.transaction?.since ?? 0);
    this.#running = undefined;
    this.#attempt++;
    this.#world.onRecord({
      client: this.id,
      operation: running.planned.operation,
      invokedAt: running.invokedAt,
      completedAt: outcome === "unknown" ? Number.POSITIVE_INFINITY : this.#world.now,
      outcome,
      value,
      ...(members && { members }),
      steps: running.transaction?.seen,
      timestamp,
      fence: running.fence,
      position: kept?.position ?? 0,
      stalenessMs: kept?.stalenessMs,
      degraded: kept?.degraded ?? false,
      guarantee: kept?.guarantee,
      refused: running.refused,
      token: running.token,
      note: running.note,
    });
    this.#next();
  }

  abandon(): void {
    const running = this.#running;
    if (running) {
      const mayHaveHappened = running.inDoubt || (running.body !== undefined && !isStillReading(running));
      this.#finish(mayHaveHappened ? "unknown" : "fail");
    }
    this.#waiting.length = 0;
  }

  #bodyOf(running: Running): RequestBody {
    const { operation } = running.planned;
    const keyspace = this.#keyspace;
    if (operation.kind === "members" || (operation.kind === "add" && running.set === undefined)) {
      const query = { type: "get", keyspace, key: utf8(operation.key), revision: undefined } as const;
      return { type: "read", query, contract: undefined, position: 0 };
    }
    if (isRead(operation)) return readRequest(operation, keyspace, this.#options.contract, running.token, this.#shards);
    if (running.ask !== undefined && "read" in running.ask)
      return {
        type: "read",
        query: running.ask.read,
        contract: contractOf("linearizable", 0),
        position: running.token,
      };
    const claim = `c${this.id}-${++this.#claims}`;
    const write =
      running.ask?.write ??
      writeOf(operation as SingleWrite, {
        fence: running.fence ?? 0,
        claim,
        keyspace,
        members: running.set?.members ?? [],
      });
    const quorum = running.set && { quorum: { w: undefined, context: running.set.context } };
    switch (this.#options.mode) {
      case "session": {
        running.session = this.#session;
        const sequence = ++this.#sequence;
        return {
          type: "write",
          command: encodeCommand({
            envelope: { kind: "session", session: this.#session, sequence, floor: sequence },
            operation: write,
          }),
          ...quorum,
        };
      }
      case "idempotent":
        return {
          type: "write",
          command: encodeCommand({
            envelope: { kind: "idempotent", key: `c${this.id}-${++this.#unique}` },
            operation: write,
          }),
          ...quorum,
        };
      case "bare":
        return { type: "write", command: encodeCommand({ envelope: { kind: "none" }, operation: write }), ...quorum };
    }
  }
}

/** The members of a set that was written as several siblings. */
function membersOf(values: readonly Uint8Array[]): number[] {
  const members = values.flatMap((value) => fromUtf8(value).split(" ").map(Number));
  return [...new Set(members)].sort((a, b) => a - b);
}

export type Read = Extract<WorkOperation, { kind: "readCounter" | "get" }>;

export function isRead(operation: WorkOperation): operation is Read {
  return operation.kind === "readCounter" || operation.kind === "get";
}

/** `promised`: the contract of reads that name none. `position` and `shards`: what the reader has seen. */
function readRequest(
  operation: Read,
  keyspace: string,
  promised: ReadContract | undefined,
  position: number,
  shards: ReadonlyMap<GroupId, LogIndex>,
): ReadRequest {
  const { consistency, boundMs } = operation;
  return {
    type: "read",
    query:
      operation.kind === "readCounter"
        ? { type: "counter", name: operation.counter }
        : { type: "get", keyspace, key: utf8(operation.key), revision: undefined },
    contract: consistency === "promised" ? promised : contractOf(consistency, boundMs),
    position,
    ...(shards.size > 0 && { shards: Array.from(shards, ([group, at]) => ({ group, position: at })) }),
  };
}

/** Remembers how far an answer was in groups of shards. */
function noteShards(shards: Map<GroupId, LogIndex>, { shards: seen = [] }: Kept): void {
  for (const { group, position } of seen) shards.set(group, Math.max(position, shards.get(group) ?? 0));
}

type ReadRequest = Extract<RequestBody, { type: "read" }>;

function openSession(client: number): RequestBody {
  const command = encodeCommand({
    envelope: { kind: "none" },
    operation: { kind: "openSession", clientId: `client-${client}` },
  });
  return { type: "write", command };
}

export type SingleWrite = Exclude<WorkOperation, Read | TransactionWork | { kind: "members" | "holds" | "watch" }>;

export function isReadingTransaction({ transaction, ask }: Running): boolean {
  return transaction !== undefined && !(ask !== undefined && "write" in ask);
}

/** What is under way changes nothing. */
function isStillReading(running: Running): boolean {
  const { kind } = running.planned.operation;
  return kind === "members" || (kind === "add" && running.set === undefined) || isReadingTransaction(running);
}

function isWriting(running: Running): boolean {
  if (isStillReading(running)) return false;
  return running.transaction !== undefined || !isRead(running.planned.operation);
}

export interface WriteDetails {
  readonly fence: number;
  readonly claim: string;
  readonly keyspace: string;
  /** What the set had, of an addition to one. */
  readonly members: readonly number[];
}

export function writeOf(operation: SingleWrite, { fence, claim, keyspace, members }: WriteDetails): Operation {
  switch (operation.kind) {
    case "increment":
      return { kind: "increment", counter: operation.counter, by: operation.by };
    case "put":
      return {
        kind: "put",
        keyspace,
        key: utf8(operation.key),
        value: utf8(String(operation.value).padStart(operation.bytes, "0")),
      };
    case "delete":
      return { kind: "delete", keyspace, key: utf8(operation.key) };
    case "add":
      return { kind: "put", keyspace, key: utf8(operation.key), value: utf8([...members, operation.value].join(" ")) };
    case "acquire":
      return { ...operation, claim, permits: 1, note: claim };
    case "renew":
      return { ...operation, token: fence };
    case "release":
      return { ...operation, token: fence };
    case "guarded": {
      const { lock } = operation;
      return {
        kind: "transaction",
        keyspace: defaultKeyspace,
        compares: [{ target: "lock", key: utf8(lock), token: fence }],
        then: [{ kind: "put", key: utf8(`guarded by ${lock}`), value: utf8(String(fence)) }],
        otherwise: [],
      };
    }
  }
}

const base = {
  linearizable: false,
  session: false,
  stalenessMs: undefined,
  partition: "ConsistencyPreferred",
} as const;

export function contractOf(consistency: Exclude<Consistency, "promised">, boundMs: number): ReadContract {
  switch (consistency) {
    case "linearizable":
      return { ...base, linearizable: true, text: "Linearizable" };
    case "session":
      return { ...base, session: true, partition: "AvailabilityPreferred", text: "MonotonicRead" };
    case "bounded":
      return { ...base, stalenessMs: boundMs, text: `BoundedStaleness(${boundMs}ms)` };
    case "eventual":
      return { ...base, partition: "AvailabilityPreferred", text: "Eventual" };
  }
}

/** undefined: it comes with none. 0: it should, and there is none. */
function fenceOf(operation: WorkOperation, tokens: ReadonlyMap<string, number>): number | undefined {
  return operation.kind === "renew" || operation.kind === "release" || operation.kind === "guarded"
    ? (tokens.get(operation.lock) ?? 0)
    : undefined;
}

function fencedValueOf(result: Result | Answer, fence: number): number {
  return result.kind === "transaction" && !result.succeeded ? 0 : fence;
}

export function valueOf(result: Result | Answer): number | undefined {
  if (result.kind === "claim") return result.token;
  if (result.kind === "counter" || result.kind === "counterValue") return result.value;
  if (result.kind === "versions") return result.values[0] && Number(fromUtf8(result.values[0]));
  if (result.kind !== "row" || result.row === undefined) return undefined;
  return Number(new TextDecoder().decode(result.row.value.length > 0 ? result.row.value : emptyBytes));
}
