import type { Random } from "../base/index.ts";
import { createEngine, type ClientEngine, type World as LibraryWorld } from "../client/index.ts";
import type { Kept, ReadContract } from "../contract/index.ts";
import { decodeResult, defaultKeyspace, type Answer, type Result } from "../store/index.ts";
import type { OperationRecord, PlannedOperation } from "../workload/index.ts";
import {
  isRead,
  noteShards,
  readRequest,
  valueOf,
  writeOf,
  type Read,
  type WorkClient,
  type WorkWorld,
} from "./client.ts";

export interface LibraryClientOptions {
  readonly id: number;
  readonly endpoints: readonly string[];
  readonly operationTimeoutMs: number;
  readonly contract: ReadContract | undefined;
  readonly keyspace: string | undefined;
}

interface Running {
  readonly planned: PlannedOperation;
  readonly invokedAt: number;
  readonly token: number;
}

/** A client of the simulated world that is the real library: its session, retries and routing, and the bytes it sends. */
export class LibraryClient implements WorkClient {
  readonly id: number;
  readonly mode = "library";
  readonly #options: LibraryClientOptions;
  readonly #world: WorkWorld;
  readonly #random: Random;
  readonly #engine: ClientEngine;
  readonly #waiting: PlannedOperation[] = [];
  #running: Running | undefined;
  #position = 0;
  readonly #shards = new Map<number, number>();

  constructor(options: LibraryClientOptions, world: WorkWorld, library: LibraryWorld) {
    this.id = options.id;
    this.#options = options;
    this.#world = world;
    this.#random = library.random;
    this.#engine = createEngine(library, { endpoints: options.endpoints, clusterId: "sim" });
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
    const { operation } = planned;
    this.#world.onInvoke(this, operation);
    const running = { planned, invokedAt: this.#world.now, token: this.#position };
    this.#running = running;
    if (isRead(operation)) return this.#read(running, operation);
    if (operation.kind === "transaction" || operation.kind === "members" || "lock" in operation)
      throw new TypeError(`the library's part in a ${operation.kind} is not in this world: its promises are`);
    const { keyspace = defaultKeyspace } = this.#options;
    const write = writeOf(operation, { fence: 0, claim: "", keyspace, members: [] });
    this.#engine.writes.write(
      write,
      undefined,
      { timeoutMs: this.#options.operationTimeoutMs, prefer: "leader", isWrite: true },
      {
        succeed: (result, kept) => this.#succeeded(running, result, kept),
        fail: (problem) => this.#finish(running, problem.definite ? "fail" : "unknown", problem.code),
      },
    );
  }

  #read(running: Running, operation: Read): void {
    const prefer = operation.consistency === "linearizable" && this.#random.below(2) === 0 ? "leader" : "any";
    const call = this.#engine.calls.open(
      { timeoutMs: this.#options.operationTimeoutMs, prefer, isWrite: false },
      {
        succeed: (bytes, kept) => this.#succeeded(running, decodeResult(bytes), kept),
        fail: (problem) => this.#finish(running, "fail", problem.code),
      },
    );
    const keyspace = this.#options.keyspace ?? defaultKeyspace;
    call?.send(readRequest(operation, keyspace, this.#options.contract, running.token, this.#shards));
  }

  #succeeded(running: Running, result: Result | Answer, kept: Kept): void {
    if (result.kind === "error") {
      // Whether an earlier attempt took place is forgotten with the session.
      const open = result.code === "session-expired" || result.code === "stale-sequence";
      return this.#finish(running, open ? "unknown" : "fail", result.code);
    }
    this.#position = Math.max(this.#position, kept.position);
    noteShards(this.#shards, kept);
    this.#finish(running, "ok", "", valueOf(result), kept);
  }

  #finish(running: Running, outcome: OperationRecord["outcome"], note: string, value?: number, kept?: Kept): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#world.onRecord({
      client: this.id,
      operation: running.planned.operation,
      invokedAt: running.invokedAt,
      completedAt: outcome === "unknown" ? Number.POSITIVE_INFINITY : this.#world.now,
      outcome,
      value,
      steps: undefined,
      fence: undefined,
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

  abandon(): void {
    this.#waiting.length = 0;
    const running = this.#running;
    if (running) this.#finish(running, isRead(running.planned.operation) ? "fail" : "unknown", "abandoned");
  }
}
