import { createServer, type Server, type Socket } from "node:net";
import { CodecError, copyBytes, type NodeId } from "../base/index.ts";
import { failure, type Failure, type Outcome, type RequestBody, type WatchEvent } from "../contract/index.ts";
import {
  maxHelloBytes,
  nativeVersions,
  readClientFrame,
  writeNodeFrame,
  type ClientFrame,
  type NodeFrame,
} from "../wire/index.ts";
import { parseAddress } from "./address.ts";
import type { Driver, ReplySink, WatchTarget } from "./driver.ts";
import { FrameSocket } from "./framing.ts";
import { listen } from "./listen.ts";
import type { Logger } from "./logger.ts";

export interface NativeOptions {
  /** `host:port` to listen on. */
  readonly listen: string;
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly driver: Driver;
  readonly logger: Logger;
  /** The longest command. Default 2 MiB. */
  readonly maxCommandBytes?: number;
  /** Requests of one client without an answer above which no more are read from it. Default 8192. */
  readonly maxOutstanding?: number;
  /** Bytes of answers that one client has not taken above which nothing is read from it. Default 4 MiB. */
  readonly maxQueuedBytes?: number;
}

export interface NativeServer {
  /** The port that was bound. */
  readonly port: number;
  readonly connections: number;
  /** Tells clients who leads (`host:port`; empty: not known). */
  setLeader(address: string): void;
  /** Tells clients to go elsewhere, and takes no new ones. */
  drain(): void;
  close(): void;
}

const helloTimeoutMs = 5000;
/** No request waits longer than this, whatever its client says. */
const maxTtlMs = 600_000;

/** What is longer than a command may be is still answered up to this much more, and beyond that the connection is closed. */
const maxTooLargeBytes = 16 * 2 ** 20;

/** Requests that a client may have under way before anything is known of its replies; then more with each of them. */
const firstWindow = 64;
const windowStep = 4;
/** Always this many. */
const minWindow = 4;
/** A reply without its result. */
const minReplyBytes = 64;

type Limits = Required<Pick<NativeOptions, "maxCommandBytes" | "maxOutstanding" | "maxQueuedBytes">>;

/** What connections share. */
interface Context {
  readonly options: NativeOptions;
  readonly limits: Limits;
  leader: string;
  draining: boolean;
  readonly connections: Set<NativeConnection>;
  /** The last complaint, so that a client that tries again and again is one line. */
  complaint: string | undefined;
}

/** Serves native clients. Rejects with a StartupError where the address cannot be bound. */
export async function openNative(options: NativeOptions): Promise<NativeServer> {
  const { maxCommandBytes = 2 * 2 ** 20, maxOutstanding = 8192, maxQueuedBytes = 4 * 2 ** 20 } = options;
  const limits = { maxCommandBytes, maxOutstanding, maxQueuedBytes };
  const context: Context = {
    options,
    limits,
    leader: "",
    draining: false,
    connections: new Set(),
    complaint: undefined,
  };
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const connection = new NativeConnection(socket, context);
    context.connections.add(connection);
  });
  const port = await listen(server, parseAddress(options.listen), "native clients");
  return {
    port,
    get connections() {
      return context.connections.size;
    },
    setLeader(address) {
      if (context.leader === address) return;
      context.leader = address;
      for (const connection of context.connections) connection.tell({ kind: "leader", leader: address });
    },
    drain() {
      context.draining = true;
      server.close();
      for (const connection of context.connections) connection.tell({ kind: "closing" });
    },
    close() {
      if (!context.draining) server.close();
      for (const connection of context.connections) connection.finish("the node stopped");
    },
  };
}

/** One client. Replies leave as they come, in any order. */
class NativeConnection implements ReplySink, WatchTarget {
  readonly #context: Context;
  readonly #frames: FrameSocket;
  readonly #helloTimer: NodeJS.Timeout;
  #known = false;
  #paused = false;
  /**
   * So many requests may be under way. How long their replies will be is not known before, and they may all come in
   * one turn: so it grows slowly, and shrinks at once where replies turn out to be long.
   */
  #window = firstWindow;
  /** The client's ids of requests and watches, and the node's. */
  readonly #requests = new Map<number, number>();
  readonly #watches = new Map<number, number>();

  constructor(socket: Socket, context: Context) {
    this.#context = context;
    this.#frames = new FrameSocket(socket, maxHelloBytes, {
      onFrame: this.#onFrame,
      onMalformed: (error) => this.#refuse(failure("protocol", error.message)),
      onClose: () => this.#onClose(),
      onDrain: () => this.#reconsider(),
      onFlushed: () => this.#reconsider(),
    });
    this.#helloTimer = setTimeout(() => this.#frames.destroy("no hello"), helloTimeoutMs);
  }

  /** Sends a frame that every client gets, once it is known. */
  tell(frame: NodeFrame): void {
    if (this.#known) this.#send(frame);
  }

  finish(reason: string): void {
    this.#frames.finish(reason);
  }

  onReply(id: number, outcome: Outcome): void {
    this.#requests.delete(id);
    this.#send({ kind: "reply", id, outcome });
    const { maxOutstanding, maxQueuedBytes } = this.#context.limits;
    const replyBytes = minReplyBytes + (outcome.ok ? outcome.result.length : 0);
    this.#window = Math.max(
      minWindow,
      Math.min(this.#window + windowStep, maxOutstanding, maxQueuedBytes / replyBytes),
    );
    this.#reconsider();
  }

  onEvents(id: number, events: readonly WatchEvent[], revision: number): void {
    this.#send({ kind: "events", id, revision, events });
    this.#reconsider();
  }

  onWatchFailed(id: number, problem: Failure): void {
    this.#watches.delete(id);
    this.#send({ kind: "watchFailed", id, failure: problem });
  }

  #send(frame: NodeFrame): void {
    if (this.#frames.closed) return;
    writeNodeFrame(this.#frames.begin(), frame);
    this.#frames.end();
  }

  readonly #onFrame = (bytes: Uint8Array): void => {
    const frame = readClientFrame(bytes);
    if (!this.#known) return this.#onHello(frame);
    const { driver } = this.#context.options;
    switch (frame.kind) {
      case "request":
        return this.#onRequest(frame);
      case "cancel": {
        const id = this.#requests.get(frame.id);
        if (id === undefined) return;
        this.#requests.delete(frame.id);
        return driver.cancel(id);
      }
      case "watch":
        return this.#onWatch(frame);
      case "credit": {
        const id = this.#watches.get(frame.id);
        return id === undefined ? undefined : driver.credit(id, frame.count);
      }
      case "unwatch": {
        const id = this.#watches.get(frame.id);
        this.#watches.delete(frame.id);
        return id === undefined ? undefined : driver.unwatch(id);
      }
      case "ping":
        // Who sends pings without end and takes no pongs gets none.
        return this.#frames.queuedBytes > this.#context.limits.maxQueuedBytes
          ? undefined
          : this.#send({ kind: "pong" });
      case "hello":
        throw new CodecError("a second hello");
    }
  };

  #onHello(frame: ClientFrame): void {
    const { options, limits, leader, draining } = this.#context;
    if (frame.kind !== "hello") throw new CodecError(`${frame.kind} before the hello`);
    if (frame.min > nativeVersions.max || frame.max < nativeVersions.min) {
      const range = `versions ${frame.min} to ${frame.max}`;
      return this.#refuse(
        failure(
          "protocol",
          `the client speaks ${range} of the native protocol, node ${options.nodeId} versions ${nativeVersions.min} to ${nativeVersions.max}: run compatible versions of cohort`,
        ),
      );
    }
    if (frame.clusterId !== "" && frame.clusterId !== options.clusterId) {
      return this.#refuse(
        failure(
          "wrong-cluster",
          `node ${options.nodeId} is of cluster "${options.clusterId}", the client expects "${frame.clusterId}"`,
        ),
      );
    }
    if (draining) return this.#refuse(failure("shutting-down", `node ${options.nodeId} is shutting down`, true));
    clearTimeout(this.#helloTimer);
    this.#known = true;
    this.#frames.maxFrameBytes = limits.maxCommandBytes + maxTooLargeBytes;
    const version = Math.min(frame.max, nativeVersions.max);
    this.#send({ kind: "welcome", version, clusterId: options.clusterId, nodeId: options.nodeId, leader });
  }

  #onRequest({ id, ttlMs, body }: Extract<ClientFrame, { kind: "request" }>): void {
    if (this.#requests.has(id)) throw new CodecError(`two requests with id ${id}`);
    const problem = this.#objection(body);
    if (problem !== undefined) return this.#send({ kind: "reply", id, outcome: { ok: false, failure: problem } });
    // The command stays in the log's memory: it must not keep the socket's chunk. Of a read only the key stays, for a moment.
    const kept = body.type === "write" ? copyWrite(body) : body;
    this.#requests.set(id, this.#context.options.driver.request(kept, Math.min(ttlMs, maxTtlMs), this, id));
    if (this.#requests.size >= this.#window) this.#pause();
  }

  #objection(body: RequestBody): Failure | undefined {
    const { draining, limits } = this.#context;
    if (draining) return failure("shutting-down", "the node takes nothing new", true);
    if (body.type === "read" || body.command.length <= limits.maxCommandBytes) return undefined;
    return failure(
      "too-large",
      `a command of ${body.command.length} bytes, at most ${limits.maxCommandBytes} are possible`,
    );
  }

  #onWatch({ id, keyspace, prefix, from }: Extract<ClientFrame, { kind: "watch" }>): void {
    if (this.#watches.has(id)) throw new CodecError(`two watches with id ${id}`);
    const what = { keyspace, prefix: copyBytes(prefix), from };
    this.#watches.set(id, this.#context.options.driver.watch(what, this, id));
  }

  /** Reads from this client only while it takes its answers and does not ask for too much at once. */
  #reconsider(): void {
    const { maxQueuedBytes } = this.#context.limits;
    const { queuedBytes } = this.#frames;
    if (!this.#paused && queuedBytes > maxQueuedBytes) this.#pause();
    else if (this.#paused && this.#requests.size <= this.#window / 2 && queuedBytes <= maxQueuedBytes / 2) {
      this.#paused = false;
      this.#frames.resume();
    }
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#frames.pause();
  }

  #refuse(problem: Failure): void {
    const remote = this.#frames.socket.remoteAddress;
    if (this.#context.complaint !== problem.detail) {
      this.#context.complaint = problem.detail;
      this.#context.options.logger.warn(
        { remote, code: problem.code, reason: problem.detail },
        "refused a native client",
      );
    }
    this.#send({ kind: "refused", failure: problem });
    this.#frames.finish(problem.detail);
  }

  #onClose(): void {
    const { options, connections } = this.#context;
    clearTimeout(this.#helloTimer);
    connections.delete(this);
    for (const id of this.#requests.values()) options.driver.cancel(id);
    for (const id of this.#watches.values()) options.driver.unwatch(id);
    this.#requests.clear();
    this.#watches.clear();
  }
}

function copyWrite({ command, quorum }: Extract<RequestBody, { type: "write" }>): RequestBody {
  const copied = { type: "write" as const, command: copyBytes(command) };
  if (quorum === undefined) return copied;
  const { w, context } = quorum;
  return { ...copied, quorum: { w, context: context && copyBytes(context) } };
}
