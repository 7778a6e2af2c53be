/** Shards on real processes: they move while they are written and the node that moves them is killed, and nothing is lost. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type Client } from "../../src/client/index.ts";
import { cleanUp, cohort, temporaryDirectory, Up } from "./cluster.ts";

interface Shards {
  readonly shards: readonly { readonly shard: string; readonly group: number; readonly state: string }[];
}

let up: Up;
let client: Client;
beforeAll(async () => {
  up = new Up(35_000, temporaryDirectory(), []);
  await up.ready();
  client = connect({ endpoints: [1, 2, 3].map((node) => `127.0.0.1:${up.base + 400 + node}`), timeoutMs: 15_000 });
});
afterAll(async () => {
  await client.close();
  await cleanUp([up]);
});

const command = (...args: string[]): ReturnType<typeof cohort> =>
  cohort(["shard", ...args], { COHORT_PORT_BASE: String(up.base) });

async function list(): Promise<Shards["shards"]> {
  const { stdout } = await command("list", "sharded", "--json");
  return (JSON.parse(stdout) as Shards).shards;
}

async function until(isSo: (shards: Shards["shards"]) => boolean): Promise<void> {
  while (!isSo(await list()));
}

test("a new cluster has a keyspace of three shards; one moves while its mover is killed, and no write is lost", async () => {
  await until((shards) => shards.length === 3 && shards.every(({ state }) => state === "served"));
  const written = new Map<string, string>();
  const stop = new AbortController();
  const write = async (lane: number): Promise<void> => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const key = `key-${lane}-${i % 50}`;
      await client.put(key, String(i), { keyspace: "sharded" });
      written.set(key, String(i));
    }
  };
  const writers = [0, 1, 2, 3].map(write);
  const target = (await list())[2]!.group;
  expect((await command("move", "sharded", "start", "--to", String(target), "--json")).code).toBe(0);
  const status = (await (await fetch(`${up.http(1)}/v1/cluster`)).json()) as { leader: number };
  await fetch(`${up.http(1)}/v1/cluster/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ kind: "kill", node: status.leader }),
  });
  await until(([first]) => first?.group === target && first.state === "served");
  stop.abort();
  await Promise.all(writers);
  expect(written.size).toBeGreaterThan(100);
  const { items } = await client.list({ keyspace: "sharded", limit: 1000 });
  const found = new Map(
    items.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()] as const),
  );
  expect(found).toEqual(written);
}, 40_000);

test("splits and merges are commands; what makes no sense is an error that says so", async () => {
  const split = await command("split", "sharded", "start");
  expect(split).toMatchObject({ code: 0 });
  expect(split.stdout).toMatch(/4 shards/);
  const [, second] = await list();
  expect(second?.shard).toBe("2aaaaaaa");
  expect((await command("merge", "sharded", "2aaaaaaa", "--json")).code).toBe(0);
  expect(await list()).toHaveLength(3);
  for (const [args, wanted, said] of [
    [["merge", "sharded", "start"], 1, /no shard before it/],
    [["move", "sharded", "start", "--to", "99"], 1, /no group 99/],
    [["split", "sharded", "start", "--at", "k"], 2, /placed by range/],
    [["list", "default"], 1, /no keyspace "default" with several shards/],
  ] as const) {
    const { code, stderr } = await command(...args);
    expect(stderr).toMatch(said);
    expect(code).toBe(wanted);
  }
});
