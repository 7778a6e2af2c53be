import { fromUtf8, InvariantError } from "../base/index.ts";
import {
  CohortError,
  type Client,
  createClient,
  type Lock,
  type OpenTransaction,
  type ReadSettings,
} from "../client/index.ts";
import type { Kept, ReadContract } from "../contract/index.ts";
import { defaultKeyspace } from "../store/index.ts";
import type { OperationRecord, PlannedOperation, SeenStep, TransactionWork, WorkOperation } from "../workload/index.ts";
import { contractOf, isRead, type Read, type WorkClient, type WorkWorld } from "./client.ts";
import type { ClientProcess } from "./process.ts";
import { Watcher } from "./watcher.ts";

export interface LibraryClientOptions {
  readonly id: number;
  readonly endpoints: readonly string[];
  readonly operationTimeoutMs: number;
  readonly contract: ReadContract | undefined;
  readonly keyspace: string | undefined;
}

export interface LibraryClientWorld extends WorkWorld {
  /** A process for a client: the first, or one in the place of one that was killed. `onRan`: something in it has run. */
  newProcess(client: number, onRan: () => void): ClientProcess;
  /** Something that must not happen. */
  fail(error: unknown): void;
  /** A watch was told of a change. */
  onChange(client: number, revision: number): void;
}

interface Running {
  readonly planned: PlannedOperation;
  readonly invokedAt: number;
  readonly token: number;
  /** Of a transaction: what its last attempt did. */
  steps: SeenStep[] | undefined;
  /** The fencing token that it is about. */
  fence: number | undefined;
}

/** What came of an operation. */
interface Answer {
  readonly value?: number | undefined;
  readonly kept?: Kept;
  /** There was nothing to do it with. */
  readonly pointless?: true;
}

const read = (bytes: Uint8Array): number => Number(fromUtf8(bytes));

/** A client of the simulated world that is the real library, promises and all, over the bytes that it sends. */
export class LibraryClient implements WorkClient {
  readonly id: number;
  readonly mode = "library";
  readonly watchers: Watcher[] = [];
  readonly #options: LibraryClientOptions;
  readonly #world: LibraryClientWorld;
  readonly #waiting: PlannedOperation[] = [];
  #running: Running | undefined;
  #process: ClientProcess;
  #client: Client;
  /** The latest of each name. */
  #locks = new Map<string, Lock>();

  constructor(options: LibraryClientOptions, world: LibraryClientWorld) {
    this.id = options.id;
    this.#options = options;
    this.#world = world;
    this.#process = this.#newProcess();
    this.#client = this.#newClient();
  }

  #newProcess(): ClientProcess {
    return this.#world.newProcess(this.id, () => {
      for (const watcher of this.watchers) watcher.noteStart();
    });
  }

  #newClient(): Client {
    const { endpoints, operationTimeoutMs } = this.#options;
    return createClient(this.#process.library, { endpoints, clusterId: "sim", timeoutMs: operationTimeoutMs });
  }

  get busy(): boolean {
    return this.#running !== undefined || this.#waiting.length > 0;
  }

  run(planned: PlannedOperation): void {
    this.#waiting.push(planned);
    if (!this.#running) this.#next();
  }

  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  /** Its process is killed, and another one begins: it knows nothing, but how far its watches had come. */
  kill(): void {
    this.#process.end();
    this.#process = this.#newProcess();
    this.#client = this.#newClient();
    this.#locks = new Map();
    this.#process.enter(() => {
      for (const watcher of this.watchers) this.#follow(watcher);
    });
    const running = this.#running;
    if (running) this.#finish(running, isRead(running.planned.operation) ? "fail" : "unknown", "killed");
  }

  #next(): void {
    const planned = this.#waiting.shift();
    if (!planned) return;
    this.#world.onInvoke(this, planned.operation);
    const { position } = this.#client.session;
    const running = { planned, invokedAt: this.#world.now, token: position, steps: undefined, fence: undefined };
    this.#running = running;
    this.#process.enter(() => void this.#attempt(running));
  }

  async #attempt(running: Running): Promise<void> {
    const { operation } = running.planned;
    try {
      const answer = await this.#perform(running, operation);
      this.#finish(running, answer.pointless ? "fail" : "ok", "", answer);
    } catch (error) {
      if (!(error instanceof CohortError)) return this.#world.fail(error);
      this.#finish(running, error.definite || isRead(operation) ? "fail" : "unknown", error.code);
    }
  }

  async #perform(running: Running, operation: WorkOperation): Promise<Answer> {
    const { session } = this.#client;
    const { keyspace = defaultKeyspace } = this.#options;
    switch (operation.kind) {
      case "increment":
        return session.counter(operation.counter).increment(operation.by);
      case "readCounter":
        return session.counter(operation.counter).value(this.#asking(operation));
      case "get": {
        // A key that is not there does not say how old that is.
        if (operation.consistency === "bounded") {
          const { values, kept } = await session.siblings(operation.key, { keyspace, ...this.#asking(operation) });
          return { value: values[0] && read(values[0]), kept };
        }
        const found = await session.get(operation.key, { keyspace, ...this.#asking(operation) });
        return found === undefined ? {} : { value: read(found.value), kept: found.kept };
      }
      case "put": {
        const { kept } = await session.put(operation.key, String(operation.value).padStart(operation.bytes, "0"), {
          keyspace,
        });
        return { kept };
      }
      case "delete":
        return { kept: (await session.delete(operation.key, { keyspace })).kept };
      case "transaction":
        running.steps = [];
        await session.transaction((transaction) => perform(operation, transaction, (running.steps = [])), {
          isolation: operation.isolation,
          keyspace,
        });
        return {};
      case "acquire":
        return this.#acquire(operation);
      case "holds": {
        const lock = this.#locks.get(operation.lock);
        return lock === undefined ? { pointless: true } : { value: lock.held ? lock.token : 0 };
      }
      case "guarded":
        return this.#guarded(running, operation.lock);
      case "release": {
        const lock = this.#locks.get(operation.lock);
        if (lock === undefined) return { pointless: true };
        this.#locks.delete(operation.lock);
        running.fence = lock.token;
        await lock.release();
        return {};
      }
      case "watch":
        return this.#watch(operation.prefix);
      case "add":
      case "members":
      case "renew":
        throw new TypeError(`no library client has a part in a ${operation.kind}`);
    }
  }

  #watch(prefix: string): Answer {
    const watcher = new Watcher(prefix, {
      onChange: (revision) => this.#world.onChange(this.id, revision),
      fail: (error) => this.#world.fail(error),
    });
    this.watchers.push(watcher);
    this.#follow(watcher);
    return {};
  }

  #follow(watcher: Watcher): void {
    watcher.follow(this.#client, this.id % 2 === 0 ? "leader" : "any");
  }

  #asking({ consistency, boundMs }: Read): ReadSettings {
    const contract = consistency === "promised" ? this.#options.contract : contractOf(consistency, boundMs);
    const { random } = this.#process.library;
    const prefer = consistency === "linearizable" && random.below(2) === 0 ? "leader" : "any";
    return { prefer, ...(contract && { consistency: contract.text, ...partitionOf(contract) }) };
  }

  async #acquire({ lock: name, ttlMs, waitMs }: Extract<WorkOperation, { kind: "acquire" }>): Promise<Answer> {
    const before = this.#locks.get(name);
    try {
      const lock = await this.#client.lock(name, { ttlMs, waitMs });
      if (before?.held === true)
        throw new InvariantError(
          `mutual exclusion: ${name} was granted under ${lock.token} while ${before.token} held`,
        );
      this.#locks.set(name, lock);
      return { value: lock.token };
    } catch (error) {
      if (error instanceof CohortError && error.code === "not-granted") return { value: 0 };
      throw error;
    }
  }

  async #guarded(running: Running, name: string): Promise<Answer> {
    const lock = this.#locks.get(name);
    if (lock === undefined) return { pointless: true };
    const { token } = lock;
    running.fence = token;
    const { succeeded, kept } = await this.#client.transaction({
      compare: [{ lock: name, token }],
      then: [{ put: `guarded by ${name}`, value: String(token) }],
    });
    return { value: succeeded ? token : 0, kept };
  }

  #finish(running: Running, outcome: OperationRecord["outcome"], note: string, answer: Answer = {}): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    const { kept } = answer;
    this.#world.onRecord({
      client: this.id,
      operation: running.planned.operation,
      invokedAt: running.invokedAt,
      completedAt: outcome === "unknown" ? Number.POSITIVE_INFINITY : this.#world.now,
      outcome,
      value: answer.value,
      steps: running.steps,
      fence: running.fence,
      position: kept?.position ?? 0,
      stalenessMs: kept?.stalenessMs,
      degraded: kept?.degraded ?? false,
      guarantee: kept?.guarantee,
      refused: outcome === "fail" ? note : undefined,
      token: running.token,
      note,
    });
    this.#next();
  }

  /** Gives back what it holds, so that nothing keeps the cluster busy. */
  retire(): void {
    const held = Array.from(this.#locks.values());
    this.#locks.clear();
    this.#process.enter(() => {
      for (const lock of held) lock.release().catch((error: unknown) => this.#world.fail(error));
    });
  }

  abandon(): void {
    this.#waiting.length = 0;
    const running = this.#running;
    if (running) this.#finish(running, isRead(running.planned.operation) ? "fail" : "unknown", "abandoned");
  }
}

function partitionOf({ partition }: ReadContract): Pick<ReadSettings, "partition"> {
  return partition === undefined ? {} : { partition };
}

/** One attempt of a transaction: lists that grow, or values where updates may be lost. */
async function perform(work: TransactionWork, transaction: OpenTransaction, seen: SeenStep[]): Promise<void> {
  const grows = work.isolation !== "read-committed";
  const valueOf = (bytes: Uint8Array | undefined): SeenStep["value"] => {
    if (bytes === undefined) return grows ? [] : null;
    return grows ? fromUtf8(bytes).split(" ").map(Number) : read(bytes);
  };
  for (const { f, key, value } of work.steps) {
    if (f === "all") {
      const { items } = await transaction.list({ prefix: "x" });
      const values = new Map(items.map((item) => [fromUtf8(item.key), item.value]));
      for (let i = 0; i < value; i++) seen.push({ f: "r", key: `x${i}`, value: valueOf(values.get(`x${i}`)) });
    } else if (f === "r") seen.push({ f, key, value: valueOf((await transaction.get(key))?.value) });
    else {
      const before = grows ? (await transaction.get(key))?.value : undefined;
      transaction.put(key, before === undefined ? String(value) : `${fromUtf8(before)} ${value}`);
      seen.push({ f: grows ? "append" : "w", key, value });
    }
  }
}
