import { CodecError, copyBytes } from "../base/index.ts";
import {
  CohortError,
  errorCatalogue,
  failure,
  parseReadContract,
  type Failure,
  type WatchEvent,
} from "../contract/index.ts";
import { decodeResult, defaultKeyspace } from "../store/index.ts";
import type { Calls } from "./calls.ts";
import { toBytes, wholeNumber } from "./input.ts";
import type { Link, LinkWatch } from "./link.ts";
import { problemOf } from "./problems.ts";
import type { Prefer, Router } from "./router.ts";
import type { WatchSettings } from "./types.ts";
import { Timer, type TimerWheel } from "./wheel.ts";
import type { World } from "./world.ts";

/** Between attempts to go on elsewhere. */
const pauseMs = 50;
/** For finding out at which revision "now" is. */
const startTimeoutMs = 60_000;

export interface WatchContext {
  readonly world: World;
  readonly wheel: TimerWheel;
  readonly router: Router;
  readonly calls: Calls;
  readonly onDone: (watch: Watch) => void;
}

interface Batch {
  readonly link: Link;
  readonly id: number;
  readonly events: readonly WatchEvent[];
}

interface Taker {
  readonly resolve: (result: IteratorResult<WatchEvent, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Changes in order of revision, each exactly once. After a lost connection it goes on at another node with the
 * first revision that has not arrived yet. What nobody takes waits at the node: it sends a few batches ahead.
 */
export class Watch implements LinkWatch, AsyncIterableIterator<WatchEvent, undefined> {
  /** Of the attachment to the present link. */
  id = 0;
  readonly keyspace: string;
  readonly prefix: Uint8Array;
  readonly #context: WatchContext;
  readonly #prefer: Prefer;
  readonly #signal: AbortSignal | undefined;
  readonly #retry = new Timer(() => this.#attach());
  #from: number;
  #link: Link | undefined;
  #avoid: string | undefined;
  /** What arrived and was not taken. The end of a batch allows the node one more. */
  readonly #batches: Batch[] = [];
  /** Events of the first batch that were taken. */
  #taken = 0;
  readonly #takers: Taker[] = [];
  #ended = false;
  #problem: Failure | undefined;

  constructor(context: WatchContext, settings: WatchSettings) {
    this.#context = context;
    this.keyspace = settings.keyspace ?? defaultKeyspace;
    this.prefix = toBytes(settings.prefix);
    this.#prefer = settings.prefer ?? "leader";
    this.#signal = settings.signal;
    this.#from = wholeNumber(settings.from, "from", 1) ?? 0;
    this.#signal?.addEventListener("abort", this.#onAbort);
    if (this.#signal?.aborted === true) this.#onAbort();
    else if (this.#from === 0) this.#findStart();
    else this.#attach();
  }

  /** The first revision that has not arrived yet; 0: "from now on", and not known yet. */
  get from(): number {
    return this.#from;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next change. Rejects with a CohortError where the watch cannot go on, such as `compacted`. */
  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    const value = this.#take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#problem !== undefined) return Promise.reject(new CohortError(this.#problem));
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
    });
  }

  /** Ends the watch, as leaving a `for await` does. */
  return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.end(undefined);
    this.#batches.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.return().then(() => undefined);
  }

  onEvents(events: readonly WatchEvent[], revision: number): void {
    const link = this.#link;
    if (link === undefined || this.#ended) return;
    const fresh = events.filter((event) => event.revision >= this.#from).map(copyEvent);
    this.#from = Math.max(this.#from, revision + 1);
    if (fresh.length === 0) return link.credit(this.id);
    this.#batches.push({ link, id: this.id, events: fresh });
    while (this.#takers.length > 0) {
      const value = this.#take();
      if (value === undefined) return;
      this.#takers.shift()!.resolve({ done: false, value });
    }
  }

  onWatchFailed(problem: Failure): void {
    if (!errorCatalogue[problem.code].retryable) return this.end(problem);
    this.#leave();
    this.#pause();
  }

  onLost(): void {
    this.#leave();
    this.#attach();
  }

  /** Nothing more comes; what has arrived can still be taken. */
  end(problem: Failure | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#problem = problem;
    this.#context.wheel.clear(this.#retry);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#link?.unwatch(this.id);
    this.#context.onDone(this);
    for (const { resolve, reject } of this.#takers.splice(0)) {
      if (problem === undefined) resolve({ done: true, value: undefined });
      else reject(new CohortError(problem));
    }
  }

  #take(): WatchEvent | undefined {
    const batch = this.#batches[0];
    if (batch === undefined) return undefined;
    const event = batch.events[this.#taken++];
    if (this.#taken === batch.events.length) {
      this.#batches.shift();
      this.#taken = 0;
      batch.link.credit(batch.id);
    }
    return event;
  }

  /** "From now on" begins above everything that is acknowledged by now: a linearizable read says where that is. */
  #findStart(): void {
    const options = { timeoutMs: startTimeoutMs, signal: undefined, prefer: "leader", isWrite: false } as const;
    const call = this.#context.calls.open(options, {
      succeed: (bytes) => {
        const answer = decodeResult(bytes);
        if (answer.kind === "error") return this.end(problemOf(answer));
        if (answer.kind !== "row") throw new CodecError(`the node answered ${answer.kind} where row was asked for`);
        this.#from = answer.revision + 1;
        this.#attach();
      },
      fail: (problem) => this.end(problem),
    });
    const query = { type: "get", keyspace: this.keyspace, key: anyKey, revision: undefined } as const;
    call?.send({ type: "read", query, contract: linearizable, position: 0 });
  }

  #attach(): void {
    if (this.#ended) return;
    const { router, calls } = this.#context;
    const link = router.choose(this.#prefer, this.#avoid);
    if (link === undefined) {
      if (router.hopeless !== undefined) return this.end(router.hopeless);
      return this.#pause();
    }
    this.id = calls.takeId();
    this.#link = link;
    link.watch(this);
  }

  #leave(): void {
    this.#avoid = this.#link?.endpoint;
    this.#link = undefined;
  }

  #pause(): void {
    this.#context.wheel.set(this.#retry, this.#context.world.now() + pauseMs);
  }

  readonly #onAbort = (): void => this.end(failure("cancelled", "the signal was aborted"));
}

const anyKey = Uint8Array.of(0);
const linearizable = parseReadContract("linearizable");

function copyEvent(event: WatchEvent): WatchEvent {
  return { ...event, key: copyBytes(event.key), value: copyBytes(event.value) };
}
