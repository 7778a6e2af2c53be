import { expect, test } from "vitest";
import { FrameWriter, fromUtf8 } from "../base/index.ts";
import { failure } from "../contract/index.ts";
import { decodeCommand, encodeCommand } from "../store/index.ts";
import { writeNodeFrame } from "../wire/index.ts";
import { createClient, type Client } from "./client.ts";
import type { ClientOptions } from "./types.ts";
import { FakeCluster, unavailable, type Reaction } from "./world.suite.ts";

function clientOf(cluster: FakeCluster, more: Partial<ClientOptions> = {}): Client {
  return createClient(cluster.world, { endpoints: cluster.endpoints, ...more });
}

/** Reacts in turn, then answers. */
function script(...reactions: Reaction[]): () => Reaction {
  return () => reactions.shift() ?? "answer";
}

const expectError = (code: string, definite: boolean): unknown =>
  expect.objectContaining({ name: "CohortError", code, definite });

test("keys, counters, lists and transactions", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  const { world } = cluster;
  expect(await world.settle(db.put("a", "one"))).toMatchObject({ revision: 1, previousRevision: 0 });
  expect(await world.settle(db.put("b", Uint8Array.of(1, 2)))).toMatchObject({ revision: 2 });
  const item = await world.settle(db.get("a"));
  expect(item).toMatchObject({ revision: 1, version: 1, kept: { guarantee: "Linearizable" } });
  expect(fromUtf8(item!.value)).toBe("one");
  expect(await world.settle(db.get("c"))).toBeUndefined();
  const page = await world.settle(db.list({ limit: 1 }));
  expect(page).toMatchObject({ more: true, items: [{ revision: 1 }] });
  expect((await world.settle(db.list({ after: page.items[0]!.key }))).items.map(({ key }) => fromUtf8(key))).toEqual([
    "b",
  ]);
  const hits = db.counter("hits");
  expect(await world.settle(hits.increment())).toMatchObject({ value: 1 });
  expect(await world.settle(hits.increment(-5))).toMatchObject({ value: -4 });
  expect(await world.settle(hits.value())).toMatchObject({ value: -4 });
  const swap = {
    compare: [
      { key: "a", value: "one" },
      { key: "c", exists: false },
    ],
    then: [{ put: "c", value: "new" }, { get: "b" }],
    else: [{ get: "a" }],
  };
  const swapped = await world.settle(db.transaction(swap));
  expect(swapped).toMatchObject({
    succeeded: true,
    steps: [{ put: true }, { get: true, item: { value: Uint8Array.of(1, 2) } }],
  });
  expect(await world.settle(db.transaction(swap))).toMatchObject({
    succeeded: false,
    steps: [{ item: { revision: 1 } }],
  });
  expect(await world.settle(db.delete("a"))).toMatchObject({ deleted: true, previousRevision: 1 });
  await world.settle(db.createKeyspace({ name: "other" }));
  expect((await world.settle(db.keyspaces())).keyspaces.map(({ name }) => name)).toEqual(["default", "other"]);
  await world.settle(db.put("a", "elsewhere", { keyspace: "other" }));
  expect(await world.settle(db.get("a"))).toBeUndefined();
});

test("what is wrong with the operation itself comes back as a definite error", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  const { world } = cluster;
  await world.settle(db.put("a", "1"));
  await expect(world.settle(db.put("a", "2", { expectedRevision: 7 }))).rejects.toEqual(expectError("conflict", true));
  await expect(world.settle(db.get("a", { keyspace: "nowhere" }))).rejects.toEqual(expectError("not-found", true));
  await expect(world.settle(db.get("a", { revision: 99 }))).rejects.toEqual(expectError("future-revision", true));
  await expect(db.put(new Uint8Array(5000), "x")).rejects.toEqual(expectError("too-large", true));
  await expect(db.put("", "x")).rejects.toEqual(expectError("bad-request", true));
  await expect(db.get("a", { consistency: "perfect" })).rejects.toEqual(expectError("bad-consistency", true));
  await expect(db.list({ limit: 0 })).rejects.toEqual(expectError("bad-request", true));
  await expect(db.put("a", 5 as unknown as string)).rejects.toEqual(expectError("bad-request", true));
  expect(() => clientOf(cluster, { endpoints: [] })).toThrow(/127\.0\.0\.1:7401/);
  expect(() => clientOf(cluster, { endpoints: ["7401"] })).toThrow(/host:port/);
});

test("follows the leader, and its change", async () => {
  const cluster = new FakeCluster();
  cluster.elect(2);
  const db = clientOf(cluster, { endpoints: ["node:1"] });
  await cluster.world.settle(db.put("a", "1"));
  await cluster.world.settle(db.put("a", "2"));
  expect(cluster.node(2).requests.length).toBeGreaterThan(0);
  cluster.elect(3);
  await cluster.world.pass(10);
  const before = cluster.node(3).requests.length;
  await cluster.world.settle(db.put("a", "3"));
  await cluster.world.settle(db.get("a"));
  expect(cluster.node(3).requests.length).toBe(before + 2);
  expect(db.leader).toBe("node:3");
});

test.each<[name: string, reactions: Reaction[]]>([
  ["lost replies", ["apply-and-lose", "answer"]],
  ["a connection that breaks after the write", ["apply-and-close", "answer"]],
  ["a connection that breaks before the write", ["close", "answer"]],
  ["refusals", [unavailable, failure("overloaded", "busy"), failure("unavailable", "deposed", false), "answer"]],
])("an increment happens once despite %s", async (_, reactions) => {
  const cluster = new FakeCluster(1);
  const db = clientOf(cluster, { timeoutMs: 20_000 });
  await cluster.world.settle(db.counter("n").increment());
  cluster.node(1).react = script(...reactions);
  expect(await cluster.world.settle(db.counter("n").increment())).toMatchObject({ value: 2 });
  expect(cluster.store.counter("n").value).toBe(2);
});

test("many increments through a cluster that keeps failing are each applied once, and the answers say so", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster, { timeoutMs: 60_000, maxOutstandingWrites: 8 });
  const { random } = cluster.world;
  for (const node of cluster.nodes) {
    node.react = () =>
      (["answer", "answer", "answer", "apply-and-close", "close", unavailable, "apply-and-lose"] as const)[
        random.below(7)
      ]!;
  }
  const chaos = (async () => {
    for (let i = 0; i < 30; i++) {
      await cluster.world.pass(100);
      cluster.elect(1 + random.below(3));
    }
    for (const node of cluster.nodes) node.react = () => "answer";
  })();
  const increments = Array.from({ length: 100 }, () => db.counter("n").increment());
  await chaos;
  const values = (await cluster.world.settle(Promise.all(increments))).map(({ value }) => value);
  expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(cluster.store.counter("n").value).toBe(100);
});

test("a killed leader: calls go on at another node", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(db.put("a", "1"));
  cluster.kill(1);
  cluster.elect(2);
  const from = cluster.world.now();
  await cluster.world.settle(Promise.all([db.put("b", "2"), db.get("a")]));
  expect(cluster.world.now() - from).toBeLessThan(300);
});

test("a node that is silent: noticed by its missing pongs, long before the deadline", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(db.put("a", "1"));
  cluster.node(1).mute = true;
  const from = cluster.world.now();
  await cluster.world.settle(db.put("b", "2"));
  expect(cluster.world.now() - from).toBeLessThan(6000);
  expect(cluster.store.get("default", Uint8Array.of(98))).toBeDefined();
});

test("no node is there: definite, and with the reason", async () => {
  const cluster = new FakeCluster();
  for (const node of cluster.nodes) node.up = false;
  const db = clientOf(cluster);
  const put = cluster.world.settle(db.put("a", "1", { timeoutMs: 500 }));
  await expect(put).rejects.toEqual(expectError("disconnected", true));
  await expect(put).rejects.toThrow(/ECONNREFUSED/);
  for (const node of cluster.nodes) node.up = true;
  await cluster.world.pass(2000);
  expect(await cluster.world.settle(db.put("a", "1", { timeoutMs: 500 }))).toMatchObject({ revision: 1 });
});

test("the deadline: definite where every attempt was refused, open where one was lost", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(db.put("a", "1"));
  for (const node of cluster.nodes) node.react = () => unavailable;
  const from = cluster.world.now();
  await expect(cluster.world.settle(db.put("a", "2", { timeoutMs: 800 }))).rejects.toEqual(
    expectError("unavailable", true),
  );
  expect(cluster.world.now() - from).toBeLessThanOrEqual(830);
  for (const node of cluster.nodes) node.react = script("apply-and-lose", unavailable, unavailable, unavailable);
  await expect(cluster.world.settle(db.put("a", "2", { timeoutMs: 300 }))).rejects.toEqual(
    expectError("deadline", false),
  );
  for (const node of cluster.nodes) node.react = script("close");
  for (const node of cluster.nodes.slice(1)) node.up = false;
  cluster.node(1).react = () => (cluster.node(1).requests.length % 2 === 0 ? unavailable : "close");
  await expect(cluster.world.settle(db.put("a", "2", { timeoutMs: 900 }))).rejects.toMatchObject({ definite: false });
  for (const node of cluster.nodes) node.react = () => "lose";
  await expect(cluster.world.settle(db.get("a", { timeoutMs: 300 }))).rejects.toMatchObject({ definite: true });
});

test("an aborted call ends at once; a write that was sent is left open", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(db.put("a", "1"));
  for (const node of cluster.nodes) node.react = () => "lose";
  const controller = new AbortController();
  const put = db.put("a", "2", { signal: controller.signal });
  const get = db.get("a", { signal: controller.signal });
  const settled = Promise.allSettled([put, get]);
  await cluster.world.pass(20);
  controller.abort();
  const [write, read] = await settled;
  expect(write).toMatchObject({ reason: { code: "cancelled", definite: false } });
  expect(read).toMatchObject({ reason: { code: "cancelled", definite: true } });
  const sent = cluster.node(1).requests.length;
  await expect(db.put("a", "3", { signal: controller.signal })).rejects.toEqual(expectError("cancelled", true));
  await cluster.world.pass(50);
  expect(cluster.node(1).requests.length).toBe(sent);
});

test("an expired session is opened anew; only a write in doubt fails for it", async () => {
  const cluster = new FakeCluster(1);
  const configure = { kind: "configure", settings: { sessionIdleMs: 20_000 } } as const;
  cluster.apply(encodeCommand({ envelope: { kind: "none" }, operation: configure }));
  const db = clientOf(cluster);
  await cluster.world.settle(db.counter("n").increment());
  await cluster.world.pass(21_000);
  expect(await cluster.world.settle(db.counter("n").increment())).toMatchObject({ value: 2 });
  cluster.node(1).react = script("lose");
  const doubtful = db.counter("n").increment(1, { timeoutMs: 100_000 });
  await cluster.world.pass(100);
  await cluster.world.pass(21_000);
  cluster.disconnect(1);
  await expect(cluster.world.settle(doubtful)).rejects.toEqual(expectError("session-expired", false));
  expect(await cluster.world.settle(db.counter("n").increment())).toMatchObject({ value: 3 });
});

test("the window: a bounded number of writes is under way, and the floor follows the answers", async () => {
  const cluster = new FakeCluster(1);
  const db = clientOf(cluster, { maxOutstandingWrites: 4 });
  await cluster.world.settle(db.put("k", "0"));
  const before = cluster.node(1).requests.length;
  let holding = true;
  cluster.node(1).react = () => (holding ? "lose" : "answer");
  const puts = Array.from({ length: 10 }, (_, i) => db.put(`k${i}`, "x"));
  await cluster.world.pass(100);
  expect(cluster.node(1).requests.length - before).toBe(4);
  holding = false;
  cluster.disconnect(1);
  await cluster.world.settle(Promise.all(puts));
  const last = cluster.node(1).requests.at(-1)!;
  const { envelope } = decodeCommand(last.body.type === "write" ? last.body.command : new Uint8Array());
  expect(envelope).toMatchObject({ kind: "session", sequence: 11 });
  expect(envelope.kind === "session" && envelope.floor).toBeGreaterThan(7);
});

test("a session's position goes with its weaker reads, and other sessions know nothing of it", async () => {
  const cluster = new FakeCluster(1);
  const db = clientOf(cluster);
  const { kept } = await cluster.world.settle(db.put("a", "1"));
  expect(db.session.position).toBe(kept.position);
  const fresh = db.newSession();
  await cluster.world.settle(db.get("a", { consistency: "session" }));
  await cluster.world.settle(fresh.get("a", { consistency: "monotonic" }));
  await cluster.world.settle(
    db.newSession(kept.position).get("a", { consistency: "bounded(100ms)", partition: "AvailabilityPreferred" }),
  );
  const bodies = cluster
    .node(1)
    .requests.slice(-3)
    .map(({ body }) => body);
  expect(bodies).toMatchObject([
    { position: kept.position, contract: { session: true } },
    { position: 0, contract: { session: true, text: "MonotonicRead" } },
    { position: kept.position, contract: { stalenessMs: 100, partition: "AvailabilityPreferred" } },
  ]);
});

test("reads that any node may answer are spread; a pinned one stays", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(db.get("a", { prefer: "any", consistency: "eventual" }));
  await cluster.world.pass(50);
  for (let i = 0; i < 9; i++) await cluster.world.settle(db.get("a", { prefer: "any", consistency: "eventual" }));
  for (const node of cluster.nodes) expect(node.requests.length).toBeGreaterThan(1);
  const before = cluster.node(3).requests.length;
  for (let i = 0; i < 3; i++) await cluster.world.settle(db.get("a", { prefer: "node:3", consistency: "eventual" }));
  expect(cluster.node(3).requests.length).toBe(before + 3);
});

test("sticky reads go to whoever answered the session last, and elsewhere once it is gone", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  const read = () => cluster.world.settle(db.get("a", { prefer: "sticky", consistency: "session" }));
  await cluster.world.settle(db.get("a", { prefer: "any", consistency: "eventual" }));
  await cluster.world.pass(50);
  await cluster.world.settle(db.get("a", { prefer: "node:3", consistency: "eventual" }));
  const counts = (): number[] => cluster.nodes.map(({ requests }) => requests.length);
  const before = counts();
  for (let i = 0; i < 5; i++) await read();
  expect(counts()).toEqual([before[0], before[1], before[2]! + 5]);
  // Who took the write has it: nobody else has to be waited for.
  await cluster.world.settle(db.put("a", "1"));
  const written = counts();
  for (let i = 0; i < 3; i++) await read();
  expect(counts()).toEqual([written[0]! + 3, written[1], written[2]]);
  cluster.kill(1);
  await read();
  const moved = counts();
  await read();
  expect(
    counts()
      .map((count, at) => count - moved[at]!)
      .filter((more) => more > 0),
  ).toEqual([1]);
  expect(counts()[0]).toBe(moved[0]);
});

test("a session remembers how far it is in each group of shards, and another one goes on there", async () => {
  const cluster = new FakeCluster();
  let shard = { group: 0, position: 0 };
  cluster.kept = () => ({ guarantee: "Session", position: 9, shards: [shard], stalenessMs: 0, degraded: false });
  const db = clientOf(cluster);
  const session = db.newSession();
  const read = (from: typeof session) => cluster.world.settle(from.get("a", { consistency: "session" }));
  for (let group = 1; group <= 130; group++) {
    shard = { group, position: group };
    await read(session);
  }
  // The oldest are forgotten, and no group goes back.
  shard = { group: 50, position: 7 };
  await read(session);
  expect(session.seen).toMatchObject({ position: 9, shards: { length: 128 } });
  expect(session.seen.shards?.[0]).toEqual({ group: 3, position: 3 });
  expect(session.seen.shards?.at(-1)).toEqual({ group: 50, position: 50 });
  await read(db.newSession(session.seen));
  const { body } = cluster.node(1).requests.at(-1)!;
  expect(body).toMatchObject({ position: 9, shards: session.seen.shards });
});

test("no replica is fresh enough: told once each was asked", async () => {
  const cluster = new FakeCluster();
  for (const node of cluster.nodes) node.react = () => failure("staleness", "5 s behind");
  const from = cluster.world.now();
  const read = clientOf(cluster).get("a", { consistency: "bounded(1ms)", prefer: "any" });
  await expect(cluster.world.settle(read)).rejects.toEqual(expectError("staleness", true));
  expect(cluster.world.now() - from).toBeLessThan(500);
});

test("a watch tells every change once, in order, across broken connections and slow takers", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(db.put("jobs/0", "before"));
  const watch = db.watch({ prefix: "jobs/" });
  await cluster.world.pass(50);
  const seen: string[] = [];
  const taking = (async () => {
    for await (const { kind, key, value, revision } of watch) {
      seen.push(`${kind} ${fromUtf8(key)}=${fromUtf8(value)}@${revision}`);
      if (seen.length % 10 === 0) await cluster.world.sleep(30);
      if (seen.length === 60) break;
    }
  })();
  const expected: string[] = [];
  for (let i = 1; i <= 60; i++) {
    const { revision } = await cluster.world.settle(db.put(`jobs/${i}`, `${i}`));
    expected.push(`put jobs/${i}=${i}@${revision}`);
    await cluster.world.settle(db.put("other", "x"));
    if (i % 7 === 0) cluster.disconnect(1 + (i % 3));
    if (i % 11 === 0) cluster.elect(1 + (i % 3));
  }
  await cluster.world.settle(taking);
  expect(seen).toEqual(expected);
});

test("a watch from a revision that is gone fails, and one from the past begins there", async () => {
  const cluster = new FakeCluster(1);
  const db = clientOf(cluster);
  for (const value of ["1", "2", "3"]) await cluster.world.settle(db.put("a", value));
  const past = db.watch({ from: 2 });
  const values = [await cluster.world.settle(past.next()), await cluster.world.settle(past.next())];
  expect(values.map(({ value }) => fromUtf8(value!.value))).toEqual(["2", "3"]);
  await past.return();
  expect(await past.next()).toEqual({ done: true, value: undefined });
  const nowhere = db.watch({ keyspace: "nowhere" });
  await expect(cluster.world.settle(nowhere.next())).rejects.toEqual(expectError("not-found", true));
});

test("a client of another cluster is told so at once", async () => {
  const cluster = new FakeCluster(1);
  const { connect } = cluster.world;
  cluster.world.connect = (endpoint, handlers) => {
    return connect(endpoint, { ...handlers, onData: () => handlers.onData(refusal.slice()) });
  };
  const writer = new FrameWriter();
  writeNodeFrame(writer.begin(), { kind: "refused", failure: failure("wrong-cluster", "this is cluster b") });
  writer.end();
  const refusal = writer.take();
  await expect(cluster.world.settle(clientOf(cluster, { clusterId: "mine" }).get("a"))).rejects.toEqual(
    expectError("wrong-cluster", true),
  );
  expect(cluster.world.now()).toBeLessThan(2000);
});

test("garbage from the other side is an error, never a crash", async () => {
  const cluster = new FakeCluster(1);
  const { connect } = cluster.world;
  cluster.world.connect = (endpoint, handlers) =>
    connect(endpoint, { ...handlers, onData: () => handlers.onData(Uint8Array.of(4, 0, 0, 0, 72, 84, 84, 80)) });
  await expect(cluster.world.settle(clientOf(cluster).get("a"))).rejects.toEqual(expectError("protocol", true));
});

test("close ends the session, fails what is under way, and leaves no timer", async () => {
  const cluster = new FakeCluster(1);
  const db = clientOf(cluster);
  await cluster.world.settle(db.put("a", "1"));
  expect(cluster.store.sessionCount).toBe(1);
  cluster.node(1).react = ({ body }) => (body.type === "write" ? "answer" : "lose");
  const get = db.get("a");
  const watch = db.watch({ from: 100 });
  const outcomes = Promise.allSettled([get, watch.next()]);
  await cluster.world.pass(20);
  await cluster.world.settle(db.close());
  expect(await outcomes).toMatchObject([{ reason: { code: "cancelled" } }, { reason: { code: "cancelled" } }]);
  expect(cluster.store.sessionCount).toBe(0);
  await expect(db.get("a")).rejects.toEqual(expectError("cancelled", true));
  await cluster.world.pass(5000);
  expect(cluster.world.timers).toBe(0);
});
