import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import { pointOf, type KeyRange } from "../placement/index.ts";
import { crc32c } from "../wal/crc32c.ts";
import { encodeCommand } from "./command-codec.ts";
import type { Envelope, Operation } from "./command.ts";
import { memoryEngine } from "./memory-engine.ts";
import { type ExportRequest, restFrom } from "./migration.ts";
import { decodeResult, type Result } from "./result.ts";
import { openStore, type Store } from "./store.ts";

const keyspace = { id: 2, name: "many", placement: "hash" } as const;
const everything: KeyRange = { from: "", to: undefined };
const upper: KeyRange = { from: "\x80\0\0\0", to: undefined };
const none: Envelope = { kind: "none" };
const moved = { kind: "error", code: "moved" };

class Group {
  readonly store: Store;
  #wallMs = 1_000_000;

  constructor(group: number) {
    this.store = openStore(memoryEngine({ schedule: (deliver) => void deliver }), { crc32c, group });
  }

  run(operation: Operation, envelope = none, afterMs = 1): Result {
    this.#wallMs += afterMs;
    const data = encodeCommand({ envelope, operation });
    const entry = { index: this.store.applied.index + 1, term: 1, timestamp: timestampOf(this.#wallMs), data };
    return decodeResult(this.store.apply(entry)) as Result;
  }

  put(key: string, value: string, envelope = none): Result {
    return this.run({ kind: "put", keyspace: "many", key: utf8(key), value: utf8(value) }, envelope);
  }

  rows(): Map<string, string> {
    const { rows } = this.store.list("many");
    return new Map(rows.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()]));
  }
}

/** Takes the keys of a range from one group to the other, as a controller does. `between` runs while both have them. */
function move(from: Group, to: Group, range: KeyRange, id: number, between = (): void => {}): void {
  const keys = { keyspace, range, move: id };
  to.run({ kind: "beginRange", ...keys });
  const pass = to.store.applied.index;
  let chunk = 0;
  const carry = (kind: ExportRequest["kind"], start: string): { next: string; revision: number } => {
    for (let at = start; ;) {
      const exported = from.store.export("many", { kind, range, from: at });
      const imported = to.run({ kind: "importRange", ...keys, pass, chunk: chunk++, data: exported.data });
      expect(imported).toMatchObject({ kind: "done" });
      if (!exported.more) return exported;
      at = exported.next;
    }
  };
  const { revision } = carry("keys", "");
  const names = carry("names", "").next;
  between();
  const { next } = carry("changes", String(revision));
  expect(from.run({ kind: "sealRange", ...keys })).toMatchObject({ kind: "done" });
  carry("rest", restFrom(next, names));
  expect(to.run({ kind: "ownRange", keyspace, range, epoch: id + 1 })).toMatchObject({ kind: "done" });
  expect(from.run({ kind: "dropRange", ...keys, epoch: id + 1 })).toMatchObject({ kind: "done" });
}

function two(): [Group, Group] {
  const [a, b] = [new Group(1), new Group(2)];
  a.run({ kind: "ownRange", keyspace, range: everything, epoch: 1 });
  return [a, b];
}

describe("a shard that moves", () => {
  test("is whole on the other side, whatever happens meanwhile, there and back", () => {
    const write = fc.record({ key: fc.nat(20), value: fc.option(fc.nat(1000), { nil: undefined }) });
    const writes = fc.array(write, { maxLength: 40 });
    fc.assert(
      fc.property(writes, writes, writes, writes, (before, meanwhile, after, again) => {
        const [a, b] = two();
        const plain = new Map<string, string>();
        const apply = (list: typeof before, groups: readonly Group[]): void => {
          for (const { key, value } of list) {
            const name = `key-${key}`;
            const operation: Operation =
              value === undefined
                ? { kind: "delete", keyspace: "many", key: utf8(name) }
                : { kind: "put", keyspace: "many", key: utf8(name), value: utf8(String(value)) };
            const answers = groups.map((group) => group.run(operation));
            // Exactly one of them serves it.
            expect(answers.filter((answer) => answer.kind !== "error")).toHaveLength(1);
            if (value === undefined) plain.delete(name);
            else plain.set(name, String(value));
          }
        };
        const seen = (): [string, string][] =>
          [...a.rows(), ...b.rows()].sort(([one], [other]) => (one < other ? -1 : 1));
        const expected = (): [string, string][] => [...plain].sort(([one], [other]) => (one < other ? -1 : 1));
        apply(before, [a]);
        move(a, b, upper, 10, () => apply(meanwhile, [a]));
        expect(seen()).toEqual(expected());
        apply(after, [a, b]);
        move(b, a, upper, 20, () => apply(again, [a, b]));
        expect(seen()).toEqual(expected());
        expect(b.rows().size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("keeps revisions, and those to come are higher", () => {
    const [a, b] = two();
    for (let i = 0; i < 9; i++) a.put("x", String(i));
    const row = a.store.get("many", utf8("x"))!;
    move(a, b, everything, 10);
    expect(b.store.get("many", utf8("x"))).toEqual(row);
    expect(b.put("x", "more")).toMatchObject({ revision: 10, previousRevision: 9 });
    expect(b.store.get("many", utf8("x"))).toMatchObject({ createRevision: row.createRevision, version: 10 });
    // What it was before it came is not known here.
    expect(() => b.store.get("many", utf8("x"), { revision: 8, snapshot: undefined })).toThrow(
      expect.objectContaining({ code: "compacted" }),
    );
    expect(b.store.get("many", utf8("x"), { revision: 9, snapshot: undefined })).toEqual(row);
  });

  test("a write that was done before is not done again after", () => {
    const [a, b] = two();
    const session: Envelope = { kind: "session", session: 7, sequence: 3, floor: 2 };
    const idempotent: Envelope = { kind: "idempotent", key: "once" };
    const answers = [a.put("x", "1", session), a.put("y", "1", idempotent)];
    move(a, b, everything, 10);
    expect([b.put("x", "1", session), b.put("y", "1", idempotent)]).toEqual(answers);
    expect(a.put("x", "1", session)).toEqual(answers[0]);
    expect(a.put("x", "2")).toMatchObject(moved);
  });

  test("a session that the old group has forgotten is not taken on by the new one", () => {
    const [a, b] = two();
    const session: Envelope = { kind: "session", session: 7, sequence: 3, floor: 2 };
    a.put("x", "1", session);
    a.run({ kind: "noop" }, none, 3_600_001);
    move(a, b, everything, 10);
    expect(b.put("x", "1", session)).toMatchObject({ code: "session-expired" });
  });

  test("commands that come late, twice, or of an older pass do nothing", () => {
    const [a, b] = two();
    a.put("x", "1");
    const keys = { keyspace, range: everything, move: 10 };
    b.run({ kind: "beginRange", ...keys });
    const first = b.store.applied.index;
    const { data } = a.store.export("many", { kind: "keys", range: everything, from: "" });
    b.run({ kind: "beginRange", ...keys });
    const refused = { code: "conflict" };
    expect(b.run({ kind: "importRange", ...keys, pass: first, chunk: 0, data })).toMatchObject(refused);
    const second = { ...keys, pass: b.store.applied.index - 1, data };
    expect(b.run({ kind: "importRange", ...second, chunk: 1 })).toMatchObject(refused);
    expect(b.run({ kind: "importRange", ...second, chunk: 0 })).toMatchObject({ kind: "done" });
    expect(b.run({ kind: "importRange", ...second, chunk: 0 })).toMatchObject(refused);
    move(a, b, everything, 10);
    b.put("x", "2");
    const late = { ...keys, move: 9 };
    for (const kind of ["beginRange", "sealRange", "dropRange"] as const) {
      expect(b.run({ kind, ...late, epoch: 10 })).toMatchObject(refused);
      expect(a.run({ kind, ...late, epoch: 10 })).toMatchObject(refused);
    }
    expect(a.run({ kind: "ownRange", keyspace, range: everything, epoch: 1 })).toMatchObject(refused);
    expect(b.rows()).toEqual(new Map([["x", "2"]]));
  });

  test("replicas that have removed its rows and those that have not are in the same state, also by snapshot", () => {
    const [a, b] = two();
    for (let i = 0; i < 50; i++) a.put(`key-${i}`, "v");
    move(a, b, upper, 10);
    const digest = a.store.digest();
    a.store.commit(() => {});
    expect(a.store.digest()).toBe(digest);
    const kept = [...a.rows().keys()];
    expect(kept.every((key) => pointOf("hash", utf8(key)) < upper.from)).toBe(true);
    expect(b.rows().size + kept.length).toBe(50);
  });
});

describe("a list of a group of shards", () => {
  test("is refused unless all ranges that are asked for are served", () => {
    const [a, b] = two();
    for (let i = 0; i < 20; i++) a.put(`key-${i}`, "v");
    const keys = { keyspace, range: upper, move: 10 };
    const lower = { from: "", to: upper.from };
    b.run({ kind: "ownRange", keyspace: { ...keyspace, id: 3, name: "other" }, range: everything, epoch: 2 });
    b.run({ kind: "beginRange", ...keys });
    const count = (group: Group, ranges: readonly KeyRange[]): number =>
      group.store.list("many", { ranges }).rows.length;
    const refused = expect.objectContaining({ code: "moved" }) as Error;
    expect(() => count(b, [upper])).toThrow(refused);
    expect(count(a, [lower]) + count(a, [upper])).toBe(20);
    a.run({ kind: "sealRange", ...keys });
    expect(() => count(a, [lower, upper])).toThrow(refused);
    expect(count(a, [lower])).toBeGreaterThan(0);
  });

  test("as of a moment does not look at what is not served, nor at what came later", () => {
    const [a, b] = two();
    b.run({ kind: "ownRange", keyspace, range: { from: "", to: "\x01" }, epoch: 1 });
    for (let i = 0; i < 20; i++) a.put(`key-${i}`, "v");
    const before = b.store.clock;
    // Without history, like everything that has just come.
    const keys = { keyspace, range: upper, move: 10 };
    b.run({ kind: "beginRange", ...keys });
    const pass = b.store.applied.index;
    const { data } = a.store.export("many", { kind: "keys", range: upper, from: "" });
    b.run({ kind: "importRange", ...keys, pass, chunk: 0, data });
    expect(b.store.list("many", { snapshot: before }).rows).toEqual([]);
    move(a, b, upper, 10);
    expect(() => b.store.list("many", { snapshot: before })).toThrow(expect.objectContaining({ code: "compacted" }));
    expect(b.store.list("many", { snapshot: b.store.clock }).rows.length).toBeGreaterThan(0);
  });
});
