import { expect, test } from "vitest";
import { emptyBytes, utf8 } from "../base/index.ts";
import { tableNames } from "./engine.ts";
import { StoreError } from "./errors.ts";
import { subject, text } from "./subject.suite.ts";

test("every old version of a much-written key can be read, whatever was deleted in between", () => {
  const { store, put, remove, commit } = subject();
  const expected: (string | undefined)[] = [undefined];
  for (let i = 1; i <= 400; i++) {
    if (i % 7 === 0) remove("hot");
    else put("hot", `v${i}`);
    if (i % 90 === 0) commit();
    expected[store.revision] = i % 7 === 0 ? undefined : `v${i}`;
  }
  expect(store.revision).toBe(400);
  for (let revision = 0; revision <= 400; revision++) {
    expect(text(store.get("default", utf8("hot"), { revision })?.value)).toBe(expected[revision]);
  }
});

test("an old version costs about one sixty-fourth of the changes since", () => {
  let reads = 0;
  const { store, put, commit } = subject((engine) => ({
    ...engine,
    get: (table, key) => {
      reads++;
      return engine.get(table, key);
    },
  }));
  for (let i = 1; i <= 6400; i++) put("hot", `v${i}`);
  commit();
  reads = 0;
  expect(text(store.get("default", utf8("hot"), { revision: 1 })?.value)).toBe("v1");
  expect(reads).toBeLessThan(200);
});

test("a put of a new key is a row, and a share of one", () => {
  const { put, commit, engine } = subject();
  commit();
  const count = (): number => tableNames.reduce((sum, table) => sum + [...engine.keys(table, {})].length, 0);
  const before = count();
  for (let i = 0; i < 128; i++) put(`k${i}`, "v");
  commit();
  expect(count() - before).toBe(128 + 2);
});

test("compaction drops what it must, and what it drops leaves the engine", () => {
  const { store, engine, run, put, remove, commit } = subject();
  for (let i = 0; i < 30; i++) put(`k${i % 3}`, `v${i}`);
  remove("k0");
  put("other", "x");
  commit();
  const compacted = store.revision - 1;
  run({ kind: "compact", revision: compacted });
  expect(store.get("default", utf8("k1"), { revision: compacted })).toMatchObject({ modRevision: 29, version: 10 });
  expect(() => store.get("default", utf8("k1"), { revision: compacted - 1 })).toThrow(StoreError);
  expect(() => store.events({ keyspace: "default", prefix: emptyBytes, from: compacted, limit: 9 })).toThrow(
    /compacted/,
  );
  commit();
  expect([...engine.keys("history", {})]).toHaveLength(1);
  expect([...engine.keys("tombstones", {})]).toHaveLength(0);
  expect([...engine.keys("current", {})]).toHaveLength(3);
  put("k0", "again");
  expect(store.get("default", utf8("k0"))).toMatchObject({ createRevision: store.revision, version: 1 });
});

test("automatic compaction keeps as many revisions as the settings say, also of what was never committed", () => {
  const { store, engine, run, put, commit } = subject();
  run({ kind: "configure", settings: { retainedRevisions: 100 } });
  for (let i = 0; i < 1000; i++) put(`k${i}`, "v");
  expect(store.compactedRevision).toBe(900);
  commit();
  // Rows of 64 events: the one that 901 is in, and the last.
  expect([...engine.keys("history", {})]).toHaveLength(2);
  expect([...engine.keys("current", {})]).toHaveLength(1000);
  const events = (from: number): number[] =>
    store.events({ keyspace: "default", prefix: emptyBytes, from, limit: 1000 }).events.map(({ revision }) => revision);
  expect(events(901)).toEqual(Array.from({ length: 100 }, (_, i) => 901 + i));
  expect(() => events(900)).toThrow(/compacted/);
});

test("a dropped keyspace is gone at once, and its rows soon", () => {
  const { store, engine, run, put, commit, reopen } = subject();
  const keyspace = { name: "ks", engine: "raft", shards: 1, replicas: 3, contract: "" } as const;
  run({ kind: "createKeyspace", keyspace });
  for (let i = 0; i < 5000; i++) {
    run({ kind: "put", keyspace: "ks", key: utf8(`k${i}`), value: utf8("v") });
  }
  put("mine", "stays");
  commit();
  run({ kind: "dropKeyspace", name: "ks" });
  expect(() => store.get("ks", utf8("k1"))).toThrow(/no keyspace/);
  run({ kind: "createKeyspace", keyspace });
  expect(store.list("ks").rows).toEqual([]);
  commit();
  expect([...engine.keys("current", {})].length).toBeGreaterThan(1000);
  const next = reopen();
  for (let i = 0; i < 3; i++) next.commit();
  expect([...engine.keys("current", {})]).toHaveLength(1);
});

test("a transaction changes a key at most once, and is refused whole", () => {
  const { store, run } = subject();
  const steps = [
    { kind: "put", key: utf8("a"), value: utf8("1") },
    { kind: "delete", key: utf8("a") },
  ] as const;
  const operation = { kind: "transaction", keyspace: "default", compares: [], then: [], otherwise: steps } as const;
  expect(run(operation)).toMatchObject({ kind: "error", code: "malformed" });
  expect(store.revision).toBe(0);
});

test("a page of a list and a batch of events end near their size in bytes, and go on where they ended", () => {
  const { store, put } = subject();
  for (let i = 0; i < 10; i++) put(`k${i}`, "x".repeat(1000));
  const first = store.list("default", { maximumBytes: 2500 });
  expect(first).toMatchObject({ more: true });
  expect(first.rows.map(({ key }) => text(key))).toEqual(["k0", "k1", "k2"]);
  const rest = store.list("default", { maximumBytes: 1e6, after: first.rows.at(-1)!.key });
  expect(rest).toMatchObject({ more: false });
  expect(rest.rows).toHaveLength(7);
  const batch = store.events({ keyspace: "default", prefix: emptyBytes, from: 1, limit: 100, maximumBytes: 2500 });
  expect(batch.events.map(({ revision }) => revision)).toEqual([1, 2, 3]);
  expect(batch.next).toBe(4);
  const one = store.events({ keyspace: "default", prefix: emptyBytes, from: 4, limit: 100, maximumBytes: 1 });
  expect(one).toMatchObject({ next: 5, events: [{ revision: 4 }] });
});

test("what waits for the engine is counted, and nothing waits after a commit", () => {
  const { store, put, commit } = subject();
  commit();
  expect(store.dirtyBytes).toBe(0);
  for (let i = 0; i < 100; i++) put("k", "x".repeat(1000));
  // One present state, and a hundred events with the value and the one before.
  expect(store.dirtyBytes).toBeGreaterThan(200_000);
  expect(store.dirtyBytes).toBeLessThan(300_000);
  commit();
  expect(store.dirtyBytes).toBe(0);
});
