/** What every engine does. Run over each of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8, type RangeOptions } from "../base/index.ts";
import type { Engine, EngineError, TableName } from "./engine.ts";

/** One engine under test and its disk. */
export interface EngineFixture {
  readonly engine: Engine;
  /** Runs what is under way, and calls `done`s, until `condition` holds. */
  until(condition: () => boolean): Promise<void>;
  /** Ends this life, with what is under way, and opens the next on the same disk. */
  reopen(): Promise<void>;
  dispose(): Promise<void>;
  /** The next commit finds the disk full. Missing: this fixture cannot do that. */
  readonly fillDisk?: () => void;
}

type Rows = Readonly<Record<string, string | undefined>>;

export function describeEngine(name: string, open: () => Promise<EngineFixture>): void {
  const withEngine = async (body: (fixture: EngineFixture) => Promise<void>): Promise<void> => {
    const fixture = await open();
    try {
      await body(fixture);
    } finally {
      await fixture.dispose();
    }
  };

  describe(name, () => {
    test("a commit is there, also in the next life", () =>
      withEngine(async (f) => {
        await commit(f, "current", { a: "1", b: "2", c: "3" });
        await commit(f, "current", { b: undefined, c: "4", d: "5" });
        await commit(f, "meta", { a: "other table" });
        for (let life = 0; life < 2; life++) {
          expect(dump(f.engine, "current")).toEqual({ a: "1", c: "4", d: "5" });
          expect(text(f.engine.get("current", "c"))).toBe("4");
          expect(f.engine.get("current", "b")).toBeUndefined();
          expect(f.engine.get("history", "a")).toBeUndefined();
          expect(text(f.engine.get("meta", "a"))).toBe("other table");
          await f.reopen();
        }
      }));

    test("done comes once, after the call, in order, and then reads see the commit", () =>
      withEngine(async (f) => {
        const calls: string[] = [];
        for (const round of ["1", "2", "3"]) {
          let returned = false;
          f.engine.commit([{ table: "current", rows: [["k", utf8(round)]] }], (error) => {
            expect(error).toBeUndefined();
            expect(returned).toBe(true);
            expect(Number(text(f.engine.get("current", "k")))).toBeGreaterThanOrEqual(Number(round));
            calls.push(round);
          });
          returned = true;
        }
        await f.until(() => calls.length === 3);
        expect(calls).toEqual(["1", "2", "3"]);
      }));

    test("an empty commit is a commit", () =>
      withEngine(async (f) => {
        await commit(f, "current", {});
        await commit(f, "current", { gone: undefined });
        expect(dump(f.engine, "current")).toEqual({});
      }));

    test("a snapshot does not change", () =>
      withEngine(async (f) => {
        await commit(f, "current", { a: "1", b: "2" });
        const snapshot = f.engine.snapshot();
        await commit(f, "current", { a: undefined, b: "9", c: "3" });
        expect(dump(snapshot, "current")).toEqual({ a: "1", b: "2" });
        expect(text(snapshot.get("current", "a"))).toBe("1");
        expect([...snapshot.keys("current", {})]).toEqual(["a", "b"]);
        snapshot.close();
        expect(dump(f.engine, "current")).toEqual({ b: "9", c: "3" });
      }));

    test("a range goes on over what was there when it began", () =>
      withEngine(async (f) => {
        await commit(f, "current", { a: "1", b: "2", c: "3" });
        const range = f.engine.range("current", {})[Symbol.iterator]();
        expect(range.next()).toEqual({ done: false, value: ["a", utf8("1")] });
        await commit(f, "current", { b: undefined, d: "4" });
        expect(text(f.engine.get("current", "d"))).toBe("4");
        expect(range.next()).toEqual({ done: false, value: ["b", utf8("2")] });
        range.return?.();
      }));

    test("a replacement swaps everything, and survives", () =>
      withEngine(async (f) => {
        await commit(f, "current", { old: "1" });
        const before = f.engine.snapshot();
        const staged = f.engine.replace();
        staged.put("meta", "m", utf8("new"));
        for (let i = 0; i < 3000; i++)
          staged.put("current", `k${String(i).padStart(5, "0")}`, new Uint8Array(2000).fill(i));
        expect(dump(f.engine, "current")).toEqual({ old: "1" });
        expect(await outcome(f, (done) => staged.activate(done))).toBeUndefined();
        expect(dump(before, "current")).toEqual({ old: "1" });
        before.close();
        for (let life = 0; life < 2; life++) {
          expect([...f.engine.keys("current", {})]).toHaveLength(3000);
          expect(f.engine.get("current", "k02999")).toEqual(new Uint8Array(2000).fill(2999));
          expect(text(f.engine.get("meta", "m"))).toBe("new");
          await f.reopen();
        }
        await commit(f, "current", { after: "2" });
        expect(text(f.engine.get("current", "after"))).toBe("2");
      }));

    test("a replacement that is aborted, or cut short, leaves nothing", () =>
      withEngine(async (f) => {
        await commit(f, "current", { old: "1" });
        const staged = f.engine.replace();
        staged.put("current", "new", utf8("2"));
        staged.abort();
        await commit(f, "current", { more: "3" });
        await f.reopen();
        f.engine.replace().put("current", "new", utf8("2"));
        await f.reopen();
        expect(dump(f.engine, "current")).toEqual({ more: "3", old: "1" });
        expect(await replaceWith(f, { again: "4" })).toBeUndefined();
        expect(dump(f.engine, "current")).toEqual({ again: "4" });
      }));

    test("values of every size come back", () =>
      withEngine(async (f) => {
        const sizes = [0, 1, 3, 4, 63, 64, 65, 1000, 4096, 5000, 33_000, 70_000, 1_000_003];
        const rows = sizes.map((size, i) => [`k${String(i).padStart(2, "0")}`, pattern(size)] as const);
        await commitBytes(f, "current", rows);
        for (const [key, value] of rows)
          expect(Buffer.compare(f.engine.get("current", key) ?? utf8("none"), value)).toBe(0);
        const ranged = [...f.engine.range("current", {})];
        expect(ranged.map(([key, value]) => [key, value.length])).toEqual(
          rows.map(([key, value]) => [key, value.length]),
        );
        for (const [i, [, value]] of ranged.entries()) expect(Buffer.compare(value, rows[i]![1])).toBe(0);
        const keys = [...f.engine.keys("current", { reverse: true, limit: 2 })];
        expect(keys).toEqual(["k12", "k11"]);
      }));

    test("any commits, any ranges", async () => {
      const key = fc.oneof(
        fc.string({ unit: fc.constantFrom("\0", "\x01", "\x05", "a", "b", "\xff"), minLength: 1, maxLength: 3 }),
        fc.constant("k".repeat(1900)),
      );
      const bound = fc.oneof(key, fc.constant(""));
      const changes = fc.array(fc.tuple(key, fc.option(fc.nat(9).map(String), { nil: undefined })), { maxLength: 12 });
      const range: fc.Arbitrary<RangeOptions> = fc.record(
        { from: bound, to: bound, reverse: fc.boolean(), limit: fc.nat(5) },
        { requiredKeys: [] },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(changes, { maxLength: 5 }),
          fc.array(range, { maxLength: 5 }),
          async (batches, ranges) => {
            await withEngine(async (f) => {
              const model = new Map<string, string>();
              for (const batch of batches) {
                await commit(f, "history", Object.fromEntries(batch));
                for (const [k, value] of Object.entries(Object.fromEntries(batch))) {
                  if (value === undefined) model.delete(k);
                  else model.set(k, value);
                }
              }
              for (const options of ranges) {
                const expected = expectedRange(model, options);
                expect([...f.engine.range("history", options)].map(([k, v]) => [k, text(v)])).toEqual(expected);
                expect([...f.engine.keys("history", options)]).toEqual(expected.map(([k]) => k));
              }
            });
          },
        ),
        { numRuns: 25 },
      );
    });
  });
}

function expectedRange(
  model: ReadonlyMap<string, string>,
  { from, to, reverse, limit }: RangeOptions,
): [string, string][] {
  const rows = [...model]
    .filter(([k]) => (from === undefined || k >= from) && (to === undefined || k < to))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (reverse === true) rows.reverse();
  return rows.slice(0, limit ?? rows.length);
}

export async function outcome(
  fixture: EngineFixture,
  start: (done: (error?: EngineError) => void) => void,
): Promise<EngineError | undefined> {
  let finished = false;
  let failure: EngineError | undefined;
  start((error) => {
    finished = true;
    failure = error;
  });
  await fixture.until(() => finished);
  return failure;
}

async function commit(fixture: EngineFixture, table: TableName, rows: Rows): Promise<void> {
  const sorted = Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1));
  await commitBytes(
    fixture,
    table,
    sorted.map(([key, value]) => [key, value === undefined ? undefined : utf8(value)]),
  );
}

async function commitBytes(
  fixture: EngineFixture,
  table: TableName,
  rows: readonly (readonly [string, Uint8Array | undefined])[],
): Promise<void> {
  const error = await outcome(fixture, (done) => fixture.engine.commit([{ table, rows }], done));
  expect(error).toBeUndefined();
}

async function replaceWith(
  fixture: EngineFixture,
  rows: Readonly<Record<string, string>>,
): Promise<EngineError | undefined> {
  const staged = fixture.engine.replace();
  for (const [key, value] of Object.entries(rows)) staged.put("current", key, utf8(value));
  return await outcome(fixture, (done) => staged.activate(done));
}

function dump(reader: Pick<Engine, "range">, table: TableName): Record<string, string> {
  return Object.fromEntries([...reader.range(table, {})].map(([key, value]) => [key, text(value) ?? ""]));
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xff);
}
