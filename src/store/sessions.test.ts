import { expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import type { Envelope, Operation } from "./command.ts";
import { subject } from "./subject.suite.ts";

const increment: Operation = { kind: "increment", counter: "n", by: 1 };
const open: Operation = { kind: "openSession", clientId: "client" };
const none: Envelope = { kind: "none" };
const at = (session: number, sequence: number, floor = 0): Envelope => ({ kind: "session", session, sequence, floor });

test("what is sent twice is applied once, in any order and after a restart", () => {
  const { store, run } = subject();
  run(open);
  const first = run(increment, at(1, 1));
  run(increment, at(1, 3));
  expect(run(increment, at(1, 1))).toEqual(first);
  expect(run(increment, at(1, 2))).toMatchObject({ value: 3 });
  expect(run(increment, at(1, 3))).toMatchObject({ value: 2 });
  expect(store.counter("n").value).toBe(3);
});

test("a client that never moves its floor loses its oldest answers, not its newest", () => {
  const { store, run } = subject();
  run(open);
  for (let sequence = 1; sequence <= 5000; sequence++) run(increment, at(1, sequence));
  expect(run(increment, at(1, 5000))).toMatchObject({ value: 5000 });
  expect(run(increment, at(1, 1))).toMatchObject({ kind: "error", code: "stale-sequence" });
  expect(store.counter("n").value).toBe(5000);
  expect(store.dirtyBytes).toBeLessThan(1_000_000);
});

test("large answers are bounded, too", () => {
  const { store, run } = subject();
  run(open);
  run({ kind: "put", keyspace: "default", key: utf8("big"), value: new Uint8Array(300_000) });
  const get: Operation = {
    kind: "transaction",
    keyspace: "default",
    compares: [],
    then: [{ kind: "get", key: utf8("big") }],
    otherwise: [],
  };
  for (let sequence = 1; sequence <= 20; sequence++) expect(run(get, at(1, sequence)).kind).toBe("transaction");
  expect(run(get, at(1, 20)).kind).toBe("transaction");
  expect(run(get, at(1, 1))).toMatchObject({ code: "stale-sequence" });
  expect(store.dirtyBytes).toBeLessThan(20_000_000);
});

test("a floor that leaps does not cost its length", () => {
  const { run } = subject();
  run(open);
  run(increment, at(1, 1));
  expect(run(increment, at(1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))).toMatchObject({ value: 2 });
  expect(run(increment, at(1, 1))).toMatchObject({ code: "stale-sequence" });
});

test("idle sessions end by the time in the log", () => {
  const { store, run } = subject();
  for (let i = 0; i < 5; i++) run(open);
  expect(store.sessionCount).toBe(5);
  expect(run(increment, at(5, 1), 3_599_000)).toMatchObject({ value: 1 });
  expect(run(increment, at(1, 1), 3_599_000)).toMatchObject({ kind: "error", code: "session-expired" });
  expect(run(increment, at(5, 2))).toMatchObject({ value: 2 });
  expect(store.sessionCount).toBe(1);
});

test("an idle session cannot be closed any more, although an entry ends only a few", () => {
  const { store, run } = subject();
  for (let i = 0; i < 6; i++) run(open);
  expect(run({ kind: "closeSession", session: 6 }, none, 3_600_000)).toMatchObject({ code: "session-expired" });
  expect(store.sessionCount).toBe(3);
});

test("time does not go back, whatever the log says", () => {
  const { store, run } = subject();
  run(open);
  run(increment, at(1, 1), 1000);
  const { timestamp } = store.applied;
  expect(run(increment, at(1, 2), -900)).toMatchObject({ value: 2 });
  expect(store.applied.timestamp).toBe(timestamp);
  expect(run(increment, at(1, 3), 3_600_899)).toMatchObject({ value: 3 });
  expect(run(increment, at(1, 4), 3_600_000)).toMatchObject({ code: "session-expired" });
});

test("an idempotency key belongs to one operation", () => {
  const { store, run } = subject();
  const key: Envelope = { kind: "idempotent", key: "schlüssel" };
  const first = run(increment, key);
  expect(run(increment, key)).toEqual(first);
  expect(run({ ...increment, by: 2 }, key)).toMatchObject({ code: "idempotency-key-reused" });
  expect(run(increment, key, 86_400_000)).toMatchObject({ value: 2 });
  expect(store.idempotencyKeyCount).toBe(1);
});

test("the session idle for longest makes room, also after a restart", () => {
  const one = subject();
  one.run({ kind: "configure", settings: { maximumSessions: 3 } });
  for (let i = 0; i < 3; i++) one.run(open);
  one.run(increment, at(2, 1));
  one.commit();
  const two = one.reopen();
  two.run(open);
  expect(two.run(increment, at(3, 1))).toMatchObject({ code: "session-expired" });
  two.run(open);
  expect(two.run(increment, at(4, 1))).toMatchObject({ code: "session-expired" });
  expect(two.run(increment, at(2, 1))).toMatchObject({ value: 1 });
});
