import { assert, ByteReader, ByteWriter, toBinaryString } from "../base/index.ts";
import { type Timestamp, wallOf } from "../clock/index.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import { numberKey, textKey } from "./values.ts";

/** How many keys one entry may forget, so that no entry takes long. */
const forgottenPerEntry = 2;
/** How many of the oldest keys are looked up at once. */
const lookahead = 64;

interface OldKey {
  /** Row of `idempotencyOrder`. */
  readonly place: string;
  /** Row of `idempotency`. */
  readonly key: string;
  readonly timestamp: Timestamp;
}

const scratch = new ByteWriter(256);

/**
 * Answers by idempotency key, for clients without a session: kept for a while and up to a number, oldest first
 * out. Two rows each: the answer by key, and the key by the index of the entry that used it first.
 */
export class IdempotencyKeys {
  readonly #context: Context;
  #count = 0;
  /** The oldest keys, in order: some of them, or none yet. */
  #oldest: OldKey[] = [];
  /** Everything up to here is forgotten: where to look for the oldest. */
  #forgotten = "";

  constructor(context: Context) {
    this.#context = context;
  }

  get count(): number {
    return this.#count;
  }

  load(count: number): void {
    this.#count = count;
    this.#oldest = [];
    this.#forgotten = "";
  }

  /**
   * The answer that this key has had already, or undefined: it is new, to be applied and then `remember`ed.
   * Throws a StoreError `idempotency-key-reused` where the operation was another one.
   */
  recall(name: string, fingerprint: Fingerprint): Uint8Array | undefined {
    const key = textKey(name);
    const row = this.#context.overlay.get("idempotency", key);
    if (row === undefined) return undefined;
    const reader = new ByteReader(row);
    const place = placeKey(reader.uint(), reader.uint());
    const timestamp = reader.f64();
    const first = { checksum: reader.u32(), length: reader.uint() };
    const answer = reader.bytes();
    if (this.#stale(timestamp)) {
      this.#forget({ place, key, timestamp });
      return undefined;
    }
    if (first.checksum !== fingerprint.checksum || first.length !== fingerprint.length) {
      throw new StoreError("idempotency-key-reused", "this idempotency key came with a different operation before");
    }
    return answer.slice();
  }

  remember(name: string, fingerprint: Fingerprint, answer: Uint8Array): void {
    this.#put(name, 0, this.#context.applied.timestamp, fingerprint, answer);
  }

  #put(name: string, ordinal: number, timestamp: Timestamp, fingerprint: Fingerprint, answer: Uint8Array): void {
    const { overlay, applied } = this.#context;
    scratch.reset();
    scratch.uint(applied.index).uint(ordinal).f64(timestamp);
    scratch.u32(fingerprint.checksum).uint(fingerprint.length).bytes(answer);
    overlay.put("idempotency", textKey(name), scratch.view());
    scratch.reset();
    scratch.f64(timestamp).text(name);
    overlay.put("idempotencyOrder", placeKey(applied.index, ordinal), scratch.view());
    this.#count++;
  }

  /** Answers that were first given behind a place, in that order; where to go on. */
  exportTo(
    writer: ByteWriter,
    from: string,
    maximumRows: number,
    maximumBytes: number,
  ): { next: string; more: boolean; count: number } {
    const { overlay } = this.#context;
    const found: [string, Uint8Array][] = [];
    let next = from;
    let bytes = 0;
    let more = false;
    for (const [place, row] of overlay.range("idempotencyOrder", { from: from === "" ? undefined : `${from}\0` })) {
      if (found.length >= maximumRows || bytes >= maximumBytes) {
        more = true;
        break;
      }
      next = place;
      const reader = new ByteReader(row);
      reader.f64();
      const name = reader.text();
      const answer = overlay.get("idempotency", textKey(name));
      if (answer === undefined) continue;
      found.push([name, answer.slice()]);
      bytes += name.length + answer.length;
    }
    writer.uint(found.length);
    for (const [name, row] of found) writer.text(name).bytes(row);
    return { next, more, count: found.length };
  }

  /** Takes over answers of another group; one that is known here too stays as it is. */
  importFrom(reader: ByteReader): void {
    const count = reader.uint();
    for (let ordinal = 1; ordinal <= count; ordinal++) {
      const name = reader.text();
      const row = new ByteReader(reader.bytes());
      if (this.#context.overlay.get("idempotency", textKey(name)) !== undefined) continue;
      row.uint();
      row.uint();
      const timestamp = row.f64();
      const fingerprint = { checksum: row.u32(), length: row.uint() };
      this.#put(name, ordinal, timestamp, fingerprint, row.bytes());
    }
  }

  /** Forgets what is too old or too much, a few of them. */
  expire(): void {
    for (let i = 0; i < forgottenPerEntry; i++) {
      const oldest = this.#peekOldest();
      if (oldest === undefined) return;
      if (this.#count <= this.#context.settings.maximumIdempotencyKeys && !this.#stale(oldest.timestamp)) return;
      this.#oldest.shift();
      this.#forgotten = oldest.place;
      this.#forget(oldest);
    }
  }

  #stale(timestamp: Timestamp): boolean {
    const { applied, settings } = this.#context;
    return wallOf(applied.timestamp) - wallOf(timestamp) >= settings.idempotencyRetentionMs;
  }

  #forget({ place, key }: OldKey): void {
    const { overlay } = this.#context;
    overlay.delete("idempotency", key);
    overlay.delete("idempotencyOrder", place);
    this.#count--;
    const known = this.#oldest.findIndex((old) => old.place === place);
    if (known >= 0) this.#oldest.splice(known, 1);
  }

  #peekOldest(): OldKey | undefined {
    if (this.#oldest.length === 0 && this.#count > 0) {
      // Keys of this table have one length, so nothing lies between a key and the key with a zero byte.
      const from = this.#forgotten === "" ? undefined : `${this.#forgotten}\0`;
      for (const [place, row] of this.#context.overlay.range("idempotencyOrder", { from, limit: lookahead })) {
        const reader = new ByteReader(row);
        const timestamp = reader.f64();
        this.#oldest.push({ place, key: toBinaryString(reader.bytes()), timestamp });
      }
      assert(this.#oldest.length > 0, "as many keys by age as by name");
    }
    return this.#oldest[0];
  }
}

/** An entry may bring many, of another group; all places have one length. */
function placeKey(index: number, ordinal: number): string {
  return numberKey(index) + String.fromCharCode(ordinal >>> 8, ordinal & 0xff);
}

/** Tells operations apart well enough to notice a key that was used twice by mistake. */
export interface Fingerprint {
  readonly checksum: number;
  readonly length: number;
}
