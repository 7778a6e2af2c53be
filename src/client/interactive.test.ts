import { expect, test } from "vitest";
import { fromUtf8, utf8 } from "../base/index.ts";
import { createClient, type Client } from "./client.ts";
import type { OpenTransaction } from "./interactive.ts";
import type { TransactionSettings } from "./types.ts";
import { FakeCluster } from "./world.suite.ts";

const clientOf = (cluster: FakeCluster): Client => createClient(cluster.world, { endpoints: cluster.endpoints });
const code = (name: string): unknown => expect.objectContaining({ name: "CohortError", code: name, definite: true });
const number = async (tx: OpenTransaction, key: string): Promise<number> => {
  const item = await tx.get(key);
  return item === undefined ? 0 : Number(fromUtf8(item.value));
};

/** Two transactions that both read before either writes. */
async function interleave(
  cluster: FakeCluster,
  settings: TransactionSettings,
  bodies: readonly ((tx: OpenTransaction, attempt: number) => Promise<void>)[],
): Promise<{ attempts: number[]; failures: unknown[] }> {
  const attempts = bodies.map(() => 0);
  const failures: unknown[] = [];
  let arrived = 0;
  let open = (): void => undefined;
  const allHaveRead = new Promise<void>((resolve) => (open = resolve));
  const runs = bodies.map((body, i) =>
    clientOf(cluster)
      .transaction(async (tx) => {
        attempts[i]!++;
        await body(tx, attempts[i]!);
        if (++arrived === bodies.length) open();
        await allHaveRead;
      }, settings)
      .catch((error: unknown) => failures.push(error)),
  );
  await cluster.world.settle(Promise.all(runs));
  return { attempts, failures };
}

test("sees its own writes, and others see them all at once", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const db = clientOf(cluster);
  await world.settle(db.put("p/b", "1"));
  const seen = await world.settle(
    db.transaction(async (tx) => {
      tx.put("p/a", "2");
      tx.delete("p/b");
      expect(await tx.get("p/b")).toBeUndefined();
      expect(await db.get("p/a")).toBeUndefined();
      expect(await number(tx, "p/a")).toBe(2);
      return (await tx.list({ prefix: "p/" })).items.map(({ key }) => fromUtf8(key));
    }),
  );
  expect(seen).toEqual(["p/a"]);
  const items = (await world.settle(db.list({ prefix: "p/" }))).items;
  expect(items.map(({ key, revision }) => [fromUtf8(key), revision])).toEqual([["p/a", 2]]);
});

test("one that throws leaves nothing behind, and ends", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const db = clientOf(cluster);
  let kept: OpenTransaction | undefined;
  const failing = db.transaction(async (tx) => {
    kept = tx;
    tx.put("a", "1");
    throw new Error("changed my mind");
  });
  await expect(world.settle(failing)).rejects.toThrow("changed my mind");
  expect(await world.settle(db.get("a"))).toBeUndefined();
  expect(() => kept!.put("a", "1")).toThrow(code("transaction-ended"));
  await expect(kept!.get("a")).rejects.toEqual(code("transaction-ended"));
  await expect(kept!.commit()).rejects.toEqual(code("transaction-ended"));
});

test("increments that meet are all counted: the later one runs again", async () => {
  const cluster = new FakeCluster();
  const bump = async (tx: OpenTransaction): Promise<void> => tx.put("n", String((await number(tx, "n")) + 1));
  const { attempts, failures } = await interleave(cluster, {}, [bump, bump, bump]);
  expect(failures).toEqual([]);
  expect(Math.max(...attempts)).toBeGreaterThan(1);
  expect(fromUtf8((await cluster.world.settle(clientOf(cluster).get("n")))!.value)).toBe("3");
});

test("lost updates are possible under read-committed alone", async () => {
  const cluster = new FakeCluster();
  const bump = async (tx: OpenTransaction): Promise<void> => tx.put("n", String((await number(tx, "n")) + 1));
  await interleave(cluster, { isolation: "read-committed" }, [bump, bump]);
  expect(fromUtf8((await cluster.world.settle(clientOf(cluster).get("n")))!.value)).toBe("1");
  const repeatable = await interleave(cluster, { isolation: "repeatable-read", maxAttempts: 1 }, [bump, bump]);
  expect(repeatable.failures).toEqual([code("transaction-conflict")]);
});

/** Two doctors are on call, and each leaves where the other one stays (Cahill, 2009). */
const leave = (me: string) => async (tx: OpenTransaction) => {
  const others = (await number(tx, "on/a")) + (await number(tx, "on/b"));
  if (others >= 2) tx.put(`on/${me}`, "0");
};

test.each([
  ["repeatable-read", 0],
  ["serializable", 1],
  ["strict-serializable", 1],
] as const)("write skew under %s leaves %i on call", async (isolation, left) => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  await cluster.world.settle(Promise.all([db.put("on/a", "1"), db.put("on/b", "1")]));
  await interleave(cluster, { isolation }, [leave("a"), leave("b")]);
  const { items } = await cluster.world.settle(db.list({ prefix: "on/" }));
  expect(items.reduce((sum, { value }) => sum + Number(fromUtf8(value)), 0)).toBe(left);
});

/** Each takes a place where there is still none: a row that is not there cannot be checked by its key. */
const take = (name: string) => async (tx: OpenTransaction) => {
  if ((await tx.list({ prefix: "seat/" })).items.length === 0) tx.put(`seat/${name}`, "taken");
};

test.each([
  ["repeatable-read", 2],
  ["serializable", 1],
] as const)("phantoms under %s: %i seats taken", async (isolation, taken) => {
  const cluster = new FakeCluster();
  await interleave(cluster, { isolation }, [take("a"), take("b")]);
  expect((await cluster.world.settle(clientOf(cluster).list({ prefix: "seat/" }))).items).toHaveLength(taken);
});

test("reads of one transaction agree, whatever is written meanwhile", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const [db, other] = [clientOf(cluster), clientOf(cluster)];
  await world.settle(Promise.all([other.put("x", "1"), other.put("y", "1")]));
  const look = (isolation: "read-committed" | "repeatable-read") =>
    world.settle(
      db.transaction(
        async (tx) => {
          const x = await number(tx, "x");
          await other.transaction(async (tx2) => {
            tx2.put("x", String(x + 1));
            tx2.put("y", String(x + 1));
          });
          return (await number(tx, "y")) - x;
        },
        { isolation },
      ),
    );
  expect(await look("repeatable-read")).toBe(0);
  expect(await look("read-committed")).toBe(1);
});

test("reads side by side see one snapshot too, also where the first one is lost and asked again", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const [db, other] = [clientOf(cluster), clientOf(cluster)];
  const both = { then: ["x", "y"].map((put) => ({ put, value: "1" })) };
  await world.settle(other.transaction(both));
  let lost = false;
  for (const node of cluster.nodes) {
    node.react = ({ body }) => {
      if (body.type !== "read" || lost) return "answer";
      lost = true;
      return "lose";
    };
  }
  const seen = db.transaction(
    async (tx) => Promise.all([number(tx, "x"), number(tx, "y"), tx.list().then(({ items }) => items.length)]),
    { isolation: "repeatable-read" },
  );
  await world.pass(100);
  await world.settle(other.transaction({ then: ["x", "y", "z"].map((put) => ({ put, value: "2" })) }));
  expect(await world.settle(seen)).toEqual([2, 2, 3]);
});

test("ranges are validated page by page, and only where they were read", async () => {
  const cluster = new FakeCluster();
  const { world } = cluster;
  const [db, other] = [clientOf(cluster), clientOf(cluster)];
  for (const key of ["r/a", "r/b", "r/c", "s"]) await world.settle(db.put(key, "1"));
  const attempt = (meanwhile: () => Promise<unknown>) =>
    world.settle(
      db.transaction(
        async (tx) => {
          const page = await tx.list({ prefix: "r/", limit: 2 });
          expect(page).toMatchObject({ more: true, items: [{}, {}] });
          await meanwhile();
          tx.put("result", "1");
        },
        { maxAttempts: 1 },
      ),
    );
  await attempt(() => other.put("s", "2"));
  await attempt(() => other.put("r/c", "2"));
  await attempt(() => other.put("r/b2", "2"));
  await expect(attempt(() => other.put("r/a2", "2"))).rejects.toEqual(code("transaction-conflict"));
  await expect(attempt(() => other.delete("r/a"))).rejects.toEqual(code("transaction-conflict"));
});

test("input that cannot be meant is refused before anything happens", async () => {
  const cluster = new FakeCluster();
  const db = clientOf(cluster);
  const body = async (): Promise<void> => undefined;
  const wrong = { isolation: "perfect" } as unknown as TransactionSettings;
  await expect(db.transaction(body, wrong)).rejects.toEqual(code("bad-request"));
  await expect(db.transaction(body, { maxAttempts: 0 })).rejects.toEqual(code("bad-request"));
  const empty = db.transaction(async (tx) => tx.put("", utf8("x")));
  await expect(cluster.world.settle(empty)).rejects.toEqual(code("bad-request"));
  const nowhere = db.transaction(async (tx) => tx.put("a", "x"), { keyspace: "nowhere" });
  await expect(cluster.world.settle(nowhere)).rejects.toEqual(code("not-found"));
});
