import fc from "fast-check";
import { expect, test } from "vitest";
import { CodecError, FrameReader, FrameWriter, keepFrame } from "./index.ts";

function frames(...bodies: Uint8Array[]): Uint8Array {
  const writer = new FrameWriter(8);
  for (const body of bodies) {
    writer.begin().raw(body);
    writer.end();
  }
  return writer.take();
}

test("frames survive any cutting of the stream into chunks", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.array(fc.nat(300), { maxLength: 12 }), (sent, cuts) => {
      const stream = frames(...sent);
      const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
      const reader = new FrameReader(30);
      const received: Uint8Array[] = [];
      for (let i = 1; i < places.length; i++) {
        const chunk = stream.slice(places[i - 1], places[i]);
        reader.feed(chunk, (frame, owned) => void received.push(keepFrame(frame, owned)));
        chunk.fill(255); // what was kept must not depend on the chunk
      }
      expect(received).toEqual(sent);
    }),
    { numRuns: 500 },
  );
});

test("a paused reader keeps everything that comes, and goes on in order", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 });
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }), (sent, sizes) => {
      const stream = frames(...sent);
      const reader = new FrameReader(20);
      const received: Uint8Array[] = [];
      const take = (frame: Uint8Array, owned: boolean): void => {
        received.push(keepFrame(frame, owned));
        reader.pause();
      };
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length]!;
        reader.feed(stream.slice(at, at + size), take);
        at += size;
        if (i % 3 === 2) reader.resume(take);
      }
      for (let i = 0; i <= sent.length; i++) reader.resume(take);
      expect(received).toEqual(sent);
    }),
    { numRuns: 300 },
  );
});

test("a frame above the limit is refused as soon as its length is known", () => {
  const reader = new FrameReader(10);
  const head = frames(new Uint8Array(11)).subarray(0, 4);
  expect(() => reader.feed(head, () => expect.unreachable("no frame"))).toThrow(CodecError);
  const bytewise = new FrameReader(10);
  const feed = (byte: number): void => bytewise.feed(Uint8Array.of(byte), () => expect.unreachable("no frame"));
  for (const byte of head.subarray(0, 3)) feed(byte);
  expect(() => feed(head[3]!)).toThrow(CodecError);
});

test("a stopped reader hands out nothing more of the same chunk", () => {
  const reader = new FrameReader(10);
  let count = 0;
  reader.feed(frames(new Uint8Array(1), new Uint8Array(1)), () => {
    count++;
    reader.stop();
  });
  reader.feed(frames(new Uint8Array(1)), () => count++);
  expect(count).toBe(1);
});
