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
import { meaningOf, storyOf } from "./explain.ts";
import type { Choice, Order, Report, Run } from "./messages.ts";
import { StateLog } from "./states.ts";

/** About ten seconds of looking for a smaller schedule. */
const shrinkSteps = 1_500_000;
const smallEnough = 12;

/** Of a longer run the first so many events are drawn: more would take all the memory of a phone. */
const mostDrawn = 300_000;

/** The run that is shown: where everyone stood, and what the trace says, event by event. */
let current:
  | { readonly states: StateLog; readonly lines: readonly string[]; readonly stepAt: readonly number[] }
  | undefined;

function tell(report: Report, transfer: Transferable[] = []): void {
  postMessage(report, { transfer });
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  take(data).catch((error: unknown) =>
    tell({ kind: "failed", text: error instanceof Error ? error.message : String(error) }),
  );
});

async function take(order: Order): Promise<void> {
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

async function runChoice(choice: Choice, search: number, mayShrink: boolean): Promise<void> {
  const named = scenarioOf(choice.scenario);
  const { nodes, seconds } = choice;
  const scenario: Scenario = {
    ...named,
    ...(nodes === undefined ? {} : { nodes: [nodes] }),
    ...(seconds === undefined ? {} : { durationMs: seconds * 1000 }),
  };
  const bugs = bugsOf(choice.plant);
  for (let seed = choice.seed; seed <= choice.seed + search; seed++) {
    if (search > 0) tell({ kind: "progress", text: `Trying seed ${seed}…` });
    const plan = drawPlan(scenario, seed, bugs);
    const begun = performance.now();
    const result = await runPlan(scenario, plan);
    const rate = (result.steps * 1000) / Math.max(0.1, performance.now() - begun);
    if (result.failure === undefined && seed < choice.seed + search) continue;
    if (search > 0 && result.failure === undefined)
      return tell({
        kind: "nothing",
        text: `No failure in ${search + 1} seeds. Try another scenario, or a mistake that it finds.`,
      });
    return show(scenario, plan, result, { ...choice, seed }, rate, mayShrink);
  }
}

async function show(
  scenario: Scenario,
  plan: Plan,
  result: RunResult,
  choice: Choice,
  rate: number,
  mayShrink: boolean,
): Promise<void> {
  const { failure, digest, steps } = result;
  if (failure === undefined || !mayShrink) return draw(scenario, plan, choice, rate, { full: result });
  const before = plan.faults.length + plan.operations.length;
  const text = (left: number): string =>
    `Seed ${plan.seed} breaks “${failure.clause}”. Making it small: ${left} of ${before} faults and operations left…`;
  tell({ kind: "progress", text: text(before) });
  const small = await shrink(scenario, plan, failure, {
    maxSteps: shrinkSteps,
    enough: smallEnough,
    onProgress: (left) => tell({ kind: "progress", text: text(left) }),
  });
  const after = small.plan.faults.length + small.plan.operations.length;
  await draw(scenario, small.plan, choice, rate, {
    drawn: { digest, steps },
    shrunk: { runs: small.runs, from: before, to: after },
  });
}

/** `made`: what it was made of, where it is not the seed as it was drawn. */
async function draw(
  scenario: Scenario,
  plan: Plan,
  choice: Choice,
  rate: number,
  made: Partial<Pick<Run, "drawn" | "shrunk" | "replayed">> & { readonly full?: RunResult } = {},
): Promise<void> {
  tell({ kind: "progress", text: "Drawing…" });
  const timeline = timelineOf(plan, true);
  const states = new StateLog();
  const trace = new Trace();
  const cut = made.full !== undefined && made.full.steps > mostDrawn ? made.full : undefined;
  const result = await runPlan(scenario, plan, {
    ...(cut ? { stopAtStep: mostDrawn } : {}),
    timeline,
    onLine: (line) => trace.take(line),
    onStepped: (step, nodes) => states.take(step, nodes),
  });
  states.take(result.steps, result.nodes);
  const drawn = drawnOf(timeline, result.simulatedMs);
  current = { states, lines: trace.lines, stepAt: Array.from(drawn.stepAt) };
  const { failure } = result;
  const faults = faultBandsOf(plan);
  const run: Run = {
    choice,
    title: scenario.title,
    nodes: plan.nodes,
    clients: timeline.clients,
    digest: (cut ?? result).digest,
    stepsInAll: (cut ?? result).steps,
    replayed: made.replayed ?? false,
    drawn: made.drawn,
    shrunk: made.shrunk,
    steps: result.steps,
    simulatedMs: result.simulatedMs,
    eventsPerSecond: rate,
    failure,
    explanation: failure && meaningOf(failure.clause),
    story: failure === undefined ? [] : storyOf(drawn, faults, failure.atMs),
    faults,
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

/** What the trace says of each event, and of what came of it. */
class Trace {
  readonly lines: string[] = [];
  #step = 0;

  take(line: string): void {
    const step = /^ *[\d.]+ #(\d+) /.exec(line)?.[1];
    if (step !== undefined) this.#step = Number(step);
    const before = this.lines[this.#step];
    this.lines[this.#step] = before === undefined ? line.trim() : `${before}\n${line.trim()}`;
  }
}

async function replay(text: string): Promise<void> {
  const { plan } = parsePlanFile(text);
  const scenario = scenarioOf(plan.scenario);
  const begun = performance.now();
  const result = await runPlan(scenario, plan);
  const rate = (result.steps * 1000) / Math.max(0.1, performance.now() - begun);
  const choice: Choice = {
    scenario: plan.scenario,
    seed: plan.seed,
    nodes: undefined,
    seconds: undefined,
    plant: plan.bugs[0],
  };
  await draw(scenario, plan, choice, rate, { replayed: true });
}

function inspect(step: number): void {
  if (current === undefined) return;
  const { states, lines, stepAt } = current;
  const inspected = {
    step,
    at: stepAt[step - 1] ?? 0,
    lines: lines[step] ?? "",
    before: states.at(step - 1),
    after: states.at(step),
  };
  tell({ kind: "inspected", inspected });
}
