/** One store in memory with short words for what tests do to it. */
import { utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import { crc32c } from "../wal/crc32c.ts";
import { encodeCommand } from "./command-codec.ts";
import type { Envelope, Operation } from "./command.ts";
import type { Engine } from "./engine.ts";
import { memoryEngine } from "./memory-engine.ts";
import { decodeResult, type Result } from "./result.ts";
import { openStore, type Store } from "./store.ts";

export interface Subject {
  readonly store: Store;
  readonly engine: Engine;
  /** Applies one entry, a millisecond after the last one unless told otherwise. */
  readonly run: (operation: Operation, envelope?: Envelope, afterMs?: number) => Result;
  readonly raw: (data: Uint8Array) => Result;
  readonly put: (key: string, value: string) => Result;
  readonly remove: (key: string) => Result;
  /** Delivered at once. */
  readonly commit: () => void;
  /** Delivers what the engine has to deliver. */
  readonly settle: () => void;
  /** Another store on the same engine. */
  readonly reopen: () => Subject;
}

const none: Envelope = { kind: "none" };

/** `wrap` may put itself between the store and its engine. */
export function subject(wrap: (engine: Engine) => Engine = (engine) => engine): Subject {
  const scheduled: (() => void)[] = [];
  return subjectOn(wrap(memoryEngine({ schedule: (deliver) => void scheduled.push(deliver) })), scheduled);
}

function subjectOn(engine: Engine, scheduled: (() => void)[]): Subject {
  const store = openStore(engine, { crc32c });
  const settle = (): void => {
    for (const deliver of scheduled.splice(0)) deliver();
  };
  let wallMs = 1_000_000 + store.applied.index;
  const raw = (data: Uint8Array, afterMs = 1): Result => {
    wallMs += afterMs;
    const index = store.applied.index + 1;
    return decodeResult(store.apply({ index, term: 1, timestamp: timestampOf(wallMs), data })) as Result;
  };
  const run: Subject["run"] = (operation, envelope = none, afterMs = 1) =>
    raw(encodeCommand({ envelope, operation }), afterMs);
  return {
    store,
    engine,
    run,
    raw,
    put: (key, value) => run({ kind: "put", keyspace: "default", key: utf8(key), value: utf8(value) }),
    remove: (key) => run({ kind: "delete", keyspace: "default", key: utf8(key) }),
    commit: () => {
      store.commit((error) => {
        if (error !== undefined) throw new Error(error.message);
      });
      settle();
    },
    settle,
    reopen: () => subjectOn(engine, scheduled),
  };
}

export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}
