/** A contract on trial: many seeds of the simulator, a verdict for each clause, a witness for each broken one. */
import { readText, writeText, type Contract } from "../../contract/index.ts";
import { contractFaults, contractScenario, Tally, type ContractFault } from "../../sim/index.ts";
import { agesOf, judgeObjectives, type ObjectiveVerdict } from "../../workload/index.ts";
import { duration, paint, print, printJson, UsageError } from "../output.ts";
import { runCampaign, type CampaignSettings } from "../sim/campaign.ts";
import { Progress } from "../sim/progress.ts";
import { reportFailure, type Report } from "../sim/run.ts";

export interface CheckContract extends CampaignSettings {
  readonly contract: Contract;
  readonly faults: readonly ContractFault[];
}

interface Clause {
  readonly clause: string;
  readonly verdict: "kept" | "broken" | "undecided" | "untested";
  /** Answers that claim that it was kept, and those that say that it was not. */
  readonly claimed: number;
  readonly degraded: number;
  /** Runs in which it was broken, or could not be decided. */
  readonly broken: number;
  readonly undecided: number;
}

/** After so many failures more would tell nothing new. */
const failuresEnough = 30;
type TrialVerdict = "kept" | "broken" | "missed" | "undecided";
const ageShares = { p50: 0.5, p99: 0.99, p100: 1 } as const;

export function contractFaultsOf(names: string | undefined): readonly ContractFault[] {
  const known = Object.keys(contractFaults) as ContractFault[];
  if (names === undefined || names === "all") return known;
  if (names === "none") return [];
  return names.split(",").map((name) => {
    const found = known.find((candidate) => candidate === name.trim());
    if (found === undefined)
      throw new UsageError(`--faults has "${name}"; there are ${known.join(", ")}, all and none`);
    return found;
  });
}

/** Runs the trial and shows what came of it; the exit code. */
export async function checkContract(options: CheckContract): Promise<number> {
  const { contract, faults, seeds, json } = options;
  const scenario = contractScenario([contract.text], faults);
  const tally = new Tally(scenario);
  const progress = new Progress(seeds);
  await runCampaign({
    ...options,
    scenarios: [scenario],
    onResult: (result) => {
      tally.add(result);
      progress.add(result);
    },
    isSettled: () => tally.failures.length >= failuresEnough,
  });
  progress.end();
  const clauses = clausesOf(contract, tally);
  const reports: Report[] = [];
  for (const name of new Set(tally.failures.map(({ failure }) => failure.clause))) {
    const first = tally.failures.find(({ failure }) => failure.clause === name)!;
    reports.push(await reportFailure(scenario, first.seed, first.failure, options));
  }
  const objectives = judgeObjectives(contract, tally.counts);
  const verdict = verdictOf(clauses, objectives, tally);
  if (json)
    printJson({
      contract: contract.text,
      verdict,
      seeds: tally.seeds,
      faults: Object.fromEntries(tally.fired),
      clauses,
      objectives,
      ageAtMostMs: agesAtMost(tally),
      witnesses: reports,
      digest: tally.digest,
      wallMs: Math.round(progress.wallMs),
    });
  else show(options, tally, clauses, objectives, reports, progress);
  return verdict === "kept" ? 0 : 1;
}

function agesAtMost({ counts }: Tally): Record<string, number> | undefined {
  if (agesOf(counts, 1) === undefined) return undefined;
  return Object.fromEntries(Object.entries(ageShares).map(([name, share]) => [name, agesOf(counts, share)!]));
}

function verdictOf(clauses: readonly Clause[], objectives: readonly ObjectiveVerdict[], tally: Tally): TrialVerdict {
  if (tally.failures.length > 0) return "broken";
  if (objectives.some(({ verdict }) => verdict === "missed")) return "missed";
  return clauses.every(({ verdict }) => verdict === "kept") ? "kept" : "undecided";
}

function clausesOf({ reads, write, partition }: Contract, { counts }: Tally): Clause[] {
  const names = [...reads.map(readText), `WriteConsistency: ${writeText(write)}`, partition];
  return names.map((clause) => {
    const count = (what: string): number => counts.get(`${clause}: ${what}`) ?? 0;
    const [broken, undecided, claimed] = [count("broken"), count("undecided"), count("claimed")];
    const verdict = broken > 0 ? "broken" : undecided > 0 ? "undecided" : claimed === 0 ? "untested" : "kept";
    return { clause, verdict, claimed, degraded: count("degraded"), broken, undecided };
  });
}

const colours = { kept: "green", broken: "red", missed: "red", undecided: "yellow", untested: "yellow" } as const;

function show(
  { contract, bugs }: CheckContract,
  tally: Tally,
  clauses: readonly Clause[],
  objectives: readonly ObjectiveVerdict[],
  reports: readonly Report[],
  progress: Progress,
): void {
  print(contract.text);
  const fired = [...tally.fired].map(([kind, times]) => `${kind} ${times}`).join(", ");
  print(`\n${tally.seeds} seeds in ${duration(progress.wallMs)}; faults: ${fired === "" ? "none" : fired}`);
  if (bugs.length > 0) print(paint("yellow", `planted: ${bugs.join(", ")}`));
  print("");
  const width = Math.max(...[...clauses, ...objectives].map(({ clause }) => clause.length));
  for (const { clause, verdict, claimed, degraded, broken, undecided } of clauses) {
    const trouble = broken > 0 ? `in ${broken} runs` : undecided > 0 ? `in ${undecided} runs` : "";
    const story = [
      `${paint(colours[verdict], verdict.padEnd(9))} ${trouble}`.trim(),
      clause === contract.partition ? `${claimed} reads` : `${claimed} answers`,
      ...(degraded > 0 ? [`${degraded} say that they are degraded`] : []),
    ].join(", ");
    print(`  ${clause.padEnd(width)}  ${story}`);
  }
  for (const { clause, verdict, operations, within, wantedPercent } of objectives) {
    const share =
      operations === 0 ? "no operations" : `${percentText(within / operations)} of ${operations} operations`;
    print(`  ${clause.padEnd(width)}  ${paint(colours[verdict], verdict)}, ${share}; ${wantedPercent} % wanted`);
  }
  const ages = agesAtMost(tally);
  if (ages !== undefined)
    print(
      `\nAnswers said that they are at most this old: ${Object.entries(ages)
        .map(([name, ms]) => `${name} ${ms} ms`)
        .join(", ")}`,
    );
  if (objectives.length > 0)
    print(
      "Objectives are judged under these faults, with messages of 0.2 to 2 ms; `cohort contract explain --topology` has the risk on yours.",
    );
  for (const { seed, clause, detail, faults, operations, nodes, file, page } of reports) {
    print(`\n${paint("red", `${clause} is broken`)}, first by seed ${seed}: ${nodes} nodes, ${operations} operations`);
    for (const line of detail.split("\n")) print(`  ${line}`);
    for (const fault of faults) print(`  ${fault}`);
    print(`  Again: cohort sim replay ${file} --trace; drawn in ${page}`);
  }
}

/** As many digits as it takes to see what is missing. */
function percentText(share: number): string {
  return `${Number((100 * share).toFixed(4))} %`;
}
