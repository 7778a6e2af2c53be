/** The HTTP surface of a real node: what is wrong is refused clearly, and what is promised holds across nodes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectProblem, wrongRequests } from "../../src/api/wrong-requests.suite.ts";
import { cleanUp, increment, temporaryDirectory, Up } from "./cluster.ts";

const directory = temporaryDirectory();
let up: Up;
beforeAll(async () => {
  up = new Up(24_000, directory, []);
  await up.ready();
});
afterAll(() => cleanUp([up]));

test("wrong requests get the right problem from every node", async () => {
  const { clusterId } = JSON.parse(readFileSync(join(directory, "cohort.json"), "utf8")) as { clusterId: string };
  for (const [i, wrong] of wrongRequests({ clusterId, maxValueBytes: 1024 * 1024 }).entries()) {
    await expectProblem(up.http((i % 3) + 1), wrong);
  }
});

test("a session that moves from node to node sees its own writes", async () => {
  let session = "";
  const call = async (node: number, path: string, init: RequestInit = {}): Promise<Response> => {
    const headers: Record<string, string> = session === "" ? {} : { "cohort-session": session };
    const response = await fetch(`${up.http(node)}${path}`, { ...init, headers });
    session = response.headers.get("cohort-session") ?? session;
    return response;
  };
  for (let i = 0; i < 30; i++) {
    const put = await call((i % 3) + 1, "/v1/keyspaces/default/keys/moving", { method: "PUT", body: String(i) });
    expect(put.ok).toBe(true);
    const got = await call(((i + 1) % 3) + 1, "/v1/keyspaces/default/keys/moving?consistency=session");
    expect(await got.text()).toBe(String(i));
  }
});

test("a write that is repeated with its idempotency key, at any node, happens once", async () => {
  const before = await increment(up, 1);
  for (const node of [1, 2, 3]) {
    const response = await fetch(`${up.http(node)}/counter/increment`, {
      method: "POST",
      headers: { "idempotency-key": "test-once" },
    });
    expect(await response.json()).toMatchObject({ value: before + 1 });
  }
});

test("a watch tells every change in order, and resumes behind the last one seen", async () => {
  const put = async (i: number): Promise<void> => {
    await fetch(`${up.http((i % 3) + 1)}/v1/keyspaces/default/keys/watched/${i}`, { method: "PUT", body: String(i) });
  };
  const read = async (headers: Record<string, string>, count: number): Promise<{ keys: string[]; lastId: string }> => {
    const controller = new AbortController();
    const response = await fetch(`${up.http(2)}/v1/keyspaces/default/watch?prefix=watched/`, {
      headers,
      signal: controller.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const writes = (async () => {
      if (headers["last-event-id"] === undefined) for (let i = 0; i < count; i++) await put(i);
    })();
    let text = "";
    let keys: string[] = [];
    while (keys.length < count) {
      text += (await reader.read()).value;
      keys = Array.from(text.matchAll(/"key":"([^"]+)"/g), (match) => match[1]!);
    }
    await writes;
    controller.abort();
    return { keys, lastId: Array.from(text.matchAll(/^id: (\d+)$/gm), (match) => match[1]!)[0]! };
  };
  const expected = Array.from({ length: 10 }, (_, i) => `watched/${i}`);
  const first = await read({}, 10);
  expect(first.keys).toEqual(expected);
  expect((await read({ "last-event-id": first.lastId }, 10)).keys).toEqual(expected);
});

describe("in a partition", () => {
  test("the minority says no at once, degraded reads go on where they are wanted, and healing heals", async () => {
    const fault = await fetch(`${up.http(1)}/v1/cluster/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "partition", nodes: [[1], [2, 3]] }),
    });
    expect(fault.status).toBe(200);
    await expect
      .poll(async () => ((await (await fetch(`${up.http(1)}/readyz`)).json()) as { reasons: string[] }).reasons, {
        timeout: 10_000,
      })
      .toContain("group 0 knows no leader");
    const startedAt = performance.now();
    const refused = await fetch(`${up.http(1)}/counter/increment?timeoutMs=3000`, { method: "POST" });
    expect(await refused.json()).toMatchObject({ code: "unavailable", definite: true });
    expect(performance.now() - startedAt).toBeLessThan(3500);
    const wanted = encodeURIComponent("bounded(10ms); PartitionBehavior: AvailabilityPreferred");
    const degraded = await fetch(`${up.http(1)}/counter/value?consistency=${wanted}`);
    expect(await degraded.json()).toMatchObject({ degraded: true });
    expect(degraded.headers.get("cohort-consistency")).toMatch(/degraded=true$/);
    const strict = await fetch(
      `${up.http(1)}/counter/value?consistency=${encodeURIComponent("bounded(10ms)")}&timeoutMs=1000`,
    );
    expect(strict.status).toBe(503);
    await expect.poll(() => increment(up, 2), { timeout: 10_000 }).toBeGreaterThan(0);
    await fetch(`${up.http(2)}/v1/cluster/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "heal" }),
    });
    await expect.poll(async () => (await fetch(`${up.http(1)}/readyz`)).status, { timeout: 10_000 }).toBe(200);
    expect(await increment(up, 1)).toBeGreaterThan(0);
  });
});
