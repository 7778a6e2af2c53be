import { freshBytes } from "./slab.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const emptyBytes = new Uint8Array(0);

/** Text up to this long that is plain ASCII is copied here, several times as fast as the encoder is called. */
const shortText = 64;

/** May share its buffer with other results: mind its `byteOffset`. */
export function utf8(text: string): Uint8Array {
  const { length } = text;
  if (length > shortText) return encoder.encode(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return encoder.encode(text);
  const bytes = freshBytes(length);
  for (let i = 0; i < length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Decodes UTF-8. Throws a TypeError where the bytes are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Lexicographic order, byte by byte; a prefix sorts first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** The bytes of an even-length hexadecimal text; undefined where it is none. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/**
 * A "binary string": one character a byte (0 to 255). Engines keep one byte a character for these,
 * compare them natively in byte order, and can use them as keys of a Map.
 */
export function toBinaryString(bytes: Uint8Array): string {
  // Eight at a time: several times as fast as spreading a typed array, also for short keys.
  let text = "";
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    text += String.fromCharCode(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
    );
  }
  for (; at < bytes.length; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

export function fromBinaryString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
