/**
 * The loop around one node's core (see `core/`). Everything that arrives in one turn of the event loop is stepped
 * together at its end; then one write to the log, and one write to each socket.
 *
 * It does the same for requests of native clients and of code in this process; who wants the reply says so with
 * a sink and a token, so that a request costs no closure, no timer and no promise here.
 */
import { assert, type GroupId, type NodeId, type Reading } from "../base/index.ts";
import { failure, type Failure, type Outcome, type RequestBody, type WatchEvent } from "../contract/index.ts";
import type { Effect, Event } from "../core/index.ts";
import {
  toLogRecord,
  type GroupStatus,
  type NodeCommand,
  type NodeCore,
  type NodeFact,
  type NodeMessage,
  type NodeOutput,
  type NodeProtocol,
  type RequestId,
  type RingStatus,
} from "../node/index.ts";
import type { Wal } from "../wal/index.ts";
import type { HostClock } from "./clock.ts";

/** Takes the one reply to each of its requests, known by the token that it gave. */
export interface ReplySink {
  onReply(token: number, outcome: Outcome): void;
}

/** Takes what a watch tells; `onWatchFailed` is the last. */
export interface WatchTarget {
  onEvents(token: number, events: readonly WatchEvent[], revision: number): void;
  onWatchFailed(token: number, failure: Failure): void;
}

export interface DriverOptions {
  readonly core: NodeCore;
  readonly clock: HostClock;
  readonly wal: Wal;
  readonly send: (to: NodeId, message: NodeMessage) => void;
  /** Every group has rejoined; nothing that was lost is missing any more. */
  readonly onRejoined: () => void;
  /** The core or the log cannot go on, so neither can the process. Called once; nothing is acknowledged after it. */
  readonly onFatal: (error: unknown) => void;
}

interface Waiter {
  readonly sink: ReplySink;
  readonly token: number;
}

interface Watcher {
  readonly target: WatchTarget;
  readonly token: number;
}

/** No turn asks for more wakes than this; one that does is a loop. */
const maxWakes = 1000;

export class Driver {
  readonly #options: DriverOptions;
  #events: Event<NodeProtocol>[] = [];
  #spareEvents: Event<NodeProtocol>[] = [];
  readonly #effects: Effect<NodeProtocol>[] = [];
  #scheduled = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #stopped = false;
  #nextId: RequestId = 1;
  #jobs = 0;
  readonly #waiters = new Map<RequestId, Waiter>();
  readonly #watchers = new Map<RequestId, Watcher>();
  readonly #factWatchers = new Set<(fact: NodeFact) => void>();

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  /** Begins: the core may want to be woken without any event. */
  start(): void {
    this.#schedule();
  }

  /** Nothing is stepped or acknowledged any more. Who waits is told that the node shuts down. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    const problem = failure("shutting-down", "the node stopped before it had the answer", false);
    for (const { sink, token } of this.#waiters.values()) sink.onReply(token, { ok: false, failure: problem });
    for (const { target, token } of this.#watchers.values()) target.onWatchFailed(token, problem);
    this.#waiters.clear();
    this.#watchers.clear();
  }

  /** As `stop`, without a word to anyone: what was asked may or may not be durable. */
  abandon(): void {
    this.#stopped = true;
    this.#effects.length = 0;
    clearTimeout(this.#timer);
  }

  /** Jobs of the core that run. */
  get jobs(): number {
    return this.#jobs;
  }

  get outstanding(): number {
    return this.#stopped ? 0 : this.#waiters.size;
  }

  read(): Reading {
    return this.#options.clock.read();
  }

  quorums(): RingStatus[] {
    return this.#options.core.quorums(this.read());
  }

  groups(): GroupStatus[] {
    return this.#options.core.groups(this.read());
  }

  onFact(watcher: (fact: NodeFact) => void): () => void {
    this.#factWatchers.add(watcher);
    return () => void this.#factWatchers.delete(watcher);
  }

  // ---- What arrives ----------------------------------------------------------------------------------

  message(from: NodeId, message: NodeMessage): void {
    this.#push({ kind: "message", from, message });
  }

  command(command: NodeCommand): void {
    this.#push({ kind: "command", command });
  }

  /** The sink hears `token` once, after this returned, unless the request is cancelled before. */
  request(body: RequestBody, timeoutMs: number, sink: ReplySink, token: number): RequestId {
    const id = this.#expect(sink, token);
    this.command({ type: "request", id, deadline: this.#options.clock.mono() + timeoutMs, body });
    return id;
  }

  transfer(to: NodeId | undefined, timeoutMs: number, sink: ReplySink, token: number): RequestId {
    const id = this.#expect(sink, token);
    this.command({ type: "transfer", id, deadline: this.#options.clock.mono() + timeoutMs, to });
    return id;
  }

  changeMembership(
    to: { readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] },
    timeoutMs: number,
    sink: ReplySink,
    token: number,
  ): RequestId {
    const id = this.#expect(sink, token);
    this.command({ type: "changeMembership", id, deadline: this.#options.clock.mono() + timeoutMs, ...to });
    return id;
  }

  /** The sink hears nothing of this request any more. */
  cancel(id: RequestId): void {
    if (this.#waiters.delete(id)) this.command({ type: "cancel", id });
  }

  watch(
    what: { readonly keyspace: string; readonly prefix: Uint8Array; readonly from: number },
    target: WatchTarget,
    token: number,
  ): RequestId {
    const id = this.#nextId++;
    const { keyspace, prefix, from } = what;
    this.#watchers.set(id, { target, token });
    this.command({ type: "watch", id, keyspace, prefix, from });
    return id;
  }

  credit(id: RequestId, credit: number): void {
    this.command({ type: "watchCredit", id, credit });
  }

  unwatch(id: RequestId): void {
    if (this.#watchers.delete(id)) this.command({ type: "unwatch", id });
  }

  #expect(sink: ReplySink, token: number): RequestId {
    const id = this.#nextId++;
    if (this.#stopped) {
      const problem = failure("shutting-down", "the node has stopped", true);
      queueMicrotask(() => sink.onReply(token, { ok: false, failure: problem }));
    } else this.#waiters.set(id, { sink, token });
    return id;
  }

  // ---- Turns -----------------------------------------------------------------------------------------

  #push(event: Event<NodeProtocol>): void {
    if (this.#stopped) return;
    this.#events.push(event);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // After everything that is ready in this round of the event loop: that is what makes batches.
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      this.#step(this.read());
      this.#perform();
      this.#options.wal.flush();
    } catch (error) {
      this.#fatal(error);
      return;
    }
    this.#arm();
  };

  #step(now: Reading): void {
    const { core } = this.#options;
    const events = this.#events;
    this.#events = this.#spareEvents;
    for (const event of events) core.step(now, event, this.#effects);
    events.length = 0;
    this.#spareEvents = events;
    for (let wakes = 0; core.wakeAt !== undefined && core.wakeAt <= now.mono; wakes++) {
      assert(wakes < maxWakes, `the core wants to be woken at ${core.wakeAt} again and again`);
      core.step(now, { kind: "wake" }, this.#effects);
    }
  }

  #perform(): void {
    for (const effect of this.#effects) {
      switch (effect.kind) {
        case "send":
          this.#options.send(effect.to, effect.message);
          break;
        case "persist": {
          const { write } = effect;
          this.#options.wal.append(effect.records.map(toLogRecord), (error) => {
            // Completions of a life that is over, and failures (which end this one), acknowledge nothing.
            if (error === undefined) this.#push({ kind: "persisted", write });
          });
          break;
        }
        case "output":
          this.#act(effect.output);
          break;
        case "fact":
          for (const watcher of this.#factWatchers) watcher(effect.fact);
          break;
      }
    }
    this.#effects.length = 0;
  }

  #act(output: NodeOutput): void {
    switch (output.type) {
      case "reply": {
        const waiter = this.#waiters.get(output.id);
        if (this.#waiters.delete(output.id)) waiter?.sink.onReply(waiter.token, output.outcome);
        break;
      }
      case "watchEvents": {
        const watcher = this.#watchers.get(output.id);
        watcher?.target.onEvents(watcher.token, output.events, output.revision);
        break;
      }
      case "watchFailed": {
        const watcher = this.#watchers.get(output.id);
        if (this.#watchers.delete(output.id)) watcher?.target.onWatchFailed(watcher.token, output.failure);
        break;
      }
      case "job":
        this.#runJob(output.group, output.job, output.run);
        break;
      case "truncateLog":
        this.#options.wal.truncate(output.group, output.index);
        break;
      case "rejoined":
        this.#options.onRejoined();
        break;
    }
  }

  #runJob(group: GroupId, job: number, run: Extract<NodeOutput, { type: "job" }>["run"]): void {
    this.#jobs++;
    // Jobs take long: first everything that this turn sends and answers leaves.
    setImmediate(() => {
      if (this.#stopped) {
        this.#jobs--;
        return;
      }
      try {
        run((error) => {
          this.#jobs--;
          this.command({ type: "jobDone", group, job, error });
        });
      } catch (error) {
        this.#fatal(error);
      }
    });
  }

  /** One timer for all that the core waits for. It may fire early, and then only looks again. */
  #arm(): void {
    const { wakeAt } = this.#options.core;
    if (wakeAt === undefined || this.#stopped || this.#scheduled) return;
    if (wakeAt >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = wakeAt;
    this.#timer = setTimeout(this.#onTimer, Math.max(0, wakeAt - this.#options.clock.mono()));
  }

  readonly #onTimer = (): void => {
    this.#timerAt = Infinity;
    if (!this.#scheduled) this.#turn();
  };

  #fatal(error: unknown): void {
    this.abandon();
    this.#options.onFatal(error);
  }
}
