/** The simulator in a thread of its own: the very code of the servers, in virtual time. */
import {
  drawPlan,
  formatPlanFile,
  parsePlanFile,
  plantedBugs,
  runPlan,
  scenarios,
  shrink,
  timelineOf,
  type Plan,
  type RunResult,
  type Scenario,
} from "../../../src/sim/index.ts";
import { drawnOf, faultBandsOf, kinds, lightsOf } from "./drawn.ts";
import { meaningOf } from "./explain.ts";
import type { Choice, NodeState, Order, Report, Run } from "./messages.ts";

/** About ten seconds of looking for a smaller schedule. */
const shrinkSteps = 1_500_000;
const smallEnough = 12;

let current: { readonly scenario: Scenario; readonly plan: Plan } | undefined;

function tell(report: Report, transfer: Transferable[] = []): void {
  postMessage(report, { transfer });
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  try {
    take(data);
  } catch (error) {
    tell({ kind: "failed", text: error instanceof Error ? error.message : String(error) });
  }
});

function take(order: Order): void {
  switch (order.kind) {
    case "list":
      return tell({
        kind: "catalogue",
        catalogue: {
          scenarios: scenarios.map(({ name, title, nodes }) => ({ name, title, nodes })),
          mistakes: plantedBugs.map(({ name, title, scenario }) => ({ name, title, scenario })),
        },
      });
    case "run":
      return runChoice(order.choice, order.search, order.shrink);
    case "replay":
      return replay(order.text);
    case "inspect":
      return inspect(order.step);
  }
}

function scenarioOf(name: string): Scenario {
  const scenario = scenarios.find((known) => known.name === name);
  if (scenario === undefined) throw new Error(`There is no scenario "${name}"; choose one of the list.`);
  return scenario;
}

/** A planted mistake, and what else would hide it. */
function bugsOf(plant: string | undefined): string[] {
  if (plant === undefined) return [];
  const bug = plantedBugs.find(({ name }) => name === plant);
  if (bug === undefined) throw new Error(`There is no mistake "${plant}" to plant; choose one of the list.`);
  return [bug.name, ...(bug.without === undefined ? [] : [bug.without])];
}

function runChoice(choice: Choice, search: number, mayShrink: boolean): void {
  const named = scenarioOf(choice.scenario);
  const scenario = choice.nodes === undefined ? named : { ...named, nodes: [choice.nodes] };
  const bugs = bugsOf(choice.plant);
  for (let seed = choice.seed; seed <= choice.seed + search; seed++) {
    if (search > 0) tell({ kind: "progress", text: `Trying seed ${seed}…` });
    const plan = drawPlan(scenario, seed, bugs);
    const begun = performance.now();
    const result = runPlan(scenario, plan);
    const rate = (result.steps * 1000) / Math.max(0.1, performance.now() - begun);
    if (result.failure === undefined && seed < choice.seed + search) continue;
    if (search > 0 && result.failure === undefined)
      return tell({
        kind: "nothing",
        text: `No failure in ${search + 1} seeds. Try another scenario, or a mistake that it finds.`,
      });
    show(scenario, plan, result, { ...choice, seed }, rate, mayShrink);
    return;
  }
}

function show(
  scenario: Scenario,
  plan: Plan,
  result: RunResult,
  choice: Choice,
  rate: number,
  mayShrink: boolean,
): void {
  const { failure } = result;
  if (failure === undefined || !mayShrink) return draw(scenario, plan, choice, rate, result.digest, undefined);
  const before = plan.faults.length + plan.operations.length;
  const text = (left: number): string =>
    `Seed ${plan.seed} breaks “${failure.clause}”. Making it small: ${left} of ${before} faults and operations left…`;
  tell({ kind: "progress", text: text(before) });
  const small = shrink(scenario, plan, failure, {
    maxSteps: shrinkSteps,
    enough: smallEnough,
    onProgress: (left) => tell({ kind: "progress", text: text(left) }),
  });
  const after = small.plan.faults.length + small.plan.operations.length;
  draw(scenario, small.plan, choice, rate, result.digest, { runs: small.runs, from: before, to: after });
}

/** `digest`: of the seed as it was drawn, so that it can be compared with the command line. */
function draw(
  scenario: Scenario,
  plan: Plan,
  choice: Choice,
  rate: number,
  digest: string,
  shrunk: Run["shrunk"],
): void {
  tell({ kind: "progress", text: "Drawing…" });
  const timeline = timelineOf(plan, true);
  const result = runPlan(scenario, plan, { timeline });
  current = { scenario, plan };
  const { failure } = result;
  const drawn = drawnOf(timeline, result.simulatedMs);
  const run: Run = {
    choice,
    title: scenario.title,
    nodes: plan.nodes,
    clients: timeline.clients,
    digest,
    steps: result.steps,
    simulatedMs: result.simulatedMs,
    eventsPerSecond: rate,
    failure,
    explanation: failure && meaningOf(failure.clause),
    shrunk,
    faults: faultBandsOf(plan),
    operations: plan.operations.length,
    mistakes: plan.bugs.map((bug) => plantedBugs.find(({ name }) => name === bug)?.title ?? bug),
    kinds,
    lights: lightsOf(result, timeline),
    file: formatPlanFile({ clause: failure?.clause ?? "", story: failure?.detail ?? "", plan }),
    ...drawn,
  };
  const { messages, stepAt, stepLane } = drawn;
  tell(
    { kind: "run", run },
    [messages.sentAt, messages.gotAt, messages.from, messages.to, messages.kind, messages.text, stepAt, stepLane].map(
      ({ buffer }) => buffer,
    ),
  );
}

function replay(text: string): void {
  const { plan } = parsePlanFile(text);
  const scenario = scenarioOf(plan.scenario);
  const begun = performance.now();
  const result = runPlan(scenario, plan);
  const rate = (result.steps * 1000) / Math.max(0.1, performance.now() - begun);
  const choice: Choice = { scenario: plan.scenario, seed: plan.seed, nodes: undefined, plant: plan.bugs[0] };
  draw(scenario, plan, choice, rate, result.digest, undefined);
}

/** A run is a function of its plan: to see a moment, it is run again up to there. */
function inspect(step: number): void {
  if (current === undefined) return;
  const { scenario, plan } = current;
  const at = (stopAtStep: number, onLine?: (line: string) => void): RunResult =>
    runPlan(scenario, plan, { stopAtStep, ...(onLine ? { onLine } : {}) });
  const before: readonly NodeState[] = step <= 1 ? [] : at(step - 1).nodes;
  let lines: string[] = [];
  const wanted = `#${step} `;
  let open = false;
  const result = at(step, (line) => {
    if (line.includes(wanted)) {
      open = true;
      lines = [];
    } else if (/^ *[\d.]+ #/.test(line)) open = false;
    if (open) lines.push(line.trim());
  });
  tell({ kind: "inspected", inspected: { step, at: result.simulatedMs, lines, before, after: result.nodes } });
}
