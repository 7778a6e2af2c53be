import { concatBytes, emptyBytes } from "./bytes.ts";
import { ByteWriter, CodecError } from "./codec.ts";
import { copyBytes } from "./slab.ts";

/**
 * Messages on a byte stream: each frame is its length (u32, little-endian) and then that many bytes.
 * Pure, so that sockets and simulated links share it.
 */
const headBytes = 4;

/**
 * Takes a frame. The view is valid during the call; `owned` says that nothing else uses its memory, so
 * that it may be kept as it is. What is not owned must be copied to be kept (`keepFrame`).
 */
export type FrameTaker = (frame: Uint8Array, owned: boolean) => void;

/** The frame in memory of its own. */
export function keepFrame(frame: Uint8Array, owned: boolean): Uint8Array {
  return owned ? frame : copyBytes(frame);
}

/**
 * Cuts a stream into frames. Frames that lie whole in a chunk are handed out as views of it; one that
 * spans chunks is gathered in a buffer of its own, so no byte is copied more than once.
 */
export class FrameReader {
  /** The longest frame taken; a longer one is a CodecError as soon as its length is seen. */
  maxFrameBytes: number;
  readonly #head = new Uint8Array(headBytes);
  #headLength = 0;
  #body: Uint8Array | undefined;
  #bodyLength = 0;
  #stopped = false;
  #paused = false;
  /** What came while paused. */
  #rest: Uint8Array = emptyBytes;

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Hands out no more frames, not even those of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
    this.#body = undefined;
    this.#rest = emptyBytes;
  }

  /** Hands out nothing until `resume`: also what is left of the chunk at hand waits. */
  pause(): void {
    this.#paused = true;
  }

  /** Goes on with what waits; `take` may pause again. Throws as `feed`. */
  resume(take: FrameTaker): void {
    this.#paused = false;
    const rest = this.#rest;
    this.#rest = emptyBytes;
    if (rest.length > 0) this.feed(rest, take);
  }

  /** Throws a CodecError where a frame is too long; whatever `take` throws passes through. */
  feed(chunk: Uint8Array, take: FrameTaker): void {
    if (this.#paused) {
      this.#rest = this.#rest.length === 0 ? chunk : concatBytes([this.#rest, chunk]);
      return;
    }
    let at = this.#headLength > 0 ? this.#continue(chunk, take) : 0;
    while (!this.#stopped && at < chunk.length) {
      if (this.#paused) {
        this.#rest = chunk.subarray(at);
        return;
      }
      const bodyAt = at + headBytes;
      if (bodyAt > chunk.length) {
        this.#head.set(chunk.subarray(at));
        this.#headLength = chunk.length - at;
        return;
      }
      const length = this.#checked(readLength(chunk, at));
      if (bodyAt + length > chunk.length) {
        this.#headLength = headBytes;
        this.#startBody(length);
        this.#fill(chunk, bodyAt);
        return;
      }
      at = bodyAt + length;
      take(chunk.subarray(bodyAt, at), false);
    }
  }

  /** Goes on with the frame that an earlier chunk began; returns where the next one starts. */
  #continue(chunk: Uint8Array, take: FrameTaker): number {
    let at = 0;
    while (this.#headLength < headBytes) {
      if (at === chunk.length) return at;
      this.#head[this.#headLength++] = chunk[at++]!;
    }
    if (this.#body === undefined) this.#startBody(this.#checked(readLength(this.#head, 0)));
    at = this.#fill(chunk, at);
    const body = this.#body!;
    if (this.#bodyLength === body.length) {
      this.#body = undefined;
      this.#headLength = 0;
      take(body, true);
    }
    return at;
  }

  #startBody(length: number): void {
    this.#body = new Uint8Array(length);
    this.#bodyLength = 0;
  }

  #fill(chunk: Uint8Array, from: number): number {
    const body = this.#body!;
    const to = Math.min(chunk.length, from + body.length - this.#bodyLength);
    body.set(chunk.subarray(from, to), this.#bodyLength);
    this.#bodyLength += to - from;
    return to;
  }

  #checked(length: number): number {
    if (length > this.maxFrameBytes) {
      throw new CodecError(`a frame of ${length} bytes is above the limit of ${this.maxFrameBytes}`);
    }
    return length;
  }
}

function readLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Gathers frames, so that everything that leaves together is one write. */
export class FrameWriter {
  readonly #writer: ByteWriter;
  #place = 0;

  constructor(capacity = 4096) {
    this.#writer = new ByteWriter(capacity);
  }

  /** Bytes gathered and not taken yet. */
  get length(): number {
    return this.#writer.length;
  }

  /** Begins a frame; write its body, then call `end`. */
  begin(): ByteWriter {
    this.#place = this.#writer.placeU32();
    return this.#writer;
  }

  end(): void {
    this.#writer.patchU32(this.#place, this.#writer.length - this.#place - headBytes);
  }

  /** Everything gathered, in memory of its own; begins anew. */
  take(): Uint8Array {
    const bytes = this.#writer.finish();
    this.#writer.reset();
    return bytes;
  }
}
