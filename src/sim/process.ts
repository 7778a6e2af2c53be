import type { Random } from "../base/index.ts";
import type { Connection, ConnectionHandlers, World as LibraryWorld } from "../client/index.ts";

/** What a client's process needs of the world around it. */
export interface ProcessWorld {
  now(): number;
  after(delayMs: number, run: () => void): void;
  connect(endpoint: string, handlers: ConnectionHandlers): Connection;
  /** Something in it has run, so that promises may have been settled. */
  onRan(): void;
}

/** The process that a client library runs in: its timers and connections, and whether it gets on at all. */
export class ClientProcess {
  /** As the library sees it. */
  readonly library: LibraryWorld;
  readonly #world: ProcessWorld;
  readonly #connections = new Set<Connection>();
  #inbox: (() => void)[] = [];
  #paused = false;
  #ended = false;

  constructor(world: ProcessWorld, random: Random) {
    this.#world = world;
    this.library = {
      now: () => world.now(),
      after: (delayMs, run) => world.after(delayMs, () => this.enter(run)),
      soon: (run) => world.after(0, () => this.enter(run)),
      random,
      transport: { connect: (endpoint, handlers) => this.#connect(endpoint, handlers) },
    };
  }

  /** Whatever runs in it: at once, when it goes on, or never. */
  enter(run: () => void): void {
    if (this.#ended) return;
    if (this.#paused) {
      this.#inbox.push(run);
      return;
    }
    run();
    this.#world.onRan();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const inbox = this.#inbox;
    this.#inbox = [];
    // Each is an event of its own, as it would have been.
    for (const run of inbox) this.#world.after(0, () => this.enter(run));
  }

  /** It is killed: its machine closes what it had open. */
  end(): void {
    this.#ended = true;
    for (const connection of Array.from(this.#connections)) connection.destroy("its process ended");
  }

  #connect(endpoint: string, { onOpen, onData, onClose }: ConnectionHandlers): Connection {
    const connection = this.#world.connect(endpoint, {
      onOpen: () => this.enter(onOpen),
      onData: (chunk) => this.enter(() => onData(chunk)),
      onClose: (reason) => {
        this.#connections.delete(connection);
        this.enter(() => onClose(reason));
      },
    });
    this.#connections.add(connection);
    return connection;
  }
}
