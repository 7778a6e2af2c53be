import { describe, expect, test } from "vitest";
import { fromUtf8, type GroupId, type Reading, utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import type { Outcome } from "../contract/index.ts";
import { memoryEngine, openStore, type Store } from "../store/index.ts";
import { type CommitOutcome, type CommitPlan, type GroupPart } from "../txn/index.ts";
import { crc32c } from "../wal/index.ts";
import { type CoordinatedGroup, Coordinator } from "./coordinator.ts";

const epochMs = 1_000_000;

/** Three groups without replication, and coordinators that can die: from the store's point of view there is nothing else. */
class Cluster {
  nowMs = 0;
  readonly stores = new Map<GroupId, Store>();
  /** Questions on their way. */
  readonly queue: (() => void)[] = [];
  asked = 0;

  constructor() {
    for (const group of [1, 2, 3])
      this.stores.set(group, openStore(memoryEngine({ schedule: (deliver) => deliver() }), { crc32c }));
  }

  get now(): Reading {
    return { mono: this.nowMs, wall: epochMs + this.nowMs, error: 5 };
  }

  apply(group: GroupId, command: Uint8Array): Uint8Array {
    const store = this.stores.get(group)!;
    const timestamp = timestampOf(this.now.wall);
    return store.apply({ index: store.applied.index + 1, term: 1, timestamp, data: command });
  }

  groups(): CoordinatedGroup[] {
    return [...this.stores].map(([group, store]) => ({ group, store, requestSelf: () => {} }));
  }

  run(forMs: number, ...coordinators: readonly Coordinator[]): void {
    for (const end = this.nowMs + forMs; this.nowMs < end; this.nowMs++) {
      for (const coordinator of coordinators) coordinator.flush(this.groups());
      for (const deliver of this.queue.splice(0)) deliver();
    }
  }

  read(group: GroupId, key: string): string | undefined {
    const value = this.stores.get(group)!.get("default", utf8(key))?.value;
    return value && fromUtf8(value);
  }

  unfinished(): number {
    return [...this.stores.values()].reduce((sum, store) => sum + store.unfinishedCount, 0);
  }
}

/** `survives` questions go through before its node dies; undefined: it does not. */
function coordinatorOf(cluster: Cluster, survives?: number): Coordinator {
  let left = survives ?? Number.POSITIVE_INFINITY;
  const groupOf = (group: GroupId): CoordinatedGroup => ({
    group,
    store: cluster.stores.get(group)!,
    requestSelf(reply, _, command) {
      if (left-- <= 0) return;
      cluster.asked++;
      cluster.queue.push(() => {
        const result = cluster.apply(group, command);
        const kept = { guarantee: "Linearizable", position: 0, stalenessMs: 0, degraded: false };
        if (left >= 0) reply({ ok: true, result, kept } satisfies Outcome);
      });
    },
  });
  return new Coordinator({
    id: 1,
    get now() {
      return cluster.now;
    },
    replica: groupOf,
    leaders: () => (survives === undefined ? [1, 2, 3].map(groupOf) : []),
    planted: () => false,
  });
}

const part = (key: string, value: string, unchanged: readonly string[] = []): GroupPart => ({
  unchanged: unchanged.map(utf8),
  ranges: [],
  writes: [{ key: utf8(key), value: utf8(value) }],
});
const plan = (transaction: string, parts: readonly (readonly [GroupId, GroupPart])[], age = 1): CommitPlan => ({
  transaction,
  age,
  deadline: epochMs + 10_000,
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
