import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBinaryString, utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import { encodeCommand, decodeCommand } from "./command-codec.ts";
import type { Operation } from "./command.ts";
import { decodeResult, encodeResult, type Result } from "./result.ts";
import type { Store } from "./store.ts";
import { subject } from "./subject.suite.ts";

const acquire = (claim: string, more: Partial<Extract<Operation, { kind: "acquire" }>> = {}): Operation => {
  return { kind: "acquire", lock: "l", claim, permits: 1, ttlMs: 1000, waitMs: 0, note: claim, ...more };
};
const renew = (token: number, ttlMs = 0): Operation => ({ kind: "renew", lock: "l", token, ttlMs });
const release = (token: number): Operation => ({ kind: "release", lock: "l", token });
const arrive = (claim: string, participants = 2): Operation => {
  return { kind: "arrive", barrier: "b", claim, participants, waitMs: 1000 };
};
const notHolder = { kind: "error", code: "not-holder" };

/** An entry of another term, `afterMs` later than the last one. */
function newTerm(store: Store, term: number, afterMs: number): void {
  const { index, timestamp } = store.applied;
  store.advance(index + 1, term, timestamp + timestampOf(afterMs));
}

describe("a lock", () => {
  test("has one holder, until it is released", () => {
    const { store, run } = subject();
    expect(run(acquire("a"))).toMatchObject({ kind: "claim", token: 1, ahead: 0 });
    expect(run(acquire("b"))).toMatchObject({ token: 0 });
    expect(store.lock("l", "b")).toMatchObject({ waiting: 0, place: 0, holders: [{ token: 1, note: "a" }] });
    expect(run(release(2))).toMatchObject(notHolder);
    expect(run(release(1))).toMatchObject({ kind: "done" });
    expect(run(release(1))).toMatchObject(notHolder);
    expect(run(acquire("b"))).toMatchObject({ token: 2 });
  });

  test("is passed on in the order in which it was asked for, by release, expiry and withdrawal alike", () => {
    const { store, run } = subject();
    run(acquire("a"));
    for (const claim of ["b", "c", "d", "e"]) run(acquire(claim, { waitMs: 60_000 }));
    expect(store.lock("l", "d")).toMatchObject({ waiting: 4, place: 3 });
    run(release(1));
    expect(store.lock("l", "b")).toMatchObject({ token: 2, place: 0, waiting: 3 });
    run({ kind: "withdraw", lock: "l", claim: "c" });
    run({ kind: "withdraw", lock: "l", claim: "nobody" });
    run({ kind: "noop" }, undefined, 1000);
    expect(store.lock("l", "d")).toMatchObject({ token: 3, waiting: 1, holders: [{ token: 3, remainingMs: 1000 }] });
    run({ kind: "withdraw", lock: "l", claim: "d" });
    expect(store.lock("l", "e")).toMatchObject({ token: 4, waiting: 0 });
  });

  test("asked for twice by one claim is one wish", () => {
    const { run } = subject();
    expect(run(acquire("a"))).toMatchObject({ token: 1 });
    expect(run(acquire("b", { waitMs: 500 }))).toMatchObject({ token: 0, ahead: 0 });
    expect(run(acquire("c", { waitMs: 500 }))).toMatchObject({ token: 0, ahead: 1 });
    expect(run(acquire("b", { waitMs: 500 }))).toMatchObject({ token: 0, ahead: 0 });
    expect(run(acquire("a"))).toMatchObject({ token: 1 });
    expect(run(acquire("d", { permits: 2 }))).toMatchObject({ kind: "error", code: "exists" });
  });

  test("ends with its lease, which renewal prolongs, and no later", () => {
    const { store, run } = subject();
    run(acquire("a"));
    run(renew(1), undefined, 999);
    expect(store.nextDeadline).toBe(store.lock("l", "").holders[0]!.remainingMs + 1_001_000);
    // A shorter lease takes nothing back.
    run(renew(1, 100), undefined, 900);
    expect(store.lock("l", "").holders[0]!.remainingMs).toBe(100);
    run(renew(1, 10), undefined, 50);
    expect(store.lock("l", "").holders[0]!.remainingMs).toBe(50);
    expect(run(renew(1), undefined, 50)).toMatchObject(notHolder);
    expect(store.lock("l", "")).toMatchObject({ permits: 0, holders: [] });
    expect(store.nextDeadline).toBeUndefined();
  });

  test("is not granted to one whose patience has ended", () => {
    const { store, run } = subject();
    run(acquire("a", { ttlMs: 5000 }));
    run(acquire("b", { waitMs: 100 }));
    run({ kind: "noop" }, undefined, 100);
    expect(store.lock("l", "b")).toMatchObject({ waiting: 0, place: 0 });
    run(release(1));
    expect(store.lock("l", "b")).toMatchObject({ token: 0, holders: [] });
  });

  test("keeps its holder for a whole lease when another leads, whose clock may be ahead", () => {
    const { store, run } = subject();
    run(acquire("a"));
    newTerm(store, 2, 5000);
    expect(store.lock("l", "")).toMatchObject({ holders: [{ token: 1, remainingMs: 1000 }] });
    // Also where it was renewed for less than is left.
    run(renew(1, 10), undefined, 1);
    const { remainingMs } = store.lock("l", "").holders[0]!;
    newTerm(store, 3, 5000);
    expect(store.lock("l", "").holders[0]!.remainingMs).toBe(remainingMs);
  });

  test("guards transactions: an old token changes nothing", () => {
    const { run } = subject();
    const key = utf8("k");
    const write = (token: number, value: string): Operation => ({
      kind: "transaction",
      keyspace: "default",
      compares: [{ target: "lock", key: utf8("l"), token }],
      then: [{ kind: "put", key, value: utf8(value) }],
      otherwise: [],
    });
    run(acquire("a"));
    expect(run(write(1, "a"))).toMatchObject({ succeeded: true });
    expect(run(write(0, "nobody"))).toMatchObject({ succeeded: false });
    run(acquire("b", { waitMs: 5000 }));
    expect(run(write(2, "b"))).toMatchObject({ succeeded: false });
    expect(run(write(1, "a"), undefined, 1000)).toMatchObject({ succeeded: false });
    expect(run(write(2, "b"))).toMatchObject({ succeeded: true });
    const unnamed = { target: "lock", key: Uint8Array.of(0xff), token: 1 } as const;
    const odd = { kind: "transaction", keyspace: "default", compares: [unnamed], then: [], otherwise: [] } as const;
    expect(run(odd)).toMatchObject({ succeeded: false });
  });

  test("with several permits is a semaphore", () => {
    const { store, run } = subject();
    const wide = { permits: 2, waitMs: 5000 };
    expect(run(acquire("a", wide))).toMatchObject({ token: 1 });
    expect(run(acquire("b", wide))).toMatchObject({ token: 2 });
    expect(run(acquire("c", wide))).toMatchObject({ token: 0 });
    run(release(1));
    expect(store.lock("l", "c")).toMatchObject({ permits: 2, token: 3, holders: [{ token: 2 }, { token: 3 }] });
  });

  test("has a bounded queue", () => {
    const { run } = subject();
    for (let i = 0; i < 1000; i++) run(acquire(`c${i}`, { waitMs: 60_000, ttlMs: 60_000 }));
    expect(run(acquire("more", { waitMs: 60_000 }))).toMatchObject({ kind: "error", code: "too-large" });
    expect(run(acquire("c7", { waitMs: 60_000 }))).toMatchObject({ ahead: 6 });
  });
});

describe("a barrier", () => {
  test("opens when all are there, and begins anew", () => {
    const { store, run } = subject();
    expect(run(arrive("a"))).toMatchObject({ kind: "arrival", passed: false, arrived: 1 });
    expect(run(arrive("a"))).toMatchObject({ passed: false, arrived: 1 });
    expect(store.barrier("b", "a")).toEqual({ participants: 2, arrived: 1, state: "waiting" });
    expect(run(arrive("b"))).toMatchObject({ passed: true, arrived: 2 });
    expect(store.barrier("b", "a")).toEqual({ participants: 2, arrived: 0, state: "passed" });
    expect(run(arrive("a"))).toMatchObject({ passed: true });
    expect(run(arrive("c"))).toMatchObject({ passed: false, arrived: 1 });
    expect(run(arrive("c", 3))).toMatchObject({ kind: "error", code: "exists" });
  });

  test("lets go of who has not passed", () => {
    const { run } = subject();
    const depart = (claim: string): Operation => ({ kind: "depart", barrier: "b", claim });
    run(arrive("a"));
    expect(run(depart("a"))).toMatchObject({ passed: false, arrived: 0 });
    expect(run(arrive("b"))).toMatchObject({ passed: false, arrived: 1 });
    run(arrive("a"));
    expect(run(depart("b"))).toMatchObject({ passed: true });
    expect(run(depart("nobody"))).toMatchObject({ passed: false });
  });

  test("forgets who no longer waits", () => {
    const { store, run } = subject();
    run(arrive("a"));
    expect(run(arrive("b"), undefined, 1000)).toMatchObject({ passed: false, arrived: 1 });
    expect(store.barrier("b", "a").state).toBe("absent");
  });
});

const claims = fc.constantFrom("a", "b", "c", "d");
const token = fc.integer({ min: 1, max: 12 });
const lock = fc.constantFrom("l", "m");
const ms = fc.constantFrom(1, 5, 20, 60);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant("acquire" as const),
    lock,
    claim: claims,
    permits: fc.constantFrom(1, 1, 1, 2),
    ttlMs: ms,
    waitMs: fc.constantFrom(0, 5, 50),
    note: fc.constantFrom("", "here"),
  }),
  fc.record({ kind: fc.constant("renew" as const), lock, token, ttlMs: fc.constantFrom(0, 30) }),
  fc.record({ kind: fc.constant("release" as const), lock, token }),
  fc.record({ kind: fc.constant("withdraw" as const), lock, claim: claims }),
  fc.record({ kind: fc.constant("depart" as const), barrier: lock, claim: claims }),
  fc.record({
    kind: fc.constant("arrive" as const),
    barrier: lock,
    claim: claims,
    participants: fc.constantFrom(1, 2, 3),
    waitMs: ms,
  }),
);
const story = fc.array(fc.record({ operation, afterMs: fc.constantFrom(1, 3, 10, 40) }), { maxLength: 60 });

test("no history shows two holders, or a token twice; restarts and replicas agree", () => {
  fc.assert(
    fc.property(story, fc.nat(60), (steps, restartAt) => {
      let one = subject();
      const other = subject();
      let highest = 0;
      for (const [i, step] of steps.entries()) {
        if (i === restartAt) {
          one.commit();
          one = one.reopen();
        }
        const result = apply(one.store, step.operation, step.afterMs);
        expect(apply(other.store, step.operation, step.afterMs)).toEqual(result);
        for (const name of ["l", "m"]) {
          const { holders, permits } = one.store.lock(name, "a");
          expect(holders.length).toBeLessThanOrEqual(permits);
          expect(new Set(holders.map((holder) => holder.token)).size).toBe(holders.length);
          for (const holder of holders) expect(holder.remainingMs).toBeGreaterThan(0);
          for (const claim of ["a", "b", "c", "d"]) {
            expect(one.store.lock(name, claim)).toEqual(other.store.lock(name, claim));
            expect(one.store.barrier(name, claim)).toEqual(other.store.barrier(name, claim));
          }
        }
        if (result.kind === "claim" && result.token > highest) highest = result.token;
        else if (result.kind === "claim" && result.token > 0) {
          // Not a new grant: one that is still held.
          const holders = ["l", "m"].flatMap((name) => one.store.lock(name, "").holders);
          expect(holders.map((holder) => holder.token)).toContain(result.token);
        }
      }
      expect(one.store.nextDeadline).toBe(other.store.nextDeadline);
      expect(one.store.digest()).toBe(other.store.digest());
    }),
    { numRuns: 150 },
  );
});

/** An entry `afterMs` later than the last one, by the store's own time. */
function apply(store: Store, operation: Operation, afterMs: number): Result {
  const { index, timestamp } = store.applied;
  const data = encodeCommand({ envelope: { kind: "none" }, operation });
  return decodeResult(
    store.apply({ index: index + 1, term: 1, timestamp: timestamp + timestampOf(afterMs), data }),
  ) as Result;
}

test("what is written down comes back", () => {
  fc.assert(
    fc.property(operation, (sent) => {
      expect(decodeCommand(encodeCommand({ envelope: { kind: "none" }, operation: sent })).operation).toEqual(sent);
    }),
  );
  const { store, run } = subject();
  run(acquire("a"));
  for (const answer of [
    { kind: "lockState", ...store.lock("l", "a") },
    { kind: "barrierState", ...store.barrier("l", "a") },
    { kind: "claim", token: 3, ahead: 0, revision: 1 },
    { kind: "arrival", passed: true, arrived: 2, revision: 0 },
  ] as const) {
    expect(decodeResult(encodeResult(answer))).toEqual(answer);
  }
  expect(toBinaryString(utf8("ä"))).toHaveLength(2);
});
