import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { decodeCommand, encodeCommand } from "./command-codec.ts";
import type { CommitOperation, Operation } from "./command.ts";
import { subject, text } from "./subject.suite.ts";

const commit = (snapshot: number, more: Partial<CommitOperation> = {}): Operation => {
  const writes = [{ key: utf8("w"), value: utf8("1") }];
  return {
    kind: "commit",
    age: 0,
    strict: false,
    keyspace: "default",
    snapshot,
    unchanged: [],
    ranges: [],
    writes,
    ...more,
  };
};
const range = (from: string, to?: string) => ({ from: utf8(from), to: to === undefined ? undefined : utf8(to) });
const conflict = { kind: "error", code: "transaction-conflict" };

describe("a commit", () => {
  test("writes all of it in one revision", () => {
    const { store, run, put } = subject();
    put("a", "1");
    const writes = [
      { key: utf8("a"), value: undefined },
      { key: utf8("b"), value: utf8("2") },
    ];
    expect(run(commit(store.clock, { writes }))).toMatchObject({ kind: "transaction", revision: 2, succeeded: true });
    expect(text(store.get("default", utf8("b"))?.value)).toBe("2");
    expect(store.get("default", utf8("a"))).toBeUndefined();
  });

  test("is refused where a key changed, was made or was deleted", () => {
    const { store, run, put, remove } = subject();
    put("a", "1");
    expect(run(commit(store.clock, { unchanged: [utf8("a"), utf8("b")] }))).toMatchObject({ revision: 2 });
    const before = store.clock;
    put("b", "1");
    expect(run(commit(before, { unchanged: [utf8("b")] }))).toMatchObject(conflict);
    const later = store.clock;
    remove("a");
    expect(run(commit(later, { unchanged: [utf8("a")] }))).toMatchObject(conflict);
    expect(run(commit(store.clock, { unchanged: [utf8("a"), utf8("b")] }))).toMatchObject({ kind: "transaction" });
    expect(store.revision).toBe(5);
  });

  test("is refused where a range changed, also by what is gone", () => {
    const { store, run, put, remove } = subject();
    put("a", "1");
    const first = store.clock;
    put("m", "1");
    expect(run(commit(first, { ranges: [range("a", "c")] }))).toMatchObject({ kind: "transaction" });
    expect(run(commit(first, { ranges: [range("a")] }))).toMatchObject(conflict);
    const later = store.clock;
    remove("a");
    expect(run(commit(later, { ranges: [range("a", "c")] }))).toMatchObject(conflict);
    expect(run(commit(later, { ranges: [range("b", "c")] }))).toMatchObject({ kind: "transaction" });
  });

  test("is refused where its snapshot is compacted: what was deleted since may be forgotten", () => {
    const { store, run, put, remove } = subject();
    put("a", "1");
    const snapshot = store.clock;
    remove("a");
    put("b", "1");
    run({ kind: "compact", revision: 3 });
    expect(run(commit(snapshot, { unchanged: [utf8("a")] }))).toMatchObject(conflict);
    expect(run(commit(store.clock, { unchanged: [utf8("a")] }))).toMatchObject({ kind: "transaction" });
    expect(run(commit(snapshot))).toMatchObject({ kind: "transaction" });
  });

  test("changes each key once", () => {
    const twice = [utf8("a"), utf8("a")].map((key) => ({ key, value: utf8("1") }));
    expect(subject().run(commit(0, { writes: twice }))).toMatchObject({ code: "malformed" });
  });
});

/** The plain definition: a commit holds where no put or delete since its snapshot touched what it relies on. */
test("is validated as the definition says, before and after a restart and a commit to the engine", () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const change = fc.record({ key: name, value: fc.option(fc.constant("v"), { nil: undefined }) });
  const attempt = fc.record({
    back: fc.nat(5),
    keys: fc.array(name, { maxLength: 2 }),
    from: name,
    to: fc.option(name, { nil: undefined }),
    ranged: fc.boolean(),
    key: name,
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(change, attempt), { maxLength: 40 }), fc.nat(40), (steps, restartAt) => {
      let one = subject();
      const changes: { key: string; revision: number }[] = [];
      const clocks = [0];
      const present = new Set<string>();
      for (const [i, step] of steps.entries()) {
        clocks[one.store.revision] = one.store.clock;
        if (i === restartAt) {
          one.commit();
          one = one.reopen();
        }
        if ("value" in step) {
          const { key, value } = step;
          if (value === undefined && !present.has(key)) continue;
          if (value === undefined) one.remove(key);
          else one.put(key, value);
          present[value === undefined ? "delete" : "add"](key);
          changes.push({ key, revision: one.store.revision });
          continue;
        }
        const snapshot = Math.max(0, one.store.revision - step.back);
        const touched = changes.filter(({ revision }) => revision > snapshot).map(({ key }) => key);
        const inRange = (key: string): boolean =>
          step.ranged && key >= step.from && (step.to === undefined || key < step.to);
        const holds = !touched.some((key) => step.keys.some((kept) => kept === key) || inRange(key));
        const unchanged = [...new Set(step.keys)].map(utf8);
        const ranges = step.ranged ? [range(step.from, step.to)] : [];
        const writes = [{ key: utf8(step.key), value: utf8("t") }];
        const result = one.run(commit(clocks[snapshot]!, { unchanged, ranges, writes }));
        expect(result.kind).toBe(holds ? "transaction" : "error");
        if (!holds) continue;
        present.add(step.key);
        changes.push({ key: step.key, revision: one.store.revision });
      }
    }),
  );
});

test("comes back as it was written down", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 });
  const end = fc.option(bytes, { nil: undefined });
  const operation = fc.record({
    kind: fc.constant("commit" as const),
    age: fc.nat(),
    strict: fc.boolean(),
    keyspace: fc.constant("default"),
    snapshot: fc.nat(),
    unchanged: fc.array(bytes),
    ranges: fc.array(fc.record({ from: bytes, to: end })),
    writes: fc.array(fc.record({ key: bytes, value: end })),
  });
  fc.assert(
    fc.property(operation, (sent) => {
      expect(decodeCommand(encodeCommand({ envelope: { kind: "none" }, operation: sent })).operation).toEqual(sent);
    }),
  );
});
