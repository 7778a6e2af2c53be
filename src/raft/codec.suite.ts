/** Arbitrary messages and records, for the laws of every codec that carries them. */
import fc from "fast-check";
import { CodecError } from "../base/index.ts";
import type { Entry, Message, Record } from "./types.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const node = fc.integer({ min: 1, max: 2 ** 31 });
const bytes = fc.uint8Array({ maxLength: 40 });
const position = fc.record({ index: whole, term: whole });
const closed = fc.option(fc.record({ at: fc.double({ noNaN: true, noDefaultInfinity: true }), index: whole }), {
  nil: undefined,
});
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

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant("voteRequest"),
    term: whole,
    pre: fc.boolean(),
    transfer: fc.boolean(),
    last: position,
  }),
  fc.record({ type: fc.constant("voteResponse"), term: whole, pre: fc.boolean(), granted: fc.boolean() }),
  fc.record({
    type: fc.constant("append"),
    term: whole,
    round: whole,
    previous: position,
    entries,
    commit: whole,
    closed,
  }),
  fc.record({ type: fc.constant("appendAccepted"), term: whole, round: whole, match: whole }),
  fc.record({ type: fc.constant("appendAccepted"), term: whole, round: whole, match: whole, rejoining: whole }),
  fc.record({ type: fc.constant("heartbeatAck"), term: whole, round: whole, last: whole, rejoining: whole }),
  fc.record({ type: fc.constant("rejoinAt"), term: whole, life: whole, index: whole }),
  fc.record({ type: fc.constant("appendRejected"), term: whole, round: whole, rejected: whole, hint: position }),
  fc.record({
    type: fc.constant("heartbeat"),
    term: whole,
    round: whole,
    commit: whole,
    closed,
    quiesce: fc.boolean(),
  }),
  fc.record({ type: fc.constant("heartbeatAck"), term: whole, round: whole, last: whole }),
  fc.record({
    type: fc.constant("snapshotChunk"),
    term: whole,
    round: whole,
    head,
    cursor: bytes,
    next: bytes,
    data: bytes,
    done: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("snapshotAck"),
    term: whole,
    round: whole,
    index: whole,
    next: bytes,
    done: fc.boolean(),
  }),
  fc.record({ type: fc.constant("readRequest"), term: whole, id: whole }),
  fc.record({
    type: fc.constant("readResponse"),
    term: whole,
    id: whole,
    index: fc.option(whole, { nil: undefined }),
    closed,
  }),
  fc.record({ type: fc.constant("timeoutNow"), term: whole }),
);

export const anyRecord: fc.Arbitrary<Record> = fc.oneof(
  fc.record({ type: fc.constant("state"), term: whole, vote: fc.option(node, { nil: undefined }) }),
  fc.record({ type: fc.constant("entries"), entries }),
  fc.record({ type: fc.constant("snapshot"), head, reset: fc.boolean() }),
);

/** Whether bytes decode or are refused as malformed; any other exception passes through and fails the test. */
export function decodes(decode: (input: Uint8Array) => unknown, input: Uint8Array): boolean {
  try {
    decode(input);
    return true;
  } catch (error) {
    if (error instanceof CodecError) return false;
    throw error;
  }
}

/** Bytes with a few of them overwritten. */
export function damaged(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  return fc.tuple(bytes, flips).map(([input, places]) => {
    for (const [at, byte] of places) input[at % input.length] = byte;
    return input;
  });
}
