import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromUtf8, utf8 } from "../base/index.ts";
import { pageRange, Transaction } from "./index.ts";

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && fromUtf8(bytes);

describe("what a commit demands", () => {
  const used = (isolation: ConstructorParameters<typeof Transaction>[0]) => {
    const transaction = new Transaction(isolation);
    expect(transaction.readAt).toBe(isolation === "read-committed" ? undefined : 0);
    transaction.read(utf8("r"), 7);
    transaction.listed({ from: utf8("a"), to: utf8("b") }, [], 7, (key) => ({ key }));
    transaction.put(utf8("w"), utf8("1"));
    transaction.put(utf8("d"), utf8("1"));
    transaction.delete(utf8("d"));
    return transaction;
  };
  test.each([
    ["read-committed", undefined, [], 0],
    ["repeatable-read", 7, ["d", "w"], 0],
    ["serializable", 7, ["r"], 1],
    ["strict-serializable", 7, ["r"], 1],
  ] as const)("%s", (isolation, readAt, unchanged, ranges) => {
    const transaction = used(isolation);
    expect(transaction.readAt).toBe(readAt);
    const plan = transaction.plan()!;
    expect(plan.unchanged.map(text)).toEqual(unchanged);
    expect(plan.ranges).toHaveLength(ranges);
    expect(plan.writes.map(({ key, value }) => [text(key), text(value)])).toEqual([
      ["d", undefined],
      ["w", "1"],
    ]);
  });

  test("nothing where nothing was written, or before anything was read", () => {
    const reader = new Transaction("serializable");
    reader.read(utf8("r"), 3);
    expect(reader.plan()).toBeUndefined();
    const blind = new Transaction("repeatable-read");
    blind.put(utf8("w"), utf8("1"));
    expect(blind.plan()).toMatchObject({ snapshot: 0, unchanged: [], ranges: [] });
  });

  test("a snapshot that moves is a mistake of whoever reads", () => {
    const transaction = new Transaction("serializable");
    transaction.read(utf8("a"), 3);
    expect(() => transaction.read(utf8("b"), 4)).toThrow(/not 3/);
  });
});

test("a page's range has the keys that it tells of, and no other", () => {
  const key = fc
    .uint8Array({ minLength: 1, maxLength: 3, max: 3 })
    .map((bytes) => Buffer.from(bytes).toString("latin1"));
  const bytes = (name: string): Uint8Array => new Uint8Array(Buffer.from(name, "latin1"));
  fc.assert(
    fc.property(
      fc.uniqueArray(key),
      key,
      fc.option(key, { nil: undefined }),
      fc.integer({ min: 1, max: 4 }),
      (all, prefix, after, limit) => {
        const matching = all.filter((name) => name.startsWith(prefix) && (after === undefined || name > after)).sort();
        const page = matching.slice(0, limit);
        const last = page.at(-1);
        const range = pageRange(
          bytes(prefix),
          after === undefined ? undefined : bytes(after),
          last === undefined ? undefined : bytes(last),
          matching.length > limit,
        );
        const inside = (name: string): boolean =>
          Buffer.compare(bytes(name), range.from) >= 0 &&
          (range.to === undefined || Buffer.compare(bytes(name), range.to) < 0);
        for (const name of all) expect(inside(name)).toBe(page.includes(name));
      },
    ),
  );
});
