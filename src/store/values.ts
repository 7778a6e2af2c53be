/** Small encodings that rows, commands and results share. */
import { type ByteReader, type ByteWriter, toBinaryString, utf8 } from "../base/index.ts";

/** A signed whole number within ±(2^53 - 1): a sign byte, then the magnitude. */
export function writeSigned(writer: ByteWriter, value: number): void {
  writer.bool(value < 0).uint(Math.abs(value));
}

export function readSigned(reader: ByteReader): number {
  const negative = reader.bool();
  const magnitude = reader.uint();
  // Not -0: it would compare unequal where tests and callers use Object.is.
  return negative && magnitude !== 0 ? -magnitude : magnitude;
}

/** The binary string of a text's UTF-8. */
export function textKey(text: string): string {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return toBinaryString(utf8(text));
  return text;
}

/** A whole number as eight characters that sort like the number. */
export function numberKey(value: number): string {
  const high = Math.floor(value / 2 ** 32);
  const low = value >>> 0;
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  );
}

/** The number at the beginning of a key made by `numberKey`. */
export function numberOfKey(key: string, at = 0): number {
  let value = 0;
  for (let i = at; i < at + 8; i++) value = value * 256 + key.charCodeAt(i);
  return value;
}

/** The first key above every key that begins with `prefix`; undefined: there is none. */
export function afterPrefix(prefix: string): string | undefined {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const code = prefix.charCodeAt(last);
    if (code < 0xff) return prefix.slice(0, last) + String.fromCharCode(code + 1);
  }
  return undefined;
}
