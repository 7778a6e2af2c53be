import { connect } from "node:net";
import { ByteReader, CodecError, type NodeId, type Random } from "../base/index.ts";
import { failure, type Failure } from "../contract/index.ts";
import { versionOf, writeNodeMessage, type NodeMessage } from "../node/index.ts";
import type { Crc32c } from "../wal/index.ts";
import { parseAddress } from "./address.ts";
import { FrameSocket } from "./framing.ts";
import type { Logger } from "./logger.ts";
import {
  disagreement,
  maxHelloBytes,
  peerFrames,
  readError,
  readHello,
  writeError,
  writeHello,
  type PeerHello,
} from "./peer-protocol.ts";

export interface DialerOptions {
  readonly peer: NodeId;
  readonly address: string;
  readonly hello: PeerHello;
  readonly logger: Logger;
  readonly random: Random;
  readonly crc32c: Crc32c;
  readonly maxQueuedBytes: number;
  /** A connection that worked is gone. */
  readonly onLost: (reason: string) => void;
}

/** Connecting and the exchange of hellos take at most this long. */
const handshakeTimeoutMs = 2000;
/** After a failed attempt; doubles up to the maximum. A restarted peer announces itself, see `dialNow`. */
const firstRetryMs = 20;
const maxRetryMs = 500;
/** After the other side said, or we saw, that we do not belong together: only an operator can change that. */
const refusedRetryMs = 2000;
const pingIntervalMs = 1000;
/** Without a pong for this long the connection counts as dead (its machine may have vanished without a word). */
const pingTimeoutMs = 5000;

/** Keeps one connection to a peer, for what this node sends. */
export class PeerDialer {
  readonly #options: DialerOptions;
  #frames: FrameSocket | undefined;
  #connected = false;
  /** The highest version that both sides speak. */
  #version = 0;
  #closed = false;
  #retryMs = firstRetryMs;
  #retryTimer: NodeJS.Timeout | undefined;
  #handshakeTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #tickedAt = 0;
  #answeredAt = 0;
  #complaint: string | undefined;
  #dropped = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#dial();
  }

  get connected(): boolean {
    return this.#connected;
  }

  get queuedBytes(): number {
    return this.#frames?.queuedBytes ?? 0;
  }

  /** Sends, or drops where there is no connection or the queue is over its bound: protocols tolerate loss. */
  send(message: NodeMessage): void {
    const frames = this.#frames;
    if (frames === undefined || !this.#connected || versionOf(message) > this.#version) return;
    if (frames.queuedBytes > this.#options.maxQueuedBytes) {
      if (this.#dropped++ === 0)
        this.#options.logger.warn(
          { peer: this.#options.peer, queuedBytes: frames.queuedBytes },
          "the peer takes messages too slowly: dropping some",
        );
      return;
    }
    const writer = frames.begin().u8(peerFrames.message);
    const place = writer.placeU32();
    const start = writer.length;
    writeNodeMessage(writer, message);
    writer.patchU32(place, this.#options.crc32c(writer.view().subarray(start)));
    frames.end();
  }

  /** Tries at once: the peer has just shown that it is there. */
  dialNow(): void {
    if (this.#retryTimer === undefined) return;
    clearTimeout(this.#retryTimer);
    this.#dial();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#frames?.finish("closed here");
  }

  #dial(): void {
    this.#retryTimer = undefined;
    const { host, port } = parseAddress(this.#options.address);
    const frames: FrameSocket = new FrameSocket(connect({ host, port }), maxHelloBytes, {
      onFrame: (frame) => this.#onFrame(frames, frame),
      onMalformed: (error) => this.#refuse(frames, failure("protocol", error.message)),
      onClose: (reason) => this.#onClose(reason),
      onDrain: () => this.#onDrain(),
    });
    this.#frames = frames;
    this.#handshakeTimer = setTimeout(
      () => frames.destroy(`no answer within ${handshakeTimeoutMs} ms`),
      handshakeTimeoutMs,
    );
    frames.socket.once("connect", () => {
      writeHello(frames.begin(), this.#options.hello);
      frames.end();
    });
  }

  #onFrame(frames: FrameSocket, frame: Uint8Array): void {
    if (!this.#connected) return this.#onHello(frames, frame);
    const reader = new ByteReader(frame);
    const kind = reader.u8();
    if (kind === peerFrames.pong) this.#answeredAt = performance.now();
    else if (kind === peerFrames.error) this.#onRefused(frames, readError(reader));
    else throw new CodecError(`frame ${kind} is not for the dialling side`);
  }

  #onHello(frames: FrameSocket, frame: Uint8Array): void {
    const answer = readHello(frame);
    if ("code" in answer) return this.#onRefused(frames, answer);
    const fault = disagreement(this.#options.hello, answer);
    if (fault !== undefined) return this.#refuse(frames, fault);
    this.#connected = true;
    this.#version = Math.min(this.#options.hello.versions.max, answer.versions.max);
    this.#retryMs = firstRetryMs;
    this.#complaint = undefined;
    clearTimeout(this.#handshakeTimer);
    this.#tickedAt = this.#answeredAt = performance.now();
    this.#pingTimer = setInterval(() => this.#ping(frames), pingIntervalMs);
    this.#options.logger.info({ peer: this.#options.peer, life: answer.lifeId }, "connected to peer");
  }

  /** The other side sent an error: it closes the connection. */
  #onRefused(frames: FrameSocket, error: Failure): void {
    this.#retryMs = refusedRetryMs;
    frames.finish(`the peer refused: ${error.detail} (${error.code})`);
  }

  /** The other side is not whom it should be, or does not speak our protocol. */
  #refuse(frames: FrameSocket, error: Failure): void {
    this.#retryMs = refusedRetryMs;
    writeError(frames.begin(), error);
    frames.end();
    frames.finish(`${error.detail} (${error.code})`);
  }

  #onClose(reason: string): void {
    const lost = this.#connected;
    this.#connected = false;
    this.#frames = undefined;
    this.#dropped = 0;
    clearTimeout(this.#handshakeTimer);
    clearInterval(this.#pingTimer);
    if (this.#closed) return;
    this.#complain(reason, lost);
    const jitter = 0.75 + this.#options.random.float() / 2;
    this.#retryTimer = setTimeout(() => this.#dial(), this.#retryMs * jitter);
    if (this.#retryMs < maxRetryMs) this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
    if (lost) this.#options.onLost(reason);
  }

  /** One line for each new reason; the same one again and again is noise. */
  #complain(reason: string, lost: boolean): void {
    const { peer, address, logger } = this.#options;
    if (reason === this.#complaint) return;
    this.#complaint = reason;
    logger.warn(
      { peer, address, reason },
      lost ? "lost the connection to a peer; reconnecting" : "cannot connect to a peer; trying on",
    );
  }

  #onDrain(): void {
    if (this.#dropped === 0) return;
    this.#options.logger.warn({ peer: this.#options.peer, dropped: this.#dropped }, "the peer takes messages again");
    this.#dropped = 0;
  }

  #ping(frames: FrameSocket): void {
    const now = performance.now();
    // This process itself may have been paused: its own silence proves nothing.
    if (now - this.#tickedAt > 2 * pingIntervalMs) this.#answeredAt = now;
    this.#tickedAt = now;
    if (now - this.#answeredAt > pingTimeoutMs) return frames.destroy(`no sign of life for ${pingTimeoutMs} ms`);
    frames.begin().u8(peerFrames.ping);
    frames.end();
  }
}
