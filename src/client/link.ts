import { CodecError, FrameReader, FrameWriter } from "../base/index.ts";
import { failure, type Failure, type Outcome, type RequestBody, type WatchEvent } from "../contract/index.ts";
import {
  maxHelloBytes,
  nativeVersions,
  readNodeFrame,
  writeClientFrame,
  type ClientFrame,
  type NodeFrame,
} from "../wire/index.ts";
import { Timer, type TimerWheel } from "./wheel.ts";
import type { Connection, World } from "./world.ts";

/** A request on its way over one link. */
export interface LinkRequest {
  readonly id: number;
  readonly body: RequestBody;
  /** What is left for this attempt, whole milliseconds. */
  ttlMs(now: number): number;
  onOutcome(outcome: Outcome): void;
  /** The link broke before the answer. */
  onLost(reason: Failure): void;
}

export interface LinkWatch {
  readonly id: number;
  readonly keyspace: string;
  readonly prefix: Uint8Array;
  /** The first revision wanted. */
  readonly from: number;
  /** Keys and values are views, valid during the call. */
  onEvents(events: readonly WatchEvent[], revision: number): void;
  onWatchFailed(failure: Failure): void;
  onLost(reason: Failure): void;
}

export interface LinkOwner {
  onOpen(link: Link, leader: string): void;
  onLeader(leader: string): void;
  /** It takes nothing new from now on. */
  onDraining(link: Link): void;
  onClosed(link: Link, reason: Failure): void;
}

/** Connecting and the exchange of hellos take at most this long. */
const openTimeoutMs = 2000;
const checkIntervalMs = 1000;
/** While something is expected and nothing comes for this long, the other side counts as dead. */
const silenceMs = 3000;
const maxFrameBytes = 256 * 2 ** 20;

/** One connection to one node, with all that is under way on it. Pipelined; nothing here retries. */
export class Link {
  readonly endpoint: string;
  state: "connecting" | "open" | "draining" | "closed" = "connecting";
  readonly #world: World;
  readonly #wheel: TimerWheel;
  readonly #owner: LinkOwner;
  readonly #clusterId: string;
  readonly #connection: Connection;
  readonly #reader = new FrameReader(maxHelloBytes);
  readonly #writer = new FrameWriter(16 * 1024);
  #flushing = false;
  readonly #requests = new Map<number, LinkRequest>();
  readonly #watches = new Map<number, LinkWatch>();
  readonly #check = new Timer(() => this.#onCheck());
  #checkedAt: number;
  #heardAt: number;
  #reason: Failure | undefined;

  constructor(endpoint: string, clusterId: string, world: World, wheel: TimerWheel, owner: LinkOwner) {
    this.endpoint = endpoint;
    this.#clusterId = clusterId;
    this.#world = world;
    this.#wheel = wheel;
    this.#owner = owner;
    this.#checkedAt = this.#heardAt = world.now();
    this.#connection = world.transport.connect(endpoint, {
      onOpen: () => this.#send({ kind: "hello", ...nativeVersions, clusterId: this.#clusterId }),
      onData: (chunk) => this.#onData(chunk),
      onClose: (reason) => this.#onClose(reason),
    });
    wheel.set(this.#check, this.#heardAt + openTimeoutMs);
  }

  /** Sends a request; only on an open link. */
  request(request: LinkRequest): void {
    this.#requests.set(request.id, request);
    const ttlMs = request.ttlMs(this.#world.now());
    this.#send({ kind: "request", id: request.id, ttlMs, body: request.body });
    this.#expectAnswer();
  }

  /** Nobody waits any more; whether it happens is open. */
  cancel(id: number): void {
    if (this.#requests.delete(id)) this.#send({ kind: "cancel", id });
  }

  /** Begins a watch; only on an open link. */
  watch(watch: LinkWatch): void {
    this.#watches.set(watch.id, watch);
    const { id, keyspace, prefix, from } = watch;
    this.#send({ kind: "watch", id, keyspace, prefix, from });
    this.#expectAnswer();
  }

  /** The watcher has taken a batch. */
  credit(id: number): void {
    if (this.#watches.has(id)) this.#send({ kind: "credit", id, count: 1 });
  }

  unwatch(id: number): void {
    if (this.#watches.delete(id)) this.#send({ kind: "unwatch", id });
  }

  close(): void {
    this.#reason ??= failure("cancelled", "the client was closed");
    this.#flush();
    this.#connection.close();
  }

  #send(frame: ClientFrame): void {
    writeClientFrame(this.#writer.begin(), frame);
    this.#writer.end();
    if (this.#flushing) return;
    this.#flushing = true;
    this.#world.soon(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#writer.length === 0) return;
    const bytes = this.#writer.take();
    if (this.state !== "closed") this.#connection.send(bytes);
  };

  #onData(chunk: Uint8Array): void {
    this.#heardAt = this.#world.now();
    try {
      this.#reader.feed(chunk, (frame) => this.#onFrame(readNodeFrame(frame)));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#abandon(failure("protocol", `${this.endpoint}: ${error.message}`));
    }
  }

  #onFrame(frame: NodeFrame): void {
    if (this.state === "connecting") return this.#onFirstFrame(frame);
    switch (frame.kind) {
      case "reply": {
        const request = this.#requests.get(frame.id);
        if (this.#requests.delete(frame.id)) request?.onOutcome(frame.outcome);
        return;
      }
      case "events":
        return this.#watches.get(frame.id)?.onEvents(frame.events, frame.revision);
      case "watchFailed": {
        const watch = this.#watches.get(frame.id);
        if (this.#watches.delete(frame.id)) watch?.onWatchFailed(frame.failure);
        return;
      }
      case "leader":
        return this.#owner.onLeader(frame.leader);
      case "closing":
        this.state = "draining";
        return this.#owner.onDraining(this);
      case "refused":
        return this.#abandon(frame.failure);
      case "pong":
        return;
      case "welcome":
        throw new CodecError("a second welcome");
    }
  }

  #onFirstFrame(frame: NodeFrame): void {
    if (frame.kind === "refused") return this.#abandon(frame.failure);
    if (frame.kind !== "welcome") throw new CodecError(`${frame.kind} before the welcome`);
    this.state = "open";
    this.#reader.maxFrameBytes = maxFrameBytes;
    this.#wheel.clear(this.#check);
    this.#owner.onOpen(this, frame.leader);
  }

  #expectAnswer(): void {
    if (this.#check.armed) return;
    this.#checkedAt = this.#heardAt = this.#world.now();
    this.#wheel.set(this.#check, this.#checkedAt + checkIntervalMs);
  }

  #onCheck(): void {
    const now = this.#world.now();
    if (this.state === "connecting") {
      return this.#abandon(failure("disconnected", `${this.endpoint} did not answer within ${openTimeoutMs} ms`, true));
    }
    if (this.#requests.size === 0 && this.#watches.size === 0) return;
    // If this process itself was paused, the silence proves nothing.
    if (now - this.#checkedAt > 2 * checkIntervalMs) this.#heardAt = now;
    if (now - this.#heardAt > silenceMs) {
      return this.#abandon(failure("disconnected", `no sign of life from ${this.endpoint} for ${silenceMs} ms`));
    }
    if (now - this.#heardAt >= checkIntervalMs / 2) this.#send({ kind: "ping" });
    this.#checkedAt = now;
    this.#wheel.set(this.#check, now + checkIntervalMs);
  }

  #abandon(reason: Failure): void {
    this.#reason ??= reason;
    this.#reader.stop();
    this.#connection.destroy(reason.detail);
  }

  #onClose(detail: string): void {
    this.state = "closed";
    this.#wheel.clear(this.#check);
    const reason = this.#reason ?? failure("disconnected", `${this.endpoint}: ${detail}`);
    const waiting = [...this.#requests.values(), ...this.#watches.values()];
    this.#requests.clear();
    this.#watches.clear();
    this.#owner.onClosed(this, reason);
    for (const one of waiting) one.onLost(reason);
  }
}
