import type { Socket } from "node:net";
import { CodecError, FrameReader, FrameWriter, type ByteWriter, type FrameTaker } from "../base/index.ts";

export interface FrameHandlers {
  readonly onFrame: FrameTaker;
  /** The other side broke the protocol. Nothing more is read; say why and `finish`, or `destroy`. */
  readonly onMalformed: (error: CodecError) => void;
  /** Once, when the connection is gone; `reason` is for people. */
  readonly onClose: (reason: string) => void;
  /** What was queued has left, after the socket had been full. */
  readonly onDrain?: () => void;
  /** What was queued has left at once. */
  readonly onFlushed?: () => void;
}

/** How long the other side has to take what `finish` still sends. */
const finishTimeoutMs = 1000;

/**
 * A TCP connection of frames. All frames of one turn of the event loop leave in one write, at its end;
 * who queues too much looks at `queuedBytes` first.
 */
export class FrameSocket {
  readonly socket: Socket;
  readonly #handlers: FrameHandlers;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  #flushing = false;
  #closed = false;
  #paused = false;
  #reason: string | undefined;

  constructor(socket: Socket, maxFrameBytes: number, handlers: FrameHandlers) {
    this.socket = socket;
    this.#handlers = handlers;
    this.#reader = new FrameReader(maxFrameBytes);
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    socket.on("drain", () => handlers.onDrain?.());
    socket.on("end", () => (this.#reason ??= "closed by the other side"));
    socket.on("error", (error) => (this.#reason ??= error.message));
    socket.on("close", () => {
      this.#closed = true;
      handlers.onClose(this.#reason ?? "closed");
    });
  }

  /** The longest frame taken from now on: short until both sides know each other. */
  set maxFrameBytes(bytes: number) {
    this.#reader.maxFrameBytes = bytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#writer.length + this.socket.writableLength;
  }

  /** Begins a frame; write its body, then call `end`. */
  begin(): ByteWriter {
    return this.#writer.begin();
  }

  end(): void {
    this.#writer.end();
    if (this.#flushing) return;
    this.#flushing = true;
    // Microtasks run once the callback at hand is done, which is a whole turn of the driver.
    queueMicrotask(this.#flush);
  }

  /** Hands out no more frames, and reads no more from the socket, until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#reader.pause();
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#take(() => this.#reader.resume(this.#handlers.onFrame));
    if (!this.#paused) this.socket.resume();
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#writer.length === 0) return;
    const bytes = this.#writer.take();
    if (this.#closed || !this.socket.writable) return;
    // Where the kernel takes all of it at once, however much that is, there is no event `drain`.
    if (this.socket.write(bytes)) this.#handlers.onFlushed?.();
  };

  /** Sends what is queued, then closes. Nothing more is read. */
  finish(reason: string): void {
    if (this.#closed) return;
    this.#reason ??= reason;
    this.#reader.stop();
    this.#flush();
    this.socket.end();
    // Reading on (and throwing away) lets the last bytes out: closing with unread input would reset the connection.
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), finishTimeoutMs);
    this.socket.once("close", () => clearTimeout(timer));
  }

  /** Closes at once. */
  destroy(reason: string): void {
    this.#reason ??= reason;
    this.#reader.stop();
    this.socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    // A plain view: methods of Buffer differ from those of Uint8Array in what they share.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#take(() => this.#reader.feed(bytes, this.#handlers.onFrame));
  };

  #take(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#reader.stop();
      this.#handlers.onMalformed(error);
    }
  }
}
