import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatPlanFile, parsePlanFile, runPlan, scenarios } from "./index.ts";

const directory = new URL("../../test/regressions/", import.meta.url);
const files = readdirSync(directory).filter((name) => name.endsWith(".json"));

test("there are failures to remember", () => expect(files.length).toBeGreaterThan(0));

test.each(files)("%s holds", async (name) => {
  const text = readFileSync(new URL(name, directory), "utf8");
  const { format, ...file } = parsePlanFile(text);
  expect(format).toBe("cohort-simulation-1");
  expect(formatPlanFile(file)).toBe(text);
  const scenario = scenarios.find((candidate) => candidate.name === file.plan.scenario);
  expect(scenario).toBeDefined();
  expect((await runPlan(scenario!, { ...file.plan, bugs: [] })).failure).toBeUndefined();
});

test("what is not the file of a simulation is refused with the part that is wrong", () => {
  expect(() => parsePlanFile("{}")).toThrow(/not the file of a simulation/);
  const file = parsePlanFile(readFileSync(new URL(files[0]!, directory), "utf8"));
  expect(() => parsePlanFile(JSON.stringify({ ...file, plan: { ...file.plan, seed: -1 } }))).toThrow(/plan\/seed/);
});
