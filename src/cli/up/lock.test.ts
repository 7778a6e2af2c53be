import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDirectory } from "./lock.ts";

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "cohort-lock-"))));
afterEach(() => rmSync(directory, { recursive: true }));
const quiet = (): void => undefined;

test("one holds it, the next is told who, and may have it afterwards", async () => {
  const lock = await lockDirectory(directory, quiet);
  await expect(lockDirectory(directory, quiet)).rejects.toThrow(`process ${process.pid}`);
  lock.release();
  (await lockDirectory(directory, quiet)).release();
  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  ["a process that is gone", { pid: 2 ** 22 - 1, started: "1", children: [] }],
  ["a process whose number was used again", { pid: process.pid, started: "1", children: [] }],
])("a lock of %s is taken over", async (_, content) => {
  writeFileSync(join(directory, "cohort.lock"), JSON.stringify(content));
  const lock = await lockDirectory(directory, quiet);
  expect(JSON.parse(readFileSync(join(directory, "cohort.lock"), "utf8"))).toMatchObject({ pid: process.pid });
  lock.release();
});

test("nonsense in its place holds nothing", async () => {
  writeFileSync(join(directory, "cohort.lock"), "nonsense");
  (await lockDirectory(directory, quiet)).release();
});

test("of two that come at once, one gets a stale lock", async () => {
  writeFileSync(join(directory, "cohort.lock"), JSON.stringify({ pid: 2 ** 22 - 1, started: "1", children: [] }));
  const outcomes = await Promise.allSettled([lockDirectory(directory, quiet), lockDirectory(directory, quiet)]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("nodes of a supervisor that died are waited for, and a paused one is woken", async () => {
  // Ends half a second after it is woken, as a node does that notices its supervisor's death.
  const orphan = spawn("sh", ["-c", "trap 'exit' CONT; while :; do sleep 0.05; done"], { stdio: "ignore" });
  await sleep(100);
  orphan.kill("SIGSTOP");
  const stat = readFileSync(`/proc/${orphan.pid}/stat`, "utf8");
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
  const dead = { pid: 2 ** 22 - 1, started: "1", children: [{ pid: orphan.pid, started }] };
  writeFileSync(join(directory, "cohort.lock"), JSON.stringify(dead));
  const gone = once(orphan, "exit");
  const waitedFor: (readonly number[])[] = [];
  const lock = await lockDirectory(directory, (pids) => waitedFor.push(pids));
  await gone;
  expect(waitedFor).toEqual([[orphan.pid]]);
  lock.release();
});
