/** The contract of the course's first workshop, enforced by a running cluster while it is cut in two, again and again. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanUp, cohort, temporaryDirectory, Up } from "./cluster.ts";

const boundMs = 100;
let up: Up;
beforeAll(async () => {
  up = new Up(28_000, temporaryDirectory(), []);
  await up.ready();
});
afterAll(() => cleanUp([up]));

interface Answer {
  readonly value: number;
  readonly degraded: boolean;
  readonly consistency: string;
  readonly stalenessMs?: number;
  readonly definite?: boolean;
}

test("the workshop's contract under live partitions: what is not degraded is kept, and nobody waits in vain", async () => {
  const made = await cohort(
    ["keyspace", "create", "visits", "--contract", "contracts/workshop.contract", "--json"],
    up.env,
  );
  expect(made.code).toBe(0);
  const until = performance.now() + 9000;
  /** When each increment was acknowledged; its value is its place in the order. */
  const acknowledged: { readonly value: number; readonly at: number }[] = [];
  const counts = { kept: 0, degraded: 0, refusedReads: 0, writes: 0, refusedWrites: 0 };
  const complaints: string[] = [];

  const write = async (node: number): Promise<void> => {
    while (performance.now() < until) {
      const response = await fetch(`${up.http(node)}/v1/counters/visits/increment?timeoutMs=1500`, { method: "POST" });
      const answer = (await response.json()) as Answer;
      if (response.ok) acknowledged.push({ value: answer.value, at: performance.now() });
      counts[response.ok ? "writes" : "refusedWrites"]++;
      await sleep(15);
    }
  };
  const read = async (session: number): Promise<void> => {
    let token = "";
    let seen = 0;
    for (let i = session; performance.now() < until; i++) {
      const asked = performance.now();
      const response = await fetch(`${up.http((i % 3) + 1)}/v1/counters/visits?timeoutMs=1500`, {
        headers: token === "" ? {} : { "cohort-session": token },
      });
      const took = performance.now() - asked;
      token = response.headers.get("cohort-session") ?? token;
      const answer = (await response.json()) as Answer;
      if (!response.ok) counts.refusedReads++;
      else if (answer.degraded) counts.degraded++;
      else counts.kept++;
      if (!response.ok) continue;
      const claims = (guarantee: string): boolean => answer.consistency.includes(guarantee) || !answer.degraded;
      if (claims("MonotonicRead") && answer.value < seen) complaints.push(`${answer.value} after ${seen}`);
      const age = answer.degraded ? answer.stalenessMs : Math.min(answer.stalenessMs ?? Infinity, boundMs + took);
      if (age === undefined || (!answer.degraded && (answer.stalenessMs ?? Infinity) > boundMs + took))
        complaints.push(`an age of ${answer.stalenessMs} ms that is not degraded`);
      else {
        const least = acknowledged.filter(({ at }) => at < asked - age).length;
        if (answer.value < least)
          complaints.push(`${answer.value}, at most ${age} ms old, and ${least} were acknowledged`);
      }
      if (!answer.degraded) seen = Math.max(seen, answer.value);
      await sleep(5);
    }
  };
  const divide = async (): Promise<void> => {
    for (let round = 0; performance.now() < until - 1500; round++) {
      const alone = String((round % 3) + 1);
      const others = ["1", "2", "3"].filter((node) => node !== alone).join(",");
      await cohort(["fault", "partition", alone, "/", others], up.env);
      await sleep(1200);
      await cohort(["fault", "heal"], up.env);
      await sleep(600);
    }
  };
  await Promise.all([divide(), write(1), write(2), write(3), read(0), read(1), read(2)]);

  expect(complaints).toEqual([]);
  const values = acknowledged.map(({ value }) => value);
  expect(new Set(values).size).toBe(values.length);
  // Each side had its say: kept answers, answers that own up to being old, and writes refused where there is no majority.
  expect(counts.kept).toBeGreaterThan(50);
  expect(counts.degraded).toBeGreaterThan(5);
  expect(counts.writes).toBeGreaterThan(50);
  expect(counts.refusedWrites).toBeGreaterThan(0);
  expect(counts.refusedReads).toBe(0);
});

test("a changed contract holds for the next request, and a bad one is refused with its place", async () => {
  const consistency = async (): Promise<unknown> =>
    ((await (await fetch(`${up.http(2)}/v1/counters/visits`)).json()) as Answer).consistency;
  const changed = await cohort(["keyspace", "set-contract", "visits", "linearizable", "--replaces", "1"], up.env);
  expect(changed.stdout).toContain("ReadConsistency: Linearizable");
  await expect.poll(consistency).toBe("Linearizable");
  const late = await cohort(["keyspace", "set-contract", "visits", "eventual", "--replaces", "1", "--json"], up.env);
  expect(late.code).toBe(1);
  expect(JSON.parse(late.stderr)).toMatchObject({ error: { code: "conflict" } });
  const wrong = await cohort(["keyspace", "set-contract", "visits", "Causl; WriteConsistency: Eventual"], up.env);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/1:1: "Causl" is not a read guarantee[^]*write: Causal/);
});
