/** A contract on trial: many seeds of the simulator, a verdict for each clause, a witness for each broken one. */
import { readText, writeText, type Contract } from "../../contract/index.ts";
import { contractFaults, contractScenario, Tally, type ContractFault } from "../../sim/index.ts";
import { duration, paint, print, printJson, UsageError } from "../output.ts";
import { runCampaign } from "../sim/campaign.ts";
import { Progress } from "../sim/progress.ts";
import { reportFailure, type Report } from "../sim/run.ts";

export interface CheckContract {
  readonly contract: Contract;
  readonly faults: readonly ContractFault[];
  readonly seeds: number;
  readonly firstSeed: number;
  readonly jobs: number;
  readonly bugs: readonly string[];
  /** Directory for the files of witnesses. */
  readonly out: string;
  readonly json: boolean;
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
const exitCodes = { kept: 0, broken: 1, undecided: 3 } as const;

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
  const verdict = verdictOf(clauses, tally);
  if (json)
    printJson({
      contract: contract.text,
      verdict,
      seeds: tally.seeds,
      faults: Object.fromEntries(tally.fired),
      clauses,
      witnesses: reports,
      digest: tally.digest,
      wallMs: Math.round(progress.wallMs),
    });
  else show(options, tally, clauses, reports, progress);
  return exitCodes[verdict];
}

function verdictOf(clauses: readonly Clause[], tally: Tally): keyof typeof exitCodes {
  if (tally.failures.length > 0) return "broken";
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

const colours = { kept: "green", broken: "red", undecided: "yellow", untested: "yellow" } as const;

function show(
  { contract, bugs }: CheckContract,
  tally: Tally,
  clauses: readonly Clause[],
  reports: readonly Report[],
  progress: Progress,
): void {
  print(contract.text);
  const fired = [...tally.fired].map(([kind, times]) => `${kind} ${times}`).join(", ");
  print(`\n${tally.seeds} seeds in ${duration(progress.wallMs)}; faults: ${fired === "" ? "none" : fired}`);
  if (bugs.length > 0) print(paint("yellow", `planted: ${bugs.join(", ")}`));
  print("");
  const width = Math.max(...clauses.map(({ clause }) => clause.length));
  for (const { clause, verdict, claimed, degraded, broken, undecided } of clauses) {
    const trouble = broken > 0 ? `in ${broken} runs` : undecided > 0 ? `in ${undecided} runs` : "";
    const story = [
      `${paint(colours[verdict], verdict.padEnd(9))} ${trouble}`.trim(),
      clause === contract.partition ? `${claimed} reads` : `${claimed} answers`,
      ...(degraded > 0 ? [`${degraded} say that they are degraded`] : []),
    ].join(", ");
    print(`  ${clause.padEnd(width)}  ${story}`);
  }
  for (const { seed, clause, detail, faults, operations, nodes, file, page } of reports) {
    print(`\n${paint("red", `${clause} is broken`)}, first by seed ${seed}: ${nodes} nodes, ${operations} operations`);
    for (const line of detail.split("\n")) print(`  ${line}`);
    for (const fault of faults) print(`  ${fault}`);
    print(`  Again: cohort sim replay ${file} --trace; drawn in ${page}`);
  }
}
