import { emptyBytes } from "./bytes.ts";
import { copyBytes } from "./slab.ts";

/** Thrown by a ByteReader on input that cannot be what it claims to be. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Text up to this long has a length of one byte; where it is also plain ASCII it is copied here, which is ten times as fast. */
const shortText = 0x7f;

/** Floats pass through here: a view for each writer and reader would cost more than all else they do. */
const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);

/**
 * Appends values to one growing buffer. Whole numbers are unsigned LEB128 up to 2^53 - 1,
 * signed ones zigzag; bytes and text carry their length; floats are little-endian IEEE 754.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written and keeps the room. Earlier views from `view()` become invalid. */
  reset(): void {
    this.#length = 0;
  }

  /** What was written, as a view that is valid until the next write or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written, as a copy that nobody changes. It may share its buffer with others: mind its `byteOffset`. */
  finish(): Uint8Array {
    return copyBytes(this.view());
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.view());
    this.#bytes = grown;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  u32(value: number): this {
    this.#reserve(4);
    this.patchU32(this.#length, value);
    this.#length += 4;
    return this;
  }

  f64(value: number): this {
    floatView.setFloat64(0, value, true);
    return this.raw(floatBytes);
  }

  /** An unsigned whole number up to 2^53 - 1. */
  uint(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      // Beyond 31 bits the bitwise operators would truncate, hence arithmetic there.
      const low = rest <= 0x7fffffff ? rest & 0x7f : rest % 0x80;
      this.#bytes[this.#length++] = low | 0x80;
      rest = rest <= 0x7fffffff ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** A signed whole number within ±(2^52 - 1), zigzag encoded. */
  int(value: number): this {
    return this.uint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** Bytes behind their length. */
  bytes(value: Uint8Array): this {
    this.uint(value.length);
    return this.raw(value);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  text(value: string): this {
    const { length } = value;
    if (length > shortText) return this.bytes(encoder.encode(value));
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = length;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return this.bytes(encoder.encode(value));
      bytes[at++] = code;
    }
    this.#length = at;
    return this;
  }

  /** Leaves room for a u32 that `patchU32` fills in later; returns its place. */
  placeU32(): number {
    const place = this.#length;
    this.u32(0);
    return place;
  }

  patchU32(place: number, value: number): void {
    const bytes = this.#bytes;
    bytes[place] = value;
    bytes[place + 1] = value >>> 8;
    bytes[place + 2] = value >>> 16;
    bytes[place + 3] = value >>> 24;
  }
}

/** Reads what a ByteWriter wrote. Every method throws a CodecError past the end or on a malformed value. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) {
      throw new CodecError(`need ${count} bytes at ${at}, have ${this.#bytes.length - at}`);
    }
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw new CodecError(`not a boolean: ${value}`);
    return value === 1;
  }

  u32(): number {
    const at = this.#take(4);
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  f64(): number {
    const at = this.#take(8);
    for (let i = 0; i < 8; i++) floatBytes[i] = this.#bytes[at + i]!;
    return floatView.getFloat64(0, true);
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new CodecError(`whole number too large before ${this.#at}`);
  }

  int(): number {
    const raw = this.uint();
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  /** A view into the input, not a copy: keep the input alive and unchanged, or copy. */
  bytes(): Uint8Array {
    const length = this.uint();
    if (length === 0) return emptyBytes;
    return this.raw(length);
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    const length = this.uint();
    const at = this.#take(length);
    if (length <= shortText) {
      const text = shortAsciiText(this.#bytes, at, length);
      if (text !== undefined) return text;
    }
    const bytes = this.#bytes.subarray(at, at + length);
    try {
      return decoder.decode(bytes);
    } catch {
      throw new CodecError(`not UTF-8 before ${this.#at}`);
    }
  }

  /** Throws where something is left over: a message longer than its meaning is malformed. */
  end(): void {
    if (this.remaining !== 0) throw new CodecError(`${this.remaining} bytes left over at ${this.#at}`);
  }
}

/** The last text seen of each hash: names of keyspaces and guarantees come in every request. */
const lastTexts: string[] = Array.from({ length: 256 }, () => "");

/** undefined: it is not ASCII. */
function shortAsciiText(bytes: Uint8Array, at: number, length: number): string | undefined {
  let hash = length;
  let all = 0;
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i]!;
    all |= byte;
    hash = (hash * 31 + byte) & 0xffff;
  }
  if (all > 0x7f) return undefined;
  const last = lastTexts[hash & 0xff]!;
  if (isText(last, bytes, at, length)) return last;
  // `apply` takes anything array-like, and is several times as fast as a spread or a decoder.
  const view: ArrayLike<number> = bytes.subarray(at, at + length);
  const text = String.fromCharCode.apply(null, view as number[]);
  lastTexts[hash & 0xff] = text;
  return text;
}

function isText(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
