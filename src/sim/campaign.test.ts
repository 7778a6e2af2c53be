import { describe, expect, test } from "vitest";
import {
  drawPlan,
  drawPlanReport,
  plantedBugs,
  runPlan,
  runSeed,
  scenarios,
  shrink,
  Tally,
  type Scenario,
} from "./index.ts";

/** Long campaigns: `npm run campaign`. */
const seeds = 1;

describe("a few seeds of every scenario hold", () => {
  test.each(scenarios.map((scenario): [string, Scenario] => [scenario.name, scenario]))("%s", async (_, scenario) => {
    const tally = new Tally(scenario);
    for (let seed = 1; seed <= seeds; seed++) tally.add(await runSeed(scenario, seed));
    expect(tally.failures).toEqual([]);
    expect(tally.silent).toEqual([]);
    expect(tally.counts.get("operations ok")).toBeGreaterThan(0);
  });
});

test("a scenario whose fault never fires fails", async () => {
  const pointless: Scenario = { ...scenarios[0]!, faults: [{ kind: "diskFull", perMinute: 120, forMs: [1, 2] }] };
  const tally = new Tally(pointless);
  tally.add(await runSeed(pointless, 1));
  tally.add(await runSeed(pointless, 2));
  expect(tally.failures).toEqual([]);
  expect(tally.silent).toEqual(["diskFull"]);
  expect(tally.ok).toBe(false);
});

test("a run over its budget fails, of events as of messages", async () => {
  const basic = scenarios.find(({ name }) => name === "basic")!;
  const talkative = await runSeed({ ...basic, nodes: [3], budget: { messagesPerOperation: 0.1 } }, 1);
  expect(talkative.failure).toMatchObject({ clause: "budget" });
  expect((await runSeed({ ...basic, budget: { events: 50 } }, 1)).failure).toMatchObject({ clause: "budget" });
});

test("a demonstration fails where nothing breaks, a story where it does not show what it says", async () => {
  const basic = scenarios[0]!;
  const intact = new Tally({ ...basic, breaks: "linearizable", shows: ["truncated"] });
  const result = await runSeed(basic, 1);
  for (let seed = 1; seed <= 20; seed++) intact.add({ ...result, seed });
  expect(intact).toMatchObject({ failures: [], intact: true, unseen: ["truncated"], ok: false });
  const failure = { clause: "linearizable", detail: "", step: 1, atMs: 1 };
  intact.add({ ...result, seed: 21, failure, expected: true });
  expect(intact).toMatchObject({ failures: [], intact: false, demonstrated: 1 });
});

test.each([
  "votes-twice",
  "session-token-ignored",
  "reads-before-applied",
  "sessions-not-in-snapshot",
  "retries-applied-again",
])("the planted mistake %s is found", async (name) => {
  const bug = plantedBugs.find((candidate) => candidate.name === name)!;
  const scenario = scenarios.find((candidate) => candidate.name === bug.scenario)!;
  let found = false;
  for (let seed = 1; seed <= 15 && !found; seed++)
    found = (await runSeed(scenario, seed, [name])).failure !== undefined;
  expect(found).toBe(true);
});

test("a failure shrinks to few events that still fail the same way", async () => {
  const scenario = scenarios.find(({ name }) => name === "session-tokens")!;
  for (let seed = 1; ; seed++) {
    const plan = drawPlan(scenario, seed, ["session-token-ignored"]);
    const { failure } = await runPlan(scenario, plan);
    if (!failure) continue;
    const small = await shrink(scenario, plan, failure, { enough: 30 });
    expect(small.plan.faults.length + small.plan.operations.length).toBeLessThanOrEqual(30);
    expect((await runPlan(scenario, small.plan)).failure).toEqual(small.failure);
    expect(small.failure.clause).toBe(failure.clause);
    const { page, result } = await drawPlanReport(scenario, small.plan, "cohort sim replay it.json");
    // Drawing changes nothing, the page stands for itself, and it shows what broke.
    expect(result.digest).toBe((await runPlan(scenario, small.plan)).digest);
    expect(page).not.toMatch(/<script|src=|href=|@import/);
    expect(page).toContain(small.failure.clause);
    expect(page.match(/class="message /g)!.length).toBeGreaterThan(10);
    expect(page).toContain("leader t1");
    return;
  }
});
