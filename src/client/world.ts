import type { Random } from "../base/index.ts";

/**
 * Everything that a client needs of the world. With sockets and clocks it is the real one (`tcp.ts`); the
 * simulator has another. Given the same world a client does the same.
 */
export interface World {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls `run` once, about `delayMs` from now. */
  after(delayMs: number, run: () => void): void;
  /** Calls `run` once, when everything that is ready now has had its turn: what gathers until then leaves together. */
  soon(run: () => void): void;
  readonly random: Random;
  readonly transport: Transport;
}

/** A reliable, ordered stream of bytes to an endpoint, such as TCP. */
export interface Transport {
  /** Returns at once; the handlers are never called before that. */
  connect(endpoint: string, handlers: ConnectionHandlers): Connection;
}

export interface ConnectionHandlers {
  readonly onOpen: () => void;
  /** The chunk is the receiver's. */
  readonly onData: (chunk: Uint8Array) => void;
  /** Once, whoever closed; also where it never opened. `reason` is for people. */
  readonly onClose: (reason: string) => void;
}

export interface Connection {
  /** The bytes are the connection's from now on. */
  send(bytes: Uint8Array): void;
  /** Sends what is queued, and closes. */
  close(): void;
  /** Closes at once. */
  destroy(reason: string): void;
}
