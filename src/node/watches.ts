import { failure } from "../contract/index.ts";
import { type Store, StoreError } from "../store/index.ts";
import type { Replica } from "./replica.ts";
import type { RequestId } from "./types.ts";

interface Watch {
  readonly id: RequestId;
  readonly keyspace: string;
  readonly prefix: Uint8Array;
  /** The next revision to look at. */
  next: number;
  /** The revision up to which the watcher knows that it has everything. */
  told: number;
  /** Batches that the watcher can still take. */
  credit: number;
}

/** Events in one batch, and bytes. */
const batchEvents = 256;
const batchBytes = 1024 * 1024;
/**
 * A watcher of keys that rarely change hears that it is up to date after so many revisions, in an empty batch:
 * else the one it would go on from after a lost connection would be compacted some day.
 */
const progressRevisions = 10_000;
/** How many batches a new watcher can take before it says that it took some. */
const initialCredit = 8;

/** Watches of one replica: each sees every change of its keys once, in order of revision, at its own pace. */
export class Watches {
  readonly #replica: Replica;
  readonly #watches = new Map<RequestId, Watch>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  open(id: RequestId, keyspace: string, prefix: Uint8Array, from: number): void {
    const next = from === 0 ? this.#replica.store.revision + 1 : from;
    this.#watches.set(id, { id, keyspace, prefix, next, told: next - 1, credit: initialCredit });
    this.#replica.openTurn();
  }

  credit(id: RequestId, credit: number): void {
    const watch = this.#watches.get(id);
    if (!watch) return;
    watch.credit += credit;
    this.#replica.openTurn();
  }

  close(id: RequestId): void {
    this.#watches.delete(id);
  }

  /** The state was replaced as a whole; what watchers saw remains true, and they go on from where they were. */
  onRestored(): void {
    this.#replica.openTurn();
  }

  flush(): void {
    for (const watch of this.#watches.values()) {
      if (watch.credit > 0 && watch.next <= this.#replica.store.revision) this.#feed(watch);
    }
  }

  #feed(watch: Watch): void {
    const { store, sink } = this.#replica;
    let found: ReturnType<Store["events"]>;
    try {
      const { keyspace, prefix, next } = watch;
      found = store.events({ keyspace, prefix, from: next, limit: batchEvents, maximumBytes: batchBytes });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#watches.delete(watch.id);
      const code = error.code === "not-found" ? "not-found" : "compacted";
      sink.output({ type: "watchFailed", id: watch.id, failure: failure(code, error.message) });
      return;
    }
    watch.next = found.next;
    if (found.events.length > 0 || found.next - 1 - watch.told >= progressRevisions) {
      watch.credit--;
      watch.told = found.next - 1;
      sink.output({ type: "watchEvents", id: watch.id, events: found.events, revision: found.next - 1 });
    }
    if (watch.credit > 0 && watch.next <= store.revision) this.#replica.openTurn();
  }
}
