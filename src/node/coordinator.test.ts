import { describe, expect, test } from "vitest";
import { type GroupId, utf8 } from "../base/index.ts";
import type { CommitOutcome, CommitPlan, GroupPart } from "../txn/index.ts";
import { Cluster, coordinatorOf, epochMs } from "./coordinator.suite.ts";
import type { Coordinator } from "./coordinator.ts";

const part = (key: string, value: string, unchanged: readonly string[] = []): GroupPart => ({
  unchanged: unchanged.map(utf8),
  ranges: [],
  writes: [{ key: utf8(key), value: utf8(value) }],
});
const plan = (transaction: string, parts: readonly (readonly [GroupId, GroupPart])[], age = 1): CommitPlan => ({
  transaction,
  age,
  deadline: epochMs + 10_000,
  once: "",
  keyspace: "default",
  snapshot: 0,
  strict: false,
  parts: new Map(parts),
});
const everywhere = (transaction: string, age = 1): CommitPlan =>
  plan(
    transaction,
    [1, 2, 3].map((group) => [group, part("k", transaction)] as const),
    age,
  );

describe("the coordinator dies", () => {
  const whole = new Cluster();

  test("a transaction of three groups takes three prepares, one decision, two resolves, and is settled", () => {
    whole.run(200, start(coordinatorOf(whole), everywhere("t")).coordinator);
    expect(whole.asked).toBe(7);
    expect([1, 2, 3].map((group) => whole.read(group, "k"))).toEqual(["t", "t", "t"]);
    expect(whole.unfinished()).toBe(0);
  });

  test.each(Array.from({ length: 8 }, (_, survives) => survives))(
    "after %i questions: all of it or nothing, and no intent is left behind",
    (survives) => {
      const cluster = new Cluster();
      const { coordinator, outcomes } = start(coordinatorOf(cluster, survives), everywhere("t"));
      cluster.run(50, coordinator);
      const others = coordinatorOf(cluster);
      cluster.run(6000, others);
      expect(cluster.unfinished()).toBe(0);
      const found = new Set([1, 2, 3].map((group) => cluster.read(group, "k")));
      expect(found.size).toBe(1);
      if (outcomes[0]?.ok === true) expect([...found]).toEqual(["t"]);
      // Nothing holds the keys any more.
      const next = start(others, everywhere("next"));
      cluster.run(100, others);
      expect(next.outcomes).toMatchObject([{ ok: true }]);
      expect(cluster.read(2, "k")).toBe("next");
    },
  );
});

function start(coordinator: Coordinator, of: CommitPlan): { coordinator: Coordinator; outcomes: CommitOutcome[] } {
  const outcomes: CommitOutcome[] = [];
  coordinator.commit(of, (outcome) => outcomes.push(outcome));
  return { coordinator, outcomes };
}

describe("two transactions that hold what the other one wants", () => {
  test.each([
    ["first", 1, 2],
    ["second", 2, 1],
  ])("the %s one is older, and goes through", (winner, firstAge, secondAge) => {
    const cluster = new Cluster();
    const coordinator = coordinatorOf(cluster);
    const first = start(
      coordinator,
      plan(
        "first",
        [
          [1, part("a", "first")],
          [2, part("b", "first")],
        ],
        firstAge,
      ),
    );
    const [toOne, toTwo] = cluster.queue.splice(0);
    toOne!();
    const second = start(
      coordinator,
      plan(
        "second",
        [
          [2, part("b", "second")],
          [1, part("a", "second")],
        ],
        secondAge,
      ),
    );
    cluster.queue.push(toTwo!);
    cluster.run(3000, coordinator);
    const [won, lost] = winner === "first" ? [first, second] : [second, first];
    expect(won.outcomes).toMatchObject([{ ok: true }]);
    expect(lost.outcomes).toMatchObject([{ ok: false, failure: { code: "transaction-conflict", definite: true } }]);
    expect([cluster.read(1, "a"), cluster.read(2, "b")]).toEqual([winner, winner]);
    expect(cluster.unfinished()).toBe(0);
  });
});

test("a conflict in one group aborts all of it, with the reason", () => {
  const cluster = new Cluster();
  const coordinator = coordinatorOf(cluster);
  start(
    coordinator,
    plan("first", [
      [1, part("r", "1")],
      [3, part("z", "1")],
    ]),
  );
  cluster.run(200, coordinator);
  const { outcomes } = start(
    coordinator,
    plan("t", [
      [2, part("b", "t")],
      [1, part("a", "t", ["r"])],
    ]),
  );
  cluster.run(200, coordinator);
  expect(outcomes).toMatchObject([{ ok: false, failure: { code: "transaction-conflict", definite: true } }]);
  expect(outcomes[0]).toMatchObject({
    failure: { detail: expect.stringMatching(/a key that it relies on changed/) as string },
  });
  expect([cluster.read(1, "a"), cluster.read(2, "b")]).toEqual([undefined, undefined]);
  expect(cluster.unfinished()).toBe(0);
});

test("the same transaction again is committed once", () => {
  const cluster = new Cluster();
  const coordinator = coordinatorOf(cluster);
  const first = start(coordinator, everywhere("t"));
  cluster.run(100, coordinator);
  start(coordinator, everywhere("later", 2));
  cluster.run(100, coordinator);
  const again = start(coordinatorOf(cluster), everywhere("t"));
  cluster.run(100, coordinator);
  expect(again.outcomes).toMatchObject([{ ok: true, isRepeated: true }]);
  expect(again.outcomes[0]).toMatchObject({ timestamp: (first.outcomes[0] as { timestamp: number }).timestamp });
  expect(cluster.read(1, "k")).toBe("later");
});

test("a strict one is answered when its timestamp has certainly passed, and not before", () => {
  const cluster = new Cluster();
  const coordinator = coordinatorOf(cluster);
  const { outcomes } = start(coordinator, { ...everywhere("t"), strict: true });
  const begin = cluster.nowMs;
  while (outcomes.length === 0) cluster.run(1, coordinator);
  // Twice the error of the clocks.
  expect(cluster.nowMs - begin).toBeGreaterThanOrEqual(10);
  expect(outcomes).toMatchObject([{ ok: true }]);
});

test("what is too long for a group is refused as a whole, with the reason", () => {
  const cluster = new Cluster();
  const coordinator = coordinatorOf(cluster);
  const many = Array.from({ length: 2000 }, (_, i) => `k${i}`);
  const { outcomes } = start(
    coordinator,
    plan("t", [
      [1, part("a", "t", many)],
      [2, part("b", "t")],
    ]),
  );
  cluster.run(300, coordinator);
  expect(outcomes).toMatchObject([{ ok: false, failure: { code: "too-large", definite: true } }]);
  expect(cluster.unfinished()).toBe(0);
});
