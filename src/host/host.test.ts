import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { fromUtf8, utf8 } from "../base/index.ts";
import { parseReadContract, type Outcome, type RequestBody } from "../contract/index.ts";
import { decodeResult, encodeCommand, type Operation } from "../store/index.ts";
import { leaderOf, startNode, stopCluster, testCluster, type TestNode } from "./cluster.suite.ts";
import type { Host } from "./types.ts";

let nodes: TestNode[] = [];
afterEach(async () => {
  await stopCluster(nodes);
  nodes = [];
});

function write(operation: Operation): RequestBody {
  return { type: "write", command: encodeCommand({ envelope: { kind: "none" }, operation }) };
}

const put = (key: string, value: string): RequestBody =>
  write({ kind: "put", keyspace: "default", key: utf8(key), value: utf8(value) });
const increment = write({ kind: "increment", counter: "n", by: 1 });

function get(key: string, contract = "linearizable", position = 0): RequestBody {
  const query = { type: "get", keyspace: "default", key: utf8(key), revision: undefined } as const;
  return { type: "read", query, contract: parseReadContract(contract), position };
}

const submit = (host: Host, body: RequestBody, timeoutMs = 3000): Promise<Outcome> => host.submit(body, { timeoutMs });

function valueOf(outcome: Outcome): string | undefined {
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.detail}`);
  const answer = decodeResult(outcome.result);
  return answer.kind === "row" && answer.row !== undefined ? fromUtf8(answer.row.value) : undefined;
}

test("three nodes elect a leader; writes and linearizable reads go through any of them", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  for (const [i, { host }] of nodes.entries()) {
    expect(await submit(host!, put(`k${i}`, `v${i}`))).toMatchObject({ ok: true, kept: { guarantee: "Linearizable" } });
  }
  for (const { host } of nodes) expect(valueOf(await submit(host!, get("k1")))).toBe("v1");
  const status = leader.host!.status();
  expect(status).toMatchObject({ clusterId: "test", storage: { full: false }, groups: [{ role: "leader" }] });
  await vi.waitFor(() => expect(leader.host!.status().links.map(({ connected }) => connected)).toEqual([true, true]));
});

test("a restart keeps what was acknowledged, from the log and from checkpoints", async () => {
  nodes = await testCluster(1);
  const [node] = nodes;
  await leaderOf(nodes);
  expect(await submit(node!.host!, put("a", "1"))).toMatchObject({ ok: true });
  await node!.host!.close();
  await startNode(node!);
  await leaderOf(nodes);
  expect(valueOf(await submit(node!.host!, get("a")))).toBe("1");
  node!.refusesCommits = true;
  expect(await submit(node!.host!, put("b", "2"))).toMatchObject({ ok: true });
  await node!.host!.close();
  node!.refusesCommits = false;
  expect(node!.log.some((line) => line.startsWith("the last checkpoint failed"))).toBe(true);
  node!.engine = node!.engine.crash();
  await startNode(node!);
  await leaderOf(nodes);
  expect(valueOf(await submit(node!.host!, get("b")))).toBe("2");
});

test("a leader that stops hands over, and the cluster goes on within a moment", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  expect(await submit(leader.host!, put("a", "1"))).toMatchObject({ ok: true });
  await leader.host!.close();
  leader.host = undefined;
  const rest = nodes.filter(({ host }) => host !== undefined);
  const from = performance.now();
  expect(await submit(rest[0]!.host!, put("a", "2"))).toMatchObject({ ok: true });
  expect(performance.now() - from).toBeLessThan(300);
  expect(valueOf(await submit(rest[1]!.host!, get("a")))).toBe("2");
});

test("transfer of leadership, on request", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  const target = nodes.find((node) => node !== leader)!;
  expect(await leader.host!.transferLeadership(target.config.nodeId, 2000)).toMatchObject({ ok: true });
  expect(await leaderOf(nodes)).toBe(target);
});

test("a partitioned leader refuses what it cannot decide; the others go on; it catches up when healed", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  const others = nodes.filter((node) => node !== leader);
  const cut = { blockIn: true, blockOut: true, delayMs: 0, jitterMs: 0, drop: 0 };
  for (const { config } of others) leader.host!.setLinkFault({ peer: config.nodeId, ...cut });
  await leaderOf(others);
  expect(await submit(others[0]!.host!, put("a", "majority"))).toMatchObject({ ok: true });
  expect(await submit(leader.host!, get("a"), 1000)).toMatchObject({ ok: false });
  leader.host!.clearLinkFaults();
  await leaderOf(nodes);
  expect(valueOf(await submit(leader.host!, get("a")))).toBe("majority");
});

test("deadlines and aborts end a request", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  for (const node of nodes) if (node !== leader) await node.host!.close();
  const controller = new AbortController();
  const aborted = leader.host!.submit(increment, { timeoutMs: 5000, signal: controller.signal });
  controller.abort();
  expect(await aborted).toMatchObject({ ok: false, failure: { code: "cancelled" } });
  expect(await leader.host!.submit(increment, { timeoutMs: 50 })).toMatchObject({ ok: false });
  const gone = new AbortController();
  gone.abort();
  expect(await leader.host!.submit(increment, { timeoutMs: 50, signal: gone.signal })).toMatchObject({
    failure: { definite: true },
  });
});

test("a watch tells changes until it is closed", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const { host } = nodes[0]!;
  const seen: string[] = [];
  const sink = {
    onEvents: (events: readonly { key: Uint8Array }[]) => void seen.push(...events.map(({ key }) => fromUtf8(key))),
    onFailure: () => {},
  };
  const watch = host!.watch({ keyspace: "default", prefix: utf8("a"), from: 1 }, sink);
  for (const key of ["a1", "b1", "a2"]) await submit(host!, put(key, "x"));
  await vi.waitFor(() => expect(seen).toEqual(["a1", "a2"]));
  watch.close();
  await submit(host!, put("a3", "x"));
  expect(seen).toEqual(["a1", "a2"]);
});

test("a full disk refuses writes and goes on by itself; reads are served meanwhile", async () => {
  nodes = await testCluster(1, { segmentSizeBytes: 64 * 1024 });
  await leaderOf(nodes);
  const { host, disk } = nodes[0]!;
  expect(await submit(host!, put("a", "1"))).toMatchObject({ ok: true });
  disk.capacityBytes = 0;
  const outcomes: Outcome[] = [];
  for (let i = 0; i < 40 && outcomes.every(({ ok }) => ok); i++)
    outcomes.push(await submit(host!, put("a", "x".repeat(8000)), 1500));
  expect(outcomes.at(-1)).toMatchObject({ ok: false });
  await vi.waitFor(async () =>
    expect(await submit(host!, put("a", "2"), 500)).toMatchObject({ failure: { code: "storage-full" } }),
  );
  expect(host!.status().storage.full).toBe(true);
  expect(valueOf(await submit(host!, get("a", "eventual")))).toBeDefined();
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await vi.waitFor(async () => expect(await submit(host!, put("a", "3"), 500)).toMatchObject({ ok: true }), {
    timeout: 5000,
  });
  expect(host!.status().storage.full).toBe(false);
});

test("a log that cannot be written ends the node, and nothing is acknowledged after it", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const [node] = nodes;
  node!.disk.failNext("sync", { code: "io", message: "EIO: i/o error" });
  const outcome = submit(node!.host!, put("a", "1"), 300);
  await vi.waitFor(() => expect(node!.fatal).toHaveLength(1));
  expect(String(node!.fatal[0])).toMatch(/log cannot be written: EIO/);
  expect(await Promise.race([outcome, sleep(400, "silence")])).toBe("silence");
});

test("a node that is no member cannot start", async () => {
  nodes = await testCluster(1);
  const [node] = nodes;
  const config = { ...node!.config, nodeId: 9 };
  await expect(startNode({ ...node!, config })).rejects.toThrow(/node 9 is not among the members/);
});
