import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { decodeCommand, encodeCommand } from "./command-codec.ts";
import type { Operation, PrepareOperation } from "./command.ts";
import { subject, type Subject, text } from "./subject.suite.ts";

const deadline = 2_000_000;
const prepare = (transaction: string, more: Partial<PrepareOperation> = {}): PrepareOperation => {
  const writes = [{ key: utf8("w"), value: utf8(transaction) }];
  const demands = { keyspace: "default", snapshot: 0, unchanged: [], ranges: [], writes };
  const isHome = more.participants !== undefined;
  return {
    kind: "prepare",
    transaction,
    age: 5,
    deadline,
    home: 1,
    isHome,
    participants: [],
    once: "",
    ...demands,
    ...more,
  };
};
const resolve = (transaction: string, commit: boolean, timestamp = 0): Operation => {
  return { kind: "resolve", transaction, commit, timestamp, deadline };
};
const decide = (transaction: string, commit: boolean, timestamp = 0, minimumAgeMs = 0): Operation => {
  return { kind: "decide", transaction, commit, timestamp, deadline, minimumAgeMs };
};
const prepared = { kind: "transactionState", state: "prepared" };
const locked = { kind: "error", code: "locked" };
const read = ({ store }: Subject, key: string): string | undefined => text(store.get("default", utf8(key))?.value);

/** Restarts on what is durable, at any moment. */
const restarted = (one: Subject): Subject => {
  one.commit();
  return one.reopen();
};

describe.each([
  ["as it goes", (one: Subject) => one],
  ["with restarts", restarted],
])("a participant, %s", (_, then) => {
  test("keeps what it prepared to itself, and writes it with the timestamp of the commit", () => {
    let one = subject();
    one.put("w", "before");
    const before = one.store.clock;
    const answer = one.run(prepare("t", { snapshot: before, unchanged: [utf8("w")] }));
    expect(answer).toMatchObject(prepared);
    one = then(one);
    expect(read(one, "w")).toBe("before");
    expect(one.store.obstacle("default", utf8("w"), false, undefined)).toBe("locked");
    expect(one.store.obstacle("default", utf8("w"), false, before)).toBeUndefined();
    expect(one.store.obstacle("default", utf8(""), true, undefined)).toBe("locked");
    expect(one.store.obstacle("default", utf8("x"), false, undefined)).toBeUndefined();
    const timestamp = one.store.clock + 1000;
    one.run(resolve("t", true, timestamp));
    one = then(one);
    expect(read(one, "w")).toBe("t");
    expect(text(one.store.get("default", utf8("w"), { snapshot: timestamp })?.value)).toBe("t");
    expect(text(one.store.get("default", utf8("w"), { snapshot: timestamp - 1 })?.value)).toBe("before");
    expect(one.store.clock).toBeGreaterThanOrEqual(timestamp);
    expect(one.store.unfinishedTransactions()).toEqual([]);
  });

  test("makes others wait who write what it will, or what it relies on", () => {
    let one = subject();
    const ranges = [{ from: utf8("m"), to: utf8("n") }];
    one.run(prepare("t", { unchanged: [utf8("r")], ranges }));
    one = then(one);
    for (const key of ["w", "r", "m", "middle"]) expect(one.put(key, "1")).toMatchObject(locked);
    expect(one.put("n", "1")).toMatchObject({ kind: "put" });
    expect(one.run(prepare("u", { age: 3 }))).toMatchObject({ kind: "blocked", transaction: "t", home: 1, age: 5 });
    const reads = { unchanged: [utf8("r")], writes: [{ key: utf8("other"), value: utf8("1") }] };
    expect(one.run(prepare("shared", reads))).toMatchObject(prepared);
    one.run(resolve("t", false));
    one = then(one);
    expect(one.put("r", "1")).toMatchObject(locked);
    one.run(resolve("shared", false));
    for (const key of ["w", "r", "m"]) expect(one.put(key, "1")).toMatchObject({ kind: "put" });
  });

  test("does nothing for what comes twice, late, or after its end", () => {
    let one = subject();
    one.run(prepare("t"));
    const again = one.run(prepare("t"));
    expect(again).toMatchObject(prepared);
    one.run(resolve("t", true, one.store.clock));
    one.put("w", "later");
    one = then(one);
    one.run(resolve("t", true, one.store.clock));
    expect(one.run(prepare("t"))).toMatchObject({ state: "committed" });
    expect(read(one, "w")).toBe("later");
    one.run(resolve("unheard of", false));
    expect(one.run(prepare("unheard of"))).toMatchObject({ state: "aborted" });
    expect(one.run(prepare("late", { deadline: 1 }))).toMatchObject({ state: "aborted" });
    expect(one.store.unfinishedTransactions()).toEqual([]);
  });

  test("is refused where what it relies on has changed", () => {
    const one = then(subject());
    const snapshot = one.store.clock;
    one.put("r", "1");
    expect(one.run(prepare("t", { snapshot, unchanged: [utf8("r")] }))).toMatchObject({ code: "transaction-conflict" });
    expect(one.store.unfinishedTransactions()).toEqual([]);
  });

  test("the record decides once, and is kept until all have heard of it", () => {
    let one = subject();
    one.run(prepare("t", { participants: [2, 3] }));
    one = then(one);
    expect(one.run(decide("t", false, 0, 60_000))).toMatchObject({ state: "pending" });
    // It is the record that decides here.
    one.run(resolve("t", false));
    expect(one.run(decide("t", true, 77 * 2 ** 40))).toMatchObject({ state: "committed" });
    one = then(one);
    expect(read(one, "w")).toBe("t");
    expect(one.run(decide("t", false))).toMatchObject({ state: "committed", timestamp: 77 * 2 ** 40 });
    one.run({ kind: "noop" }, undefined, 10_000_000);
    expect(one.store.unfinishedTransactions()).toMatchObject([{ state: "committed", participants: [2, 3] }]);
    one.run({ kind: "settle", transactions: ["t"] });
    one = then(one);
    one.run({ kind: "noop" });
    expect(one.store.unfinishedTransactions()).toEqual([]);
    expect(one.run(decide("t", true))).toMatchObject({ state: "aborted" });
  });

  test("a record that is asked for before it has come never comes", () => {
    let one = subject();
    expect(one.run(decide("t", false, 0, 60_000))).toMatchObject({ state: "aborted" });
    one = then(one);
    expect(one.run(prepare("t", { participants: [2] }))).toMatchObject({ state: "aborted" });
    expect(one.run(decide("t", true))).toMatchObject({ state: "aborted" });
    expect(one.put("w", "free")).toMatchObject({ kind: "put" });
  });
});

test("of transactions with one name one at most is committed", () => {
  const one = subject();
  const home = { once: "name", participants: [2] };
  one.run(prepare("first", home));
  expect(one.run(prepare("second", home))).toMatchObject({ kind: "blocked", transaction: "first" });
  one.run(decide("first", false));
  expect(one.run(prepare("second", home))).toMatchObject(prepared);
  one.run(decide("second", true, one.store.clock));
  const then = restarted(one);
  expect(then.run(prepare("third", home))).toMatchObject({ state: "repeated", timestamp: one.store.clock });
  expect(then.run(prepare("second", home))).toMatchObject({ state: "committed" });
});

test("a write that had to wait is done when it is sent again under the same session", () => {
  const one = subject();
  one.run({ kind: "openSession", clientId: "c" });
  one.run(prepare("t"));
  const envelope = { kind: "session", session: 1, sequence: 1, floor: 1 } as const;
  const put = { kind: "put", keyspace: "default", key: utf8("w"), value: utf8("1") } as const;
  expect(one.run(put, envelope)).toMatchObject(locked);
  one.run(resolve("t", false));
  expect(one.run(put, envelope)).toMatchObject({ kind: "put", revision: 1 });
  expect(one.run(put, envelope)).toMatchObject({ kind: "put", revision: 1 });
});

test("a snapshot is what was there then, however often keys change, and is told from what is compacted", () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b"),
    ahead: fc.nat(3),
    twoPhase: fc.boolean(),
    gone: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), fc.boolean(), (steps, compacts) => {
      let one = subject();
      const versions: { key: string; timestamp: number; value: string | undefined }[] = [];
      for (const [i, { key, ahead, twoPhase, gone }] of steps.entries()) {
        const value = gone ? undefined : String(i);
        if (twoPhase) {
          const writes = [{ key: utf8(key), value: value === undefined ? undefined : utf8(value) }];
          one.run(prepare(`t${i}`, { writes }));
          const timestamp = one.store.clock + ahead;
          one.run(resolve(`t${i}`, true, timestamp));
          versions.push({ key, timestamp, value });
        } else {
          if (value === undefined) one.remove(key);
          else one.put(key, value);
          versions.push({ key, timestamp: one.store.clock, value });
        }
      }
      one = restarted(one);
      for (const { timestamp } of versions) {
        for (const key of ["a", "b"]) {
          const expected = versions.findLast((version) => version.key === key && version.timestamp <= timestamp)?.value;
          expect(text(one.store.get("default", utf8(key), { snapshot: timestamp })?.value)).toBe(expected);
        }
      }
      if (!compacts || one.store.revision === 0) return;
      one.run({ kind: "compact", revision: one.store.revision });
      expect(() => one.store.get("default", utf8("a"), { snapshot: one.store.clock - 1 })).toThrow(/compacted/);
      expect(one.store.get("default", utf8("a"), { snapshot: one.store.clock })).toEqual(
        one.store.get("default", utf8("a")),
      );
    }),
    { numRuns: 60 },
  );
});

test("commands of transactions come back as they were written down", () => {
  const name = fc.string({ minLength: 1, maxLength: 20 });
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 });
  const end = fc.option(bytes, { nil: undefined });
  const outcome = { transaction: name, commit: fc.boolean(), timestamp: fc.nat(), deadline: fc.nat() };
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.record({
      kind: fc.constant("prepare" as const),
      transaction: name,
      age: fc.nat(),
      deadline: fc.nat(),
      home: fc.nat(),
      isHome: fc.boolean(),
      participants: fc.array(fc.nat()),
      once: fc.constantFrom("", "name"),
      keyspace: fc.constant("default"),
      snapshot: fc.nat(),
      unchanged: fc.array(bytes),
      ranges: fc.array(fc.record({ from: bytes, to: end })),
      writes: fc.array(fc.record({ key: bytes, value: end })),
    }),
    fc.record({ kind: fc.constant("decide" as const), ...outcome, minimumAgeMs: fc.nat() }),
    fc.record({ kind: fc.constant("resolve" as const), ...outcome }),
    fc.record({ kind: fc.constant("settle" as const), transactions: fc.array(name) }),
    fc.record({ kind: fc.constant("observe" as const), timestamp: fc.nat() }),
  );
  fc.assert(
    fc.property(operation, (sent) => {
      expect(decodeCommand(encodeCommand({ envelope: { kind: "none" }, operation: sent })).operation).toEqual(sent);
    }),
  );
});
