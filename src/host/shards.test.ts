import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import type { RequestBody } from "../contract/index.ts";
import { decodeResult, encodeCommand, type Answer, type Operation, type Result } from "../store/index.ts";
import { leaderOf, startNode, stopCluster, testCluster, type TestNode } from "./cluster.suite.ts";

let nodes: TestNode[] = [];
afterEach(() => stopCluster(nodes));

async function ask(node: TestNode, body: RequestBody): Promise<Result | Answer> {
  let outcome = await node.host!.submit(body, { timeoutMs: 4000 });
  // A busy machine loses leaders; nothing has happened then.
  for (let tries = 0; !outcome.ok && outcome.failure.code === "unavailable" && tries < 20; tries++) {
    await sleep(100);
    outcome = await node.host!.submit(body, { timeoutMs: 4000 });
  }
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.detail}`);
  return decodeResult(outcome.result);
}

const write = (node: TestNode, operation: Operation): Promise<Result | Answer> =>
  ask(node, { type: "write", command: encodeCommand({ envelope: { kind: "none" }, operation }) });

const put = (node: TestNode, key: string): Promise<Result | Answer> =>
  write(node, { kind: "put", keyspace: "many", key: utf8(key), value: utf8(`value of ${key}`) });

const list = (node: TestNode, limit: number, after?: string): Promise<Result | Answer> => {
  const page = { type: "list", keyspace: "many", prefix: new Uint8Array(0), limit, revision: undefined } as const;
  return ask(node, {
    type: "read",
    query: { ...page, after: after === undefined ? undefined : utf8(after) },
    contract: undefined,
    position: 0,
  });
};

test("a keyspace of three shards on three nodes: written and read anywhere, whole after a restart", async () => {
  nodes = await testCluster(3);
  await leaderOf(nodes);
  const keyspace = { name: "many", engine: "raft", shards: 3, replicas: 3, contract: "" } as const;
  await write(nodes[0]!, { kind: "createKeyspace", keyspace, nodes: [1, 2, 3] });
  const keys = Array.from({ length: 30 }, (_, i) => `key-${String(i).padStart(2, "0")}`);
  for (const [i, key] of keys.entries()) expect((await put(nodes[i % 3]!, key)).kind).toBe("put");
  const groups = nodes[1]!.host!.status().groups;
  expect(groups.map(({ group }) => group)).toEqual([0, 1, 2, 3]);
  for (const { group, revision } of groups) if (group > 0) expect(revision).toBeGreaterThan(0);

  // Pages over all shards, in the order of keys.
  const first = await list(nodes[2]!, 20);
  expect(first).toMatchObject({ kind: "rows", more: true, revision: 0 });
  const found = first.kind === "rows" ? first.rows.map(({ key }) => Buffer.from(key).toString()) : [];
  expect(found).toEqual(keys.slice(0, 20));
  expect(await list(nodes[0]!, 20, found.at(-1))).toMatchObject({ kind: "rows", more: false, rows: { length: 10 } });

  await stopCluster(nodes);
  await Promise.all(nodes.map((node) => startNode(node)));
  await leaderOf(nodes);
  expect(await list(nodes[1]!, 100)).toMatchObject({ rows: { length: 30 } });
});

test("what a keyspace of several shards cannot do is an error that says so", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const [node] = nodes as [TestNode];
  const keyspace = { name: "many", engine: "raft", shards: 5, replicas: 1, contract: "" } as const;
  await write(node, { kind: "createKeyspace", keyspace, nodes: [1] });
  const steps = ["a", "b", "c", "d", "e"].map((key) => ({ kind: "put", key: utf8(key), value: utf8("") }) as const);
  const transaction = { kind: "transaction", keyspace: "many", compares: [], otherwise: [] } as const;
  expect(await write(node, { ...transaction, then: steps })).toMatchObject({ succeeded: true, revision: 0 });
  expect(await write(node, { ...transaction, then: steps.slice(0, 1) })).toMatchObject({ succeeded: true });
  const locked = { target: "lock", key: utf8("l"), token: 1 } as const;
  await expect(write(node, { ...transaction, compares: [locked], then: steps })).rejects.toThrow(/several shards/);
  const failed = await new Promise<string>((resolve) => {
    const sink = { onEvents: () => {}, onFailure: ({ detail }: { detail: string }) => resolve(detail) };
    node.host!.watch({ keyspace: "many", prefix: new Uint8Array(0), from: 0 }, sink);
  });
  expect(failed).toMatch(/watches/);
});

test("whole transactions over several shards: all of it or nothing, and once however often it is sent", async () => {
  nodes = await testCluster(3);
  await leaderOf(nodes);
  const keyspace = { name: "many", engine: "raft", shards: 3, replicas: 3, contract: "" } as const;
  await write(nodes[0]!, { kind: "createKeyspace", keyspace, nodes: [1, 2, 3] });
  const names = ["a", "b", "c", "d", "e"];
  const valueOf = async (key: string): Promise<string | undefined> => {
    const query = { type: "get", keyspace: "many", key: utf8(key), revision: undefined } as const;
    const found = await ask(nodes[2]!, { type: "read", query, contract: undefined, position: 0 });
    return found.kind === "row" && found.row ? Buffer.from(found.row.value).toString() : undefined;
  };
  const claim = (who: string): Operation => ({
    kind: "transaction",
    keyspace: "many",
    compares: names.map((key) => ({ target: "exists", key: utf8(key), exists: false })),
    then: names.map((key) => ({ kind: "put", key: utf8(key), value: utf8(who) })),
    otherwise: [{ kind: "get", key: utf8("a") }],
  });
  const send = (node: number, key: string, operation: Operation): Promise<Result | Answer> =>
    ask(nodes[node]!, {
      type: "write",
      command: encodeCommand({ envelope: { kind: "idempotent", key }, operation }),
    });
  const first = await send(0, "one", claim("one"));
  expect(first).toMatchObject({ kind: "transaction", succeeded: true, steps: { length: 5 } });
  expect(await send(1, "two", claim("two"))).toMatchObject({ succeeded: false, steps: [{ row: { version: 1 } }] });
  // The same again, through another node: what it did then, and nothing now.
  await put(nodes[0]!, "a");
  expect(await send(2, "one", claim("one"))).toEqual(first);
  expect(await Promise.all(names.map(valueOf))).toEqual(["value of a", "one", "one", "one", "one"]);

  // Of two that want the same at once, one gets all of it.
  const emptied = names.map((key) => ({ kind: "delete", key: utf8(key) }) as const);
  await write(nodes[0]!, { kind: "transaction", keyspace: "many", compares: [], then: emptied, otherwise: [] });
  const both = await Promise.all([send(0, "three", claim("three")), send(1, "four", claim("four"))]);
  expect(both.filter((answer) => answer.kind === "transaction" && answer.succeeded)).toHaveLength(1);
  expect(new Set(await Promise.all(names.map(valueOf))).size).toBe(1);
});

test("a commit in several shards that relies on something that has changed is refused as a whole", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const [node] = nodes as [TestNode];
  const keyspace = { name: "many", engine: "raft", shards: 3, replicas: 1, contract: "" } as const;
  await write(node, { kind: "createKeyspace", keyspace, nodes: [1] });
  const query = { type: "get", keyspace: "many", key: utf8("a"), revision: undefined, snapshot: 0 } as const;
  const read = await ask(node, { type: "read", query, contract: undefined, position: 0 });
  const snapshot = read.kind === "row" ? read.timestamp : 0;
  expect(snapshot).toBeGreaterThan(0);
  await put(node, "a");
  const writes = ["b", "c", "d", "e"].map((key) => ({ key: utf8(key), value: utf8("1") }));
  const commit = { kind: "commit", keyspace: "many", age: 0, snapshot, ranges: [], writes } as const;
  expect(await write(node, { ...commit, strict: false, unchanged: [utf8("a")] })).toMatchObject({
    code: "transaction-conflict",
  });
  expect(await list(node, 10)).toMatchObject({ rows: { length: 1 } });
  expect(await write(node, { ...commit, strict: true, unchanged: [] })).toMatchObject({ succeeded: true });
  expect(await list(node, 10)).toMatchObject({ rows: { length: 5 } });
});
