import { fromUtf8, InvariantError, utf8 } from "../base/index.ts";
import { type Client, CohortError, type Watch } from "../client/index.ts";
import type { WatchEvent } from "../contract/index.ts";
import { defaultKeyspace, type Store } from "../store/index.ts";

/** What a watcher needs of the world around it. */
export interface WatcherWorld {
  /** Someone was told of a change. */
  onChange(revision: number): void;
  /** Something that must not happen. */
  fail(error: unknown): void;
}

/**
 * Somebody who follows the changes of some keys from one moment on, and notes what he is told. His notes outlive his
 * process: the next one goes on behind the last of them.
 */
export class Watcher {
  readonly prefix: string;
  readonly seen: WatchEvent[] = [];
  readonly #world: WatcherWorld;
  #watch: Watch | undefined;
  /** The first revision that he has to be told of; 0: that is not known yet. */
  #start = 0;

  constructor(prefix: string, world: WatcherWorld) {
    this.prefix = prefix;
    this.#world = world;
  }

  follow(client: Client, prefer: "leader" | "any"): void {
    const last = this.seen.at(-1);
    const from = last === undefined ? this.#start : last.revision + 1;
    this.#watch = client.watch({ prefix: this.prefix, prefer, ...(from > 0 && { from }) });
    void this.#listen(this.#watch);
  }

  /** Asked after everything that may have told where it begins. */
  noteStart(): void {
    if (this.#start === 0) this.#start = this.#watch?.from ?? 0;
  }

  async #listen(watch: Watch): Promise<void> {
    try {
      for await (const event of watch) {
        this.seen.push(event);
        this.#world.onChange(event.revision);
      }
    } catch (error) {
      const text = error instanceof CohortError ? `${error.code}: ${error.message}` : undefined;
      this.#world.fail(text === undefined ? error : new InvariantError(`watch: it ended with ${text}`));
    }
  }

  /** How many changes he must have been told of by now, by the history of a replica. */
  due(store: Store): number {
    return this.#start === 0 ? 0 : historyOf(store, this.prefix, this.#start).length;
  }

  /** Compares what he was told with what a replica knows to have happened. Throws an InvariantError. */
  check(store: Store, who: string): void {
    if (this.#start === 0) throw new InvariantError(`liveness: ${who} does not know where the watch begins`);
    const happened = historyOf(store, this.prefix, this.#start);
    for (let i = 0; i < Math.max(happened.length, this.seen.length); i++) {
      const [due, told] = [happened[i], this.seen[i]].map((event) => event && textOf(event));
      if (due === told) continue;
      const begun = `${who}, who watches from revision ${this.#start}`;
      throw new InvariantError(`watch: ${begun}, is told of ${told ?? "nothing"} where ${due ?? "nothing"} happened`);
    }
  }
}

const batch = 1000;

function historyOf(store: Store, prefix: string, start: number): WatchEvent[] {
  const events: WatchEvent[] = [];
  for (let from = start; from <= store.revision;) {
    const found = store.events({ keyspace: defaultKeyspace, prefix: utf8(prefix), from, limit: batch });
    events.push(...found.events);
    from = found.next;
  }
  return events;
}

function textOf({ kind, key, value, revision }: WatchEvent): string {
  return `${kind} ${fromUtf8(key)} ${fromUtf8(value)} at revision ${revision}`;
}
