/**
 * Interactive transactions on real processes: money moves between accounts, of one shard and of several, while leaders and
 * coordinators are killed, and none is lost.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type Client, type OpenTransaction } from "../../src/client/index.ts";
import { cleanUp, cohort, temporaryDirectory, Up } from "./cluster.ts";

let up: Up;
let clients: Client[];
beforeAll(async () => {
  up = new Up(32_000, temporaryDirectory(), []);
  await up.ready();
  const endpoints = [1, 2, 3].map((node) => `127.0.0.1:${up.base + 400 + node}`);
  clients = Array.from({ length: 4 }, () => connect({ endpoints, timeoutMs: 20_000 }));
  const made = await fetch(`${up.http(1)}/v1/keyspaces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "bank", shards: 3 }),
  });
  expect(made.status).toBe(201);
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cleanUp([up]);
});

const accounts = ["a", "b", "c", "d", "e"].map((name) => `account/${name}`);
const total = 500;

const balance = async (tx: OpenTransaction, account: string): Promise<number> => {
  const item = await tx.get(account);
  return item === undefined ? 0 : Number(Buffer.from(item.value).toString());
};

const sum = (client: Client, keyspace: string): Promise<number> =>
  client.transaction(
    async (tx) => {
      const { items } = await tx.list({ prefix: "account/" });
      return items.reduce((all, { value }) => all + Number(Buffer.from(value).toString()), 0);
    },
    { keyspace },
  );

test.each(["default", "bank"])(
  "transfers in %s add up at every moment, also while leaders are killed",
  async (keyspace) => {
    await clients[0]!.transaction(
      async (tx) => {
        for (const account of accounts) tx.put(account, String(total / accounts.length));
      },
      { keyspace },
    );
    const until = performance.now() + 5000;
    let transfers = 0;
    const audits: number[] = [];
    const transfer = async (client: Client, at: number): Promise<void> => {
      for (let i = at; performance.now() < until; i++) {
        const from = accounts[i % accounts.length]!;
        const to = accounts[(i * 3 + 1 + at) % accounts.length]!;
        await client.transaction(
          async (tx) => {
            const [has, gets] = [await balance(tx, from), await balance(tx, to)];
            if (from === to || has === 0) return;
            tx.put(from, String(has - 1));
            tx.put(to, String(gets + 1));
          },
          { keyspace },
        );
        transfers++;
      }
    };
    const audit = async (client: Client): Promise<void> => {
      while (performance.now() < until) audits.push(await sum(client, keyspace));
    };
    const kill = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect((await cohort(["fault", "kill", "leader", "--for", "500ms"], up.env)).code).toBe(0);
    };
    await Promise.all([...clients.slice(0, 3).map(transfer), audit(clients[3]!), kill()]);
    expect(transfers).toBeGreaterThan(50);
    expect(audits.length).toBeGreaterThan(5);
    expect(new Set(audits)).toEqual(new Set([total]));
    expect(await sum(clients[0]!, keyspace)).toBe(total);
  },
);

test("one begun at a node over HTTP is committed there, and another node says where it lives", async () => {
  const post = async (node: number, path: string, body: object): Promise<Record<string, unknown>> => {
    const headers = { "content-type": "application/json" };
    const url = `${up.http(node)}/v1/keyspaces/default/transactions${path}`;
    return (await (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json()) as Record<
      string,
      unknown
    >;
  };
  const { id } = (await post(2, "", { begin: { isolation: "serializable" } })) as { id: string };
  expect(
    await post(2, `/${id}`, {
      steps: [
        { kind: "get", key: "http" },
        { kind: "put", key: "http", value: "1" },
      ],
    }),
  ).toMatchObject({
    results: [{ found: false }, { kind: "put" }],
  });
  expect(await post(3, `/${id}`, { commit: true })).toMatchObject({
    code: "not-found",
    detail: expect.stringMatching(/began it/) as string,
  });
  expect(await post(2, `/${id}`, { commit: true })).toMatchObject({ committed: true });
  expect(await post(2, `/${id}`, { commit: true })).toMatchObject({ code: "transaction-ended" });
});
