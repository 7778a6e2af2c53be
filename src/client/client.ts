import { failure, fail } from "../contract/index.ts";
import { createEngine } from "./engine.ts";
import { wholeNumber } from "./input.ts";
import type { Router } from "./router.ts";
import type { OpenTransaction } from "./interactive.ts";
import type { Lock } from "./locks.ts";
import { type ClientCore, type Counter, type Election, Session } from "./session.ts";
import type {
  BarrierSettings,
  CallSettings,
  ClientOptions,
  Data,
  DeleteResult,
  GetResult,
  GetSettings,
  KeyspacesResult,
  ListResult,
  ListSettings,
  LockSettings,
  LockView,
  NewKeyspace,
  PutResult,
  ReadSettings,
  Seen,
  SiblingsResult,
  Transaction,
  TransactionResult,
  TransactionSettings,
  WatchSettings,
  WriteSettings,
  Written,
} from "./types.ts";
import { Watch } from "./watch.ts";
import type { World } from "./world.ts";

/** A client of one cluster. Its own calls go through its `session`; further sessions share its connections. */
export class Client {
  readonly session: Session;
  readonly #core: ClientCore;
  readonly #router: Router;
  readonly #watches: Set<Watch>;
  #closing: Promise<void> | undefined;

  constructor(core: ClientCore, router: Router, watches: Set<Watch>) {
    this.session = new Session(core);
    this.#core = core;
    this.#router = router;
    this.#watches = watches;
  }

  put(key: Data, value: Data, settings?: WriteSettings): Promise<PutResult> {
    return this.session.put(key, value, settings);
  }

  get(key: Data, settings?: GetSettings): Promise<GetResult | undefined> {
    return this.session.get(key, settings);
  }

  siblings(key: Data, settings?: GetSettings): Promise<SiblingsResult> {
    return this.session.siblings(key, settings);
  }

  delete(key: Data, settings?: WriteSettings): Promise<DeleteResult> {
    return this.session.delete(key, settings);
  }

  list(settings?: ListSettings): Promise<ListResult> {
    return this.session.list(settings);
  }

  counter(name: string): Counter {
    return this.session.counter(name);
  }

  transaction(transaction: Transaction, settings?: CallSettings): Promise<TransactionResult>;
  transaction<T>(run: (transaction: OpenTransaction) => Promise<T>, settings?: TransactionSettings): Promise<T>;
  transaction<T>(
    what: Transaction | ((transaction: OpenTransaction) => Promise<T>),
    settings?: TransactionSettings,
  ): Promise<TransactionResult | T> {
    return typeof what === "function"
      ? this.session.transaction(what, settings)
      : this.session.transaction(what, settings);
  }

  lock(name: string, settings?: LockSettings): Promise<Lock> {
    return this.session.lock(name, settings);
  }

  holders(name: string, settings?: ReadSettings): Promise<LockView> {
    return this.session.holders(name, settings);
  }

  election(name: string): Election {
    return this.session.election(name);
  }

  barrier(name: string, participants: number, settings?: BarrierSettings): Promise<void> {
    return this.session.barrier(name, participants, settings);
  }

  watch(settings?: WatchSettings): Watch {
    return this.session.watch(settings);
  }

  keyspaces(settings?: ReadSettings): Promise<KeyspacesResult> {
    return this.session.keyspaces(settings);
  }

  createKeyspace(keyspace: NewKeyspace, settings?: CallSettings): Promise<Written> {
    return this.session.createKeyspace(keyspace, settings);
  }

  setContract(
    name: string,
    contract: string,
    settings?: CallSettings & { readonly expectedVersion?: number },
  ): Promise<Written> {
    return this.session.setContract(name, contract, settings);
  }

  dropKeyspace(name: string, settings?: CallSettings): Promise<Written> {
    return this.session.dropKeyspace(name, settings);
  }

  /** The endpoint of the leader, by the latest that any node said; undefined: not known. */
  get leader(): string | undefined {
    return this.#router.leader;
  }

  /** A session that knows nothing of this one's answers; `seen`: it goes on where another one was. */
  newSession(seen: number | Seen = 0): Session {
    const from = typeof seen === "number" ? { position: seen } : seen;
    wholeNumber(from.position, "position");
    return new Session(this.#core, from);
  }

  /** Ends everything: what is under way fails with `cancelled`. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      for (const watch of Array.from(this.#watches)) watch.end(failure("cancelled", "the client was closed"));
      for (const lock of Array.from(this.#core.held)) lock.abandon(fail("cancelled", "the client was closed"));
      this.#core.writes.close(() => {
        this.#core.calls.close();
        this.#router.close();
        resolve();
      });
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A client in any world. Nothing is connected before the first call. Throws a CohortError (`bad-request`). */
export function createClient(world: World, options: ClientOptions): Client {
  const { timeoutMs = 10_000 } = options;
  const { calls, writes, router, wheel } = createEngine(world, options);
  const watches = new Set<Watch>();
  const context = { world, wheel, router, calls, onDone: (watch: Watch) => void watches.delete(watch) };
  const core: ClientCore = {
    calls,
    writes,
    timeoutMs,
    world,
    wheel,
    held: new Set(),
    openWatch(settings) {
      const watch = new Watch(context, settings);
      watches.add(watch);
      return watch;
    },
  };
  return new Client(core, router, watches);
}
