/** The client against real nodes over TCP, in this process and on disks in memory. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { fromUtf8 } from "../base/index.ts";
import { leaderOf, startNode, stopCluster, testCluster, type TestNode } from "../host/cluster.suite.ts";
import { connect, type Client } from "./index.ts";

let nodes: TestNode[] = [];
let clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.map(async (client) => client.close()));
  await stopCluster(nodes);
  clients = [];
  nodes = [];
});

async function cluster(size: number): Promise<Client> {
  nodes = await testCluster(size);
  await leaderOf(nodes);
  return client();
}

function client(): Client {
  const db = connect({ endpoints: nodes[0]!.config.members.map(({ native }) => native) });
  clients.push(db);
  return db;
}

test("everything a client can ask, end to end", async () => {
  const db = await cluster(3);
  expect(await db.put("a", "one")).toMatchObject({ revision: 1, kept: { guarantee: "Linearizable", degraded: false } });
  expect(fromUtf8((await db.get("a"))!.value)).toBe("one");
  expect(
    await db.transaction({ compare: [{ key: "a", is: ">", revision: 0 }], then: [{ put: "b", value: "two" }] }),
  ).toMatchObject({ succeeded: true, revision: 2 });
  expect((await db.list({ prefix: "" })).items.map(({ key }) => fromUtf8(key))).toEqual(["a", "b"]);
  expect(fromUtf8((await db.get("a", { revision: 1 }))!.value)).toBe("one");
  expect((await Promise.all(Array.from({ length: 50 }, async () => db.counter("n").increment()))).at(-1)).toMatchObject(
    { value: 50 },
  );
  expect(await db.counter("n").value({ consistency: "session", prefer: "any" })).toMatchObject({ value: 50 });
  await db.createKeyspace({ name: "inventory", contract: "ReadConsistency: MonotonicRead" });
  expect((await db.keyspaces()).keyspaces.map(({ name }) => name)).toContain("inventory");
  await expect(db.put("a", "x", { expectedRevision: 99 })).rejects.toMatchObject({ code: "conflict", definite: true });
  expect(await db.delete("a")).toMatchObject({ deleted: true });
});

test("reads of every consistency see what their session has written, at every node", async () => {
  const db = await cluster(3);
  const endpoints = nodes[0]!.config.members.map(({ native }) => native);
  for (let i = 1; i <= 20; i++) {
    await db.put("k", `${i}`);
    for (const prefer of endpoints) {
      for (const consistency of ["linearizable", "session", "monotonic"]) {
        expect(fromUtf8((await db.get("k", { consistency, prefer }))!.value)).toBe(`${i}`);
      }
    }
  }
  const bounded = await db.newSession().get("k", { consistency: "bounded(5s)", prefer: "any" });
  expect(bounded!.kept.stalenessMs).toBeLessThanOrEqual(5000);
});

test("increments are applied once while leaders stop and come back", async () => {
  const db = await cluster(3);
  const chaosRuns = { now: true };
  const chaos = (async () => {
    for (let round = 0; round < 3; round++) {
      const leader = await leaderOf(nodes);
      await leader.host!.close();
      leader.host = undefined;
      await sleep(100);
      leader.engine = leader.engine.crash();
      await startNode(leader);
      await sleep(100);
    }
    chaosRuns.now = false;
  })();
  const values: number[] = [];
  const worker = async (): Promise<void> => {
    while (chaosRuns.now) values.push((await db.counter("n").increment()).value);
  };
  await Promise.all([chaos, ...Array.from({ length: 8 }, worker)]);
  expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: values.length }, (_, i) => i + 1));
  expect(values.length).toBeGreaterThan(50);
  expect(await db.counter("n").value()).toMatchObject({ value: values.length });
});

test("a watch goes on through a change of leader, without a gap and without a repetition", async () => {
  const db = await cluster(3);
  const watch = db.watch({ prefix: "job/" });
  await vi.waitFor(() => expect(watch.from).toBeGreaterThan(0));
  const writing = (async () => {
    for (let i = 0; i < 120; i++) {
      await db.put(`job/${i}`, `${i}`);
      if (i === 40) {
        const leader = await leaderOf(nodes);
        await leader.host!.close();
        leader.host = undefined;
      }
    }
  })();
  const seen: string[] = [];
  for await (const { key } of watch) {
    seen.push(fromUtf8(key));
    if (seen.length === 120) break;
  }
  await writing;
  expect(seen).toEqual(Array.from({ length: 120 }, (_, i) => `job/${i}`));
});

test("a watch of keys that never change keeps up with the revisions", async () => {
  const db = await cluster(1);
  const watch = db.watch({ prefix: "quiet/" });
  await vi.waitFor(() => expect(watch.from).toBeGreaterThan(0));
  await Promise.all(Array.from({ length: 10_100 }, async (_, i) => db.put(`loud/${i % 10}`, "x")));
  await vi.waitFor(() => expect(watch.from).toBeGreaterThan(10_000));
  await db.put("quiet/1", "at last");
  expect(await watch.next()).toMatchObject({ value: { revision: 10_101 } });
});

test("a partition: the client finds the side that can decide", async () => {
  const db = await cluster(3);
  await db.put("a", "before");
  const leader = await leaderOf(nodes);
  const cut = { blockIn: true, blockOut: true, delayMs: 0, jitterMs: 0, drop: 0 };
  for (const { config } of nodes)
    if (config !== leader.config) leader.host!.setLinkFault({ peer: config.nodeId, ...cut });
  expect(await db.put("a", "after", { timeoutMs: 8000 })).toMatchObject({ revision: 2 });
  expect(fromUtf8((await db.get("a"))!.value)).toBe("after");
});

test("no node: the error says why, and that nothing happened", async () => {
  const db = connect({ endpoints: ["127.0.0.1:9"], timeoutMs: 300 });
  clients.push(db);
  await expect(db.put("a", "1")).rejects.toMatchObject({ code: "disconnected", definite: true });
  await expect(db.get("a")).rejects.toThrow(/ECONNREFUSED/);
});

test("a process that has closed its client ends by itself", async () => {
  const db = await cluster(1);
  await db.put("a", "1");
  const before = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
  await db.close();
  await vi.waitFor(() =>
    expect(process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length).toBeLessThan(before),
  );
  await expect(db.get("a")).rejects.toMatchObject({ code: "cancelled" });
});
