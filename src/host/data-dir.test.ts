import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openDataDirectory } from "./data-dir.ts";
import { StartupError } from "./startup-error.ts";

const home = mkdtempSync(join(tmpdir(), "cohort-data-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const identity = { clusterId: "test", nodeId: 1 };
let count = 0;
const fresh = (): string => join(home, `data-${count++}`);

function refusal(path: string, who = identity): StartupError {
  try {
    openDataDirectory(path, who).release();
  } catch (error) {
    if (error instanceof StartupError) return error;
    throw error;
  }
  throw new Error(`${path} was opened`);
}

const opening = (path: string, then: string): string => `
  import { openDataDirectory } from ${JSON.stringify(join(import.meta.dirname, "data-dir.ts"))};
  const directory = openDataDirectory(${JSON.stringify(path)}, ${JSON.stringify(identity)});
  console.log("open");
  ${then}`;

/** Another process, which has the directory until it ends. */
async function holder(path: string): Promise<ChildProcess> {
  const code = opening(path, "setInterval(() => {}, 1000); globalThis.directory = directory;");
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

test("a new directory is made with all above it, and has its parts", () => {
  const path = join(fresh(), "deep", "er");
  const directory = openDataDirectory(path, identity);
  expect([directory.log, directory.state]).toEqual([join(path, "log"), join(path, "state")]);
  expect(readdirSync(path).sort()).toEqual(["format.json", "holder.json", "lock", "log", "rings", "state"]);
  expect(JSON.parse(readFileSync(join(path, "format.json"), "utf8"))).toEqual({ format: 1, ...identity });
  directory.release();
  openDataDirectory(path, identity).release();
});

test("one that is open is refused to everybody else, until it is released", () => {
  const path = fresh();
  const directory = openDataDirectory(path, identity);
  const own = refusal(path);
  expect(own.code).toBe("data-directory-in-use");
  expect(own.message).toBe(
    `${path} is in use by process ${process.pid}. Stop it first (kill ${process.pid}), or name another directory.`,
  );
  const other = spawnSync(process.execPath, ["--input-type=module", "--eval", opening(path, "")], { encoding: "utf8" });
  expect(other.status).toBe(1);
  expect(other.stderr).toContain(`is in use by process ${process.pid}`);
  directory.release();
  directory.release();
  openDataDirectory(path, identity).release();
});

test("another way to the same directory makes no difference", () => {
  const path = fresh();
  const directory = openDataDirectory(path, identity);
  const link = fresh();
  symlinkSync(path, link);
  expect(refusal(link).code).toBe("data-directory-in-use");
  directory.release();
});

test("a killed holder leaves it free, at once and for one process only", async () => {
  const path = fresh();
  const child = await holder(path);
  expect(refusal(path).message).toContain(`process ${child.pid}.`);
  await kill(child);
  expect(existsSync(join(path, "holder.json"))).toBe(true);
  const directory = openDataDirectory(path, identity);
  expect(refusal(path).message).toContain(`process ${process.pid}.`);
  directory.release();
});

test("a paused holder keeps it, and the message says that it is paused", async () => {
  const path = fresh();
  const child = await holder(path);
  child.kill("SIGSTOP");
  try {
    const message = `process ${child.pid}, which is paused. Let it go on (kill -CONT ${child.pid})`;
    await expect.poll(() => refusal(path).message).toContain(message);
  } finally {
    await kill(child);
  }
});

test("of many that come at once, one gets it", async () => {
  const path = fresh();
  openDataDirectory(path, identity).release();
  const code = opening(path, "process.stdin.resume(); globalThis.directory = directory;");
  const children = Array.from({ length: 5 }, () =>
    spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: ["pipe", "pipe", "ignore"] }),
  );
  let open = 0;
  let refused = 0;
  const settled = children.map(
    (child) =>
      new Promise<void>((resolve) => {
        child.stdout.once("data", () => {
          open++;
          resolve();
        });
        child.once("exit", () => {
          refused++;
          resolve();
        });
      }),
  );
  await Promise.all(settled);
  expect([open, refused]).toEqual([1, 4]);
  await Promise.all(children.filter(({ exitCode }) => exitCode === null).map(kill));
});

test("a holder that is named but gone is not blamed", () => {
  const path = fresh();
  const directory = openDataDirectory(path, identity);
  writeFileSync(join(path, "holder.json"), JSON.stringify({ pid: 2 ** 22 + 1, host: "elsewhere" }));
  expect(refusal(path).message).toContain("process 4194305 on elsewhere. Stop it there first");
  writeFileSync(join(path, "holder.json"), "{");
  expect(refusal(path).message).toContain("in use by another process");
  directory.release();
});

test("the data of another node, cluster or release are refused, and say whose they are", () => {
  const path = fresh();
  openDataDirectory(path, identity).release();
  const other = refusal(path, { clusterId: "other", nodeId: 2 });
  expect(other.code).toBe("wrong-identity");
  expect(other.message).toContain('belongs to node 1 of cluster "test", not to node 2 of cluster "other"');
  writeFileSync(join(path, "format.json"), JSON.stringify({ format: 2, something: "new" }));
  expect(refusal(path).code).toBe("newer-format");
  expect(refusal(path).message).toContain("says format 2, and this release knows up to 1");
  openable(path);
});

/** What was refused is not held. */
function openable(path: string): void {
  writeFileSync(join(path, "format.json"), JSON.stringify({ format: 1, ...identity }));
  openDataDirectory(path, identity).release();
}

test.each([
  "",
  "{",
  "[]",
  "null",
  "{}",
  '{"format":1}',
  '{"format":0,"clusterId":"test","nodeId":1}',
  '{"format":"2"}',
])("a damaged format.json is refused: %s", (text) => {
  const path = fresh();
  openDataDirectory(path, identity).release();
  writeFileSync(join(path, "format.json"), text);
  expect(refusal(path).code).toBe("damaged");
  openable(path);
});

test("a missing format.json is written only where there are no data", () => {
  const path = fresh();
  mkdirSync(path);
  openDataDirectory(path, identity).release();
  rmSync(join(path, "format.json"));
  expect(refusal(path).code).toBe("damaged");
  expect(refusal(path).message).toContain("format.json is missing, but there are data");
});

test("what is no directory is refused", () => {
  const path = fresh();
  writeFileSync(path, "");
  expect(refusal(path).message).toContain(`${path} is not a directory.`);
  expect(refusal(join(path, "below")).message).toContain("is not a directory");
  expect(refusal(path).code).toBe("data-directory-unusable");
});

test("a file that is in the way of the lock is told", () => {
  const path = fresh();
  mkdirSync(join(path, "lock"), { recursive: true });
  expect(refusal(path).code).toBe("data-directory-unusable");
});

test.runIf(process.getuid?.() === 0)("a directory that this user may not write is refused (tried as nobody)", () => {
  const path = fresh();
  mkdirSync(path, { mode: 0o755 });
  chmodSync(home, 0o755);
  // The code is read before: nobody may not be allowed to.
  const code = opening(path, "").replace("const directory", "process.setuid(65534); const directory");
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" });
  expect(stderr).toContain(`${path} may not be read and written by this user`);
});
