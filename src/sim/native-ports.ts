import { CodecError, FrameReader, FrameWriter, type NodeId } from "../base/index.ts";
import { failure, type Outcome, type RequestBody } from "../contract/index.ts";
import type { Connection, ConnectionHandlers } from "../client/index.ts";
import { maxHelloBytes, nativeVersions, readClientFrame, writeNodeFrame } from "../wire/index.ts";
import type { ClientFrame, NodeFrame } from "../wire/index.ts";
import type { NodeOutput } from "../node/index.ts";
import type { Machine } from "./machine.ts";
import type { End, Network } from "./network.ts";

export type WatchOutput = Extract<NodeOutput, { type: "watchEvents" | "watchFailed" }>;

/** What the ports need of the world around them. */
export interface PortWorld {
  readonly network: Network;
  machine(id: NodeId): Machine;
  after(delayMs: number, run: () => void): void;
  count(what: string): void;
  /** Gives a node a request; `done` is called with the answer, or never. Returns its name. */
  ask(machine: Machine, ttlMs: number, body: RequestBody, done: (outcome: Outcome) => void): number;
  /** Has a node watch keys until `unwatch`. Returns the name of the watch. */
  watch(machine: Machine, what: WatchWish, told: (output: WatchOutput) => void): number;
  unwatch(machine: Machine, id: number): void;
}

export type WatchWish = Pick<Extract<ClientFrame, { kind: "watch" }>, "keyspace" | "prefix" | "from">;

/** What a node says of itself to clients: enough for names. */
export function endpointOf(node: NodeId): string {
  return `node:${node}`;
}

const maxFrameBytes = 2 ** 24;

/** The native ports of all nodes: the protocol of `wire/` over simulated links, with the bytes that travel on real ones. */
export class NativePorts {
  readonly #world: PortWorld;
  readonly #open = new Set<SimConnection>();

  constructor(world: PortWorld) {
    this.#world = world;
  }

  connect(client: End, endpoint: string, handlers: ConnectionHandlers): Connection {
    this.#world.count("client connections");
    const node = Number(endpoint.slice("node:".length));
    const connection = new SimConnection(this.#world, client, node, handlers, () => this.#open.delete(connection));
    this.#open.add(connection);
    return connection;
  }

  /** A node's process ended: its machine closes what it had open. */
  onDown(node: NodeId): void {
    for (const connection of Array.from(this.#open)) if (connection.node === node) connection.onNodeDown();
  }

  /** A node heard of another leader, or of none. */
  onLeader(node: NodeId, leader: NodeId | undefined): void {
    for (const connection of this.#open) if (connection.node === node) connection.tellLeader(leader);
  }
}

/**
 * One connection, both ends of it. It is in order and without gaps as TCP is: where the network loses, delays or
 * reorders what is on it, it breaks instead.
 */
class SimConnection implements Connection {
  readonly node: NodeId;
  readonly #world: PortWorld;
  readonly #client: End;
  readonly #handlers: ConnectionHandlers;
  readonly #onEnd: () => void;
  readonly #toNode = { sent: 0, arrived: 0 };
  readonly #toClient = { sent: 0, arrived: 0 };
  readonly #reader = new FrameReader(maxHelloBytes);
  readonly #writer = new FrameWriter(1024);
  readonly #requests = new Map<number, number>();
  readonly #watches = new Map<number, number>();
  /** Of the process that took it. */
  #life: number | undefined;
  #known = false;
  #closed = false;

  constructor(world: PortWorld, client: End, node: NodeId, handlers: ConnectionHandlers, onEnd: () => void) {
    this.#world = world;
    this.#client = client;
    this.node = node;
    this.#handlers = handlers;
    this.#onEnd = onEnd;
    this.#world.network.send(client, node, () => this.#onDialled());
  }

  #onDialled(): void {
    const machine = this.#world.machine(this.node);
    if (this.#closed || this.#life !== undefined) return;
    if (!machine.up) return this.#reset("connection refused");
    this.#life = machine.life;
    let opened = false;
    this.#world.network.send(this.node, this.#client, () => {
      if (opened || this.#closed) return;
      opened = true;
      this.#handlers.onOpen();
    });
  }

  // ---- The client's end --------------------------------------------------------------------------------

  send(bytes: Uint8Array): void {
    this.#carry(this.#client, this.node, this.#toNode, () => {
      const machine = this.#world.machine(this.node);
      if (!machine.up || machine.life !== this.#life) return this.#reset("connection reset");
      machine.whenAwake(() => this.#onBytes(bytes));
    });
  }

  close(): void {
    this.destroy("closed by the client");
  }

  destroy(reason: string): void {
    this.#end(() => this.#handlers.onClose(reason));
  }

  // ---- The node's end ----------------------------------------------------------------------------------

  onNodeDown(): void {
    if (this.#life !== undefined) this.#reset("connection reset");
  }

  tellLeader(leader: NodeId | undefined): void {
    if (this.#known) this.#tell({ kind: "leader", leader: leader === undefined ? "" : endpointOf(leader) });
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#reader.feed(bytes, (frame) => this.#onFrame(readClientFrame(frame.slice())));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#tell({ kind: "refused", failure: failure("protocol", error.message) });
    }
  }

  #onFrame(frame: ClientFrame): void {
    const machine = this.#world.machine(this.node);
    switch (frame.kind) {
      case "hello": {
        this.#known = true;
        this.#reader.maxFrameBytes = maxFrameBytes;
        const leader = machine.core?.replicas.get(0)?.raft.leader;
        const version = Math.min(frame.max, nativeVersions.max);
        const told = leader === undefined ? "" : endpointOf(leader);
        return this.#tell({ kind: "welcome", version, clusterId: "sim", nodeId: this.node, leader: told });
      }
      case "request": {
        const { id, ttlMs, body } = frame;
        // The answer may come at once.
        this.#requests.set(id, 0);
        const asked = this.#world.ask(machine, ttlMs, body, (outcome) => {
          if (this.#requests.delete(id)) this.#tell({ kind: "reply", id, outcome });
        });
        if (this.#requests.has(id)) this.#requests.set(id, asked);
        return;
      }
      case "cancel": {
        const asked = this.#requests.get(frame.id);
        if (this.#requests.delete(frame.id) && asked !== undefined) machine.command({ type: "cancel", id: asked });
        return;
      }
      case "ping":
        return this.#tell({ kind: "pong" });
      case "watch": {
        const { id, keyspace, prefix, from } = frame;
        const watched = this.#world.watch(machine, { keyspace, prefix, from }, (output) => this.#onWatch(id, output));
        this.#watches.set(id, watched);
        return;
      }
      case "credit": {
        const id = this.#watches.get(frame.id);
        if (id !== undefined) machine.command({ type: "watchCredit", id, credit: frame.count });
        return;
      }
      case "unwatch": {
        const id = this.#watches.get(frame.id);
        if (this.#watches.delete(frame.id) && id !== undefined) this.#world.unwatch(machine, id);
      }
    }
  }

  #onWatch(id: number, output: WatchOutput): void {
    if (output.type === "watchEvents") {
      const { revision, events } = output;
      return this.#tell({ kind: "events", id, revision, events });
    }
    this.#watches.delete(id);
    this.#tell({ kind: "watchFailed", id, failure: output.failure });
  }

  #tell(frame: NodeFrame): void {
    writeNodeFrame(this.#writer.begin(), frame);
    this.#writer.end();
    const bytes = this.#writer.take();
    this.#carry(this.node, this.#client, this.#toClient, () => this.#handlers.onData(bytes));
  }

  // ---- Between them ------------------------------------------------------------------------------------

  /** Carries one piece. One that comes again is known; one after a gap ends the connection. */
  #carry(from: End, to: End, direction: { sent: number; arrived: number }, deliver: () => void): void {
    if (this.#closed) return;
    const place = direction.sent++;
    this.#world.network.send(from, to, () => {
      if (this.#closed || place < direction.arrived) return;
      if (place > direction.arrived) return this.#reset("connection reset");
      direction.arrived++;
      deliver();
    });
  }

  #reset(reason: string): void {
    this.#world.count("client connections lost");
    this.#end(() => this.#handlers.onClose(reason));
  }

  #end(tell: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onEnd();
    const machine = this.#world.machine(this.node);
    if (machine.up && machine.life === this.#life)
      for (const id of this.#requests.values()) machine.command({ type: "cancel", id });
    for (const id of this.#watches.values()) this.#world.unwatch(machine, id);
    this.#requests.clear();
    this.#watches.clear();
    this.#world.after(0, tell);
  }
}
