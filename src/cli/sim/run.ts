import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  describeFault,
  drawPlan,
  drawPlanReport,
  formatPlanFile,
  shrink,
  joinDigests,
  Tally,
  type Scenario,
  type SimFailure,
} from "../../sim/index.ts";
import { duration, paint, print, printJson } from "../output.ts";
import { runCampaign, type CampaignSettings } from "./campaign.ts";
import { Progress } from "./progress.ts";

export interface RunScenarios extends CampaignSettings {
  readonly scenarios: readonly Scenario[];
}

export interface Report {
  readonly scenario: string;
  readonly seed: number;
  readonly clause: string;
  readonly detail: string;
  /** Faults and operations of the smallest schedule found. */
  readonly faults: readonly string[];
  readonly operations: number;
  readonly nodes: number;
  readonly file: string;
  /** The page with the space-time diagram. */
  readonly page: string;
}

/** Runs a campaign and shows what came of it; the exit code. */
export async function runScenarios(options: RunScenarios): Promise<number> {
  const tallies = new Map(options.scenarios.map((scenario) => [scenario.name, new Tally(scenario)]));
  const progress = new Progress(options.scenarios.length * options.seeds);
  await runCampaign({
    ...options,
    onResult: (result) => {
      tallies.get(result.scenario)?.add(result);
      progress.add(result);
    },
    // One failure of a scenario is enough to look at.
    isSettled: (scenario) => (tallies.get(scenario.name)?.failures.length ?? 0) > 0,
  });
  progress.end();
  const reports: Report[] = [];
  for (const tally of tallies.values()) {
    const [first] = tally.failures;
    if (first) reports.push(await reportFailure(tally.scenario, first.seed, first.failure, options));
  }
  const ok = [...tallies.values()].every((tally) => tally.ok);
  if (options.json) printJson(summaryOf([...tallies.values()], reports, progress.wallMs, ok));
  else showSummary([...tallies.values()], reports, progress);
  return ok ? 0 : 1;
}

export async function reportFailure(
  scenario: Scenario,
  seed: number,
  failure: SimFailure,
  { bugs, out, json }: Pick<RunScenarios, "bugs" | "out" | "json">,
): Promise<Report> {
  if (!json)
    process.stderr.write(`${scenario.name}, seed ${seed}: ${failure.clause}; looking for a smaller schedule\n`);
  const { plan, failure: smallest } = await shrink(scenario, drawPlan(scenario, seed, bugs), failure);
  const file = join(out, `${scenario.name}-${seed}.json`);
  await mkdir(out, { recursive: true });
  await writeFile(file, formatPlanFile({ clause: smallest.clause, story: smallest.detail, plan }));
  const page = join(out, `${scenario.name}-${seed}.html`);
  const drawn = await drawPlanReport(scenario, plan, `cohort sim replay ${file} --trace`);
  await writeFile(page, drawn.page);
  const { clause, detail } = smallest;
  return {
    scenario: scenario.name,
    seed,
    clause,
    detail,
    faults: plan.faults.map(describeFault),
    operations: plan.operations.length,
    nodes: plan.nodes,
    file,
    page,
  };
}

function summaryOf(tallies: readonly Tally[], failures: readonly Report[], wallMs: number, ok: boolean): object {
  const total = (of: (tally: Tally) => number): number => tallies.reduce((sum, tally) => sum + of(tally), 0);
  return {
    ok,
    digest: digestOf(tallies),
    seeds: total((tally) => tally.seeds),
    steps: total((tally) => tally.steps),
    simulatedMs: Math.round(total((tally) => tally.simulatedMs)),
    wallMs: Math.round(wallMs),
    scenarios: tallies.map((tally) => ({
      name: tally.scenario.name,
      ok: tally.ok,
      seeds: tally.seeds,
      failedSeeds: tally.failures.map(({ seed }) => seed),
      faults: Object.fromEntries(tally.fired),
      neverFired: tally.silent,
      neverSeen: tally.unseen,
      ...(tally.scenario.breaks === undefined
        ? {}
        : { breaks: tally.scenario.breaks, demonstrated: tally.demonstrated }),
      counts: Object.fromEntries([...tally.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
      steps: tally.steps,
      simulatedMs: Math.round(tally.simulatedMs),
      digest: tally.digest,
    })),
    failures,
  };
}

function digestOf(tallies: readonly Tally[]): string {
  return joinDigests(tallies.map((tally) => tally.digest));
}

function showSummary(tallies: readonly Tally[], reports: readonly Report[], progress: Progress): void {
  const width = Math.max(...tallies.map(({ scenario }) => scenario.name.length));
  for (const tally of tallies) {
    const verdict = tally.ok ? paint("green", "ok  ") : paint("red", "FAIL");
    const fired = [...tally.fired].map(([kind, times]) => `${kind} ${times}`).join(", ");
    print(`${verdict} ${tally.scenario.name.padEnd(width)} ${String(tally.seeds).padStart(5)} seeds  ${fired}`);
    if (tally.demonstrated > 0)
      print(`     breaks "${tally.scenario.breaks}" in ${tally.demonstrated} seeds, as it is there to show`);
    if (tally.intact) print(`     never breaks "${tally.scenario.breaks}": it does not show what that rests on`);
    for (const name of tally.unseen) print(`     "${name}" never happened: the scenario does not show what it says`);
    for (const kind of tally.silent)
      print(`     ${paint("red", `${kind} never fired`)}: the scenario does not test what it declares`);
  }
  for (const { scenario, seed, clause, detail, faults, operations, nodes, file, page } of reports) {
    print(`\n${paint("red", `${scenario}, seed ${seed}: ${clause}`)}\n  ${detail}`);
    print(`  Smallest schedule: ${nodes} nodes, ${operations} operations, ${faults.length} faults`);
    for (const fault of faults) print(`    ${fault}`);
    print(`  Again:   cohort sim replay ${file} --trace`);
    print(`  Drawn:   ${page}`);
    print(`  To keep: cp ${file} test/regressions/`);
  }
  print(`\n${progress.text} in ${duration(progress.wallMs)}, digest ${digestOf(tallies)}`);
}
