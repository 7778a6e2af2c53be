/** What every disk does. Run over each of them. */
import { describe, expect, test } from "vitest";
import type { Disk, DiskDone, DiskError } from "./disk.ts";

/** One disk under test, empty. */
export interface DiskFixture {
  readonly disk: Disk;
  /** Runs what is under way until `condition` holds. */
  until(condition: () => boolean): Promise<void>;
  dispose(): void;
}

export function describeDisk(name: string, open: () => DiskFixture): void {
  const withDisk = async (body: (disk: Disk, run: Run) => Promise<void>): Promise<void> => {
    const fixture = open();
    try {
      await body(fixture.disk, (operation) => finished(fixture, operation));
    } finally {
      fixture.dispose();
    }
  };

  describe(name, () => {
    test("a created file is all zeros, and has its size", () =>
      withDisk(async (disk, run) => {
        expect(disk.list()).toEqual([]);
        expect(await run((done) => disk.create("wal-2", 700_000, done))).toBeUndefined();
        expect(await run((done) => disk.create("wal-1", 512, done))).toBeUndefined();
        expect(disk.list()).toEqual(["wal-1", "wal-2"]);
        const bytes = disk.read("wal-2");
        expect(bytes.length).toBe(700_000);
        expect(bytes.every((byte) => byte === 0)).toBe(true);
      }));

    test("what is written is read, before and after a sync", () =>
      withDisk(async (disk, run) => {
        await run((done) => disk.create("wal-1", 4096, done));
        expect(await run((done) => disk.write("wal-1", 100, Uint8Array.of(1, 2, 3), done))).toBeUndefined();
        expect([...disk.read("wal-1").subarray(99, 104)]).toEqual([0, 1, 2, 3, 0]);
        expect(await run((done) => disk.sync("wal-1", done))).toBeUndefined();
        disk.repair("wal-1", 101, Uint8Array.of(9));
        expect([...disk.read("wal-1").subarray(99, 104)]).toEqual([0, 1, 9, 3, 0]);
        expect(disk.read("wal-1").length).toBe(4096);
      }));

    test("creating a file again makes it all zeros", () =>
      withDisk(async (disk, run) => {
        await run((done) => disk.create("wal-1", 4096, done));
        await run((done) => disk.write("wal-1", 0, Uint8Array.of(1), done));
        await run((done) => disk.create("wal-1", 8192, done));
        expect(disk.read("wal-1")).toEqual(new Uint8Array(8192));
        await run((done) => disk.write("wal-1", 8191, Uint8Array.of(2), done));
        expect(disk.read("wal-1").at(-1)).toBe(2);
      }));

    test("a removed file is gone", () =>
      withDisk(async (disk, run) => {
        await run((done) => disk.create("wal-1", 4096, done));
        await run((done) => disk.write("wal-1", 0, Uint8Array.of(1), done));
        expect(await run((done) => disk.remove("wal-1", done))).toBeUndefined();
        expect(disk.list()).toEqual([]);
        expect((await run((done) => disk.remove("wal-1", done)))?.code).toBe("missing");
      }));

    test("a missing file is told as such", () =>
      withDisk((disk) => {
        const fault = expect.objectContaining({ name: "DiskFault", code: "missing" }) as Error;
        expect(() => disk.read("wal-1")).toThrow(fault);
        expect(() => disk.repair("wal-1", 0, Uint8Array.of(1))).toThrow(fault);
        return Promise.resolve();
      }));

    test("nothing is told before the call has returned", () =>
      withDisk(async (disk, run) => {
        const order: string[] = [];
        const watched = (call: (done: DiskDone) => void): Promise<DiskError | undefined> =>
          run((done) => {
            call((error) => {
              order.push("done");
              done(error);
            });
            order.push("returned");
          });
        await watched((done) => disk.create("wal-1", 4096, done));
        await watched((done) => disk.write("wal-1", 0, Uint8Array.of(1), done));
        await watched((done) => disk.sync("wal-1", done));
        await watched((done) => disk.remove("wal-1", done));
        await watched((done) => disk.remove("wal-1", done));
        expect(order).toEqual(Array.from({ length: 5 }, () => ["returned", "done"]).flat());
      }));
  });
}

type Run = (operation: (done: DiskDone) => void) => Promise<DiskError | undefined>;

async function finished(fixture: DiskFixture, operation: (done: DiskDone) => void): Promise<DiskError | undefined> {
  const outcomes: (DiskError | undefined)[] = [];
  operation((error) => outcomes.push(error));
  await fixture.until(() => outcomes.length > 0);
  expect(outcomes).toHaveLength(1);
  return outcomes[0];
}
