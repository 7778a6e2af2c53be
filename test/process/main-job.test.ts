/** From nothing to a counter that survives `kill -9`, on real processes, sockets and disks. */
import { afterAll, expect, test } from "vitest";
import { cleanUp, goneWithin, increment, temporaryDirectory, Up, value } from "./cluster.ts";

const base = 21_000;
const directory = temporaryDirectory();
const ups: Up[] = [];
const start = async (): Promise<Up> => {
  const up = new Up(base, directory, []);
  ups.push(up);
  await up.ready();
  return up;
};
afterAll(() => cleanUp(ups));

test("a new cluster counts, and every node tells the same", async () => {
  const up = new Up(base, directory, []);
  ups.push(up);
  await up.ready();
  expect(await increment(up, 1)).toBe(1);
  for (let i = 2; i <= 10; i++) expect(await increment(up, (i % 3) + 1)).toBe(i);
  for (const node of [1, 2, 3]) {
    expect(await value(up, node, "linearizable")).toBe(10);
    await expect.poll(() => value(up, node, "monotonic")).toBe(10);
    await expect.poll(() => value(up, node, "bounded(500ms)")).toBe(10);
  }
});

test("after kill -9 of everything, it goes on from disk", async () => {
  const [up] = ups;
  const pids = [...up!.pids.values()];
  expect(pids).toHaveLength(3);
  up!.child.kill("SIGKILL");
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await goneWithin(pids, 5000);
  const again = await start();
  expect(again.events.find(({ event }) => event === "starting")).toMatchObject({ created: false });
  expect(await value(again, 2, "linearizable")).toBe(10);
  expect(await increment(again, 3)).toBe(11);
});

test("a node that is killed is started again, and nothing is lost meanwhile", async () => {
  const up = ups.at(-1)!;
  const leader = up.events.findLast(({ event }) => event === "leader")!["node"] as number;
  const pid = up.pids.get(leader)!;
  const seen = up.events.length;
  process.kill(pid, "SIGKILL");
  const other = (leader % 3) + 1;
  expect(await increment(up, other)).toBe(12);
  const exited = await up.event("exit", ({ is, node }) => is === "exited" && node === leader, 10_000, seen);
  expect(exited).toMatchObject({ reason: "ended by SIGKILL", planned: false });
  await up.event("restart", ({ is, node }) => is === "ready" && node === leader, 20_000, seen);
  expect(await value(up, leader, "linearizable")).toBe(12);
});

test("nodes whose supervisor is killed stop cleanly, and the next one continues", async () => {
  const up = ups.at(-1)!;
  const pids = [...up.pids.values()];
  up.child.kill("SIGKILL");
  // At once: the new supervisor waits for the old nodes by itself.
  const again = await start();
  await goneWithin(pids, 100);
  expect(await value(again, 1, "linearizable")).toBe(12);
  expect(await increment(again, 1)).toBe(13);
});

test("Ctrl-C stops everything cleanly, and it starts again", async () => {
  const up = ups.at(-1)!;
  const pids = [...up.pids.values()];
  expect(await up.stop("SIGINT")).toBe(0);
  await goneWithin(pids, 100);
  expect(up.events.at(-1)).toMatchObject({ event: "stopped" });
  const planned = up.events.filter(({ is }) => is === "exited").slice(-3);
  expect(planned.every((event) => event["planned"] === true && event["reason"] === "exited with code 0")).toBe(true);
  const again = await start();
  expect(await value(again, 2, "linearizable")).toBe(13);
});
