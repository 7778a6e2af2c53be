/** The `cohort` command against a running cluster: what it prints for people and for programs, and how it exits. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanUp, cohort, temporaryDirectory, Up, type Finished } from "./cluster.ts";

let up: Up;
beforeAll(async () => {
  up = new Up(25_000, temporaryDirectory(), []);
  await up.ready();
});
afterAll(() => cleanUp([up]));

const run = (...args: string[]): Promise<Finished> => cohort(args, up.env);
const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await run(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
};

test("counters", async () => {
  expect((await run("counter", "increment")).stdout).toMatch(/^1 {2}Linearizable, position \d+/);
  expect(await json("counter", "increment", "--by", "41")).toMatchObject({ name: "default", value: 42 });
  expect(await json("counter", "increment", "--by", "-2")).toMatchObject({ value: 40 });
  expect(await json("counter", "get", "--consistency", "bounded(5s)", "--at", "any")).toHaveProperty("kept.guarantee");
  expect(await json("counter", "get", "other")).toMatchObject({ value: 0 });
});

test("keys", async () => {
  expect(await json("kv", "put", "greeting", "hello")).toMatchObject({ key: "greeting", previousRevision: 0 });
  expect(await run("kv", "get", "greeting")).toMatchObject({ code: 0, stdout: "hello", stderr: "" });
  expect(await json("kv", "get", "greeting")).toMatchObject({ key: "greeting", value: "hello", version: 1 });
  expect(await cohort(["kv", "put", "piped", "-"], up.env, "from a pipe")).toMatchObject({ code: 0 });
  const conflict = await run("kv", "put", "greeting", "again", "--expected-revision", "0", "--json");
  expect(conflict.code).toBe(1);
  expect(JSON.parse(conflict.stderr)).toMatchObject({ error: { code: "conflict", definite: true } });
  expect(await json("kv", "list", "--limit", "1")).toMatchObject({ items: [{ key: "greeting" }], more: true });
  expect(await json("kv", "delete", "greeting")).toMatchObject({ deleted: true });
  const missing = await run("kv", "get", "greeting");
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/no key "greeting" in default\n {7}Check the name/);
});

test("transactions", async () => {
  const claim = ["txn", "--if", "job missing", "--then", "put job me", "--else", "get job"];
  expect(await json(...claim)).toMatchObject({ succeeded: true, steps: [{ put: true, previousRevision: 0 }] });
  expect(await json(...claim)).toMatchObject({ succeeded: false, steps: [{ found: true, value: "me" }] });
});

test("watches, one document a line", async () => {
  const main = join(import.meta.dirname, "../../src/cli/main.ts");
  const watch = spawn(process.execPath, [main, "kv", "watch", "w/", "--json", "--from", "1"], {
    env: { ...process.env, ...up.env },
  });
  const lines: unknown[] = [];
  createInterface(watch.stdout).on("line", (line) => lines.push(JSON.parse(line)));
  await json("kv", "put", "w/a", "1");
  await json("kv", "delete", "w/a");
  await expect.poll(() => lines.length, { timeout: 10_000 }).toBe(2);
  expect(lines).toMatchObject([
    { kind: "put", key: "w/a", value: "1" },
    { kind: "delete", key: "w/a" },
  ]);
  const closed = new Promise((resolve) => watch.on("close", resolve));
  watch.kill("SIGINT");
  expect(await closed).toBe(0);
});

describe("faults", () => {
  test("are told to the status, and healed", async () => {
    expect(await json("fault", "delay", "1-2", "--ms", "5")).toMatchObject({
      active: [{ kind: "delay", from: 1, to: 2, delayMs: 5 }],
    });
    expect(await json("fault", "drop", "--rate", "0.01", "--for", "60s")).toMatchObject({
      active: [{ kind: "delay" }, { kind: "drop" }],
    });
    const status = await run("status");
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(
      /leader node \d, term \d+[\s\S]*node +role +term +commit[\s\S]*faults .*"delay".*"drop"/,
    );
    expect(await json("fault", "heal")).toMatchObject({ active: [] });
    expect(await json("status")).toMatchObject({
      faults: [],
      nodes: [{ reachable: true }, { reachable: true }, { reachable: true }],
    });
  });

  test("kill the leader, and another leads", async () => {
    const before = (await json("status")) as { leader: number };
    await json("fault", "kill", "leader", "--for", "1m");
    await expect
      .poll(
        async () => (JSON.parse((await run("status", "--json")).stdout) as { leader?: number }).leader ?? before.leader,
        { timeout: 15_000 },
      )
      .not.toBe(before.leader);
    const again = await run("fault", "pause", String(before.leader));
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/node \d is down: there is nothing to pause/);
    expect(await json("counter", "get")).toMatchObject({ value: 40 });
    await json("fault", "resume", String(before.leader));
    await expect
      .poll(
        async () =>
          ((await json("status")) as { processes: { state: string }[] }).processes.every(
            ({ state }) => state === "ready",
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
  });

  test("pause a node asked by itself, which answers first", async () => {
    const response = await fetch(`${up.http(2)}/v1/cluster/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "pause", node: 2, forMs: 4000 }),
    });
    expect(response.status).toBe(200);
    const state = async (): Promise<string | undefined> => {
      const cluster = await fetch(`http://127.0.0.1:${up.base + 70}/v1/cluster`);
      return ((await cluster.json()) as { processes: { state: string }[] }).processes[1]?.state;
    };
    await expect.poll(state, { timeout: 5000 }).toBe("paused");
    await expect.poll(state, { timeout: 20_000 }).toBe("ready");
  });

  test.each([
    [["fault", "kill", "9"], 2, /there is no node 9; there are 1, 2, 3/],
    [["fault", "partition", "1,2,3"], 2, /needs nodes on both sides/],
    [["fault", "delay", "1..2", "--ms", "5"], 2, /no link; write 1-2/],
    [["fault", "drop", "--rate", "2"], 2, /rate/],
    [["fault", "kill"], 2, /missing required argument/],
    [["fault", "heal", "--endpoint", "127.0.0.1:25999"], 1, /nothing listens on 127\.0\.0\.1:25999/],
    [["kv", "get", "a", "--consistency", "sometimes"], 2, /there are Linearizable/],
    [["kv", "get", "a", "--endpoints", "nowhere"], 2, /is not an endpoint; write host:port/],
    [["txn", "--if", "nonsense"], 2, /no condition; write/],
  ])("%j", async (args, code, message) => {
    const finished = await run(...args);
    expect(finished.stderr).toMatch(message);
    expect(finished.code).toBe(code);
  });
});

test("every command has help with an example", async () => {
  const commands = ["up", "node", "status", "txn", "lock", "counter increment", "counter get"];
  commands.push(...["put", "get", "delete", "list", "watch"].map((name) => `kv ${name}`));
  commands.push(...["kill", "pause", "resume", "partition", "delay", "drop", "heal"].map((name) => `fault ${name}`));
  for (const command of ["", ...commands]) {
    const { code, stdout } = await run(...command.split(" ").filter((word) => word !== ""), "--help");
    expect(code).toBe(0);
    expect(stdout, command).toMatch(/\nExample:\n {2}cohort /);
    if (command !== "") expect(stdout, command).toMatch(/--json/);
  }
});

test("the console is served from the start", async () => {
  const response = await fetch(`http://127.0.0.1:${up.base + 70}/`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/html/);
  expect(await response.text()).toMatch(/<title>[^<]*Cohort/);
});
