import { afterEach, expect, test } from "vitest";
import { utf8 } from "../base/index.ts";
import type { RequestBody } from "../contract/index.ts";
import { decodeResult, encodeCommand, type Answer, type Operation, type Result } from "../store/index.ts";
import { leaderOf, startNode, stopCluster, testCluster, type TestNode } from "./cluster.suite.ts";

let nodes: TestNode[] = [];
afterEach(() => stopCluster(nodes));

async function ask(node: TestNode, body: RequestBody): Promise<Result | Answer> {
  const outcome = await node.host!.submit(body, { timeoutMs: 4000 });
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
