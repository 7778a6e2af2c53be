/**
 * The state machine and its engine alone, in one process, as a node runs it:
 * `node --max-semi-space-size=16 bench/store.ts [keys] [directory]`.
 * Keys of 16 bytes, values of 128, shuffled. Times are processor time of the main thread.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";

import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { crc32c } from "@node-rs/crc32";
import { timestampOf } from "../src/clock/index.ts";
import { openLmdbEngine } from "../src/host/lmdb-engine.ts";
import { type Engine, encodeCommand, memoryEngine, openStore, type Operation, type Store } from "../src/store/index.ts";

const keys = Number(process.argv[2] ?? 1_000_000);
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), "cohort-bench-store-"));
/** As a node does it: what waits for the engine stays below this. */
const checkpointBytes = 1024 * 1024;
const value = new Uint8Array(128).fill(7);

const options = { crc32c: (bytes: Uint8Array, seed?: number): number => crc32c(bytes, seed) };
const say = (what: string, figure: string): void => console.log(`${what.padEnd(50)} ${figure}`);

function keyOf(i: number): Uint8Array {
  return Buffer.from(`key-${String((i * 7_368_787) % keys).padStart(12, "0")}`);
}

const put = (i: number): Operation => ({ kind: "put", keyspace: "default", key: keyOf(i), value });
const increment = (): Operation => ({ kind: "increment", counter: "default", by: 1 });

/** Encoded beforehand, since what is measured is applying, and into one buffer, as entries come from the network. */
function commands(count: number, make: (i: number) => Operation, session?: number): Uint8Array[] {
  const buffer = new Uint8Array(count * 256);
  let at = 0;
  return Array.from({ length: count }, (_, i) => {
    const sequence = i + 1;
    const encoded = encodeCommand({
      envelope:
        session === undefined
          ? { kind: "none" }
          : { kind: "session", session, sequence, floor: Math.max(0, sequence - 64) },
      operation: make(i),
    });
    buffer.set(encoded, at);
    return buffer.subarray(at, (at += encoded.length));
  });
}

function apply(store: Store, data: Uint8Array): void {
  const index = store.applied.index + 1;
  store.apply({ index, term: 1, timestamp: timestampOf(1_700_000_000_000 + index), data });
}

/** Processor time of this thread in milliseconds: unlike the clock on the wall, it leaves out what others do on the machine. */
function now(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const microseconds = (startedAt: number, count: number): string =>
  `${(((now() - startedAt) * 1000) / count).toFixed(2)} µs`;

async function committed(store: Store): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  store.commit((error) => (error === undefined ? resolve() : reject(new Error(error.message))));
  await promise;
}

/** Without pages of files. */
function anonymousMb(): number {
  const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(line?.[1]) / 1024;
}

function inMemory(): void {
  const count = 50_000;
  const engine = (): Engine => memoryEngine({ schedule: () => {} });
  const rounds: readonly [string, (i: number) => Operation, boolean, (i: number) => Operation][] = [
    ["apply a fresh put, in memory", put, false, increment],
    ["apply a fresh put of a session, in memory", put, true, increment],
    ["apply an overwrite, in memory", put, false, put],
    ["apply an increment, in memory", increment, false, increment],
  ];
  for (const [what, make, withSession, before] of rounds) {
    let figure = "";
    // The first round warms the compiler up.
    for (let round = 0; round < 3; round++) {
      const store = openStore(engine(), options);
      apply(
        store,
        encodeCommand({ envelope: { kind: "none" }, operation: { kind: "openSession", clientId: "bench" } }),
      );
      for (const command of commands(before === put ? count : 1, before)) apply(store, command);
      const encoded = commands(count, make, withSession ? 1 : undefined);
      const startedAt = now();
      for (const command of encoded) apply(store, command);
      figure = microseconds(startedAt, count);
    }
    say(what, figure);
  }
}

async function fill(store: Store, name: string): Promise<void> {
  const chunk = 2000;
  let applying = 0;
  let committing = 0;
  let commits = 0;
  let waiting: Promise<void> = Promise.resolve();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const beganAt = performance.now();
  for (let first = 0; first < keys; first += chunk) {
    const encoded = commands(Math.min(chunk, keys - first), (i) => put(first + i));
    for (let i = 0; i < encoded.length; i += 500) {
      const startedAt = now();
      for (const command of encoded.slice(i, i + 500)) apply(store, command);
      applying += now() - startedAt;
      if (store.dirtyBytes >= checkpointBytes) {
        await waiting;
        const commitAt = now();
        waiting = committed(store);
        committing += now() - commitAt;
        commits++;
      }
      // The next turn of the event loop, as in a node.
      await nextTurn();
    }
  }
  await waiting;
  await committed(store);
  delay.disable();
  const rows = 2 * keys;
  say(`${name}: apply, each`, `${((applying * 1000) / keys).toFixed(2)} µs`);
  say(`${name}: commit on the main thread, each row`, `${((committing * 1000) / rows).toFixed(2)} µs`);
  say(`${name}: commits; all of it`, `${commits}; ${((performance.now() - beganAt) / 1000).toFixed(1)} s`);
  say(
    `${name}: event loop delay p99, max`,
    `${(delay.percentile(99) / 1e6).toFixed(1)} ms, ${(delay.max / 1e6).toFixed(1)} ms`,
  );
}

function reads(store: Store): void {
  const count = Math.min(keys, 200_000);
  let startedAt = now();
  for (let i = 0; i < count; i++)
    if (store.get("default", keyOf(i * 31)) === undefined) throw new Error("a key is missing");
  say("get, each (with making its key)", microseconds(startedAt, count));
  startedAt = now();
  let listed = 0;
  for (let i = 0; i < 200; i++) listed += store.list("default", { after: keyOf(i * 97), limit: 100 }).rows.length;
  say("list of 100, each row", microseconds(startedAt, listed));
  startedAt = now();
  const { events } = store.events({
    keyspace: "default",
    prefix: new Uint8Array(0),
    from: store.compactedRevision + 1,
    limit: 20_000,
    scanLimit: 20_000,
  });
  say("events, each", microseconds(startedAt, events.length));
}

async function onDisk(): Promise<void> {
  const engine = openLmdbEngine({ directory });
  const store = openStore(engine, options);
  await fill(store, "fresh puts");
  say("keys; revisions kept", `${keys}; ${store.revision - store.compactedRevision}`);
  await fill(store, "overwrites");
  reads(store);
  globalThis.gc?.();
  await sleep(200);
  say("memory without files", `${anonymousMb().toFixed(0)} MB`);

  say("file", `${(statSync(join(directory, "state-000001/data.mdb")).size / 2 ** 20).toFixed(0)} MB`);
  const closing = Promise.withResolvers<void>();
  engine.close(() => closing.resolve());
  await closing.promise;
  const startedAt = performance.now();
  const again = openLmdbEngine({ directory });
  const reopened = openStore(again, options);
  if (reopened.revision !== 2 * keys) throw new Error("not what was closed");
  say("reopen", `${(performance.now() - startedAt).toFixed(0)} ms`);
  again.close(() => rmSync(directory, { recursive: true }));
}

await onDisk();
inMemory();
