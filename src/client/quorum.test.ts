/** Keyspaces without a leader, end to end: real nodes over TCP, in this process and on disks in memory. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
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
  const endpoints = nodes[0]!.config.members.map(({ native }) => native);
  const db = connect({ endpoints, timeoutMs: 8000 });
  clients.push(db);
  return db;
}

const nativeOf = (node: TestNode): string => node.config.members[node.config.nodeId - 1]!.native;

/** Nothing passes between the node and the others. */
function isolate(alone: TestNode): void {
  for (const node of nodes) {
    for (const peer of node.config.members.map(({ id }) => id)) {
      const cut = peer !== node.config.nodeId && (peer === alone.config.nodeId || node === alone);
      if (cut) node.host!.setLinkFault({ peer, blockIn: true, blockOut: true, delayMs: 0, jitterMs: 0, drop: 0 });
    }
  }
}

const heal = (): void => nodes.forEach((node) => node.host!.clearLinkFaults());

/** Asks again until it is so: replicas come together in the background. */
async function eventually<T>(ask: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  for (let i = 0; ; i++) {
    const value = await ask();
    if (is(value) || i === 100) return value;
    await sleep(50);
  }
}

test("keys are written and read by quorums, through any node, also after a restart", async () => {
  const db = await cluster(3);
  await db.createKeyspace({ name: "carts", engine: "dynamo", r: 2, w: 2 });
  const put = await db.put("a", "one", { keyspace: "carts" });
  expect(put).toMatchObject({ siblings: 1, kept: { guarantee: "Quorum(W=2)", degraded: false } });
  for (const node of nodes) {
    const found = await db.get("a", { keyspace: "carts", prefer: nativeOf(node) });
    expect(fromUtf8(found!.value)).toBe("one");
    expect(found!.kept.guarantee).toBe("Quorum(R=2)");
  }
  expect(await db.get("b", { keyspace: "carts", r: 3 })).toBeUndefined();
  const again = nodes[0]!;
  await again.host!.close();
  again.engine = again.engine.crash();
  again.rings = again.rings.crash();
  await startNode(again);
  const found = await db.get("a", { keyspace: "carts", prefer: nativeOf(again), consistency: "eventual" });
  expect(fromUtf8(found!.value)).toBe("one");
  expect(await db.delete("a", { keyspace: "carts", w: 3 })).toMatchObject({ deleted: true });
  expect(await db.get("a", { keyspace: "carts" })).toBeUndefined();
});

test("what such a keyspace cannot do is refused, and says why", async () => {
  const db = await cluster(3);
  await expect(db.createKeyspace({ name: "x", engine: "dynamo", r: 4 })).rejects.toMatchObject({
    code: "bad-request",
    message: expect.stringContaining("R=4 is above what N=3") as string,
  });
  await expect(
    db.createKeyspace({ name: "x", engine: "dynamo", r: 1, w: 1, contract: "linearizable" }),
  ).rejects.toMatchObject({ code: "contradiction" });
  await db.createKeyspace({ name: "carts", engine: "dynamo" });
  const keyspace = "carts";
  const refused = { definite: true, code: "unsupported" };
  await expect(db.put("a", "1", { keyspace, expectedRevision: 1 })).rejects.toMatchObject(refused);
  await expect(db.transaction({ keyspace, then: [{ put: "a", value: "1" }] })).rejects.toMatchObject(refused);
  await expect(db.list({ keyspace })).rejects.toMatchObject(refused);
  await expect(db.get("a", { keyspace, consistency: "linearizable" })).rejects.toMatchObject(refused);
  await expect(db.get("a", { r: 2 })).rejects.toMatchObject(refused);
  await expect(db.put("a", "1", { keyspace, w: 4 })).rejects.toMatchObject({ code: "bad-request", definite: true });
  await expect(db.setContract("carts", "Quorum(R=5); WriteConsistency: Quorum(W=2)")).rejects.toMatchObject({
    code: "bad-request",
  });
});

test("both sides of a partition go on: siblings stay until someone has seen them, counters add up", async () => {
  const db = await cluster(3);
  await db.createKeyspace({ name: "notes", engine: "dynamo", conflicts: "siblings", r: 1, w: 1 });
  const contract = "eventual; WriteConsistency: Eventual";
  await db.createKeyspace({ name: "likes", engine: "dynamo", contract });
  const alone = nodes.find((node) => node.host!.status().groups[0]!.role !== "leader")!;
  const sides = [alone, nodes.find((node) => node !== alone)!].map(nativeOf);
  const likes = db.counter("likes");
  for (const prefer of sides) await likes.increment(1, { w: 3, prefer });
  isolate(alone);
  for (const [i, prefer] of sides.entries()) {
    for (let n = 0; n < 5; n++) await likes.increment(10, { prefer });
    await db.put("note", `side ${i}`, { keyspace: "notes", prefer });
  }
  const values = await Promise.all(sides.map(async (prefer) => likes.value({ prefer })));
  expect(values.map(({ value }) => value)).toEqual([52, 52]);
  const few = likes.increment(1, { w: 2, prefer: sides[0]! });
  await expect(few).rejects.toMatchObject({
    code: "insufficient-replicas",
    definite: false,
    message: expect.stringMatching(`answered: node ${alone.config.nodeId}; silent`) as string,
  });
  heal();
  const total = await eventually(
    async () => Promise.all(nodes.map(async (node) => likes.value({ prefer: nativeOf(node) }))),
    (all) => all.every(({ value }) => value === 103),
  );
  expect(total.map(({ value }) => value)).toEqual([103, 103, 103]);
  const both = await eventually(
    async () => db.siblings("note", { keyspace: "notes" }),
    ({ values: seen }) => seen.length === 2,
  );
  expect(both.values.map(fromUtf8).sort()).toEqual(["side 0", "side 1"]);
  await expect(db.get("note", { keyspace: "notes" })).rejects.toMatchObject({ code: "concurrent-values" });
  await db.put("note", "settled", { keyspace: "notes", context: both.context, w: 3 });
  expect((await db.siblings("note", { keyspace: "notes" })).values.map(fromUtf8)).toEqual(["settled"]);
});
