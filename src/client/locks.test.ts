import { expect, test } from "vitest";
import { createClient, type Client } from "./client.ts";
import { Fence } from "./locks.ts";
import { FakeCluster } from "./world.suite.ts";

const clientOf = (cluster: FakeCluster): Client => createClient(cluster.world, { endpoints: cluster.endpoints });

const code = (name: string): unknown => expect.objectContaining({ name: "CohortError", code: name });

test("a lock is kept alive until it is released, and then goes to who waits", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const [one, other] = [clientOf(cluster), clientOf(cluster)];
  const lock = await world.settle(one.lock("l", { ttlMs: 300, note: "one" }));
  const waiting = other.lock("l", { ttlMs: 300 });
  await world.pass(5000);
  expect(lock.held).toBe(true);
  expect(await world.settle(one.holders("l"))).toMatchObject({ holders: [{ token: 1, note: "one" }], waiting: 1 });
  await world.settle(lock.release());
  await world.settle(lock.release());
  expect(lock.held).toBe(false);
  expect(lock.lost.aborted).toBe(false);
  const next = await world.settle(waiting);
  expect(next.token).toBeGreaterThan(lock.token);
  await world.settle(next.release());
  await world.settle(Promise.all([one.close(), other.close()]));
  await world.pass(1000);
  expect(world.timers).toBe(0);
});

test("who cannot renew loses the lock before the cluster may give it to another", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const [one, other] = [clientOf(cluster), clientOf(cluster)];
  const lock = await world.settle(one.lock("l", { ttlMs: 1000 }));
  const since = world.now();
  let lostAt = Number.POSITIVE_INFINITY;
  lock.lost.addEventListener("abort", () => (lostAt = world.now()));
  for (const node of cluster.nodes) node.react = () => "lose";
  await world.pass(1500);
  expect(lostAt - since).toBeGreaterThan(800);
  expect(lostAt - since).toBeLessThanOrEqual(1020);
  expect(lock.held).toBe(false);
  for (const node of cluster.nodes) node.react = () => "answer";
  const next = await world.settle(other.lock("l", { ttlMs: 1000 }));
  const fence = new Fence();
  expect(fence.admits(lock.token)).toBe(true);
  expect(fence.admits(next.token)).toBe(true);
  expect(fence.admits(lock.token)).toBe(false);
  expect(fence.admits(next.token)).toBe(true);
  const write = (token: number) =>
    other.transaction({ compare: [{ lock: "l", token }], then: [{ put: "k", value: "v" }] });
  expect(await world.settle(write(lock.token))).toMatchObject({ succeeded: false });
  expect(await world.settle(write(next.token))).toMatchObject({ succeeded: true });
});

test("a wait ends, and leaves nothing in the queue", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const db = clientOf(cluster);
  const lock = await world.settle(db.lock("l"));
  await expect(world.settle(db.lock("l", { waitMs: 0 }))).rejects.toEqual(code("not-granted"));
  await expect(world.settle(db.lock("l", { waitMs: 200 }))).rejects.toEqual(code("not-granted"));
  const stopped = new AbortController();
  const aborted = db.lock("l", { signal: stopped.signal });
  await world.pass(50);
  stopped.abort(new Error("changed my mind"));
  await expect(world.settle(aborted)).rejects.toThrow(/changed my mind|gave up/);
  await expect(world.settle(db.lock("l", { permits: 3 }))).rejects.toEqual(code("exists"));
  expect(await world.settle(db.holders("l"))).toMatchObject({ holders: [{ token: lock.token }], waiting: 0 });
  await expect(db.lock("l", { ttlMs: 0.5 })).rejects.toEqual(code("bad-request"));
  await expect(world.settle(db.lock(""))).rejects.toEqual(code("bad-request"));
  await expect(db.holders("")).rejects.toEqual(code("bad-request"));
});

test("an election has one leader, which everyone can read", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const [one, other] = [clientOf(cluster), clientOf(cluster)];
  const lead = await world.settle(one.election("scheduler").campaign("one"));
  const rival = other.election("scheduler").campaign("other");
  await world.pass(100);
  expect(await world.settle(other.election("scheduler").leader())).toMatchObject({ note: "one", token: lead.token });
  await world.settle(lead.release());
  expect((await world.settle(rival)).token).toBeGreaterThan(lead.token);
  expect(await world.settle(one.election("scheduler").leader())).toMatchObject({ note: "other" });
});

test("a barrier opens for all at once, or not at all", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const clients = [clientOf(cluster), clientOf(cluster), clientOf(cluster)];
  await expect(world.settle(clients[0]!.barrier("b", 3, { waitMs: 100 }))).rejects.toEqual(code("not-granted"));
  let passed = 0;
  const arrive = (client: Client): Promise<void> => client.barrier("b", 3).then(() => void passed++);
  const all = clients.slice(0, 2).map(arrive);
  await world.pass(1000);
  expect(passed).toBe(0);
  all.push(arrive(clients[2]!));
  await world.settle(Promise.all(all));
  expect(passed).toBe(3);
});
