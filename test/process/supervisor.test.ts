/** What `cohort up` does when things are in its way. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { cleanUp, cohort, goneWithin, increment, temporaryDirectory, Up } from "./cluster.ts";

const base = 22_000;
const ups: Up[] = [];
afterAll(() => cleanUp(ups));
const begin = (directory: string, ...args: string[]): Up => {
  const up = new Up(base, directory, args);
  ups.push(up);
  return up;
};

describe("refusals say what to do", () => {
  test("a port in use", async () => {
    const server = createServer().listen(base + 302, "127.0.0.1");
    const directory = temporaryDirectory();
    const { code, stderr } = await cohort(["up", "--data", directory], { COHORT_PORT_BASE: String(base) });
    server.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/port 22302 \(peers of node 2\) is in use\n.*COHORT_PORT_BASE=/);
  });

  test("a directory that is not ours, also with --fresh", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "holiday.jpg"), "beach");
    for (const args of [[], ["--fresh"]]) {
      const { code, stderr } = await cohort(["up", "--data", directory, ...args], { COHORT_PORT_BASE: String(base) });
      expect(code).toBe(1);
      expect(stderr).toMatch(/it holds "holiday.jpg"\n.*Nothing was changed/);
    }
    expect(readdirSync(directory)).toEqual(["holiday.jpg"]);
  });

  test.each([
    [["up", "--nodes", "none"], /--nodes is "none"; it has to be a whole number/],
    [["up", "--nodes", "0"], /--nodes is 0; it has to be from 1 to 9/],
    [["up", "--colour"], /unknown option '--colour'/],
    [["upp"], /unknown command 'upp'/],
    [["node"], /required option '--config <file>'/],
    [["node", "--config", "/nowhere.json"], /\/nowhere\.json cannot be read/],
    [["fault", "partition"], /missing required argument 'groups'/],
    [["counter", "increment", "--by", "some"], /--by is "some"/],
    [["kv", "get", "a", "--timeout", "soon"], /--timeout is "soon"; write a duration/],
  ])("%j", async (args, message) => {
    const { code, stderr } = await cohort(args, { COHORT_PORT_BASE: String(base) });
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("a base port that is none", async () => {
    const { code, stderr } = await cohort(["status"], { COHORT_PORT_BASE: "high" });
    expect(stderr).toMatch(/COHORT_PORT_BASE is "high"/);
    expect(code).toBe(2);
  });

  test("no cluster there", async () => {
    const { code, stderr } = await cohort(["status"], { COHORT_PORT_BASE: "27000" });
    expect(stderr).toMatch(/no cluster listens on this machine[\s\S]*Start one with `npm start`/);
    expect(code).toBe(1);
  });

  test("a newer data format, by one clear error and no restarts", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "cohort.json"), '{"format":2,"clusterId":"x","nodes":3}');
    const { code, stderr } = await cohort(["up", "--data", directory], { COHORT_PORT_BASE: String(base) });
    expect(stderr).toMatch(/is of format 2; this version knows up to 1/);
    expect(code).toBe(1);
  });
});

describe("a running cluster", () => {
  const directory = temporaryDirectory();

  test("is the only one on its directory", async () => {
    const up = begin(directory, "--nodes", "1");
    await up.ready();
    expect(await increment(up, 1)).toBe(1);
    const second = await cohort(["up", "--data", directory], { COHORT_PORT_BASE: "27000" });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(`another \`cohort up\` (process ${up.child.pid}) runs on ${directory}`);
    const fresh = await cohort(["up", "--data", directory, "--fresh"], { COHORT_PORT_BASE: "27000" });
    expect(fresh.code).toBe(1);
    expect(await increment(up, 1)).toBe(2);
  });

  test("writes one JSON document a line to its log", () => {
    const lines = readFileSync(join(directory, "node-1", "node.log"), "utf8")
      .trim()
      .split("\n");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ node: 1, msg: expect.any(String) as string });
  });

  test("stays with its number of nodes, and begins anew with --fresh", async () => {
    expect(await ups.at(-1)!.stop()).toBe(0);
    const other = await cohort(["up", "--data", directory, "--nodes", "3"], { COHORT_PORT_BASE: String(base) });
    expect(other.stderr).toMatch(/has 1 nodes, not 3/);
    const up = begin(directory, "--nodes", "1", "--fresh");
    await up.ready();
    expect(await increment(up, 1)).toBe(1);
  });

  test("that is told to stop while it starts stops", async () => {
    await ups.at(-1)!.stop();
    const up = begin(directory);
    await up.event("a node", ({ is }) => is === "started");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const startedAt = performance.now();
    expect(await up.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(9000);
    expect(up.events.findLast(({ is }) => is === "exited")).toMatchObject({
      reason: "exited with code 0",
      planned: true,
    });
  });

  test("that is told twice to stop does not ask again", async () => {
    const up = begin(directory);
    await up.ready();
    const pids = [...up.pids.values()];
    process.kill(pids[0]!, "SIGSTOP");
    up.child.kill("SIGTERM");
    up.child.kill("SIGINT");
    up.child.kill("SIGINT");
    await up.closed;
    await goneWithin(pids, 1000);
  });
});

test("a cluster whose output nobody reads runs on", async () => {
  const up = begin(temporaryDirectory(), "--nodes", "1");
  await up.ready();
  const pid = up.pids.get(1)!;
  up.child.stdout!.destroy();
  // What is told now meets a closed pipe.
  process.kill(pid, "SIGKILL");
  await expect.poll(() => increment(up, 1).catch(() => 0), { timeout: 20_000 }).toBe(1);
  expect(await up.stop()).toBe(0);
});

test("a node that can never run is not started again and again", async () => {
  const directory = temporaryDirectory();
  const first = begin(directory, "--nodes", "1");
  await first.ready();
  await first.stop();
  // Data of another cluster under this one's name.
  const marker = JSON.parse(readFileSync(join(directory, "cohort.json"), "utf8")) as object;
  writeFileSync(join(directory, "cohort.json"), JSON.stringify({ ...marker, clusterId: "another" }));
  mkdirSync(join(directory, "node-1"), { recursive: true });
  const up = begin(directory);
  expect(await up.closed).toBe(1);
  const exits = up.events.filter(({ is }) => is === "exited");
  expect(exits).toHaveLength(1);
  expect(exits[0]).not.toHaveProperty("restartInMs");
  expect(String(exits[0]!["reason"])).toMatch(/another|cluster/);
  expect(up.stderr).toMatch(/no node can run/);
});
