import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parsePlanFile, runPlan, scenarios } from "./index.ts";

test("R + W > N alone is not linearizable: the kept schedule shows it, and write-back mends it", async () => {
  const { plan } = parsePlanFile(readFileSync("testdata/demonstrations/quorums-are-not-linearizable.json", "utf8"));
  const scenario = scenarios.find(({ name }) => name === plan.scenario)!;
  expect(plan.bugs).toEqual(["no-write-back"]);
  expect((await runPlan(scenario, plan)).failure?.clause).toBe("linearizable");
  expect((await runPlan(scenario, { ...plan, bugs: [] })).failure).toBeUndefined();
});
