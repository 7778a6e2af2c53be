import { expect, test } from "vitest";
import { drawPlan, runPlan, scenarios, type NodeState } from "../../../src/sim/index.ts";
import { packed, unpacked } from "./link.ts";
import { StateLog } from "./states.ts";

test("a schedule survives its way through a link; a damaged link says what to do", async () => {
  const text = JSON.stringify({ seed: 3, faults: Array.from({ length: 40 }, (_, at) => ({ at, kind: "crash" })) });
  const link = await packed(text);
  expect(link).toMatch(/^[\w-]+$/);
  expect(await unpacked(link!)).toBe(text);
  await expect(unpacked(link!.slice(0, 20))).rejects.toThrow("The link is damaged");
  expect(await packed(Array.from({ length: 40_000 }, (_, i) => Math.sin(i)).join())).toBeUndefined();
});

test("where everyone stood after an event is where a run that stops there ends", async () => {
  const scenario = scenarios.find(({ name }) => name === "elections")!;
  const plan = drawPlan({ ...scenario, durationMs: 1500 }, 4);
  const log = new StateLog();
  const whole = await runPlan(scenario, plan, { onStepped: (step, nodes) => log.take(step, nodes) });
  expect(whole.digest).toBe((await runPlan(scenario, plan)).digest);
  for (const stopAtStep of [1, 7, 100, Math.floor(whole.steps / 2)]) {
    const stopped = await runPlan(scenario, plan, { stopAtStep });
    expect(log.at(stopped.steps).map(standing)).toEqual(stopped.nodes.map(standing));
  }
  expect(log.at(0)).toEqual([]);
});

function standing({ node, life, group }: NodeState): unknown {
  return group === undefined ? [node, life] : [node, life, group.role, group.term, group.lastIndex, group.commitIndex];
}
