/** What only a failing disk explains is refused, whatever was hit; what an interrupted write explains is cut. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../base/index.ts";
import { crc32c, type LogRecord, MemoryDisk, segmentName, WalError, type WalErrorCode } from "./index.ts";
import { all, entries, identity, open, view, write } from "./wal.suite.ts";

interface Extent {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** A log of some batches over several segments, and where each batch lies. */
function build(seed: number, batches: number): { disk: MemoryDisk; records: LogRecord[]; extents: Extent[] } {
  const random = seededRandom(seed);
  const disk = new MemoryDisk();
  const { wal } = open(disk);
  const records: LogRecord[] = [];
  const extents: Extent[] = [];
  for (let i = 1; i <= batches; i++) {
    const bytes = new Uint8Array(1 + random.below(2500)).fill(random.below(2) === 0 ? 0 : i);
    bytes[0] = i;
    const record = entries(1, i, i, bytes);
    const before = wal.position;
    write(disk, wal, record);
    records.push(record);
    const { segment, offset } = wal.position;
    extents.push({ file: segmentName(segment), from: segment === before.segment ? before.offset : 512, to: offset });
  }
  return { disk, records, extents };
}

function refusal(disk: MemoryDisk): WalErrorCode | undefined {
  try {
    open(disk);
    return undefined;
  } catch (error) {
    if (error instanceof WalError) return error.code;
    throw error;
  }
}

test("a flipped bit in any batch or header is refused, and named for what it is", () => {
  const place = fc.record({ seed: fc.nat(), batch: fc.nat(14), at: fc.nat(), bit: fc.nat(7), header: fc.boolean() });
  const seen = new Set<WalErrorCode | undefined>();
  fc.assert(
    fc.property(place, ({ seed, batch, at, bit, header }) => {
      const { disk, extents } = build(seed, 15);
      const { file, from, to } = extents[batch]!;
      disk.flipBit(file, header ? at % 512 : from + (at % (to - from)), bit);
      const code = refusal(disk);
      seen.add(code);
      if (header) expect(code).toBe("corrupt-header");
      else expect(code).toBe(batch === 14 ? "corrupt-tail" : "corrupt-middle");
    }),
    { numRuns: 200, examples: [[{ seed: 1, batch: 14, at: 7, bit: 0, header: false }]] },
  );
  expect(seen).toEqual(new Set(["corrupt-header", "corrupt-middle", "corrupt-tail"]));
});

test("a flipped bit where nothing is written loses nothing", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(7), (seed, at, bit) => {
      const { disk, records, extents } = build(seed, 6);
      const { file, to } = extents.at(-1)!;
      // Not in the very sector where the next batch begins: what stands there counts as damage.
      const end = Math.floor(to / 512) * 512 + 512;
      fc.pre(end < 8192);
      disk.flipBit(file, end + (at % (8192 - end)), bit);
      const { recovered, wal, facts } = open(disk);
      expect(all(recovered)).toEqual(records);
      expect(facts.map(({ kind }) => kind)).toContain("tail-cut");
      const next = entries(1, 7, 7, new Uint8Array(1500));
      write(disk, wal, next);
      expect(all(open(disk).recovered)).toEqual([...records, next]);
    }),
    { numRuns: 50 },
  );
});

test("a torn last batch is cut, never refused; and it never returns behind shorter ones", () => {
  let cuts = 0;
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.nat(2500), { minLength: 1, maxLength: 6 }), (seed, sizes) => {
      const random = seededRandom(seed);
      const { disk, records } = build(seed, 3);
      let { wal } = open(disk);
      for (const size of sizes) {
        disk.runAll();
        const torn = entries(1, records.length + 1, records.length + 1, new Uint8Array(size).fill(random.below(2)));
        wal.append([torn], () => expect.unreachable("the power went before"));
        wal.flush();
        disk.crash(random);
        const { recovered, facts, ...next } = open(disk);
        wal = next.wal;
        const survived = all(recovered).length > records.length;
        if (survived) records.push(torn);
        expect(all(recovered)).toEqual(records);
        if (facts.some(({ kind }) => kind === "tail-cut")) cuts++;
      }
    }),
    { numRuns: 150 },
  );
  expect(cuts).toBeGreaterThan(20);
});

test("a process that died between write and sync leaves nothing that power loss could still take back", () => {
  const disk = new MemoryDisk();
  const { wal } = open(disk);
  disk.runAll();
  wal.append([entries(1, 1, 1, new Uint8Array(900))], () => expect.unreachable("killed before"));
  wal.flush();
  disk.runOne();
  disk.kill(seededRandom(1));
  expect(all(open(disk).recovered)).toHaveLength(1);
  for (let seed = 0; seed < 20; seed++) {
    disk.crash(seededRandom(seed));
    expect(all(open(disk).recovered)).toHaveLength(1);
  }
});

test("after a failed sync, what the page cache still shows is written again before anyone relies on it", () => {
  const disk = new MemoryDisk();
  const { wal } = open(disk);
  disk.runAll();
  disk.failNext("sync", { code: "io", message: "bad sector" });
  let failure: string | undefined;
  wal.append([entries(1, 1, 1, new Uint8Array(900))], (error) => (failure = error?.message));
  wal.flush();
  disk.runAll();
  expect(failure).toBe("bad sector");
  disk.kill(seededRandom(1));
  expect(all(open(disk).recovered)).toHaveLength(1);
  for (let seed = 0; seed < 20; seed++) {
    disk.crash(seededRandom(seed));
    expect(all(open(disk).recovered)).toHaveLength(1);
  }
});

test("a write that went elsewhere is refused", () => {
  const { disk, extents } = build(7, 5);
  const { wal } = open(disk);
  disk.runAll();
  disk.misdirectNextWrite(extents[1]!.file, extents[1]!.from);
  write(disk, wal, entries(1, 6, 6, new Uint8Array(10)));
  expect(refusal(disk)).toBe("corrupt-middle");
});

test("a batch whose sectors vanished is refused once a later batch stands behind it", () => {
  const { disk, extents } = build(3, 8);
  const { file, from, to } = extents[2]!;
  disk.repair(file, from, new Uint8Array(to - from));
  expect(refusal(disk)).toBe("corrupt-middle");
});

test("the message says which file, where, and what to do", () => {
  const { disk, extents } = build(5, 4);
  const { file, from } = extents[1]!;
  disk.flipBit(file, from + 40, 3);
  expect(() => open(disk)).toThrow(
    new RegExp(`^corrupt-middle: ${file} at byte ${from}: batch 2 is damaged.*gets the data back from them`),
  );
});

test("a missing segment is refused, also where only the groups' indexes show it", () => {
  const middle = build(2, 15);
  const files = [...new Set(middle.extents.map(({ file }) => file))];
  expect(files.length).toBeGreaterThan(2);
  middle.disk.remove(files[1]!, () => {});
  middle.disk.runAll();
  expect(refusal(middle.disk)).toBe("missing-segment");

  const first = build(2, 15);
  first.disk.remove(files[0]!, () => {});
  first.disk.runAll();
  expect(refusal(first.disk)).toBe("missing-segment");
});

test("the log of another node or cluster, or of a newer format, is refused", () => {
  const { disk } = build(1, 2);
  for (const other of [
    { ...identity, nodeId: 2 },
    { ...identity, clusterId: "other" },
  ]) {
    expect(() => open(disk, { identity: other })).toThrow(/^wrong-identity: .*node 1 of cluster "test"/);
  }
  const newer = new MemoryDisk();
  newer.create(segmentName(1), 8192, () => {});
  newer.runAll();
  newer.repair(segmentName(1), 0, newerHeader());
  expect(() => open(newer)).toThrow(/^newer-format: .*format 2, and this program reads up to 1/);
});

test("a disk that cannot be read is told apart from one that holds damage", () => {
  const { disk, records } = build(1, 2);
  disk.failReads(segmentName(1), { code: "io", message: "bad sector" });
  expect(refusal(disk)).toBe("unreadable");
  disk.failReads(segmentName(1));
  expect(view(all(open(disk).recovered))).toEqual(view(records));
});

/** Magic, version 2, checksum: what every format has in common. */
function newerHeader(): Uint8Array {
  const disk = new MemoryDisk();
  const { wal } = open(disk);
  write(disk, wal, entries(1, 1, 1, new Uint8Array(1)));
  const sector = disk.read(segmentName(1)).slice(0, 512);
  sector[8] = 2;
  new DataView(sector.buffer).setUint32(12, crc32c(sector.subarray(16), crc32c(sector.subarray(0, 12))), true);
  return sector;
}
