/** `cohort sim`: scenarios over seeds, replays, shrinking. */
import { Command } from "commander";
import { availableParallelism } from "node:os";
import { parseDurationMs } from "../contract/index.ts";
import { plantedBugs, scenarios, type Scenario } from "../sim/index.ts";
import { paint, print, printJson, UsageError } from "./output.ts";
import type { CampaignSettings } from "./sim/campaign.ts";

export function simCommand(): Command {
  const command = new Command("sim")
    .description("the simulator: whole clusters in virtual time, with faults, from one seed")
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText("after", "\nExample:\n  cohort sim run all --seeds 50\n  cohort sim replay figure-8 --seed 7 --trace");
  addList(command);
  addRun(command);
  addReplay(command);
  addShrink(command);
  addProve(command);
  addExplore(command);
  return command;
}

function addList(command: Command): void {
  command
    .command("list")
    .description("the scenarios there are")
    .option("--bugs", "the mistakes that can be planted instead")
    .option("--json", "one JSON array on standard output")
    .addHelpText("after", "\nExample:\n  cohort sim list --json")
    .action((flags: { bugs?: true; json?: true }) => {
      const items = flags.bugs
        ? plantedBugs
        : scenarios.map(({ name, title, nodes, durationMs, faults }) => ({
            name,
            title,
            nodes,
            durationMs,
            faults: faults.map(({ kind }) => kind),
          }));
      if (flags.json) return printJson(items);
      const width = Math.max(...items.map(({ name }) => name.length));
      for (const { name, title } of items) print(`${paint("bold", name.padEnd(width))}  ${title}`);
    });
}

/** Of every command that runs many seeds. */
export interface CampaignFlags {
  readonly seeds: string;
  readonly seed: string;
  readonly jobs?: string;
  readonly plant?: string;
  readonly out: string;
  readonly json?: true;
}

function addRun(command: Command): void {
  command
    .command("run")
    .description("run a scenario, or all, with many seeds")
    .argument("<scenario>", "a name of `cohort sim list`, several joined by commas, or all")
    .option("--seeds <n>", "how many seeds for each scenario", "100")
    .option("--seed <s>", "the first seed", "1")
    .option("--jobs <j>", "threads (default: one for each processor)")
    .option("--plant <bugs>", "plant mistakes (`cohort sim list --bugs`), to see them found")
    .option("--out <directory>", "where the files of failures go", ".cohort/sim")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample:\n  cohort sim run partition-ring --seeds 1000 --jobs 4")
    .action(async (name: string, flags: CampaignFlags) => {
      const { runScenarios } = await import("./sim/run.ts");
      process.exitCode = await runScenarios({
        scenarios: scenariosOf(name),
        ...campaignOf(flags),
      });
    });
}

interface ReplayFlags {
  readonly seed?: string;
  readonly until?: string;
  readonly plant?: string;
  readonly trace?: true;
  readonly html?: string;
  readonly json?: true;
}

function addReplay(command: Command): void {
  command
    .command("replay")
    .description("run one seed, or the file of a failure, again")
    .argument("[what]", "a file, or a scenario together with --seed (default: all scenarios)")
    .option("--seed <s>", "the seed")
    .option("--until <step>", "stop after this many steps and show the state")
    .option("--plant <bugs>", "plant mistakes, as the run did")
    .option("--trace", "every event on standard error")
    .option("--html <file>", "draw it: a page with the space-time diagram")
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExample:\n  cohort sim replay .cohort/sim/figure-8-12.json --trace\n  cohort sim replay figure-8 --seed 12 --until 400",
    )
    .action(async (what: string | undefined, flags: ReplayFlags) => {
      const { replay } = await import("./sim/replay.ts");
      const named = what === undefined ? scenarios : scenarios.filter(({ name }) => name === what);
      if (what === undefined && flags.seed === undefined)
        throw new UsageError("name a file, or a scenario with --seed");
      if (named.length > 0 && flags.seed === undefined) throw new UsageError(`which seed of ${what}? Give --seed`);
      process.exitCode = await replay({
        source:
          named.length > 0
            ? { scenarios: named, seed: wholeNumber(flags.seed ?? "", "--seed", 0), bugs: bugsOf(flags.plant) }
            : { file: what ?? "" },
        until: flags.until === undefined ? undefined : wholeNumber(flags.until, "--until", 1),
        trace: flags.trace === true,
        html: flags.html,
        json: flags.json === true,
      });
    });
}

function addShrink(command: Command): void {
  command
    .command("shrink")
    .description("look for a smaller schedule that fails the same way")
    .argument("<file>", "the file of a failure; the smaller one takes its place")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample:\n  cohort sim shrink .cohort/sim/figure-8-12.json")
    .action(async (file: string, flags: { json?: true }) => {
      const { shrinkFile } = await import("./sim/replay.ts");
      process.exitCode = await shrinkFile(file, flags.json === true);
    });
}

function addProve(command: Command): void {
  command
    .command("prove")
    .description("plant every known mistake and see that it is found; prints the table of docs/planted-bugs.md")
    .option("--seeds <n>", "seeds that each may take", "300")
    .option("--jobs <j>", "threads (default: one for each processor)")
    .option("--only <bugs>", "these alone, joined by commas")
    .option("--out <directory>", "keep the shrunk schedules there")
    .option("--json", "one JSON array on standard output")
    .addHelpText("after", "\nExample:\n  cohort sim prove --seeds 300 --jobs 4")
    .action(async (flags: { seeds: string; jobs?: string; only?: string; out?: string; json?: true }) => {
      const { prove } = await import("./sim/prove.ts");
      process.exitCode = await prove({
        seeds: wholeNumber(flags.seeds, "--seeds", 1),
        jobs: jobsOf(flags.jobs),
        only: flags.only === undefined ? undefined : bugsOf(flags.only),
        out: flags.out,
        json: flags.json === true,
      });
    });
}

interface ExploreFlags {
  readonly depth: string;
  readonly from: string;
  readonly nodes: string;
  readonly operations: string;
  readonly disturbances: string;
  readonly maxStates: string;
  readonly timeLimit: string;
  readonly plant?: string;
  readonly out: string;
  readonly json?: true;
}

function addExplore(command: Command): void {
  command
    .command("explore")
    .description("try every order in which things can happen in a small world, and show the shortest that breaks it")
    .argument("<scenario>", "whose faults and settings: a name of `cohort sim list`")
    .option("--depth <d>", "how many steps", "8")
    .option("--from <where>", "leader: a leader has been elected; start: nodes have just started", "leader")
    .option("--nodes <n>", "how many nodes", "3")
    .option("--operations <n>", "how many operations of clients", "2")
    .option("--disturbances <n>", "how many timers, crashes, retries and other faults on one path, together", "1")
    .option("--max-states <n>", "stop after so many different states", "2000000")
    .option("--time-limit <duration>", "stop after this time", "60s")
    .option("--plant <bugs>", "plant mistakes (`cohort sim list --bugs`), to see them found")
    .option("--out <directory>", "where the page of a counterexample goes", ".cohort/sim")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample:\n  cohort sim explore session-tokens --depth 6 --plant session-token-ignored")
    .action(async (name: string, flags: ExploreFlags) => {
      const { exploreScenario } = await import("./sim/explore.ts");
      const [scenario, ...others] = scenariosOf(name);
      if (scenario === undefined || others.length > 0) throw new UsageError("explore one scenario at a time");
      const { from } = flags;
      if (from !== "start" && from !== "leader") throw new UsageError(`--from takes start or leader, not "${from}"`);
      const timeLimitMs = parseDurationMs(flags.timeLimit);
      if (timeLimitMs === undefined)
        throw new UsageError(`--time-limit ${flags.timeLimit}: write a duration such as 60s`);
      process.exitCode = await exploreScenario({
        scenario,
        depth: wholeNumber(flags.depth, "--depth", 1),
        from,
        nodes: wholeNumber(flags.nodes, "--nodes", 1),
        operations: wholeNumber(flags.operations, "--operations", 0),
        disturbances: wholeNumber(flags.disturbances, "--disturbances", 0),
        maxStates: wholeNumber(flags.maxStates, "--max-states", 1),
        timeLimitMs,
        bugs: bugsOf(flags.plant),
        out: flags.out,
        json: flags.json === true,
      });
    });
}

function scenariosOf(names: string): readonly Scenario[] {
  if (names === "all") return scenarios;
  return names.split(",").map((name) => {
    const found = scenarios.find((scenario) => scenario.name === name);
    if (found === undefined)
      throw new UsageError(`there is no scenario "${name}"; \`cohort sim list\` names those there are`);
    return found;
  });
}

export function campaignOf(flags: CampaignFlags): CampaignSettings {
  return {
    seeds: wholeNumber(flags.seeds, "--seeds", 1),
    firstSeed: wholeNumber(flags.seed, "--seed", 0),
    jobs: jobsOf(flags.jobs),
    bugs: bugsOf(flags.plant),
    out: flags.out,
    json: flags.json === true,
  };
}

function jobsOf(text: string | undefined): number {
  return text === undefined ? availableParallelism() : wholeNumber(text, "--jobs", 1);
}

function bugsOf(names: string | undefined): readonly string[] {
  const bugs = names === undefined ? [] : names.split(",");
  for (const bug of bugs) {
    if (!plantedBugs.some(({ name }) => name === bug))
      throw new UsageError(`there is no mistake "${bug}" to plant; \`cohort sim list --bugs\` names them`);
  }
  return bugs;
}

function wholeNumber(text: string, flag: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${flag} takes a whole number from ${least}, not "${text}"`);
  return value;
}
