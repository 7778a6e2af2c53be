import { CodecError, copyBytes, emptyBytes, type GroupId, type LogIndex } from "../base/index.ts";
import {
  CohortError,
  fail,
  parseKeyspaceContract,
  quorumPlan,
  type Failure,
  type Kept,
  type Query,
  type QuorumWrite,
} from "../contract/index.ts";
import {
  type Answer,
  decodeResult,
  defaultKeyspace,
  type KeyRow,
  type LockHolder,
  type Operation,
  type Result,
  type StepResult,
  StoreError,
} from "../store/index.ts";
import type { CallOptions, Calls } from "./calls.ts";
import {
  consistencyOf,
  keyspaceDefinition,
  readContract,
  toBytes,
  transactionOperation,
  wholeNumber,
} from "./input.ts";
import { problemOf } from "./problems.ts";
import type {
  BarrierSettings,
  CallSettings,
  CounterResult,
  Data,
  DeleteResult,
  GetResult,
  GetSettings,
  Item,
  KeyspacesResult,
  ListResult,
  ListSettings,
  LockSettings,
  LockView,
  NewKeyspace,
  PutResult,
  QuorumSettings,
  ReadSettings,
  Seen,
  SiblingsResult,
  Step,
  StepOutcome,
  Transaction,
  TransactionResult,
  TransactionSettings,
  WatchSettings,
  WriteSettings,
  Written,
} from "./types.ts";
import { type OpenTransaction, runTransaction, type SnapshotChoice, type TransactionAccess } from "./interactive.ts";
import { arriveAt, type Lock, type LockAccess, waitForLock } from "./locks.ts";
import type { Watch } from "./watch.ts";
import type { TimerWheel } from "./wheel.ts";
import type { World } from "./world.ts";
import type { Writes } from "./writes.ts";

/** What sessions of one client share. */
export interface ClientCore {
  readonly calls: Calls;
  readonly writes: Writes;
  readonly timeoutMs: number;
  readonly world: World;
  readonly wheel: TimerWheel;
  readonly held: Set<Lock>;
  openWatch(settings: WatchSettings): Watch;
}

/** As many groups as a token over HTTP remembers. */
const mostShards = 128;

/**
 * A session remembers how far its answers have come, and a read that asks for `session`, `monotonic` or
 * `causal` sees at least that: its own writes, and nothing older than what it has seen. Sessions of one client
 * know nothing of each other.
 */
export class Session {
  readonly #core: ClientCore;
  #position: number;
  /** The latest timestamp that a transaction of it has seen or got. */
  #seenTimestamp = 0;
  /**
   * A version vector over groups of shards, the latest last. A group that is not in it has to be asked for its latest
   * state, so that remembering saves the read a round trip to that group's leader.
   */
  readonly #shards = new Map<GroupId, LogIndex>();
  /** Who answered last. */
  #home: string | undefined;

  constructor(core: ClientCore, { position, shards = [] }: Seen = { position: 0 }) {
    this.#core = core;
    this.#position = position;
    for (const shard of shards) this.#shards.set(shard.group, shard.position);
  }

  /** How far this session's answers have come, in all groups. Hand it to `newSession` elsewhere to go on there. */
  get seen(): Seen {
    const shards = Array.from(this.#shards, ([group, position]) => ({ group, position }));
    return { position: this.#position, ...(shards.length > 0 && { shards }) };
  }

  /** How far this session's answers have come in the log of group 0; `seen` has all groups. */
  get position(): number {
    return this.#position;
  }

  /** Sets a key. */
  async put(key: Data, value: Data, settings: WriteSettings = {}): Promise<PutResult> {
    const { expectedRevision, keyspace = defaultKeyspace } = settings;
    wholeNumber(expectedRevision, "expectedRevision");
    const operation = { kind: "put", keyspace, key: toBytes(key), value: toBytes(value), expectedRevision } as const;
    return this.#write(operation, settings, (result, kept) => {
      if (result.kind === "written") return { ...ofLeaderless(result), kept };
      const { revision, previousRevision } = expected(result, "put");
      return { revision, previousRevision, kept };
    });
  }

  /** Reads a key; undefined: there is none. */
  async get(key: Data, settings: GetSettings = {}): Promise<GetResult | undefined> {
    const { keyspace = defaultKeyspace, revision } = settings;
    wholeNumber(revision, "revision");
    const keyBytes = toBytes(key);
    const found = await this.#read(
      { type: "get", keyspace, key: keyBytes, revision },
      settings,
      (answer, kept): GetResult | number | undefined => {
        if (answer.kind === "versions") return onlyVersion(keyBytes, answer.values, kept);
        const { row } = expected(answer, "row");
        return row === undefined ? undefined : { ...toItem(keyBytes, row), kept };
      },
    );
    if (typeof found !== "number") return found;
    throw fail("concurrent-values", `the key has ${found} values: read them with \`siblings\``);
  }

  /** Reads every value that was written to a key concurrently, in a keyspace without a leader. */
  async siblings(key: Data, settings: GetSettings = {}): Promise<SiblingsResult> {
    const { keyspace = defaultKeyspace } = settings;
    return this.#read({ type: "get", keyspace, key: toBytes(key), revision: undefined }, settings, (answer, kept) => {
      if (answer.kind === "row")
        return { values: answer.row === undefined ? [] : [copyBytes(answer.row.value)], context: emptyBytes, kept };
      const { values, context } = expected(answer, "versions");
      return { values: values.map(copyBytes), context: copyBytes(context), kept };
    });
  }

  async delete(key: Data, settings: WriteSettings = {}): Promise<DeleteResult> {
    const { expectedRevision, keyspace = defaultKeyspace } = settings;
    wholeNumber(expectedRevision, "expectedRevision");
    return this.#write({ kind: "delete", keyspace, key: toBytes(key), expectedRevision }, settings, (result, kept) => {
      if (result.kind === "written") return { ...ofLeaderless(result), deleted: result.siblings === 0, kept };
      const { revision, deleted, previousRevision } = expected(result, "delete");
      return { revision, deleted, previousRevision, kept };
    });
  }

  /** Keys in order, one page of them. */
  async list(settings: ListSettings = {}): Promise<ListResult> {
    const { timestamp: _, ...result } = await this.#list(settings, undefined);
    return result;
  }

  #list(settings: ListSettings, at: SnapshotChoice | undefined): Promise<ListResult & { readonly timestamp: number }> {
    const { keyspace = defaultKeyspace, after, revision } = settings;
    const limit = wholeNumber(settings.limit, "limit", 1) ?? 1000;
    wholeNumber(revision, "revision");
    const prefix = toBytes(settings.prefix);
    const afterBytes = after === undefined ? undefined : toBytes(after);
    const query = { type: "list", keyspace, prefix, after: afterBytes, limit, revision, ...at } as const;
    return this.#read(query, settings, (answer, kept) => {
      const { rows, more, revision: now, timestamp } = expected(answer, "rows");
      return { items: rows.map((row) => toItem(copyBytes(row.key), row)), more, revision: now, timestamp, kept };
    });
  }

  counter(name: string): Counter {
    return {
      increment: async (by = 1, settings = {}) => {
        if (!Number.isSafeInteger(by)) throw fail("bad-request", `a counter grows by whole numbers, not by ${by}`);
        return this.#write({ kind: "increment", counter: name, by }, settings, (result, kept) => {
          const { value, revision } = expected(result, "counter");
          return { value, revision, kept };
        });
      },
      value: async (settings = {}) =>
        this.#read({ type: "counter", name }, settings, (answer, kept) => {
          const { value, revision } = expected(answer, "counterValue");
          return { value, revision, kept };
        }),
    };
  }

  /** All or nothing, in one revision: where all conditions hold `then`, otherwise `else`. */
  transaction(transaction: Transaction, settings?: CallSettings): Promise<TransactionResult>;
  /** Runs a function that reads, decides and writes; see `TransactionSettings`. Resolves to what it returns. */
  transaction<T>(run: (transaction: OpenTransaction) => Promise<T>, settings?: TransactionSettings): Promise<T>;
  async transaction<T>(
    what: Transaction | ((transaction: OpenTransaction) => Promise<T>),
    settings: TransactionSettings = {},
  ): Promise<TransactionResult | T> {
    if (typeof what !== "function") return this.#compareAndChange(what, settings);
    const timeoutMs = settings.timeoutMs ?? this.#core.timeoutMs;
    return runTransaction(this.#transactions, what, { ...settings, timeoutMs });
  }

  async #compareAndChange(transaction: Transaction, settings: CallSettings): Promise<TransactionResult> {
    const operation = transactionOperation(transaction, transaction.keyspace ?? defaultKeyspace);
    return this.#write(operation, settings, (result, kept) => {
      const { revision, timestamp, succeeded, steps } = expected(result, "transaction");
      const taken = (succeeded ? transaction.then : transaction.else) ?? [];
      return { revision, timestamp, succeeded, steps: steps.map((step, i) => toOutcome(step, taken[i])), kept };
    });
  }

  /**
   * Acquires a lock and keeps its lease alive until it is released or lost: heed `lock.lost`, and hand `lock.token`
   * to whatever the lock protects. Rejects with `not-granted` when `waitMs` is over.
   */
  async lock(name: string, settings: LockSettings = {}): Promise<Lock> {
    return waitForLock(this.#locks, name, settings);
  }

  /** Who holds a lock, and how many wait for it. */
  async holders(name: string, settings: ReadSettings = {}): Promise<LockView> {
    if (name === "") throw fail("bad-request", "the name of the lock is empty");
    return this.#read({ type: "lock", name, claim: "" }, settings, (answer, kept) => {
      const { holders, waiting } = expected(answer, "lockState");
      return { holders, waiting, kept };
    });
  }

  /** Leadership is a lock that says who has it. */
  election(name: string): Election {
    return {
      campaign: (note, settings = {}) => this.lock(name, { ...settings, note }),
      leader: async (settings) => (await this.holders(name, settings)).holders[0],
    };
  }

  /** Arrives at a barrier and waits until so many participants are there. Rejects with `not-granted` when `waitMs` is over. */
  async barrier(name: string, participants: number, settings: BarrierSettings = {}): Promise<void> {
    return arriveAt(this.#locks, name, participants, settings);
  }

  get #locks(): LockAccess {
    return {
      world: this.#core.world,
      wheel: this.#core.wheel,
      held: this.#core.held,
      write: (operation, settings, kind) => this.#write(operation, settings, (result) => expected(result, kind)),
      read: (query, settings, kind) => this.#read(query, settings, (answer) => expected(answer, kind)),
    };
  }

  get #transactions(): TransactionAccess {
    return {
      world: this.#core.world,
      get: (keyspace, key, at, settings) =>
        this.#read({ type: "get", keyspace, key, revision: undefined, ...at }, settings, (answer) => {
          const { row, timestamp } = expected(answer, "row");
          return { row: row === undefined ? undefined : toItem(key, row), timestamp };
        }),
      list: (settings, at) => this.#list(settings, at),
      commit: (operation, settings) => this.#write(operation, settings, (result) => expected(result, "transaction")),
      since: this.#seenTimestamp,
      onSeen: (timestamp) => {
        this.#seenTimestamp = Math.max(this.#seenTimestamp, timestamp);
      },
    };
  }

  /** Changes of keys as they happen: every one, once, in order, across reconnects. */
  watch(settings: WatchSettings = {}): Watch {
    return this.#core.openWatch(settings);
  }

  async keyspaces(settings: ReadSettings = {}): Promise<KeyspacesResult> {
    return this.#read({ type: "keyspaces" }, settings, (answer, kept) => ({
      keyspaces: expected(answer, "keyspaces").keyspaces,
      kept,
    }));
  }

  async createKeyspace(keyspace: NewKeyspace, settings: CallSettings = {}): Promise<Written> {
    return this.#write({ kind: "createKeyspace", keyspace: keyspaceDefinition(keyspace) }, settings, done);
  }

  /**
   * Changes the contract of a keyspace. `expectedVersion`: of the contract that it replaces, else it fails with
   * `conflict`. A replica enforces the version that it has applied.
   */
  async setContract(
    name: string,
    contract: string,
    settings: CallSettings & { readonly expectedVersion?: number } = {},
  ): Promise<Written> {
    const expectedVersion = wholeNumber(settings.expectedVersion, "expectedVersion") ?? 0;
    const { keyspaces } = await this.keyspaces(settings);
    const present = keyspaces.find((keyspace) => keyspace.name === name);
    const parsed = parseKeyspaceContract(contract, present?.engine ?? "raft");
    if (present?.quorum !== undefined) quorumPlan(parsed, present.replicas, present.quorum);
    const { text } = parsed;
    return this.#write({ kind: "setContract", name, contract: text, expectedVersion }, settings, done);
  }

  async dropKeyspace(name: string, settings: CallSettings = {}): Promise<Written> {
    return this.#write({ kind: "dropKeyspace", name }, settings, done);
  }

  #write<T>(operation: Operation, settings: CallSettings & QuorumSettings, convert: Convert<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const options = this.#options(settings, true);
      const fail = (problem: Failure): void => reject(new CohortError(problem));
      try {
        const quorum = quorumOf(settings);
        this.#core.writes.write(operation, quorum, options, {
          succeed: (result, kept, endpoint) => {
            this.#observe(kept, endpoint);
            if (result.kind === "error") fail(problemOf(result));
            else resolve(convert(result, kept));
          },
          fail,
        });
      } catch (error) {
        fail(problemOf(error));
      }
    });
  }

  #read<T>(query: Query, settings: ReadSettings, convert: Convert<T>): Promise<T> {
    const contract = readContract(consistencyOf(settings), settings.partition);
    return new Promise<T>((resolve, reject) => {
      const call = this.#core.calls.open(this.#options(settings, false), {
        succeed: (bytes, kept) => {
          const answer = decodeResult(bytes);
          this.#observe(kept, call?.link?.endpoint);
          if (answer.kind === "error") reject(new CohortError(problemOf(answer)));
          else resolve(convert(answer, kept));
        },
        fail: (problem) => reject(new CohortError(problem)),
      });
      call?.send({ type: "read", query, contract, ...this.seen });
    });
  }

  #options(settings: ReadSettings, isWrite: boolean): CallOptions {
    const { signal, prefer = "leader" } = settings;
    const timeoutMs = settings.timeoutMs ?? this.#core.timeoutMs;
    if (!(timeoutMs > 0)) throw fail("bad-request", `timeoutMs is a number above 0, not ${timeoutMs}`);
    return { timeoutMs, signal, prefer, isWrite, home: this.#home };
  }

  #observe({ position, shards = [] }: Kept, endpoint: string | undefined): void {
    this.#home = endpoint ?? this.#home;
    if (position > this.#position) this.#position = position;
    for (const shard of shards) {
      const before = this.#shards.get(shard.group) ?? 0;
      this.#shards.delete(shard.group);
      this.#shards.set(shard.group, Math.max(before, shard.position));
      if (this.#shards.size <= mostShards) continue;
      const [oldest] = this.#shards.keys();
      this.#shards.delete(oldest!);
    }
  }
}

export interface Election {
  /** Resolves when elected. The token grows from leader to leader. `note`: what others read about the leader. */
  campaign(note: string, settings?: Omit<LockSettings, "note" | "permits">): Promise<Lock>;
  leader(settings?: ReadSettings): Promise<LockHolder | undefined>;
}

export interface Counter {
  increment(by?: number, settings?: CallSettings & Pick<QuorumSettings, "w" | "prefer">): Promise<CounterResult>;
  value(settings?: ReadSettings): Promise<CounterResult>;
}

type Convert<T> = (result: Result | Answer, kept: Kept) => T;

function expected<Kind extends (Result | Answer)["kind"]>(
  result: Result | Answer,
  kind: Kind,
): Extract<Result | Answer, { kind: Kind }> {
  if (result.kind === "versions" && kind !== "versions")
    throw new StoreError("unsupported", "it needs a keyspace of the engine raft");
  if (result.kind !== kind) throw new CodecError(`the node answered ${result.kind} where ${kind} was asked for`);
  return result as Extract<Result | Answer, { kind: Kind }>;
}

const done: Convert<Written> = (result, kept) => ({ revision: expected(result, "done").revision, kept });

/** Values in memory of their own: results are views of what came from the socket. */
function toItem(key: Uint8Array, row: KeyRow): Item {
  const { createRevision, version } = row;
  return { key, value: copyBytes(row.value), revision: row.modRevision, createRevision, version };
}

function quorumOf({ w, context }: QuorumSettings): QuorumWrite | undefined {
  wholeNumber(w, "w", 1);
  return w === undefined && context === undefined ? undefined : { w, context };
}

function ofLeaderless({ siblings, context }: Extract<Result, { kind: "written" }>): Omit<PutResult, "kept"> {
  return { revision: 0, previousRevision: 0, siblings, context: copyBytes(context) };
}

/** Of several: how many. */
function onlyVersion(key: Uint8Array, values: readonly Uint8Array[], kept: Kept): GetResult | number | undefined {
  const [value] = values;
  if (values.length > 1) return values.length;
  return value && { key, value: copyBytes(value), revision: 0, createRevision: 0, version: 0, kept };
}

function toOutcome(result: StepResult, step: Step | undefined): StepOutcome {
  if (result.kind === "put") return { put: true, previousRevision: result.previousRevision };
  if (result.kind === "delete") {
    return { delete: true, deleted: result.deleted, previousRevision: result.previousRevision };
  }
  const key = step !== undefined && "get" in step ? toBytes(step.get) : emptyBytes;
  return { get: true, item: result.row === undefined ? undefined : toItem(key, result.row) };
}
