import fc from "fast-check";
import { expect, test } from "vitest";
import { CodecError } from "../base/index.ts";
import { decodeMessage, decodeRecord, encodeMessage, encodeRecord } from "./codec.ts";
import type { Entry, Message, Record } from "./types.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const node = fc.integer({ min: 1, max: 2 ** 31 });
const bytes = fc.uint8Array({ maxLength: 40 });
const position = fc.record({ index: whole, term: whole });
const closed = fc.option(fc.record({ at: fc.double({ noNaN: true, noDefaultInfinity: true }), index: whole }), { nil: undefined });
const nodes = fc.array(node, { maxLength: 5 });
const membership = fc.record({ voters: nodes, outgoing: nodes, learners: nodes });
const head = fc.record({ index: whole, term: whole, timestamp: whole, membership });

const kind = fc.constantFrom("command", "noop", "membership");
const entries: fc.Arbitrary<Entry[]> = fc
  .tuple(fc.nat(2 ** 40), fc.array(fc.tuple(fc.nat(3), fc.nat(5000), kind, bytes), { maxLength: 30 }))
  .map(([first, steps]) => {
    let term = 0;
    let timestamp = 0;
    return steps.map(([newer, later, kindOf, data], i) => {
      term += newer;
      timestamp += i === 0 ? 1.8e12 * 4096 : later;
      return { index: first + i, term, timestamp, kind: kindOf, data };
    });
  });

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant("voteRequest"), term: whole, pre: fc.boolean(), transfer: fc.boolean(), last: position }),
  fc.record({ type: fc.constant("voteResponse"), term: whole, pre: fc.boolean(), granted: fc.boolean() }),
  fc.record({ type: fc.constant("append"), term: whole, round: whole, previous: position, entries, commit: whole, closed }),
  fc.record({ type: fc.constant("appendAccepted"), term: whole, round: whole, match: whole }),
  fc.record({ type: fc.constant("appendRejected"), term: whole, round: whole, rejected: whole, hint: position }),
  fc.record({ type: fc.constant("heartbeat"), term: whole, round: whole, commit: whole, closed, quiesce: fc.boolean() }),
  fc.record({ type: fc.constant("heartbeatAck"), term: whole, round: whole, last: whole }),
  fc.record({ type: fc.constant("snapshotChunk"), term: whole, round: whole, head, cursor: bytes, next: bytes, data: bytes, done: fc.boolean() }),
  fc.record({ type: fc.constant("snapshotAck"), term: whole, round: whole, index: whole, next: bytes, done: fc.boolean() }),
  fc.record({ type: fc.constant("readRequest"), term: whole, id: whole }),
  fc.record({ type: fc.constant("readResponse"), term: whole, id: whole, index: fc.option(whole, { nil: undefined }), closed }),
  fc.record({ type: fc.constant("timeoutNow"), term: whole }),
);

const record: fc.Arbitrary<Record> = fc.oneof(
  fc.record({ type: fc.constant("state"), term: whole, vote: fc.option(node, { nil: undefined }) }),
  fc.record({ type: fc.constant("entries"), entries }),
  fc.record({ type: fc.constant("snapshot"), head, reset: fc.boolean() }),
);

/** Whether bytes decode or are refused as malformed; any other exception passes through and fails the test. */
function decodes(decode: (input: Uint8Array) => unknown, input: Uint8Array): boolean {
  try {
    decode(input);
    return true;
  } catch (error) {
    if (error instanceof CodecError) return false;
    throw error;
  }
}

test("a message survives the wire", () => {
  fc.assert(fc.property(message, (value) => void expect(decodeMessage(encodeMessage(value))).toEqual(value)), { numRuns: 500 });
});

test("a record survives the log", () => {
  fc.assert(fc.property(record, (value) => void expect(decodeRecord(encodeRecord(value))).toEqual(value)), { numRuns: 300 });
});

test("a truncated or lengthened message is refused", () => {
  fc.assert(
    fc.property(message, fc.nat(1000), (value, cut) => {
      const whole = encodeMessage(value);
      expect(decodes(decodeMessage, whole.subarray(0, cut % whole.length))).toBe(false);
      expect(decodes(decodeMessage, Uint8Array.of(...whole, 0))).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test("random and damaged bytes are understood or refused, nothing else", () => {
  const damaged = fc.tuple(message, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })).map(([value, flips]) => {
    const input = encodeMessage(value);
    for (const [at, byte] of flips) input[at % input.length] = byte;
    return input;
  });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (input) => {
      decodes(decodeMessage, input);
      decodes(decodeRecord, input);
    }),
    { numRuns: 1500 },
  );
});

test("what decodes is canonical enough to be encoded again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 12 }), fc.integer({ min: 1, max: 12 }), (input, tag) => {
      input[0] = tag;
      if (!decodes(decodeMessage, input)) return;
      const value = decodeMessage(input);
      expect(decodeMessage(encodeMessage(value))).toEqual(value);
    }),
    { numRuns: 1500 },
  );
});

test("a small entry costs about five bytes beside its data in a long append", () => {
  const many = Array.from({ length: 300 }, (_, i): Entry => ({ index: 1e6 + i, term: 7, timestamp: 7.4e15 + i, kind: "command", data: new Uint8Array(128) }));
  const size = encodeRecord({ type: "entries", entries: many }).length;
  expect(size).toBeLessThan(300 * (128 + 5));
});

test("entries that do not follow each other are a mistake of the program", () => {
  const entry = (index: number, term: number): Entry => ({ index, term, timestamp: 1, kind: "noop", data: new Uint8Array() });
  expect(() => encodeRecord({ type: "entries", entries: [entry(1, 1), entry(3, 1)] })).toThrow("follow each other");
  expect(() => encodeRecord({ type: "entries", entries: [entry(1, 2), entry(2, 1)] })).toThrow("follow each other");
});
