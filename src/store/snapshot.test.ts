import { expect, test } from "vitest";
import { emptyBytes, must, utf8 } from "../base/index.ts";
import type { SnapshotReader } from "./snapshot.ts";
import { subject, type Subject } from "./subject.suite.ts";

function filled(): Subject {
  const one = subject();
  for (let i = 0; i < 200; i++) one.put(`k${i % 50}`, `value ${i}`);
  one.run({ kind: "openSession", clientId: "c" });
  one.commit();
  one.remove("k7");
  one.run({ kind: "increment", counter: "n", by: 3 });
  one.store.setMembership(utf8("members"));
  return one;
}

function chunksOf(snapshot: SnapshotReader, maximumBytes: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let cursor: Uint8Array = emptyBytes;
  for (let done = false; !done;) {
    const chunk = snapshot.read(cursor, maximumBytes);
    chunks.push(chunk.bytes);
    ({ next: cursor, done } = chunk);
  }
  return chunks;
}

test("it is the state of its moment, however it is cut", () => {
  const one = filled();
  const digest = one.store.digest();
  const snapshot = one.store.snapshot();
  one.put("k1", "later");
  one.commit();
  for (const size of [1, 64, 1000, 1_000_000]) {
    const other = subject();
    const writer = other.store.restore();
    for (const chunk of chunksOf(snapshot, size)) {
      // The longest row holds 64 events.
      expect(chunk.length).toBeLessThan(size + 64 * 60);
      writer.write(chunk);
    }
    writer.finish((error) => expect(error).toBeUndefined());
    other.settle();
    expect(other.store.digest()).toBe(digest);
    expect(other.store.applied).toEqual(snapshot.position);
    expect(Buffer.from(must(other.store.membership, "membership")).toString()).toBe("members");
  }
  snapshot.close();
});

test("damage, gaps, repetitions and a missing end are noticed, and leave the old state", () => {
  const chunks = chunksOf(filled().store.snapshot(), 500);
  expect(chunks.length).toBeGreaterThan(5);
  const flipped = must(chunks[3], "chunk").slice();
  flipped[40]! ^= 1;
  const wrong: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ["a flipped bit", [...chunks.slice(0, 3), flipped, ...chunks.slice(4)]],
    ["a gap", [...chunks.slice(0, 3), ...chunks.slice(4)]],
    ["a repetition", [...chunks.slice(0, 4), ...chunks.slice(3)]],
    ["no beginning", chunks.slice(1)],
    ["no end", chunks.slice(0, -1)],
    ["more than the end", [...chunks, ...chunks.slice(-1)]],
    ["nothing", []],
    ["a cut chunk", [...chunks.slice(0, 3), must(chunks[3], "chunk").subarray(0, 100)]],
  ];
  for (const [what, sent] of wrong) {
    const other = subject();
    other.put("mine", "stays");
    const digest = other.store.digest();
    const writer = other.store.restore();
    const take = (): void => {
      for (const chunk of sent) writer.write(chunk);
      writer.finish(() => expect.unreachable());
    };
    expect(take, what).toThrow(expect.objectContaining({ code: "corrupt-snapshot" }) as Error);
    expect(other.store.digest(), what).toBe(digest);
    // Over is over; a new attempt begins anew.
    const again = other.store.restore();
    again.abort();
  }
});

test("an older state never replaces a newer one", () => {
  const [first] = chunksOf(subject().store.snapshot(), 1_000_000);
  const other = filled();
  expect(() => other.store.restore().write(must(first, "chunk"))).toThrow(/older/);
});

test("a cursor that is none is refused", () => {
  const snapshot = filled().store.snapshot();
  expect(() => snapshot.read(utf8("nonsense"), 100)).toThrow(
    expect.objectContaining({ code: "corrupt-snapshot" }) as Error,
  );
});
