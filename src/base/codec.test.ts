import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader, ByteWriter, CodecError, utf8 } from "./index.ts";

type Value =
  | { readonly kind: "u8" | "u32" | "uint" | "int" | "f64"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "text"; readonly value: string };

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ kind: fc.constant("u8"), value: fc.nat(255) }),
  fc.record({ kind: fc.constant("u32"), value: fc.nat(0xffffffff) }),
  fc.record({ kind: fc.constant("uint"), value: fc.oneof(fc.nat(300), fc.maxSafeNat()) }),
  fc.record({ kind: fc.constant("int"), value: fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }) }),
  fc.record({ kind: fc.constant("f64"), value: fc.double() }),
  fc.record({ kind: fc.constant("bool"), value: fc.boolean() }),
  fc.record({ kind: fc.constant("bytes"), value: fc.uint8Array({ maxLength: 1500 }) }),
  fc.record({
    kind: fc.constant("text"),
    value: fc.oneof(
      fc.string(),
      fc.string({ unit: "grapheme", maxLength: 200 }),
      fc.string({ minLength: 120, maxLength: 140 }),
    ),
  }),
);

function write(writer: ByteWriter, item: Value): void {
  switch (item.kind) {
    case "bool":
      writer.bool(item.value);
      break;
    case "bytes":
      writer.bytes(item.value);
      break;
    case "text":
      writer.text(item.value);
      break;
    default:
      writer[item.kind](item.value);
  }
}

test("what is written is read again, through any growth of the buffer", () => {
  fc.assert(
    fc.property(fc.array(value), fc.integer({ min: 0, max: 64 }), (items, capacity) => {
      const writer = new ByteWriter(capacity);
      for (const item of items) write(writer, item);
      const bytes = writer.finish();
      writer.reset();
      writer.raw(new Uint8Array(bytes.length).fill(0xee));
      const reader = new ByteReader(bytes);
      for (const item of items) expect(reader[item.kind]()).toEqual(item.value);
      reader.end();
    }),
    { numRuns: 500 },
  );
});

test("results are apart from each other, although they may share a buffer", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 1200 }), { maxLength: 40 }), (inputs) => {
      const writer = new ByteWriter();
      const outputs = inputs.map((input) => {
        writer.reset();
        return writer.raw(input).finish();
      });
      expect(outputs).toEqual(inputs);
    }),
    { numRuns: 50 },
  );
});

test("text becomes UTF-8, by whichever way", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 80 }));
  fc.assert(
    fc.property(text, (input) => {
      expect([...utf8(input)]).toEqual([...new TextEncoder().encode(input)]);
    }),
  );
});

test("the end of the input is a CodecError for every kind of value", () => {
  const kinds = ["u8", "bool", "u32", "f64", "uint", "int", "bytes", "text"] as const;
  for (const kind of kinds) expect(() => new ByteReader(new Uint8Array())[kind]()).toThrow(CodecError);
  expect(() => new ByteReader(Uint8Array.of(5, 1, 2)).bytes()).toThrow(CodecError);
  expect(() => new ByteReader(Uint8Array.of(2)).bool()).toThrow(CodecError);
  expect(() => new ByteReader(Uint8Array.of(1, 0xff)).text()).toThrow(CodecError);
  expect(() => new ByteReader(new Uint8Array(9).fill(0xff)).uint()).toThrow(CodecError);
  expect(() => new ByteReader(Uint8Array.of(0)).end()).toThrow(CodecError);
});

test("a place is filled in later", () => {
  const writer = new ByteWriter(2).u8(7);
  const place = writer.placeU32();
  writer.text("later");
  writer.patchU32(place, 0xfffffffe);
  const reader = new ByteReader(writer.finish());
  expect([reader.u8(), reader.u32(), reader.text()]).toEqual([7, 0xfffffffe, "later"]);
});
