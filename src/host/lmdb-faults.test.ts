/** What happens to a state on disk: killed writers, power loss, a full disk, and bytes that were changed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { seededRandom } from "../base/index.ts";
import type { Batch, EngineError } from "../store/index.ts";
import { outcome } from "../store/engine.suite.ts";
import { checkBatches, writeBatches } from "./lmdb-writer.suite.ts";
import { closed, lmdbFixture, openForTest } from "./lmdb.suite.ts";
import { StartupError } from "./startup-error.ts";

const home = mkdtempSync(join(tmpdir(), "cohort-faults-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Writer {
  readonly process: ChildProcess;
  /** The last batch that it has said is done. */
  readonly done: () => number;
  readonly exited: Promise<unknown>;
}

function startWriter(directory: string): Writer {
  const script = join(import.meta.dirname, "lmdb-writer.suite.ts");
  const child = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data: Buffer) => void (output += data.toString()));
  const done = (): number => Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1) ?? 0);
  return { process: child, done, exited: once(child, "exit") };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

test("a killed writer loses nothing that was done, and leaves nothing half done", { timeout: 60_000 }, async () => {
  const directory = join(home, "killed");
  const random = seededRandom(7);
  let before = 0;
  for (let round = 0; round < 3; round++) {
    const writer = startWriter(directory);
    await until(() => writer.done() > before + 3);
    await sleep(random.below(40));
    writer.process.kill("SIGKILL");
    await writer.exited;
    const engine = openForTest(directory);
    const last = checkBatches(engine);
    expect(last).toBeGreaterThanOrEqual(writer.done());
    await closed(engine);
    before = last;
  }
});

describe("what cannot be opened says what to do", () => {
  const refused = (directory: string): StartupError => {
    try {
      openForTest(directory);
    } catch (error) {
      if (error instanceof StartupError) return error;
      throw error;
    }
    throw new Error("it was opened");
  };
  const prepared = async (name: string): Promise<string> => {
    const directory = join(home, name);
    const engine = openForTest(directory);
    let last = 0;
    writeBatches(engine, (n) => (last = n) < 30);
    await until(() => last === 30);
    await closed(engine);
    return directory;
  };

  test.each([
    ["a damaged pointer", (at: string) => writeFileSync(join(at, "CURRENT"), "nonsense")],
    ["a missing pointer", (at: string) => rmSync(join(at, "CURRENT"))],
    ["a pointer to nothing", (at: string) => writeFileSync(join(at, "CURRENT"), "state-000007\n")],
    ["a damaged file", (at: string) => writeFileSync(join(at, "state-000001/data.mdb"), Buffer.alloc(65_536, 7))],
    ["an overwritten file", (at: string) => writeFileSync(join(at, "state-000001/data.mdb"), "x")],
    ["a file without its trees", (at: string) => truncateSync(join(at, "state-000001/data.mdb"), 2 * 4096)],
  ])("%s", async (name, damage) => {
    const directory = await prepared(name.replaceAll(" ", "-"));
    damage(directory);
    const error = refused(directory);
    expect(error.code).toBe("damaged");
    expect(error.message).toContain(directory);
    expect(error.advice).toMatch(/Move .* away/);
  });
});

test.each([0.2, 0.4, 0.6, 0.8])("a file cut to %f of its length is an error, not a crash", async (share) => {
  const fixture = await lmdbFixture(home);
  const rows = Array.from({ length: 200 }, (_, i) => [`k${String(i).padStart(3, "0")}`, new Uint8Array(1000)] as const);
  const batch = [{ table: "current" as const, rows }];
  expect(await outcome(fixture, (done) => fixture.engine.commit(batch, done))).toBeUndefined();
  await closed(fixture.engine);
  const file = join(fixture.directory, "state-000001/data.mdb");
  truncateSync(file, Math.floor(statSync(file).size * share));
  const readAll = async (): Promise<void> => {
    const engine = openForTest(fixture.directory);
    try {
      expect([...engine.range("current", {})]).toHaveLength(200);
    } finally {
      await closed(engine);
    }
  };
  await expect(readAll()).rejects.toThrow(/damaged|cannot be opened|cannot be read/);
});

test("a flipped bit in a value is noticed when it is read", async () => {
  const fixture = await lmdbFixture(home);
  const value = new Uint8Array(500).fill(0x5a);
  const batch = [{ table: "current" as const, rows: [["flip me", value] as const] }];
  expect(await outcome(fixture, (done) => fixture.engine.commit(batch, done))).toBeUndefined();
  await closed(fixture.engine);
  const file = join(fixture.directory, "state-000001/data.mdb");
  const content = readFileSync(file);
  const at = content.indexOf("flip me");
  expect(at).toBeGreaterThan(0);
  for (let copy = at; copy >= 0; copy = content.indexOf("flip me", copy + 1)) content[copy + 200]! ^= 0x10;
  writeFileSync(file, content);
  await fixture.reopen();
  expect(() => fixture.engine.get("current", "flip me")).toThrow(/damaged/);
  expect(() => [...fixture.engine.range("current", {})]).toThrow(/damaged/);
  await fixture.dispose();
});

const mounts = mountsProbe();

describe.each(mounts.tmpfs ? ["tmpfs"] : [])("a full disk (%s)", (type) => {
  const disk = join(home, "small");
  beforeAll(() => {
    mkdirSync(disk);
    execFileSync("mount", ["-t", type, "-o", "size=1500k", "tmpfs", disk]);
  });
  afterAll(() => void execFileSync("umount", ["-l", disk]));

  test("refuses a commit whole, and goes on when there is space again", async () => {
    // lmdb-js prints what it also throws.
    const silenced = vi.spyOn(console, "error").mockImplementation(() => {});
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, Buffer.alloc(800 * 1024));
    const fixture = await lmdbFixture(disk);
    const row = (n: number, size: number): Batch => [
      { table: "current", rows: [[`k${n}`, new Uint8Array(size).fill(n)]] },
    ];
    const commit = (batch: Batch): Promise<EngineError | undefined> =>
      outcome(fixture, (done) => fixture.engine.commit(batch, done));
    const there: string[] = [];
    for (let error; error === undefined;) {
      error = await commit(row(there.length, 100_000));
      if (error === undefined) there.push(`k${there.length}`);
      else
        expect(error).toMatchObject({ code: "full", message: expect.stringContaining(fixture.directory) as unknown });
    }
    expect(there.length).toBeGreaterThan(2);
    for (let life = 0; life < 2; life++) {
      expect([...fixture.engine.keys("current", {})]).toEqual(there);
      expect(await commit(row(99, 400_000))).toMatchObject({
        code: "full",
      });
      await fixture.reopen();
    }
    const staged = fixture.engine.replace();
    for (let i = 0; i < 20; i++) staged.put("current", `s${String(i).padStart(2, "0")}`, new Uint8Array(100_000));
    expect(await outcome(fixture, (done) => staged.activate(done))).toMatchObject({ code: "full" });
    expect([...fixture.engine.keys("current", {})]).toEqual(there);
    rmSync(ballast);
    expect(await commit(row(99, 400_000))).toBeUndefined();
    await fixture.reopen();
    expect([...fixture.engine.keys("current", {})]).toEqual([...there, "k99"].sort());
    await fixture.dispose();
    silenced.mockRestore();
  });
});

test.each(mounts.loop ? ["ext4"] : [])(
  "a power loss takes nothing that was done, and leaves nothing half done (%s)",
  { timeout: 120_000 },
  async () => {
    const image = join(home, "disk.img");
    const disk = join(home, "disk");
    mkdirSync(disk);
    makeImage(image);
    execFileSync("mount", ["-o", "loop", image, disk]);
    const random = seededRandom(11);
    const writer = startWriter(join(disk, "state"));
    try {
      for (let round = 0, before = 0; round < 3; round++) {
        await until(() => writer.done() > before + 5);
        await sleep(random.below(60));
        // What the file system has not written to the image yet is what a power loss would take.
        writer.process.kill("SIGSTOP");
        await sleep(5);
        const done = writer.done();
        copyFileSync(image, `${image}.copy`);
        writer.process.kill("SIGCONT");
        before = checkCopy(`${image}.copy`, done);
      }
    } finally {
      writer.process.kill("SIGKILL");
      await writer.exited;
      execFileSync("umount", ["-l", disk]);
    }
  },
);

/** In a process of its own: the same file would be open twice in this one. */
function checkCopy(image: string, done: number): number {
  const disk = join(home, "copy");
  mkdirSync(disk, { recursive: true });
  execFileSync("mount", ["-o", "loop", image, disk]);
  try {
    const code = `
      import { checkBatches } from ${JSON.stringify(join(import.meta.dirname, "lmdb-writer.suite.ts"))};
      import { openForTest } from ${JSON.stringify(join(import.meta.dirname, "lmdb.suite.ts"))};
      console.log(checkBatches(openForTest(${JSON.stringify(join(disk, "state"))})));
      process.exit(0);`;
    const last = Number(execFileSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" }));
    expect(last).toBeGreaterThanOrEqual(done);
    return last;
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
}

function makeImage(path: string): void {
  execFileSync("dd", ["if=/dev/zero", `of=${path}`, "bs=1M", "count=48", "status=none"]);
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
