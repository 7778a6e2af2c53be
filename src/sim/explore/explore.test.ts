import { expect, test } from "vitest";
import { explore, scenarios, settingOf, tellCounterexample, type ExploreOptions } from "../index.ts";

const scenario = (name: string): (typeof scenarios)[number] => scenarios.find((candidate) => candidate.name === name)!;
const options: ExploreOptions = {
  depth: 7,
  from: "leader",
  maxStates: 100_000,
  isOver: () => false,
  onProgress: () => {},
};
const small = { nodes: 3, operations: 2, disturbances: 0, bugs: [] };

test("everything that can happen in few steps holds, and the search is the same each time", () => {
  const setting = settingOf(scenario("session-tokens"), small);
  const first = explore(setting, options);
  expect(first).toMatchObject({ complete: true, completeDepth: 7, counterexample: undefined });
  expect(first.states).toBeGreaterThan(100);
  // Many orders lead to states that are known.
  expect(first.transitions).toBeGreaterThan(first.states);
  expect(explore(setting, options)).toEqual(first);
});

test("a planted mistake is broken by the fewest steps, told and drawn", () => {
  const setting = settingOf(scenario("session-tokens"), { ...small, bugs: ["session-token-ignored"] });
  const { counterexample } = explore(setting, options);
  expect(counterexample).toMatchObject({ clause: "session" });
  expect(counterexample!.choices).toHaveLength(6);
  expect(explore(setting, { ...options, depth: 5 }).counterexample).toBeUndefined();
  const { lines, page } = tellCounterexample(setting, counterexample!, "cohort sim explore");
  expect(lines[0]).toBe("client 0 asks node 1");
  expect(lines.at(-1)).toMatch(/client 0 asks node/);
  expect(page).toContain("leader t1");
});

test("two candidates of one term: found from the very start, in fewest steps", () => {
  const setting = settingOf(scenario("basic"), { ...small, operations: 0, disturbances: 2, bugs: ["votes-twice"] });
  const { counterexample } = explore(setting, { ...options, from: "start", depth: 12 });
  expect(counterexample).toMatchObject({ clause: "election safety" });
});

test("a limit ends the search, which says how far it came", () => {
  const setting = settingOf(scenario("unreliable-churn"), { ...small, disturbances: 2 });
  const result = explore(setting, { ...options, maxStates: 500 });
  expect(result.complete).toBe(false);
  expect(result.completeDepth).toBeGreaterThan(0);
  expect(result.completeDepth).toBeLessThan(7);
});
