import { assert, CodecError, type LogIndex } from "../base/index.ts";
import type { Crc32c } from "../wal/index.ts";
import type { Engine, EngineError } from "./engine.ts";
import { decodeMeta, metaKeys } from "./meta.ts";
import { ChunkParser, corrupt } from "./snapshot.ts";

/** Takes a snapshot in, beside the present state. After an error, or `abort`, the present state is untouched. */
export interface SnapshotWriter {
  /** Bytes that were written here and are not yet in the engine: whoever sends them waits when this grows. */
  readonly pendingBytes: number;
  /** The next chunk, which the caller leaves alone from here on. Throws a StoreError `corrupt-snapshot`; then it is over. */
  write(chunk: Uint8Array): void;
  /**
   * After the last chunk: swaps the states, durably. Meanwhile nothing may be applied or committed.
   * Throws a StoreError `corrupt-snapshot` where chunks are missing; then it is over.
   */
  finish(done: (error?: EngineError) => void): void;
  abort(): void;
}

export interface RestoreHooks {
  /** Up to where the present state is: what is older never replaces it. */
  readonly appliedIndex: () => LogIndex;
  readonly begin: () => void;
  readonly end: (error: EngineError | undefined) => void;
}

export function restoreInto(engine: Engine, crc32c: Crc32c, hooks: RestoreHooks): SnapshotWriter {
  const staged = engine.replace();
  const parser = new ChunkParser(crc32c);
  let open = true;
  let hasState = false;

  const giveUp = (): void => {
    if (!open) return;
    open = false;
    staged.abort();
  };
  return {
    get pendingBytes() {
      return staged.pendingBytes;
    },
    write(chunk) {
      assert(open, "this restore is over");
      try {
        for (const { table, key, value } of parser.parse(chunk)) {
          if (table === "meta" && key === metaKeys.state) {
            checkState(value, hooks.appliedIndex());
            hasState = true;
          }
          staged.put(table, key, value);
        }
      } catch (error) {
        giveUp();
        throw error;
      }
    },
    finish(done) {
      assert(open, "this restore is over");
      if (!parser.done || !hasState) {
        giveUp();
        throw corrupt(parser.done ? "it does not say what state it is" : "the last chunk is missing");
      }
      open = false;
      hooks.begin();
      staged.activate((error) => {
        hooks.end(error);
        done(error);
      });
    },
    abort: giveUp,
  };
}

/** What cannot be read, or is older, is found before it replaces anything. */
function checkState(row: Uint8Array, appliedIndex: LogIndex): void {
  try {
    const { index } = decodeMeta(row).applied;
    assert(index >= appliedIndex, `a snapshot at ${index} is older than the state at ${appliedIndex}`);
  } catch (error) {
    throw error instanceof CodecError ? corrupt(error.message) : error;
  }
}
