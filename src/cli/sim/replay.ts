import { readFile, writeFile } from "node:fs/promises";
import {
  drawPlan,
  drawPlanReport,
  formatPlanFile,
  parsePlanFile,
  runPlan,
  scenarios,
  joinDigests,
  shrink,
  type Plan,
  type RunResult,
  type Scenario,
} from "../../sim/index.ts";
import { CommandError, paint, print, printJson, UsageError } from "../output.ts";

export interface Replay {
  readonly source:
    | { readonly file: string }
    | { readonly scenarios: readonly Scenario[]; readonly seed: number; readonly bugs: readonly string[] };
  /** Stop after this step. */
  readonly until: number | undefined;
  readonly trace: boolean;
  /** Where to draw the first of them. */
  readonly html: string | undefined;
  readonly json: boolean;
}

/** The last lines of a trace that a stop shows. */
const tailLines = 15;

/** Runs plans again and shows how they end; the exit code: 1 where one fails. */
export async function replay({ source, until, trace, html, json }: Replay): Promise<number> {
  const plans =
    "file" in source
      ? [await readPlan(source.file)]
      : source.scenarios.map((scenario) => ({ scenario, plan: drawPlan(scenario, source.seed, source.bugs) }));
  const digests: string[] = [];
  const runs: object[] = [];
  let failed = false;
  for (const { scenario, plan } of plans) {
    const tail: string[] = [];
    const onLine = (line: string): void => {
      if (trace) process.stderr.write(`${line}\n`);
      tail.push(line);
      if (tail.length > tailLines) tail.shift();
    };
    const watched = trace || until !== undefined;
    const result = await runPlan(scenario, plan, {
      ...(watched ? { onLine } : {}),
      ...(until === undefined ? {} : { stopAtStep: until }),
    });
    failed ||= result.failure !== undefined;
    digests.push(result.digest);
    runs.push(documentOf(plan, result));
    if (!json) show(plan, result, until === undefined ? [] : tail);
  }
  const [first] = plans;
  if (html !== undefined && first !== undefined) {
    const again =
      "file" in source
        ? `cohort sim replay ${source.file} --trace`
        : `cohort sim replay ${first.scenario.name} --seed ${source.seed} --trace`;
    const { page } = await drawPlanReport(first.scenario, first.plan, again, until);
    await writeFile(html, page);
    if (!json) print(`Drawn in ${html}`);
  }
  if (json) printJson({ digest: joinDigests(digests), ok: !failed, runs });
  return failed ? 1 : 0;
}

function documentOf(plan: Plan, { failure, digest, steps, simulatedMs, fired, state }: RunResult): object {
  const { scenario, seed } = plan;
  return {
    scenario,
    seed,
    digest,
    steps,
    simulatedMs,
    ok: failure === undefined,
    failure: failure ?? null,
    faults: Object.fromEntries(fired),
    state,
  };
}

function show(plan: Plan, { failure, digest, steps, simulatedMs, state }: RunResult, tail: readonly string[]): void {
  const verdict =
    failure === undefined ? paint("green", "holds") : paint("red", `${failure.clause}: ${failure.detail}`);
  print(`${plan.scenario}, seed ${plan.seed}: ${verdict}`);
  print(`  ${steps} steps, ${Math.round(simulatedMs)} ms simulated, digest ${digest}`);
  for (const line of tail) print(`  ${line}`);
  if (tail.length > 0 || failure) for (const node of state.split("; ")) print(`  ${node}`);
}

/** Looks for a smaller schedule and writes it in place of the file; the exit code. */
export async function shrinkFile(file: string, json: boolean): Promise<number> {
  const { scenario, plan } = await readPlan(file);
  const { failure } = await runPlan(scenario, plan);
  if (!failure)
    throw new CommandError(`${file} does not fail`, "It was fixed, or it was made by another version of the program.");
  const shrunk = await shrink(scenario, plan, failure, {
    onProgress: (events) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${events} faults and operations left`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  await writeFile(
    file,
    formatPlanFile({ clause: shrunk.failure.clause, story: shrunk.failure.detail, plan: shrunk.plan }),
  );
  const { faults, operations, nodes } = shrunk.plan;
  if (json)
    printJson({
      file,
      faults: faults.length,
      operations: operations.length,
      nodes,
      runs: shrunk.runs,
      failure: shrunk.failure,
    });
  else
    print(
      `${file}: ${nodes} nodes, ${faults.length} faults, ${operations.length} operations, after ${shrunk.runs} runs`,
    );
  return 0;
}

async function readPlan(file: string): Promise<{ scenario: Scenario; plan: Plan }> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} is neither a file nor a scenario`, "`cohort sim list` names the scenarios.", {
      cause: error,
    });
  }
  const { plan } = parse(text, file);
  const scenario = scenarios.find(({ name }) => name === plan.scenario);
  if (scenario === undefined)
    throw new UsageError(`there is no scenario ${plan.scenario} any more`, "`cohort sim list` names those there are.");
  return { scenario, plan };
}

function parse(text: string, file: string): { plan: Plan } {
  try {
    return parsePlanFile(text);
  } catch (error) {
    throw new UsageError(
      `${file}: ${error instanceof Error ? error.message : String(error)}`,
      "Give it a file that `cohort sim run` wrote.",
      { cause: error },
    );
  }
}
