import { expect, test } from "vitest";
import { drawPlan, runPlan, scenarios } from "./index.ts";

/** Between them they have every kind of fault that draws random numbers, and promises. */
const names = [
  "snapshots-unreliable",
  "membership-crash",
  "unreliable-churn",
  "client-library-watches",
  "client-library-locks",
];
const chosen = scenarios
  .filter(({ name }) => names.includes(name))
  .map((scenario) => ({ ...scenario, durationMs: Math.min(scenario.durationMs, 5000) }));

test("the same seed makes the same trace, and another seed another", async () => {
  const digests = new Set<string>();
  for (const scenario of chosen) {
    const plan = drawPlan(scenario, 7);
    expect(drawPlan(scenario, 7)).toEqual(plan);
    const lines: string[] = [];
    const first = await runPlan(scenario, plan);
    const again = await runPlan(scenario, plan, { onLine: (line) => void lines.push(line) });
    expect(again.digest).toBe(first.digest);
    expect(again.steps).toBe(first.steps);
    expect(lines.length).toBeGreaterThan(first.steps);
    digests.add(first.digest).add((await runPlan(scenario, drawPlan(scenario, 8))).digest);
  }
  expect(digests.size).toBe(2 * chosen.length);
});
