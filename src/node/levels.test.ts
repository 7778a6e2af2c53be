/** What each level lets through and what it does not, over several groups: the table of docs/transactions.md. */
import { describe, expect, test } from "vitest";
import { fromUtf8, type GroupId, utf8 } from "../base/index.ts";
import { type Timestamp, timestampOf } from "../clock/index.ts";
import { encodeCommand } from "../store/index.ts";
import { type GroupPart, type Isolation, isolations, Transaction } from "../txn/index.ts";
import { Cluster, coordinatorOf, epochMs } from "./coordinator.suite.ts";
import type { Coordinator } from "./coordinator.ts";

/** `a…` is in one group, `b…` in another. */
const groupOf = (key: string): GroupId => (key.startsWith("a") ? 1 : 2);
let names = 0;

/** A client in the middle of a transaction. */
class Running {
  readonly #cluster: Cluster;
  readonly #coordinator: Coordinator;
  readonly #transaction: Transaction;

  constructor(cluster: Cluster, isolation: Isolation) {
    this.#cluster = cluster;
    this.#coordinator = coordinatorOf(cluster);
    this.#transaction = new Transaction(isolation);
  }

  read(key: string): string | undefined {
    const at = this.#at(this.#transaction.readAt, [groupOf(key)]);
    const value = this.#cluster.stores.get(groupOf(key))!.get("default", utf8(key), { snapshot: at })?.value;
    this.#transaction.read(utf8(key), at);
    return value && fromUtf8(value);
  }

  /** All keys of both groups. */
  list(): string[] {
    const at = this.#at(this.#transaction.listAt, [1, 2]);
    const rows = [1, 2].flatMap((group) => this.#cluster.stores.get(group)!.list("default", { snapshot: at }).rows);
    const range = { from: utf8("a"), to: utf8("c") };
    return this.#transaction.listed(range, rows, at, () => rows[0]!).map(({ key }) => fromUtf8(key));
  }

  write(key: string, value: string): this {
    this.#transaction.put(utf8(key), utf8(value));
    return this;
  }

  commits(): boolean {
    const plan = this.#transaction.plan();
    if (plan === undefined || plan.writes.length === 0) return true;
    const partOf = (group: GroupId): GroupPart => ({
      unchanged: plan.unchanged.filter((key) => groupOf(fromUtf8(key)) === group),
      ranges: plan.ranges,
      writes: plan.writes.filter(({ key }) => groupOf(fromUtf8(key)) === group),
    });
    const parts = new Map([1, 2].map((group) => [group, partOf(group)] as const));
    const told = { transaction: `t${names++}`, age: 1, deadline: epochMs + 60_000, once: "", keyspace: "default" };
    let ok: boolean | undefined;
    this.#coordinator.commit({ ...told, ...plan, parts }, (outcome) => (ok = outcome.ok));
    this.#cluster.run(300, this.#coordinator);
    expect(ok).toBeDefined();
    return ok === true;
  }

  /** A snapshot that the groups have been told of. */
  #at(chosen: Timestamp | undefined, groups: readonly GroupId[]): Timestamp {
    const timestamp = chosen === undefined || chosen === 0 ? timestampOf(this.#cluster.now.wall + 5) : chosen;
    const command = encodeCommand({ envelope: { kind: "none" }, operation: { kind: "observe", timestamp } });
    for (const group of groups) this.#cluster.apply(group, command);
    return timestamp;
  }
}

interface Story {
  readonly name: string;
  /** What happens, and whether the anomaly came about. */
  readonly happens: (begin: () => Running) => boolean;
  readonly at: readonly Isolation[];
}

const stories: readonly Story[] = [
  {
    name: "fractured read: half of another transaction",
    happens: (begin) => {
      const reader = begin();
      reader.read("a");
      expect(begin().write("a", "1").write("b", "1").commits()).toBe(true);
      return reader.read("b") === "1";
    },
    at: ["read-committed"],
  },
  {
    name: "lost update: what one wrote is overwritten by one that had not seen it",
    happens: (begin) => {
      const [one, other] = [begin(), begin()];
      one.read("a");
      other.read("a");
      return one.write("a", "one").commits() && other.write("a", "other").write("b", "other").commits();
    },
    at: ["read-committed"],
  },
  {
    name: "write skew: each relies on what the other changes",
    happens: (begin) => {
      const [one, other] = [begin(), begin()];
      for (const key of ["a", "b"]) for (const each of [one, other]) each.read(key);
      return one.write("a", "off").commits() && other.write("b", "off").commits();
    },
    at: ["read-committed", "repeatable-read"],
  },
  {
    name: "phantom: each relies on there being nothing where the other puts something",
    happens: (begin) => {
      const [one, other] = [begin(), begin()];
      expect([one.list(), other.list()]).toEqual([[], []]);
      return one.write("a/new", "1").commits() && other.write("b/new", "1").commits();
    },
    at: ["read-committed", "repeatable-read"],
  },
];

describe.each(stories)("$name", ({ happens, at }) => {
  test.each(
    isolations.map((isolation) => [isolation, at.includes(isolation) ? "happens" : "does not happen"] as const),
  )("%s: %s", (isolation, expected) => {
    const cluster = new Cluster();
    const did = happens(() => {
      // Real time passes between one step and the next.
      cluster.run(20);
      return new Running(cluster, isolation);
    });
    expect(did ? "happens" : "does not happen").toBe(expected);
    expect(cluster.unfinished()).toBe(0);
  });
});
