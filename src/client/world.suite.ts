/** A world with its own time, and a cluster of scripted nodes in it, for tests of the client. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { FrameReader, FrameWriter, must, seededRandom } from "../base/index.ts";
import { failure, type Failure, type Kept, type Outcome, type Query } from "../contract/index.ts";
import {
  encodeResult,
  memoryEngine,
  openStore,
  StoreError,
  type Answer,
  type Moment,
  type Store,
} from "../store/index.ts";
import { crc32c } from "../wal/index.ts";
import {
  initialWatchCredit,
  readClientFrame,
  writeNodeFrame,
  type ClientFrame,
  type NodeFrame,
} from "../wire/index.ts";
import { problemOf } from "./problems.ts";
import type { Connection, ConnectionHandlers, World } from "./world.ts";

export class VirtualWorld implements World {
  readonly random = seededRandom(7);
  readonly transport = {
    connect: (endpoint: string, handlers: ConnectionHandlers) => this.connect(endpoint, handlers),
  };
  connect: (endpoint: string, handlers: ConnectionHandlers) => Connection = () => {
    throw new Error("no cluster in this world");
  };
  #now = 1000;
  #timers: { readonly at: number; readonly run: () => void }[] = [];
  readonly #soon: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): void {
    this.#timers.push({ at: this.#now + delayMs, run });
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** How many timers wait: none, when nothing is under way. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Lets `ms` pass, with everything that happens meanwhile. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await nextTurn();
      for (const run of this.#soon.splice(0)) run();
      await nextTurn();
      if (this.#soon.length > 0) continue;
      const next = this.#timers.reduce((least, { at }) => Math.min(least, at), Infinity);
      if (next > until) break;
      this.#now = Math.max(this.#now, next);
      const due = this.#timers.filter(({ at }) => at <= this.#now);
      this.#timers = this.#timers.filter(({ at }) => at > this.#now);
      for (const { run } of due) run();
    }
    this.#now = until;
  }

  /** Lets time pass until the promise is settled. */
  async settle<T>(promise: Promise<T>, maxMs = 60_000): Promise<T> {
    const state = { settled: false };
    const watched = promise.finally(() => (state.settled = true));
    watched.catch(() => "whoever called sees it");
    for (let ms = 0; !state.settled && ms < maxMs; ms += 5) await this.pass(5);
    if (!state.settled) throw new Error(`nothing happened within ${maxMs} ms`);
    return watched;
  }
}

/** What a node does with a request. Lost: it says nothing. */
export type Reaction = "answer" | "apply-and-lose" | "lose" | "apply-and-close" | "close" | Failure;

type Request = Extract<ClientFrame, { kind: "request" }>;

export interface FakeNode {
  readonly endpoint: string;
  up: boolean;
  /** Accepts connections and says nothing at all. */
  mute: boolean;
  react: (request: Request) => Reaction;
  /** Requests that arrived. */
  readonly requests: Request[];
  readonly connections: Set<NodeConnection>;
}

/** One state behind all nodes, applied as the log would. */
export class FakeCluster {
  readonly world = new VirtualWorld();
  readonly store: Store = openStore(memoryEngine({ schedule: (deliver) => deliver() }), { crc32c });
  readonly nodes: FakeNode[];
  leader: string;
  /** Of commands that were applied, duplicates included. */
  index = 0;

  constructor(size = 3) {
    this.nodes = Array.from({ length: size }, (_, i) => ({
      endpoint: `node:${i + 1}`,
      up: true,
      mute: false,
      react: () => "answer",
      requests: [],
      connections: new Set(),
    }));
    this.leader = this.nodes[0]!.endpoint;
    this.world.connect = (endpoint, handlers) => this.#connect(endpoint, handlers);
  }

  get endpoints(): string[] {
    return this.nodes.map(({ endpoint }) => endpoint);
  }

  node(i: number): FakeNode {
    return must(this.nodes[i - 1], `node ${i}`);
  }

  elect(i: number): void {
    this.leader = this.node(i).endpoint;
    for (const { connections } of this.nodes)
      for (const connection of connections) connection.send({ kind: "leader", leader: this.leader });
  }

  /** The node dies, and its connections with it. */
  kill(i: number): void {
    this.node(i).up = false;
    this.disconnect(i);
  }

  disconnect(i: number): void {
    for (const connection of this.node(i).connections) connection.close("reset");
  }

  apply(command: Uint8Array): Uint8Array {
    const index = ++this.index;
    const result = this.store.apply({ index, term: 1, timestamp: this.world.now() * 4096 + index, data: command });
    for (const { connections } of this.nodes) for (const connection of connections) connection.feed();
    return result;
  }

  read(query: Query): Outcome {
    try {
      return { ok: true, result: encodeResult(this.#answer(query)), kept: this.kept() };
    } catch (error) {
      if (error instanceof StoreError) return { ok: false, failure: problemOf(error) };
      throw error;
    }
  }

  kept(): Kept {
    return { guarantee: "Linearizable", position: this.index, stalenessMs: 0, degraded: false };
  }

  #answer(query: Query): Answer {
    const { store } = this;
    switch (query.type) {
      case "get":
        return {
          kind: "row",
          row: store.get(query.keyspace, query.key, momentOf(query)),
          revision: query.revision ?? store.revision,
          timestamp: momentOf(query).snapshot ?? store.clock,
        };
      case "list":
        return {
          kind: "rows",
          ...store.list(query.keyspace, { ...query, ...momentOf(query) }),
          timestamp: momentOf(query).snapshot ?? store.clock,
        };
      case "counter":
        return { kind: "counterValue", ...store.counter(query.name) };
      case "shards":
      case "export":
        throw new Error("there are no shards here");
      case "keyspaces":
        return { kind: "keyspaces", keyspaces: store.keyspaces() };
      case "lock":
        return { kind: "lockState", ...store.lock(query.name, query.claim) };
      case "barrier":
        return { kind: "barrierState", ...store.barrier(query.name, query.claim) };
    }
  }

  #connect(endpoint: string, handlers: ConnectionHandlers): Connection {
    const node = this.nodes.find((candidate) => candidate.endpoint === endpoint);
    const { world } = this;
    if (node === undefined || !node.up) {
      world.after(1, () => handlers.onClose(`connect ECONNREFUSED ${endpoint}`));
      return { send: () => {}, close: () => {}, destroy: () => {} };
    }
    const connection = new NodeConnection(this, node, handlers);
    node.connections.add(connection);
    world.after(1, () => connection.open());
    return connection;
  }
}

interface FakeWatch {
  readonly keyspace: string;
  readonly prefix: Uint8Array;
  next: number;
  credit: number;
}

/** The node's side of a connection, and what the client holds of it. One millisecond each way. */
export class NodeConnection implements Connection {
  readonly #cluster: FakeCluster;
  readonly #node: FakeNode;
  readonly #handlers: ConnectionHandlers;
  readonly #reader = new FrameReader(1e6);
  readonly #watches = new Map<number, FakeWatch>();
  #closed = false;

  constructor(cluster: FakeCluster, node: FakeNode, handlers: ConnectionHandlers) {
    this.#cluster = cluster;
    this.#node = node;
    this.#handlers = handlers;
  }

  open(): void {
    if (!this.#closed) this.#handlers.onOpen();
  }

  /** From the client. */
  send(frameOrBytes: Uint8Array | NodeFrame): void {
    if (!(frameOrBytes instanceof Uint8Array)) return this.#toClient(frameOrBytes);
    this.#cluster.world.after(1, () => {
      if (this.#closed || this.#node.mute) return;
      this.#reader.feed(frameOrBytes, (frame) => this.#onFrame(readClientFrame(frame.slice())));
    });
  }

  #toClient(frame: NodeFrame): void {
    const writer = new FrameWriter();
    writeNodeFrame(writer.begin(), frame);
    writer.end();
    const bytes = writer.take();
    this.#cluster.world.after(1, () => {
      if (!this.#closed && !this.#node.mute) this.#handlers.onData(bytes);
    });
  }

  close(reason = "closed by the client"): void {
    this.destroy(reason);
  }

  destroy(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#node.connections.delete(this);
    this.#cluster.world.after(0, () => this.#handlers.onClose(reason));
  }

  feed(): void {
    for (const [id, watch] of this.#watches) {
      const { events, next } = this.#cluster.store.events({ ...watch, from: watch.next, limit: 3 });
      if (events.length === 0 || watch.credit === 0) continue;
      watch.credit--;
      watch.next = next;
      this.#toClient({ kind: "events", id, revision: next - 1, events });
      this.feed();
    }
  }

  #onFrame(frame: ClientFrame): void {
    switch (frame.kind) {
      case "hello":
        return this.#toClient({
          kind: "welcome",
          version: 1,
          clusterId: "fake",
          nodeId: 1,
          leader: this.#cluster.leader,
        });
      case "request":
        this.#node.requests.push(frame);
        return this.#onRequest(frame, this.#node.react(frame));
      case "watch":
        this.#watches.set(frame.id, { ...frame, next: frame.from, credit: initialWatchCredit });
        return this.feed();
      case "credit":
        this.#watches.get(frame.id)!.credit += frame.count;
        return this.feed();
      case "unwatch":
        this.#watches.delete(frame.id);
        break;
      case "ping":
        return this.#toClient({ kind: "pong" });
      case "cancel":
        break;
    }
  }

  #onRequest({ id, body }: Request, reaction: Reaction): void {
    if (typeof reaction !== "string")
      return this.#toClient({ kind: "reply", id, outcome: { ok: false, failure: reaction } });
    if (reaction === "close") return this.close("reset");
    if (reaction === "lose") return;
    const outcome: Outcome =
      body.type === "write"
        ? { ok: true, result: this.#cluster.apply(body.command), kept: this.#cluster.kept() }
        : this.#cluster.read(body.query);
    if (reaction === "answer") this.#toClient({ kind: "reply", id, outcome });
    if (reaction === "apply-and-close") this.close("reset");
  }
}

export const unavailable = failure("unavailable", "no majority", true);

function momentOf({ revision, snapshot = 0 }: Extract<Query, { readonly type: "get" | "list" }>): Moment {
  return snapshot > 0 ? { snapshot } : { revision, snapshot: undefined };
}
