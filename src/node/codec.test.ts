import fc from "fast-check";
import { expect, test } from "vitest";
import { anyBody, anyOutcome } from "../contract/contract.suite.ts";
import type { ErrorCode } from "../contract/index.ts";
import { anyMessage, anyRecord, damaged, decodes } from "../raft/codec.suite.ts";
import {
  decodeNodeMessage,
  encodeNodeMessage,
  firstRingGroup,
  fromLogRecord,
  toLogRecord,
  versionOf,
} from "./codec.ts";
import type { NodeMessage } from "./types.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());

const nodeMessage: fc.Arbitrary<NodeMessage> = fc.oneof(
  fc.record({ type: fc.constant("raft"), group: whole, message: anyMessage }),
  fc.record({
    type: fc.constant("ring"),
    ring: whole,
    message: fc.record({ type: fc.constant("fetch"), id: whole, name: fc.constant("kab") }),
  }),
  fc.record({
    type: fc.constant("forward"),
    group: whole,
    requests: fc.array(fc.record({ id: whole, ttlMs: fc.double({ min: 0, noNaN: true }), body: anyBody }), {
      maxLength: 5,
    }),
  }),
  fc.record({
    type: fc.constant("forwarded"),
    group: whole,
    replies: fc.array(fc.record({ id: whole, outcome: anyOutcome }), { maxLength: 5 }),
  }),
);

test("a message between nodes survives the wire", () => {
  fc.assert(
    fc.property(nodeMessage, (value) => {
      expect(decodeNodeMessage(encodeNodeMessage(value))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test("truncated, lengthened, damaged and random bytes are understood or refused, nothing else", () => {
  fc.assert(
    fc.property(nodeMessage, fc.nat(1000), (value, cut) => {
      const sent = encodeNodeMessage(value);
      expect(decodes(decodeNodeMessage, sent.subarray(0, cut % sent.length))).toBe(false);
      expect(decodes(decodeNodeMessage, Uint8Array.of(...sent, 0))).toBe(false);
    }),
    { numRuns: 300 },
  );
  const input = fc.oneof(damaged(nodeMessage.map(encodeNodeMessage)), fc.uint8Array({ maxLength: 60 }));
  fc.assert(
    fc.property(input, (received) => void decodes(decodeNodeMessage, received)),
    { numRuns: 1500 },
  );
});

test("an error that only a newer node knows keeps what it says about the outcome", () => {
  const reply = (codeText: string): NodeMessage => {
    const known = { code: codeText as ErrorCode, detail: "why", definite: true };
    return { type: "forwarded", group: 7, replies: [{ id: 1, outcome: { ok: false, failure: known } }] };
  };
  const internal = { code: "internal", detail: "moon-phase: why", definite: true };
  expect(decodeNodeMessage(encodeNodeMessage(reply("moon-phase")))).toEqual({
    type: "forwarded",
    group: 7,
    replies: [{ id: 1, outcome: { ok: false, failure: internal } }],
  });
});

test("a record survives the log of the node, filed under its indexes", () => {
  const raftGroup = whole.filter((group) => group < firstRingGroup);
  const record = anyRecord.filter((value) => value.type !== "entries" || value.entries.length > 0);
  fc.assert(
    fc.property(raftGroup, record, (group, value) => {
      const filed = toLogRecord({ group, record: value });
      expect(fromLogRecord(filed)).toEqual({ group, record: value });
      if (value.type !== "entries") return;
      expect(filed).toMatchObject({
        kind: "entries",
        group,
        firstIndex: value.entries[0]!.index,
        lastIndex: value.entries.at(-1)!.index,
      });
    }),
    { numRuns: 300 },
  );
});

test("rows of a keyspace without a leader survive it too", () => {
  const group = firstRingGroup + 5;
  for (const rows of [
    { type: "rows", index: 3, rows: [{ key: "sab", row: Uint8Array.of(1) }] },
    { type: "checkpoint", index: 2 },
  ] as const)
    expect(fromLogRecord(toLogRecord({ group, rows }))).toEqual({ group, rows });
});

test("what was recovered does not depend on the memory of the segment", () => {
  const segment = toLogRecord({
    group: 0,
    record: {
      type: "entries",
      entries: [{ index: 1, term: 1, timestamp: 1, kind: "command", data: Uint8Array.of(7) }],
    },
  });
  const recovered = fromLogRecord(segment);
  segment.bytes.fill(0);
  expect(recovered).toMatchObject({ record: { entries: [{ data: Uint8Array.of(7) }] } });
});

test("a record filed under another kind is refused", () => {
  const filed = toLogRecord({ group: 0, record: { type: "state", term: 1, vote: undefined } });
  expect(
    decodes(
      () => fromLogRecord({ kind: "snapshot", group: 0, lastIndex: 0, keepsTail: true, bytes: filed.bytes }),
      filed.bytes,
    ),
  ).toBe(false);
});

test("what only a later version knows says so, and is not sent to an older one", () => {
  const ack = { type: "heartbeatAck", term: 1, round: 1, last: 1 } as const;
  expect(versionOf({ type: "raft", group: 0, message: ack })).toBe(1);
  expect(versionOf({ type: "raft", group: 0, message: { ...ack, rejoining: 7 } })).toBe(2);
  expect(versionOf({ type: "raft", group: 0, message: { type: "rejoinAt", term: 1, life: 7, index: 1 } })).toBe(2);
});
