/** Hashes for telling states apart in tests and traces: 64 bits out of two FNV-1a lanes. Not for adversaries. */
export class StateHash {
  #a = 0x811c9dc5;
  #b = 0x2f0b4c27;

  /** Strings of codes up to 255. */
  text(text: string): this {
    this.#mix(text.length);
    for (let i = 0; i < text.length; i++) this.#byte(text.charCodeAt(i));
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#mix(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.#byte(bytes[i]!);
    return this;
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return [this.#a, this.#b].map((lane) => (finish(lane) >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #mix(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#byte((value >>> shift) & 0xff);
  }

  #byte(byte: number): void {
    this.#a = Math.imul(this.#a ^ byte, 0x01000193);
    this.#b = Math.imul(this.#b ^ byte, 0x5bd1e995) ^ (this.#b >>> 15);
  }
}

/** The finalizer of MurmurHash3 (Appleby): every bit of the lane affects every bit of the digest. */
function finish(lane: number): number {
  let hash = lane ^ (lane >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
