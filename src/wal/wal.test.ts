import { describe, expect, test } from "vitest";
import { seededRandom } from "../base/index.ts";
import { MemoryDisk, segmentName, type WalFact } from "./index.ts";
import { all, entries, open, snapshot, state, write } from "./wal.suite.ts";

const kinds = (facts: readonly WalFact[]): string[] => facts.map(({ kind }) => kind);
const filler = (size: number): Uint8Array => new Uint8Array(size).fill(7);

describe("group commit", () => {
  test("all appends of a turn take one write and one sync, and are told in order", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    disk.runAll();
    const told: number[] = [];
    for (let i = 1; i <= 10; i++) wal.append([entries(1, i, i, filler(20))], () => told.push(i));
    wal.flush();
    disk.runAll();
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const synced = facts.filter((fact) => fact.kind === "synced");
    expect(synced).toMatchObject([{ batch: 1, appends: 10, records: 10 }]);
  });

  test("nothing is written before the turn ends", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    wal.append([state(1, "x")], () => expect.unreachable("not flushed"));
    disk.runAll();
    expect(kinds(facts)).not.toContain("segment-started");
  });

  test("what arrives while a batch is under way, and what its callbacks append, is the next batch", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    disk.runAll();
    const append = (index: number, done: () => void): void => wal.append([entries(1, index, index, filler(20))], done);
    append(1, () => append(4, () => {}));
    wal.flush();
    append(2, () => {});
    append(3, () => {});
    wal.flush();
    disk.runAll();
    const synced = facts.filter((fact) => fact.kind === "synced");
    expect(synced.map(({ appends }) => appends)).toEqual([1, 3]);
  });

  test("a batch stays within its bound, unless one append alone exceeds it", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk, { segmentSizeBytes: 64 * 1024, maxBatchBytes: 1000 });
    disk.runAll();
    for (let i = 1; i <= 6; i++) wal.append([entries(1, i, i, filler(i === 4 ? 3000 : 300))], () => {});
    wal.flush();
    disk.runAll();
    const synced = facts.filter((fact) => fact.kind === "synced");
    expect(synced.map(({ appends }) => appends)).toEqual([3, 1, 2]);
  });

  test("an append is never split", () => {
    for (let seed = 0; seed < 50; seed++) {
      const disk = new MemoryDisk();
      const { wal } = open(disk);
      disk.runAll();
      wal.append([state(1, "term 2"), entries(1, 1, 3, filler(1500)), entries(2, 1, 1, filler(1500))], () => {});
      wal.flush();
      disk.crash(seededRandom(seed));
      expect([0, 3]).toContain(all(open(disk).recovered).length);
    }
  });
});

describe("segments", () => {
  test("the next one is prepared before it is needed, so that appends do not wait for it", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    disk.runAll();
    for (let i = 1; i <= 8; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    const order = kinds(facts).filter((kind) => kind.startsWith("segment-"));
    expect(order.slice(0, 5)).toEqual([
      "segment-created",
      "segment-started",
      "segment-created",
      "segment-started",
      "segment-created",
    ]);
    expect(disk.list()).toHaveLength(5);
  });

  test("a larger append gets a segment of its own size", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    write(disk, wal, entries(1, 1, 1, filler(100)));
    write(disk, wal, entries(1, 2, 2, filler(100_000)));
    write(disk, wal, entries(1, 3, 3, filler(100)));
    expect(all(open(disk).recovered).map(({ bytes }) => bytes.length)).toEqual([100, 100_000, 100]);
    expect(disk.list().map((name) => disk.read(name).length)).toEqual([8192, 100_864, 8192]);
  });

  test("a segment is written to its end", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk, { segmentSizeBytes: 1024 });
    disk.runAll();
    for (let i = 1; i <= 40; i++) write(disk, wal, entries(1, i, i, filler(20)));
    expect(wal.position.segment).toBeLessThan(10);
    expect(all(open(disk).recovered)).toHaveLength(40);
  });

  test("the position is the end of what is durable, also after opening again", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    expect(wal.position).toEqual({ segment: 0, offset: 0, batch: 0 });
    write(disk, wal, state(1, "a"));
    write(disk, wal, state(1, "b"));
    expect(wal.position).toEqual({ segment: 1, offset: 512 + 64 + 64, batch: 2 });
    expect(open(disk).wal.position).toEqual(wal.position);
  });
});

describe("truncation", () => {
  test("old segments go, oldest first, and states and snapshots stay", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    write(disk, wal, state(1, "term 5"), state(2, "term 9"));
    for (let i = 1; i <= 10; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    write(disk, wal, snapshot(1, 9));
    wal.truncate(1, 9);
    disk.runAll();
    expect(facts.filter(({ kind }) => kind === "segment-removed")).toMatchObject(
      [1, 2, 3, 4].map((segment) => ({ segment })),
    );
    const { recovered } = open(disk);
    expect(recovered.get(2)).toEqual([state(2, "term 9")]);
    expect(recovered.get(1)?.slice(0, 2)).toEqual([state(1, "term 5"), snapshot(1, 9)]);
    expect(recovered.get(1)?.at(-1)).toMatchObject({ kind: "entries", lastIndex: 10 });
  });

  test("a segment stays until the one that repeats its states is durable", () => {
    for (let seed = 0; seed < 10; seed++) {
      const disk = new MemoryDisk();
      const { wal } = open(disk);
      write(disk, wal, state(1, "term 5"));
      write(disk, wal, entries(1, 1, 1, filler(6000)));
      write(disk, wal, snapshot(1, 1));
      wal.append([entries(1, 2, 2, filler(3000))], () => {});
      wal.flush();
      wal.truncate(1, 1);
      expect(wal.position.segment).toBe(2);
      // Everything but the sync: the write, the preparation of a third segment, and what else there may be.
      for (let i = 0; i < 3; i++) disk.runOne();
      disk.crash(seededRandom(seed));
      expect(open(disk).recovered.get(1)).toContainEqual(state(1, "term 5"));
    }
  });

  test("a group that still needs an entry holds its segment, and can be found", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    write(disk, wal, entries(2, 1, 1, filler(10)));
    for (let i = 1; i <= 10; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    write(disk, wal, snapshot(1, 10), snapshot(2, 1));
    wal.truncate(1, 10);
    disk.runAll();
    expect(kinds(facts)).not.toContain("segment-removed");
    expect(wal.holders()).toEqual([{ group: 2, throughIndex: 1 }]);
    wal.truncate(2, 1);
    disk.runAll();
    expect(wal.holders()).toEqual([]);
    expect(disk.list()).toHaveLength(2);
  });

  test("entries that were replaced, or voided by an installed snapshot, hold nothing", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    for (let i = 1; i <= 6; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    write(disk, wal, entries(1, 2, 2, filler(10)), snapshot(1, 1));
    wal.truncate(1, 1);
    disk.runAll();
    const [oldest] = disk.list();
    expect(oldest).toBe(segmentName(wal.position.segment));
    for (let i = 3; i <= 9; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    write(disk, wal, snapshot(1, 50, false));
    expect(wal.holders()).toEqual([]);
    expect(all(open(disk).recovered)).toEqual([snapshot(1, 50)]);
  });

  test("a forgotten group holds nothing and is not carried on", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    write(disk, wal, state(2, "gone"), entries(2, 1, 1, filler(10)));
    write(disk, wal, snapshot(1, 1, false));
    wal.forget(2);
    for (let i = 2; i <= 6; i++) write(disk, wal, entries(1, i, i, filler(3000)), snapshot(1, i));
    wal.truncate(1, 6);
    disk.runAll();
    expect([...open(disk).recovered.keys()]).toEqual([1]);
  });

  test("truncating above the durable snapshot is a mistake of the caller", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    write(disk, wal, entries(1, 1, 5, filler(10)));
    wal.append([snapshot(1, 5)], () => {});
    expect(() => wal.truncate(1, 5)).toThrow(/above the durable snapshot through 0/);
    wal.flush();
    disk.runAll();
    wal.truncate(1, 5);
  });

  test("entries that leave a gap are a mistake of the caller", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    write(disk, wal, entries(1, 1, 5, filler(10)));
    expect(() => wal.append([entries(1, 7, 7, filler(10))], () => {})).toThrow(/gap behind 5/);
  });

  test("what a killed process was removing does not come back behind a later removal", () => {
    for (let seed = 0; seed < 64; seed++) {
      const random = seededRandom(seed);
      const disk = new MemoryDisk();
      const first = open(disk).wal;
      for (let i = 1; i <= 9; i++) write(disk, first, entries(1, i, i, filler(3000)), snapshot(1, i));
      first.truncate(1, 9);
      disk.kill(random);
      const second = open(disk).wal;
      second.truncate(1, 9);
      disk.crash(random);
      expect(all(open(disk).recovered)).toContainEqual(snapshot(1, 9));
    }
  });

  test("a removal that fails is tried again", () => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    for (let i = 1; i <= 4; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    write(disk, wal, snapshot(1, 4));
    disk.failNext("remove", { code: "io", message: "busy" });
    wal.truncate(1, 3);
    disk.runAll();
    expect(kinds(facts)).toContain("removal-failed");
    wal.truncate(1, 4);
    disk.runAll();
    expect(kinds(facts)).toContain("segment-removed");
  });
});

describe("a full disk", () => {
  test("appends go on in what is allocated, then wait, and go on when there is space again", () => {
    const disk = new MemoryDisk({ capacityBytes: 2 * 8192 });
    const { wal, facts } = open(disk);
    const done: number[] = [];
    const append = (index: number): void => {
      wal.append([entries(1, index, index, filler(3000))], (error) => {
        expect(error).toBeUndefined();
        done.push(index);
      });
      wal.flush();
      disk.runAll();
    };
    for (let i = 1; i <= 6; i++) append(i);
    expect(done).toEqual([1, 2, 3, 4]);
    expect(wal.stalled?.code).toBe("full");
    expect(kinds(facts).slice(-2)).toEqual(["synced", "stalled"]);
    expect(kinds(facts)).toContain("segment-refused");

    wal.retry();
    disk.runAll();
    expect(done).toHaveLength(4);
    expect(kinds(facts).filter((kind) => kind === "stalled")).toHaveLength(1);

    disk.capacityBytes *= 2;
    wal.retry();
    disk.runAll();
    expect(done).toEqual([1, 2, 3, 4, 5, 6]);
    expect(wal.stalled).toBeUndefined();
    expect(kinds(facts)).toContain("resumed");
    expect(all(open(disk).recovered)).toHaveLength(6);
  });

  test("the warning comes early enough to snapshot and truncate, which makes the space", () => {
    const disk = new MemoryDisk({ capacityBytes: 2 * 8192 });
    const { wal, facts } = open(disk);
    for (let i = 1; i <= 3; i++) write(disk, wal, entries(1, i, i, filler(3000)));
    expect(kinds(facts)).toContain("segment-refused");
    expect(wal.stalled).toBeUndefined();
    write(disk, wal, snapshot(1, 3));
    wal.truncate(1, 2);
    disk.runAll();
    for (let i = 4; i <= 6; i++) write(disk, wal, entries(1, i, i, filler(3000)), snapshot(1, i - 1));
    expect(wal.stalled).toBeUndefined();
  });

  test("a log can be opened on a full disk", () => {
    const disk = new MemoryDisk({ capacityBytes: 8192 });
    const { wal } = open(disk);
    write(disk, wal, state(1, "a"));
    const again = open(disk);
    expect(all(again.recovered)).toEqual([state(1, "a")]);
    write(disk, again.wal, state(1, "b"));
  });

  test("what was prepared too far ahead does not turn into a gap", () => {
    let reached = 0;
    for (let seed = 0; seed < 20; seed++) {
      const disk = new MemoryDisk();
      const { wal } = open(disk);
      disk.runAll();
      wal.append([state(1, "a")], () => {});
      wal.flush();
      // The write and the preparation of the second segment are done, the sync of the first is not.
      disk.runOne();
      disk.runOne();
      disk.crash(seededRandom(seed));
      if (disk.read(segmentName(1))[0] === 0) reached++;
      // There is no space to prepare the first one again.
      disk.capacityBytes = 0;
      open(disk);
      disk.runAll();
      disk.crash(seededRandom(seed));
      disk.capacityBytes = 1e6;
      const again = open(disk);
      write(disk, again.wal, state(1, "b"));
      expect(all(open(disk).recovered)).toEqual([state(1, "b")]);
    }
    expect(reached).toBeGreaterThan(3);
  });

  test("closing while stalled tells the appends that they did not happen", () => {
    const disk = new MemoryDisk({ capacityBytes: 0 });
    const { wal } = open(disk);
    const errors: (string | undefined)[] = [];
    wal.append([state(1, "a")], (error) => errors.push(error?.code));
    wal.flush();
    disk.runAll();
    wal.close((error) => errors.push(error?.code));
    expect(errors).toEqual(["full", "full"]);
    expect(all(open(disk).recovered)).toEqual([]);
  });
});

describe("a failing disk", () => {
  test.each(["write", "sync"] as const)("a %s that fails ends this life: it is never repeated", (kind) => {
    const disk = new MemoryDisk();
    const { wal, facts } = open(disk);
    write(disk, wal, state(1, "a"));
    const errors: (string | undefined)[] = [];
    disk.failNext(kind, { code: "io", message: "bad sector" });
    wal.append([state(1, "b")], (error) => errors.push(error?.code));
    wal.flush();
    wal.append([state(1, "c")], (error) => errors.push(error?.code));
    disk.runAll();
    expect(errors).toEqual(["io", "io"]);
    wal.append([state(1, "d")], (error) => errors.push(error?.code));
    expect(errors).toEqual(["io", "io", "io"]);
    wal.flush();
    expect(disk.runOne()).toBe(false);
    expect(wal.failed?.message).toBe("bad sector");
    expect(kinds(facts).filter((fact) => fact === "synced")).toHaveLength(1);
    wal.close((error) => errors.push(error?.code));
    expect(errors).toHaveLength(4);
  });

  test("a segment that cannot be made for another reason than space waits too", () => {
    const disk = new MemoryDisk();
    disk.failNext("create", { code: "permission", message: "read-only" });
    const { wal } = open(disk);
    wal.append([state(1, "a")], () => {});
    wal.flush();
    disk.runAll();
    expect(wal.stalled?.code).toBe("permission");
    wal.retry();
    disk.runAll();
    expect(wal.stalled).toBeUndefined();
    expect(all(open(disk).recovered)).toEqual([state(1, "a")]);
  });
});

describe("closing", () => {
  test("waits for what was appended, and takes nothing more", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    const told: string[] = [];
    wal.append([state(1, "a")], () => told.push("a"));
    wal.close((error) => told.push(error === undefined ? "closed" : error.code));
    expect(told).toEqual([]);
    disk.runAll();
    expect(told).toEqual(["a", "closed"]);
    expect(() => wal.append([], () => {})).toThrow(/closed/);
    expect(all(open(disk).recovered)).toEqual([state(1, "a")]);
  });

  test("an idle log closes at once", () => {
    const disk = new MemoryDisk();
    const { wal } = open(disk);
    disk.runAll();
    let closed = false;
    wal.close(() => (closed = true));
    expect(closed).toBe(true);
  });
});
