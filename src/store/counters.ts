import { ByteReader, ByteWriter } from "../base/index.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import { readSigned, textKey, writeSigned } from "./values.ts";

export interface CounterValue {
  readonly value: number;
  /** When it last changed; 0: never. */
  readonly revision: number;
}

const scratch = new ByteWriter(32);

/** Named whole numbers, without history. A counter that was never incremented is 0. */
export class Counters {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  get(name: string): CounterValue {
    const row = this.#context.overlay.get("counters", textKey(name));
    if (row === undefined) return { value: 0, revision: 0 };
    const reader = new ByteReader(row);
    return { value: readSigned(reader), revision: reader.uint() };
  }

  /** Throws a StoreError `overflow`, and has changed nothing then. */
  increment(name: string, by: number, revision: number): number {
    const value = this.get(name).value + by;
    if (!Number.isSafeInteger(value)) {
      throw new StoreError("overflow", `the counter would become ${value}, beyond ±${Number.MAX_SAFE_INTEGER}`);
    }
    scratch.reset();
    writeSigned(scratch, value);
    this.#context.overlay.put("counters", textKey(name), scratch.uint(revision).view());
    return value;
  }
}
