const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);

/** Hashes of texts that come again and again. */
const codes = new Map<string, number>();

function codeOf(text: string): number {
  let code = codes.get(text);
  if (code !== undefined) return code;
  code = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x01000193);
  if (codes.size < 10_000) codes.set(text, code);
  return code;
}

/**
 * A running 64-bit hash of everything that happened, in order: two runs that differ anywhere differ here.
 * Not for adversaries; two multiplicative lanes, after MurmurHash3's mixing steps.
 */
export class TraceDigest {
  #one = 0x9e3779b9;
  #other = 0x85ebca6b;
  #length = 0;

  /** A whole number of at most 32 bits. */
  word(value: number): this {
    this.#length++;
    const one = Math.imul(this.#one ^ value, 0xcc9e2d51);
    this.#one = ((one << 13) | (one >>> 19)) >>> 0;
    const other = Math.imul((this.#other + value) | 0, 0x1b873593) ^ this.#one;
    this.#other = ((other << 15) | (other >>> 17)) >>> 0;
    return this;
  }

  number(value: number): this {
    scratch[0] = value;
    return this.word(words[0]!).word(words[1]!);
  }

  text(value: string): this {
    return this.word(codeOf(value));
  }

  bytes(value: Uint8Array): this {
    let code = value.length;
    for (let i = 0; i < value.length; i++) code = Math.imul(code ^ value[i]!, 0x01000193);
    return this.word(code);
  }

  /** All of another digest. */
  digest(other: TraceDigest): this {
    return this.word(other.#one).word(other.#other).word(other.#length);
  }

  /** Sixteen hexadecimal digits. */
  get value(): string {
    const end = (lane: number): string => {
      let mixed = lane ^ this.#length;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      return ((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, "0");
    };
    return end(this.#one) + end(this.#other ^ this.#one);
  }
}

/** Of one trace its own digest, so that a seed is known by the same digits everywhere; of several, a hash of all in order. */
export function joinDigests(digests: readonly string[]): string {
  const [first, ...more] = digests;
  if (first !== undefined && more.length === 0) return first;
  const all = new TraceDigest();
  for (const digest of digests) all.text(digest);
  return all.value;
}
