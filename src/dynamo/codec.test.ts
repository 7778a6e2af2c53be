import fc from "fast-check";
import { expect, test } from "vitest";
import { CodecError } from "../base/index.ts";
import { decodeMessage, decodeRecord, encodeMessage, encodeRecord } from "./index.ts";
import type { Message, Operation, Record, State } from "./types.ts";

const count = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 30 });
const maybeBytes = fc.option(bytes, { nil: undefined });
const name = bytes.map((all) => String.fromCharCode(...all));
const vector = fc
  .uniqueArray(fc.tuple(count, fc.integer({ min: 1, max: 1000 })), { maxLength: 4, selector: ([actor]) => actor })
  .map((entries) => new Map(entries.sort(([a], [b]) => a - b)));
const key = fc.uint8Array({ minLength: 1, maxLength: 9 }).map((all) => String.fromCharCode(...all));
const known = fc.array(fc.record({ key, timestamp: count }), { maxLength: 3 });
const open = fc.array(fc.record({ key, by: fc.maxSafeInteger(), atMs: count }), { maxLength: 3 });
const share = fc.record({ events: count, plus: count, minus: count, open });
const state: fc.Arbitrary<State> = fc.oneof(
  fc.record({
    kind: fc.constant("register" as const),
    register: fc.record({ timestamp: count, actor: count, value: maybeBytes }),
    known,
  }),
  fc.record({
    kind: fc.constant("siblings" as const),
    siblings: fc.record({
      context: vector,
      versions: fc.array(
        fc.record({
          dot: fc.record({ actor: count, count }),
          value: fc.record({ timestamp: count, bytes: maybeBytes }),
        }),
        { maxLength: 3 },
      ),
    }),
    known,
  }),
  fc.record({
    kind: fc.constant("counter" as const),
    counter: fc
      .uniqueArray(fc.tuple(count, share), { maxLength: 3, selector: ([actor]) => actor })
      .map((entries) => new Map(entries.sort(([a], [b]) => a - b))),
  }),
);
const maybeKey = fc.option(key, { nil: undefined });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ type: fc.constant("read" as const), name, r: fc.nat(9), linearizable: fc.boolean() }),
  fc.record({
    type: fc.constant("write" as const),
    name,
    bytes: maybeBytes,
    context: fc.option(vector, { nil: undefined }),
    w: fc.nat(9),
    linearizable: fc.boolean(),
    key: maybeKey,
  }),
  fc.record({
    type: fc.constant("increment" as const),
    name,
    by: fc.maxSafeInteger(),
    w: fc.nat(9),
    key: maybeKey,
  }),
);
const hashes = fc.array(fc.record({ place: fc.nat(63), hash: name }), { maxLength: 5 });
const maybeState = fc.option(state, { nil: undefined });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant("store" as const), id: count, name, state, holdFor: count }),
  fc.record({ type: fc.constant("stored" as const), id: count }),
  fc.record({ type: fc.constant("fetch" as const), id: count, name }),
  fc.record({ type: fc.constant("fetched" as const), id: count, state: maybeState }),
  fc.record({ type: fc.constant("forward" as const), id: count, ttlMs: fc.nat(9999), operation }),
  fc.record({
    type: fc.constant("forwarded" as const),
    id: count,
    outcome: fc.oneof(
      fc.record({
        ok: fc.constant(true as const),
        state: maybeState,
        answered: fc.array(count),
        substitutes: fc.boolean(),
      }),
      fc.record({
        ok: fc.constant(false as const),
        failure: fc.record({ code: fc.constant("deadline" as const), detail: fc.string(), definite: fc.boolean() }),
      }),
    ),
  }),
  fc.record({ type: fc.constant("roots" as const), roots: hashes }),
  fc.record({ type: fc.constant("leaves" as const), partition: fc.nat(63), leaves: hashes }),
  fc.record({ type: fc.constant("alike" as const) }),
  fc.record({
    type: fc.constant("names" as const),
    partition: fc.nat(63),
    leaf: fc.nat(63),
    names: fc.array(fc.record({ name, hash: name })),
  }),
  fc.record({ type: fc.constant("want" as const), names: fc.array(name) }),
);
const record: fc.Arbitrary<Record> = fc.oneof(
  fc.record({ type: fc.constant("checkpoint" as const), index: count }),
  fc.record({
    type: fc.constant("rows" as const),
    index: count,
    rows: fc.array(fc.record({ key: name, row: maybeBytes })),
  }),
);

test("messages and records come back as they were", () => {
  fc.assert(
    fc.property(message, (one) => {
      expect(decodeMessage(encodeMessage(one))).toEqual(one);
    }),
  );
  fc.assert(
    fc.property(record, (one) => {
      expect(decodeRecord(encodeRecord(one))).toEqual(one);
    }),
  );
});

test("what is not a message is a CodecError, and nothing else", () => {
  const refuses = (decode: () => unknown): void => {
    try {
      decode();
    } catch (error) {
      expect(error).toBeInstanceOf(CodecError);
    }
  };
  fc.assert(
    fc.property(fc.oneof(bytes, message.map(encodeMessage)), fc.nat(), (input, at) => {
      const damaged = input.slice();
      if (damaged.length > 0) damaged[at % damaged.length]! ^= 0x55;
      refuses(() => decodeMessage(damaged));
      refuses(() => decodeRecord(damaged));
    }),
  );
});
