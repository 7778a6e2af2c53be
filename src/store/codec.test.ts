import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { decodeCommand, encodeCommand } from "./command-codec.ts";
import { type Command, limits } from "./command.ts";
import { StoreError } from "./errors.ts";
import { decodeResult, encodeResult, type Answer, type Result } from "./result.ts";
import { command } from "./store.suite.ts";
import { subject } from "./subject.suite.ts";

describe("commands", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(command, (sent: Command) => {
        const { operationAt: _, ...received } = decodeCommand(encodeCommand(sent));
        expect(received).toEqual(sent);
      }),
    );
  });

  test("cut anywhere, or longer, they are malformed, and change nothing", () => {
    fc.assert(
      fc.property(command, fc.nat(), (sent: Command, where) => {
        const whole = encodeCommand(sent);
        for (const damaged of [whole.subarray(0, where % whole.length), Uint8Array.from([...whole, 0])]) {
          const { store, raw } = subject();
          const before = store.digest();
          expect(raw(damaged)).toMatchObject({ kind: "error", code: "malformed" });
          expect([store.applied.index, store.revision]).toEqual([1, 0]);
          expect(before).not.toBe(store.digest());
        }
      }),
      { numRuns: 50 },
    );
  });

  test("any bytes give an answer, the same everywhere", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (entries) => {
        const replicas = [subject(), subject()];
        for (const bytes of entries) {
          const data = Uint8Array.from([1, ...bytes]);
          expect(replicas[0]!.raw(data)).toEqual(replicas[1]!.raw(data));
        }
        expect(replicas[0]!.store.digest()).toBe(replicas[1]!.store.digest());
      }),
    );
  });

  test("of a newer release stop the replica, which has not applied them", () => {
    const { store, raw } = subject();
    expect(() => raw(Uint8Array.from([2, 0, 0]))).toThrow(/upgrade this node/);
    expect(store.applied.index).toBe(0);
    expect(raw(Uint8Array.from([77, 0, 0]))).toMatchObject({ code: "malformed" });
  });

  test.each([
    ["an empty key", { kind: "put", keyspace: "default", key: utf8(""), value: utf8("") }, "malformed"],
    ["a long key", { kind: "delete", keyspace: "default", key: new Uint8Array(limits.keyBytes + 1) }, "too-large"],
    ["a long name", { kind: "increment", counter: "n".repeat(limits.nameBytes + 1), by: 1 }, "too-large"],
    ["a keyspace's name", { kind: "dropKeyspace", name: "no spaces" }, "malformed"],
    ["a fraction", { kind: "compact", revision: 0.5 }, "malformed"],
    ["a negative number", { kind: "compact", revision: -1 }, "malformed"],
    ["umlauts that are too many", { kind: "increment", counter: "ä".repeat(129), by: 1 }, "too-large"],
    ["not a number", { kind: "increment", counter: "n", by: Number.NaN }, "malformed"],
  ] as const)("%s is refused when it is encoded", (_, operation, code) => {
    expect(() => encodeCommand({ envelope: { kind: "none" }, operation })).toThrow(
      expect.objectContaining({ name: "StoreError", code }) as Error,
    );
  });
});

describe("results", () => {
  const row = { value: utf8("v"), createRevision: 1, modRevision: 300, version: 2 };
  const keyspace = {
    name: "k",
    id: 7,
    engine: "dynamo",
    shards: 4,
    replicas: 3,
    contract: "text",
    version: 2,
    quorum: { r: 2, w: 0, conflicts: "siblings", sloppy: true },
  } as const;
  const results: readonly (Result | Answer)[] = [
    { kind: "done", revision: 5 },
    { kind: "put", revision: 2 ** 40, previousRevision: 0 },
    { kind: "delete", revision: 5, deleted: true, previousRevision: 4 },
    { kind: "counter", value: -Number.MAX_SAFE_INTEGER, revision: 5 },
    { kind: "session", session: 12 },
    {
      kind: "transaction",
      timestamp: 5,
      revision: 9,
      succeeded: true,
      steps: [
        { kind: "get", row },
        { kind: "get", row: undefined },
        { kind: "put", previousRevision: 3 },
        { kind: "delete", deleted: false, previousRevision: 0 },
      ],
    },
    { kind: "error", code: "compacted", detail: "zu früh", revision: 0 },
    { kind: "error", code: "overflow", detail: "", revision: undefined },
    { kind: "row", row, revision: 3, timestamp: 7 },
    { kind: "row", row: undefined, revision: 3, timestamp: 0 },
    { kind: "rows", rows: [{ key: utf8("a"), ...row }], more: true, revision: 3, timestamp: 9 },
    { kind: "transactionState", state: "pending", timestamp: 8, revision: 2 },
    { kind: "blocked", transaction: "t", home: 2, age: 77, deadline: 9 },
    { kind: "counterValue", value: 0, revision: 0 },
    { kind: "keyspaces", keyspaces: [keyspace] },
    { kind: "versions", values: [utf8("a"), utf8("")], context: Uint8Array.of(1, 2) },
    { kind: "written", siblings: 2, context: Uint8Array.of(3) },
  ];

  test.each(results.map((result) => [result.kind, result] as const))("%s comes back", (_, result) => {
    const bytes = encodeResult(result);
    expect(decodeResult(bytes)).toEqual(result);
    expect(() => decodeResult(bytes.subarray(0, -1))).toThrow(StoreError);
    expect(() => decodeResult(Uint8Array.from([...bytes, 0]))).toThrow(StoreError);
  });
});
