import { crc32c as native } from "@node-rs/crc32";
import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import { crc32c } from "./index.ts";

test("the check value of the catalogue, and the vectors of RFC 3720, B.4", () => {
  expect(crc32c(utf8("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
});

test("the plain one and the native one agree, with and without a seed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (bytes, seed) => {
      expect(crc32c(bytes)).toBe(native(bytes));
      expect(crc32c(bytes, seed)).toBe(native(bytes, seed));
    }),
  );
});

test("checksums chain", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(10), (bytes, at) => {
      expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(crc32c(bytes));
    }),
  );
});
