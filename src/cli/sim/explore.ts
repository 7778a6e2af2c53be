import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import {
  explore,
  settingOf,
  tellCounterexample,
  type ExploreProgress,
  type ExploreResult,
  type Scenario,
  type Setting,
} from "../../sim/index.ts";
import { duration, paint, print, printJson } from "../output.ts";

export interface ExploreScenario {
  readonly scenario: Scenario;
  readonly depth: number;
  readonly from: "start" | "leader";
  readonly nodes: number;
  readonly operations: number;
  readonly disturbances: number;
  readonly maxStates: number;
  readonly timeLimitMs: number;
  readonly bugs: readonly string[];
  /** Directory for the page of a counterexample. */
  readonly out: string;
  readonly json: boolean;
}

const toldEveryMs = 1000;

/** Searches a small world through and tells what came of it; the exit code: 1 where something breaks. */
export async function exploreScenario(options: ExploreScenario): Promise<number> {
  const { scenario, depth, from, nodes, operations, disturbances, maxStates, timeLimitMs, bugs } = options;
  const setting = settingOf(scenario, { nodes, operations, disturbances, bugs });
  const begun = performance.now();
  let toldAt = begun;
  const result = explore(setting, {
    depth,
    from,
    maxStates,
    isOver: () => performance.now() - begun > timeLimitMs,
    onProgress: (progress) => {
      if (performance.now() - toldAt < toldEveryMs) return;
      toldAt = performance.now();
      tell(progress, depth);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const { counterexample, ...numbers } = result;
  const elapsedMs = Math.round(performance.now() - begun);
  if (counterexample === undefined) {
    if (options.json) printJson({ ok: true, ...numbers, elapsedMs });
    else tellHolds(setting, result, options, elapsedMs);
    return 0;
  }
  const page = join(options.out, `${scenario.name}-explored.html`);
  const planted = bugs.length > 0 ? ` --plant ${bugs.join(",")}` : "";
  const again = `cohort sim explore ${scenario.name} --depth ${counterexample.choices.length} --from ${from} --nodes ${nodes} --operations ${operations} --disturbances ${disturbances}${planted}`;
  const told = tellCounterexample(setting, counterexample, again);
  await mkdir(options.out, { recursive: true });
  await writeFile(page, told.page);
  const { clause, detail, choices } = counterexample;
  if (options.json) printJson({ ok: false, ...numbers, elapsedMs, clause, detail, choices, steps: told.lines, page });
  else {
    print(`${paint("red", `${scenario.name}: ${clause}`)}\n  ${detail}`);
    print(
      `  The fewest steps that break it${from === "leader" ? ", once there is a leader" : ""}: ${told.lines.length}`,
    );
    told.lines.forEach((line, place) => print(`    ${String(place + 1).padStart(2)}. ${line}`));
    print(`  Drawn: ${page}`);
    print(`\n${numbersOf(result)} in ${duration(elapsedMs)}`);
  }
  return 1;
}

function tell(progress: ExploreProgress, depth: number): void {
  const text = `depth ${progress.depth} of ${depth}: ${numbersOf(progress)}`;
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
}

function numbersOf({ states, transitions }: ExploreProgress): string {
  return `${states} states, ${transitions} steps tried`;
}

function tellHolds(
  setting: Setting,
  result: ExploreResult,
  { scenario, from, depth }: ExploreScenario,
  elapsedMs: number,
): void {
  const { completeDepth, complete } = result;
  const verdict = complete ? paint("green", "holds") : paint("yellow", "holds as far as it was searched");
  print(`${scenario.name}: ${verdict}`);
  print(
    `  Every order of at most ${completeDepth} steps${from === "leader" ? ", once there is a leader" : ""}, was tried${complete ? "" : `, of ${depth}`}: ${numbersOf(result)} in ${duration(elapsedMs)}`,
  );
  const { may, nodes, clients, unordered, disturbances } = setting;
  const kinds = ["timers", ...Object.entries(may).flatMap(([what, does]) => (does ? [what] : []))];
  print(
    `  ${nodes.length} nodes, ${clients.flat().length} operations, messages ${unordered ? "in any order or never" : "in order"}, ${disturbances} of ${kinds.join(", ")}`,
  );
  if (!complete) print("  --time-limit and --max-states let it go on for longer.");
}
