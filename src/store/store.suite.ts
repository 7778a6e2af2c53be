/**
 * The store against the model, over any engine: random commands, duplicates, commits that are under way, fail or
 * are lost in a crash, replays, and snapshots restored elsewhere. Same answers, same reads, same digest as a
 * replica to which nothing ever happened.
 */
import fc from "fast-check";
import { expect } from "vitest";
import { emptyBytes, must, unreachable, utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import { crc32c } from "../wal/crc32c.ts";
import { encodeCommand } from "./command-codec.ts";
import type { Command, Compare, Envelope, Operation, Settings, TransactionStep } from "./command.ts";
import type { Engine } from "./engine.ts";
import { type EngineFixture, outcome } from "./engine.suite.ts";
import { StoreError } from "./errors.ts";
import type { KeyEvent } from "./keys.ts";
import { memoryEngine } from "./memory-engine.ts";
import { Model } from "./model.suite.ts";
import { decodeResult, type Result } from "./result.ts";
import type { SnapshotReader } from "./snapshot.ts";
import { openStore, type Store } from "./store.ts";

export type Action =
  | { readonly kind: "apply"; readonly operation: Operation; readonly via: Via; readonly afterMs: number }
  /** Sends an earlier command again. */
  | { readonly kind: "again"; readonly which: number }
  | { readonly kind: "advance" }
  | { readonly kind: "commit"; readonly full: boolean }
  | { readonly kind: "settle" }
  | { readonly kind: "crash" }
  | { readonly kind: "cutOff" }
  /** Takes a snapshot, or looks at the one that was taken a while ago. */
  | { readonly kind: "hold" }
  | { readonly kind: "transfer"; readonly maximumBytes: number }
  | {
      readonly kind: "read";
      readonly keyspace: string;
      readonly key: Uint8Array;
      readonly back: number;
      readonly limit: number;
    };

type Via =
  | { readonly kind: "none" }
  | { readonly kind: "session"; readonly which: number; readonly lag: number }
  | { readonly kind: "key"; readonly key: string };

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const key = fc.constantFrom("a", "ab", "abc", "b", "b\0", "c", "\xff", "\0").map(bytes);
const keyspace = fc.oneof(
  { weight: 5, arbitrary: fc.constant("default") },
  { weight: 2, arbitrary: fc.constantFrom("one", "two") },
);
const value = fc.string({ maxLength: 5 }).map(utf8);
const latin1 = (key: Uint8Array): string => Buffer.from(key).toString("latin1");
const revision = fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(30) });
const counter = fc.constantFrom("n", "zähler");
const relation = fc.constantFrom("equal" as const, "not-equal" as const, "less" as const, "greater" as const);
const small: Partial<Settings> = {
  retainedRevisions: 12,
  sessionIdleMs: 500,
  maximumSessions: 3,
  idempotencyRetentionMs: 400,
  maximumIdempotencyKeys: 3,
};

const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ target: fc.constant("value" as const), key, relation, value }),
  fc.record({
    target: fc.constantFrom("modRevision" as const, "createRevision" as const, "version" as const),
    key,
    relation,
    operand: fc.nat(20),
  }),
  fc.record({ target: fc.constant("exists" as const), key, exists: fc.boolean() }),
);
const steps: fc.Arbitrary<TransactionStep[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("put" as const), key, value }),
    fc.record({ kind: fc.constant("delete" as const), key }),
    fc.record({ kind: fc.constant("get" as const), key }),
  ),
  { maxLength: 4 },
);
const named = fc.constantFrom("one", "two", "default");
const definition = fc.record({
  name: named,
  engine: fc.constant("raft" as const),
  shards: fc.constant(1),
  replicas: fc.constantFrom(3, 5),
  contract: fc.constant("ReadConsistency: Eventual"),
});

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant("put" as const), keyspace, key, value, expectedRevision: revision }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("delete" as const), keyspace, key, expectedRevision: revision }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("increment" as const),
      counter,
      by: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("openSession" as const), clientId: fc.constant("client") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("closeSession" as const), session: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("createKeyspace" as const), keyspace: definition }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("setContract" as const),
      name: named,
      contract: fc.constantFrom("one", "other"),
      expectedVersion: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("dropKeyspace" as const), name: named }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const), revision: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("configure" as const),
      settings: fc.record({ retainedRevisions: fc.nat(30), maximumSessions: fc.nat(4) }, { requiredKeys: [] }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("transaction" as const),
      keyspace,
      compares: fc.array(compare, { maxLength: 2 }),
      then: steps,
      otherwise: steps,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("noop" as const) }) },
);

const via: fc.Arbitrary<Via> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: "none" as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("session" as const), which: fc.nat(3), lag: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("key" as const), key: fc.constantFrom("k1", "k2", "k3", "k4", "k5") }),
  },
);

/** Commands of every kind. */
export const command: fc.Arbitrary<Command> = fc.record({
  envelope: fc.oneof(
    fc.constant({ kind: "none" as const }),
    fc.record({ kind: fc.constant("session" as const), session: fc.nat(), sequence: fc.maxSafeNat(), floor: fc.nat() }),
    fc.record({ kind: fc.constant("idempotent" as const), key: fc.string({ minLength: 1, unit: "grapheme" }) }),
  ),
  operation,
});

export const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("apply" as const),
      operation,
      via,
      afterMs: fc.oneof(fc.nat(30), fc.constant(300)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("again" as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "advance" as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("commit" as const), full: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ kind: "settle" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "cutOff" as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: "hold" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("transfer" as const), maximumBytes: fc.constantFrom(1, 100, 100_000) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      keyspace,
      key,
      back: fc.nat(20),
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

interface LoggedEntry {
  readonly index: number;
  readonly term: number;
  readonly timestamp: number;
  /** undefined: not a command. */
  readonly command: Command | undefined;
}

type Query = Omit<Extract<Action, { kind: "read" }>, "kind">;

/** Runs the actions and compares everything that can be seen. */
export async function compareWithModel(fixture: EngineFixture, actions: readonly Action[]): Promise<void> {
  const run = new Run(fixture);
  run.append({ envelope: { kind: "none" }, operation: { kind: "configure", settings: small } }, 0);
  for (const next of actions) await run.perform(next);
  await run.finish();
}

class Run {
  readonly #fixture: EngineFixture;
  readonly #log: LoggedEntry[] = [];
  readonly #model: Model;
  /** A replica that never commits, never crashes and never restores. */
  readonly #reference: Store;
  #store: Store;
  /** The store hears of nothing, until it gets a snapshot or starts anew. */
  #cutOff = false;
  #held: { readonly snapshot: SnapshotReader; readonly digest: string } | undefined;
  #commits = 0;
  #settled = 0;
  #sequence = 0;
  #wallMs = 1_000_000;

  constructor(fixture: EngineFixture) {
    this.#fixture = fixture;
    this.#store = openStore(borrowing(fixture.engine), { crc32c });
    this.#reference = openStore(memoryEngine({ schedule: () => {} }), { crc32c });
    this.#model = new Model(must(this.#reference.keyspaces()[0], "the default keyspace"));
  }

  async perform(next: Action): Promise<void> {
    switch (next.kind) {
      case "apply":
        return this.append({ envelope: this.#envelope(next.via), operation: next.operation }, next.afterMs);
      case "again": {
        const earlier = this.#log[next.which % this.#log.length]?.command;
        return earlier === undefined ? undefined : this.append(earlier, 1);
      }
      case "advance":
        return this.append(undefined, 1);
      case "commit":
        if (!this.#store.committing) this.#commit(next.full && this.#fixture.fillDisk !== undefined);
        return;
      case "settle":
        return this.#settle();
      case "crash":
        return this.#restart();
      case "cutOff":
        this.#cutOff = true;
        return;
      case "hold":
        return this.#hold();
      case "transfer":
        return this.#transfer(next.maximumBytes);
      case "read":
        return this.#compareReads(next);
      default:
        return unreachable(next);
    }
  }

  append(command: Command | undefined, afterMs: number): void {
    this.#wallMs += afterMs;
    const index = this.#log.length + 1;
    const entry = { index, term: 1 + (index >> 3), timestamp: timestampOf(this.#wallMs) + 7, command };
    this.#log.push(entry);
    const answer = feed(this.#reference, entry);
    this.#model.advance(index, this.#wallMs);
    if (command !== undefined) expect(withoutDetail(answer)).toEqual(this.#model.apply(command));
    if (!this.#cutOff) expect(feed(this.#store, entry)).toEqual(answer);
  }

  /** Catches up, ends cleanly, and compares everything. */
  async finish(): Promise<void> {
    if (this.#cutOff) await this.#transfer(100_000);
    await this.#settle();
    this.#commit(false);
    await this.#settle();
    expect(this.#store.committedIndex).toBe(this.#log.length);
    await this.#restart();
    const model = this.#model;
    expect(this.#store.sessionCount).toBe(model.sessions.length);
    expect(this.#store.idempotencyKeyCount).toBe(model.idempotency.length);
    for (const keyspaceName of ["default", "one", "two"]) {
      for (let back = 0; back <= 20; back += 4)
        this.#compareReads({ keyspace: keyspaceName, key: bytes("a"), back, limit: 3 });
    }
  }

  async #settle(): Promise<void> {
    await this.#fixture.until(() => this.#settled === this.#commits);
  }

  #commit(full: boolean): void {
    const store = this.#store;
    const at = store.applied.index;
    const before = store.committedIndex;
    store.setMembership(utf8(`members at ${at}`));
    this.#commits++;
    if (full) this.#fixture.fillDisk?.();
    const { index } = store.commit((error) => {
      expect(error?.code).toBe(full ? "full" : undefined);
      expect(store.committedIndex).toBe(full ? before : at);
      expect(store.committing).toBe(false);
      this.#settled++;
    });
    expect(index).toBe(at);
    expect(store.committing).toBe(true);
  }

  #hold(): void {
    if (!this.#cutOff) expect(this.#store.digest()).toBe(this.#reference.digest());
    if (this.#held === undefined) {
      this.#held = { snapshot: this.#store.snapshot(), digest: this.#store.digest() };
    } else {
      const { snapshot, digest } = this.#held;
      expect(restored(snapshot).digest()).toBe(digest);
      this.#letGo();
    }
  }

  #letGo(): void {
    this.#held?.snapshot.close();
    this.#held = undefined;
  }

  /** What is durable, and the log. */
  async #restart(): Promise<void> {
    this.#letGo();
    await this.#fixture.reopen();
    this.#settled = this.#commits;
    this.#store = openStore(borrowing(this.#fixture.engine), { crc32c });
    this.#replay();
  }

  #replay(): void {
    const store = this.#store;
    const { index } = store.applied;
    expect(store.committedIndex).toBe(index);
    const members = store.membership === undefined ? "members at 0" : Buffer.from(store.membership).toString();
    expect(members).toBe(`members at ${index}`);
    for (const entry of this.#log.slice(index)) feed(store, entry);
    this.#cutOff = false;
    expect(store.applied).toEqual(this.#reference.applied);
    expect(store.digest()).toBe(this.#reference.digest());
  }

  /** The reference's snapshot, in place of what the store has. Meanwhile the log goes on. */
  async #transfer(maximumBytes: number): Promise<void> {
    await this.#settle();
    this.#cutOff = true;
    this.#reference.setMembership(utf8(`members at ${this.#log.length}`));
    const snapshot = this.#reference.snapshot();
    expect(snapshot.position).toEqual(this.#reference.applied);
    this.append(put("z", "later"), 1);
    const writer = this.#store.restore();
    let cursor: Uint8Array = emptyBytes;
    for (let done = false; !done;) {
      const chunk = snapshot.read(cursor, maximumBytes);
      expect(snapshot.read(cursor, maximumBytes)).toEqual(chunk);
      writer.write(chunk.bytes.slice());
      ({ done, next: cursor } = chunk);
      this.append(undefined, 1);
    }
    expect(await outcome(this.#fixture, (done) => writer.finish(done))).toBeUndefined();
    expect(this.#store.applied).toEqual(snapshot.position);
    expect(this.#store.membership).toEqual(snapshot.membership);
    snapshot.close();
    this.#replay();
  }

  #envelope(from: Via): Envelope {
    if (from.kind === "none") return from;
    if (from.kind === "key") return { kind: "idempotent", key: from.key };
    const session = this.#model.sessions[from.which]?.id ?? from.which;
    const sequence = ++this.#sequence;
    return { kind: "session", session, sequence, floor: Math.max(0, sequence - from.lag) };
  }

  #compareReads(query: Query): void {
    if (this.#cutOff) return;
    const store = this.#store;
    const model = this.#model;
    expect([store.revision, store.compactedRevision]).toEqual([model.revision, model.compactedRevision]);
    expect(store.settings).toEqual(model.settings);
    expect(store.keyspaces()).toEqual([...model.keyspaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
    for (const name of ["n", "zähler"]) {
      expect(store.counter(name)).toEqual(model.counters.get(name) ?? { value: 0, revision: 0 });
    }
    const id = model.keyspaces.get(query.keyspace)?.id;
    if (id === undefined) return expect(caught(() => store.get(query.keyspace, query.key))).toBe("not-found");
    this.#compareKeys(id, query);
    this.#compareEvents(id, query);
  }

  #compareKeys(id: number, { keyspace: name, key: wanted, back, limit }: Query): void {
    const store = this.#store;
    const model = this.#model;
    const at = model.revision + 2 - back;
    if (at > model.revision)
      return expect(caught(() => store.get(name, wanted, { revision: at }))).toBe("future-revision");
    if (at < model.compactedRevision) return expect(caught(() => store.list(name, { revision: at }))).toBe("compacted");
    for (const [read, revisionRead] of [
      [undefined, model.revision],
      [at, at],
    ] as const) {
      const prefix = latin1(wanted).slice(0, 1);
      expect(store.get(name, wanted, { revision: read })).toEqual(model.rowAt(id, latin1(wanted), revisionRead));
      const all = model.rowsAt(id, prefix, revisionRead).map(([k, row]) => ({ key: bytes(k), ...row }));
      const options = { prefix: bytes(prefix), revision: read };
      expect(store.list(name, options)).toEqual({ rows: all, more: false, revision: revisionRead });
      const above = all.filter((row) => latin1(row.key) > latin1(wanted));
      const page = store.list(name, { ...options, after: wanted, limit });
      expect(page).toEqual({ rows: above.slice(0, limit), more: above.length > limit, revision: revisionRead });
    }
  }

  #compareEvents(id: number, { keyspace: name, key: wanted, back, limit }: Query): void {
    const store = this.#store;
    const model = this.#model;
    const from = Math.max(0, model.revision + 1 - back);
    const query = { keyspace: name, prefix: wanted.subarray(0, 1), from, limit, scanLimit: 2 * limit };
    if (from <= model.compactedRevision) return expect(caught(() => store.events(query))).toBe("compacted");
    const told: KeyEvent[] = [];
    for (let next = from; next <= model.revision;) {
      const page = store.events({ ...query, from: next });
      expect(page.next).toBeGreaterThan(next);
      for (const event of page.events) expect(event.revision).toBeLessThan(page.next);
      told.push(...page.events);
      ({ next } = page);
    }
    const prefix = latin1(query.prefix);
    const expected = model.changes.filter((c) => c.keyspace === id && c.revision >= from && c.key.startsWith(prefix));
    expect(told).toEqual(
      expected.map(({ revision: at, key: k, row }) => ({
        kind: row === undefined ? "delete" : "put",
        key: bytes(k),
        value: row?.value ?? emptyBytes,
        revision: at,
        createRevision: row?.createRevision ?? 0,
        version: row?.version ?? 0,
        previous: model.rowAt(id, k, at - 1),
      })),
    );
  }
}

function put(name: string, text: string): Command {
  const operation = { kind: "put", keyspace: "default", key: bytes(name), value: bytes(text) } as const;
  return { envelope: { kind: "none" }, operation };
}

function feed(store: Store, entry: LoggedEntry): Result | undefined {
  const { index, term, timestamp, command } = entry;
  if (command === undefined) {
    store.advance(index, term, timestamp);
    return undefined;
  }
  const data = encodeCommand(command);
  const result = decodeResult(store.apply({ index, term, timestamp, data })) as Result;
  // What the store keeps of an entry must be its own.
  data.fill(0xee);
  return result;
}

/** The state of a snapshot, in a store of its own. */
function restored(snapshot: SnapshotReader): Store {
  const scheduled: (() => void)[] = [];
  const store = openStore(memoryEngine({ schedule: (deliver) => void scheduled.push(deliver) }), { crc32c });
  const writer = store.restore();
  let cursor: Uint8Array = emptyBytes;
  for (let done = false; !done;) {
    const chunk = snapshot.read(cursor, 1000);
    writer.write(chunk.bytes);
    ({ done, next: cursor } = chunk);
  }
  writer.finish((error) => expect(error).toBeUndefined());
  for (const deliver of scheduled) deliver();
  return store;
}

function withoutDetail(result: Result | undefined): Result | undefined {
  return result?.kind === "error" ? { ...result, detail: "" } : result;
}

function caught(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  return "nothing thrown";
}

/** An engine that takes back what it lends as soon as it may. */
function borrowing(engine: Engine): Engine {
  let lent: Uint8Array | undefined;
  const takeBack = (): void => void lent?.fill(0xee);
  const range: Engine["range"] = (table, options) => {
    takeBack();
    return engine.range(table, options);
  };
  return {
    ...pass(engine),
    get(table, name) {
      takeBack();
      return (lent = engine.get(table, name)?.slice());
    },
    range,
    commit(batch, done) {
      takeBack();
      engine.commit(batch, done);
    },
  };
}

function pass(engine: Engine): Engine {
  return {
    get: (table, name) => engine.get(table, name),
    range: (table, options) => engine.range(table, options),
    keys: (table, options) => engine.keys(table, options),
    commit: (batch, done) => engine.commit(batch, done),
    snapshot: () => engine.snapshot(),
    replace: () => engine.replace(),
    close: (done) => engine.close(done),
  };
}
