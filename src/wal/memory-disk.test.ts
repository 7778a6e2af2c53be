import { expect, test } from "vitest";
import { seededRandom } from "../base/index.ts";
import { describeDisk } from "./disk.suite.ts";
import { MemoryDisk } from "./index.ts";

describeDisk("a disk in memory", () => {
  const disk = new MemoryDisk();
  return {
    disk,
    until: async () => disk.runAll(),
    dispose: () => {},
  };
});

function created(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.create("wal-1", 4096, () => {});
  disk.runAll();
  return disk;
}

/** The first byte of each of the four sectors that were written to, over many power losses. */
function outcomes(prepare: (disk: MemoryDisk) => void): Set<string> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const disk = created();
    prepare(disk);
    disk.crash(seededRandom(seed));
    const bytes = disk.read("wal-1");
    seen.add([0, 512, 1024, 1536].map((at) => bytes[at]).join(""));
  }
  return seen;
}

const four = new Uint8Array(2048).fill(1);

test("of an unsynced write, any sectors survive a power loss", () => {
  const seen = outcomes((disk) => {
    disk.write("wal-1", 0, four, () => {});
    disk.runAll();
  });
  expect(seen.size).toBe(16);
});

test("of two unsynced writes, the earlier one may win", () => {
  const seen = outcomes((disk) => {
    disk.write("wal-1", 0, four, () => {});
    disk.runAll();
    disk.write(
      "wal-1",
      0,
      four.map(() => 2),
      () => {},
    );
    disk.runAll();
  });
  expect(seen).toContain("1111");
  expect(seen).toContain("2222");
  expect([...seen].some((sectors) => /1/.test(sectors) && /2/.test(sectors) && /0/.test(sectors))).toBe(true);
});

test("a synced write survives; a failed sync promises nothing, and a later one does not make up for it", () => {
  const write = (disk: MemoryDisk): void => {
    disk.write("wal-1", 0, four, () => {});
    disk.runAll();
  };
  const sync = (disk: MemoryDisk): void => {
    disk.sync("wal-1", () => {});
    disk.runAll();
  };
  expect(outcomes((disk) => (write(disk), sync(disk)))).toEqual(new Set(["1111"]));
  const failed = outcomes((disk) => {
    write(disk);
    disk.failNext("sync", { code: "io", message: "bad sector" });
    sync(disk);
    sync(disk);
  });
  expect(failed).toContain("0000");
});

test("a killed process leaves the front of what it was writing, which power loss still takes", () => {
  const fronts = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const disk = created();
    disk.write("wal-1", 0, four, () => expect.unreachable("killed before"));
    disk.kill(seededRandom(seed));
    disk.runAll();
    const bytes = disk.read("wal-1");
    fronts.add([0, 512, 1024, 1536].map((at) => bytes[at]).join(""));
  }
  expect([...fronts].sort((a, b) => a.localeCompare(b))).toEqual(["0000", "1000", "1100", "1110", "1111"]);
});
