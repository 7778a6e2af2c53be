import fc from "fast-check";
import { expect, test } from "vitest";
import { anyMessage, anyRecord, damaged, decodes } from "./codec.suite.ts";
import { decodeMessage, decodeRecord, encodeMessage, encodeRecord } from "./codec.ts";
import type { Entry } from "./types.ts";

test("a message survives the wire", () => {
  fc.assert(
    fc.property(anyMessage, (value) => {
      expect(decodeMessage(encodeMessage(value))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test("a record survives the log", () => {
  fc.assert(
    fc.property(anyRecord, (value) => {
      expect(decodeRecord(encodeRecord(value))).toEqual(value);
    }),
    { numRuns: 300 },
  );
});

test("a truncated or lengthened message is refused", () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(1000), (value, cut) => {
      const whole = encodeMessage(value);
      expect(decodes(decodeMessage, whole.subarray(0, cut % whole.length))).toBe(false);
      expect(decodes(decodeMessage, Uint8Array.of(...whole, 0))).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test("random and damaged bytes are understood or refused, nothing else", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        damaged(anyMessage.map(encodeMessage)),
        damaged(anyRecord.map(encodeRecord)),
        fc.uint8Array({ maxLength: 60 }),
      ),
      (input) => {
        decodes(decodeMessage, input);
        decodes(decodeRecord, input);
      },
    ),
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
  const many = Array.from({ length: 300 }, (_, i): Entry => ({
    index: 1e6 + i,
    term: 7,
    timestamp: 7.4e15 + i,
    kind: "command",
    data: new Uint8Array(128),
  }));
  const size = encodeRecord({ type: "entries", entries: many }).length;
  expect(size).toBeLessThan(300 * (128 + 5));
});

test("entries that do not follow each other are a mistake of the program", () => {
  const entry = (index: number, term: number): Entry => ({
    index,
    term,
    timestamp: 1,
    kind: "noop",
    data: new Uint8Array(),
  });
  expect(() => encodeRecord({ type: "entries", entries: [entry(1, 1), entry(3, 1)] })).toThrow("follow each other");
  expect(() => encodeRecord({ type: "entries", entries: [entry(1, 2), entry(2, 1)] })).toThrow("follow each other");
});
