/** The log's disk on real file systems: killed processes, power loss, no space. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../base/index.ts";
import { describeDisk } from "../wal/disk.suite.ts";
import { type DiskError, openWal, type Wal, type WalFact } from "../wal/index.ts";
import { crc32c } from "./crc32c.ts";
import { FileDisk } from "./disk.ts";
import { checkLog, openLog } from "./wal-writer.suite.ts";

const home = mkdtempSync(join(tmpdir(), "cohort-disk-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

describeDisk("a real disk", () => {
  const directory = mkdtempSync(join(home, "suite-"));
  const disk = new FileDisk(directory);
  return {
    disk,
    until: async (condition) => {
      while (!condition()) await sleep(1);
    },
    dispose: () => disk.close(),
  };
});

function ended(begin: (done: (error?: DiskError) => void) => void): Promise<DiskError | undefined> {
  return new Promise((resolve) => {
    begin((error) => resolve(error));
  });
}

test("all bytes of a new file are allocated, so that the disk cannot be full later", async () => {
  const directory = mkdtempSync(join(home, "allocated-"));
  const disk = new FileDisk(directory);
  expect(await ended((done) => disk.create("wal-1", 3_000_000, done))).toBeUndefined();
  const { size, blocks } = statSync(join(directory, "wal-1"));
  expect(size).toBe(3_000_000);
  expect(blocks * 512).toBeGreaterThanOrEqual(3_000_000);
  disk.close();
});

test("only plain files of its own directory count: no other names, no links", async () => {
  const directory = mkdtempSync(join(home, "names-"));
  writeFileSync(join(home, "outside"), "precious");
  mkdirSync(join(directory, "wal-2"));
  symlinkSync(join(home, "outside"), join(directory, "wal-1"));
  const disk = new FileDisk(directory);
  expect(disk.list()).toEqual([]);
  expect((await ended((done) => disk.create("wal-1", 512, done)))?.code).toBe("io");
  expect((await ended((done) => disk.write("wal-3", 0, Uint8Array.of(1), done)))?.code).toBe("missing");
  expect(() => disk.read("../outside")).toThrow(/not the name of a file of the log/);
  expect(statSync(join(home, "outside")).size).toBe(8);
});

interface Writer {
  readonly process: ChildProcess;
  /** The last index that it has said is done. */
  readonly done: () => number;
  readonly exited: Promise<unknown>;
}

function startWriter(directory: string): Writer {
  const script = join(import.meta.dirname, "wal-writer.suite.ts");
  const child = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data: Buffer) => void (output += data.toString()));
  const done = (): number => Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1) ?? 0);
  return { process: child, done, exited: once(child, "close") };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 10_000) throw new Error("not within 20 s");
    await sleep(2);
  }
}

test("a process that is killed loses nothing that was done", { timeout: 60_000 }, async () => {
  const directory = join(home, "killed");
  const random = seededRandom(5);
  let last = 0;
  for (let round = 0; round < 4; round++) {
    const writer = startWriter(directory);
    try {
      await until(() => writer.done() > last + 250);
      await sleep(random.below(30));
    } finally {
      writer.process.kill("SIGKILL");
    }
    await writer.exited;
    const log = openLog(directory);
    last = checkLog(log);
    expect(last).toBeGreaterThanOrEqual(writer.done());
    await ended((done) => log.wal.close(done));
    log.disk.close();
  }
});

const mounts = mountsProbe();

test.each(mounts.loop ? ["ext4"] : [])(
  "a power loss takes nothing that was done (%s)",
  { timeout: 120_000 },
  async () => {
    const image = join(home, "disk.img");
    const disk = join(home, "disk");
    const copy = join(home, "copy");
    mkdirSync(disk);
    mkdirSync(copy);
    makeImage(image);
    execFileSync("mount", ["-o", "loop", image, disk]);
    const random = seededRandom(7);
    const writer = startWriter(join(disk, "log"));
    try {
      for (let round = 0, before = 0; round < 3; round++) {
        await until(() => writer.done() > before + 100);
        await sleep(random.below(60));
        // What the file system has not written to the image yet is what a power loss would take.
        writer.process.kill("SIGSTOP");
        await sleep(5);
        const done = writer.done();
        copyFileSync(image, `${image}.copy`);
        writer.process.kill("SIGCONT");
        expect(checkMounted(`${image}.copy`, copy)).toBeGreaterThanOrEqual(done);
        before = done;
      }
    } finally {
      writer.process.kill("SIGKILL");
      await writer.exited;
      execFileSync("umount", ["-l", disk]);
    }
  },
);

function checkMounted(image: string, directory: string): number {
  execFileSync("mount", ["-o", "loop", image, directory]);
  try {
    const log = openLog(join(directory, "log"));
    const last = checkLog(log);
    // The segment that it now prepares is on a file system that goes away.
    log.disk.close();
    return last;
  } finally {
    execFileSync("umount", ["-l", directory]);
  }
}

describe.each(mounts.tmpfs ? ["tmpfs"] : [])("a full disk (%s)", (type) => {
  const small = join(home, "small");
  beforeAll(() => {
    mkdirSync(small);
    execFileSync("mount", ["-t", type, "-o", "size=2m", "tmpfs", small]);
  });
  afterAll(() => void execFileSync("umount", ["-l", small]));

  test("holds the appends that need a new segment, takes no space meanwhile, and goes on when there is some", async () => {
    const ballast = join(small, "ballast");
    writeFileSync(ballast, Buffer.alloc(1024 * 1024));
    const disk = new FileDisk(small);
    const facts: WalFact[] = [];
    const segmentSizeBytes = 384 * 1024;
    const identity = { clusterId: "full", nodeId: 1 };
    const onFact = (fact: WalFact): void => void facts.push(fact);
    const { wal } = openWal({ disk, crc32c, identity, segmentSizeBytes, onFact });
    let acknowledged = 0;
    const append = (index: number): void => {
      const bytes = new Uint8Array(50_000).fill(index);
      wal.append([{ kind: "entries", group: 1, firstIndex: index, lastIndex: index, bytes }], (error) => {
        expect(error).toBeUndefined();
        acknowledged = index;
      });
    };
    for (let index = 1; index <= 20; index++) append(index);
    wal.flush();
    await until(() => wal.stalled !== undefined);
    expect(wal.stalled?.code).toBe("full");
    expect(acknowledged).toBe(14);
    expect(disk.list().filter((name) => name !== "ballast")).toHaveLength(2);
    await retried(wal);
    expect(acknowledged).toBe(14);

    rmSync(ballast);
    wal.retry();
    await until(() => acknowledged === 20);
    expect(wal.stalled).toBeUndefined();
    await ended((done) => wal.close(done));
    expect(facts.map(({ kind }) => kind)).toContain("resumed");
    const again = openWal({ disk, crc32c, identity, segmentSizeBytes });
    expect(again.recovered.get(1)?.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    await ended((done) => again.wal.close(done));
    disk.close();
  });
});

/** A retry that fails again; nothing else tells when it is over. */
async function retried(wal: Wal): Promise<void> {
  const before = wal.stalled;
  wal.retry();
  await until(() => wal.stalled !== before);
}

function makeImage(path: string): void {
  execFileSync("dd", ["if=/dev/zero", `of=${path}`, "bs=1M", "count=32", "status=none"]);
  execFileSync("mkfs.ext4", ["-q", path]);
}

/** Which file systems this process can mount: as root on Linux both, elsewhere none. */
function mountsProbe(): { readonly tmpfs: boolean; readonly loop: boolean } {
  const at = join(home, "probe");
  mkdirSync(at);
  const tries = (prepare: () => void, options: readonly string[]): boolean => {
    try {
      prepare();
      execFileSync("mount", [...options, at], { stdio: "ignore" });
      execFileSync("umount", [at]);
      return true;
    } catch {
      return false;
    }
  };
  const image = join(home, "probe.img");
  return {
    tmpfs: tries(() => {}, ["-t", "tmpfs", "-o", "size=1m", "tmpfs"]),
    loop: tries(() => makeImage(image), ["-o", "loop", image]),
  };
}
