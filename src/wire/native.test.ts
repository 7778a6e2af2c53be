import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteWriter, CodecError } from "../base/index.ts";
import { anyBody, anyEvent, anyFailure, anyOutcome } from "../contract/contract.suite.ts";
import {
  readClientFrame,
  readNodeFrame,
  writeClientFrame,
  writeNodeFrame,
  type ClientFrame,
  type NodeFrame,
} from "./index.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const text = fc.string({ maxLength: 12, unit: "grapheme" });

const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({ kind: fc.constant("hello"), min: whole, max: whole, clusterId: text }),
  fc.record({ kind: fc.constant("request"), id: whole, ttlMs: whole, body: anyBody }),
  fc.record({ kind: fc.constantFrom("cancel", "unwatch"), id: whole }),
  fc.record({
    kind: fc.constant("watch"),
    id: whole,
    keyspace: text,
    prefix: fc.uint8Array({ maxLength: 9 }),
    from: whole,
  }),
  fc.record({ kind: fc.constant("credit"), id: whole, count: whole }),
  fc.record({ kind: fc.constant("ping") }),
);

const nodeFrame: fc.Arbitrary<NodeFrame> = fc.oneof(
  fc.record({ kind: fc.constant("welcome"), version: whole, clusterId: text, nodeId: whole, leader: text }),
  fc.record({ kind: fc.constant("refused"), failure: anyFailure }),
  fc.record({ kind: fc.constant("reply"), id: whole, outcome: anyOutcome }),
  fc.record({ kind: fc.constant("events"), id: whole, revision: whole, events: fc.array(anyEvent, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("watchFailed"), id: whole, failure: anyFailure }),
  fc.record({ kind: fc.constant("leader"), leader: text }),
  fc.record({ kind: fc.constantFrom("closing", "pong") }),
);

function bytesOf(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.finish();
}

test("frames survive the wire", () => {
  fc.assert(
    fc.property(clientFrame, nodeFrame, (client, node) => {
      expect(readClientFrame(bytesOf((writer) => writeClientFrame(writer, client)))).toEqual(client);
      expect(readNodeFrame(bytesOf((writer) => writeNodeFrame(writer, node)))).toEqual(node);
    }),
    { numRuns: 500 },
  );
});

test("truncated, damaged and random frames are understood or refused, nothing else", () => {
  const sent = fc.oneof(
    clientFrame.map((frame) => bytesOf((writer) => writeClientFrame(writer, frame))),
    nodeFrame.map((frame) => bytesOf((writer) => writeNodeFrame(writer, frame))),
    fc.uint8Array({ maxLength: 50 }),
  );
  const refusedOrRead = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  };
  fc.assert(
    fc.property(sent, fc.nat(), fc.nat(255), fc.nat(), (bytes, at, byte, cut) => {
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      const received = bytes.subarray(0, cut % 4 === 0 ? cut % (bytes.length + 1) : undefined);
      refusedOrRead(() => readClientFrame(received));
      refusedOrRead(() => readNodeFrame(received));
    }),
    { numRuns: 2000 },
  );
});

test("a truncated or lengthened request is refused", () => {
  fc.assert(
    fc.property(whole, anyBody, fc.nat(), (id, body, cut) => {
      const bytes = bytesOf((writer) => writeClientFrame(writer, { kind: "request", id, ttlMs: 1, body }));
      expect(() => readClientFrame(bytes.subarray(0, cut % bytes.length))).toThrow(CodecError);
      expect(() => readClientFrame(Uint8Array.of(...bytes, 0))).toThrow(CodecError);
    }),
  );
});

test("hellos of later versions may say more", () => {
  const longer = bytesOf((writer) => {
    writeClientFrame(writer, { kind: "hello", min: 1, max: 9, clusterId: "c" });
    writer.text("and more");
  });
  expect(readClientFrame(longer)).toEqual({ kind: "hello", min: 1, max: 9, clusterId: "c" });
});
