/** `cohort model`: what the models predict, as tables, charts and JSON. */
import { Command } from "commander";
import { parseContract } from "../contract/index.ts";
import type { Topology } from "../model/index.ts";
import { readContract } from "./contract/source.ts";
import { loadTopology, shippedTopologies, topologyJsonSchema } from "./model/topology-file.ts";
import { balanceReport } from "./model/balance.ts";
import { priceReport, workshopContract } from "./model/price.ts";
import { showReport, tableText, type ReportFlags } from "./model/report.ts";
import { print, printJson, UsageError } from "./output.ts";

export function modelCommand(): Command {
  const command = new Command("model")
    .description("predictions: latency, staleness, availability and balance, before anything runs")
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText(
      "after",
      "\nExample:\n  cohort model price --topology three-zones\n  cohort model topology three-regions",
    );
  addTopology(command);
  addPrice(command);
  addBalance(command);
  return command;
}

function addTopology(command: Command): void {
  command
    .command("topology")
    .description("check a topology, or list those that come with Cohort")
    .argument("[topology]", "one of them, or a file")
    .option("--schema", "print the JSON Schema of topology files")
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExample:\n  cohort model topology one-rack --json > mine.json\n  cohort model topology mine.json",
    )
    .action((name: string | undefined, flags: { schema?: true; json?: true }) => {
      if (flags.schema) return print(JSON.stringify(topologyJsonSchema(), undefined, 2));
      if (name === undefined) return listTopologies(flags.json === true);
      const topology = loadTopology(name);
      if (flags.json) return print(JSON.stringify(topology, undefined, 2));
      print(`${topology.name}: ${topology.title}. It is in order.`);
    });
}

function listTopologies(json: boolean): void {
  const all = shippedTopologies().map(loadTopology);
  if (json) return printJson(all);
  for (const line of tableText(
    ["topology", "what it is"],
    all.map(({ name, title }) => [name, title]),
  ))
    print(line);
}

function addPrice(command: Command): void {
  withReport(
    command
      .command("price")
      .description("what a contract costs on a topology: latency, staleness, availability, risk of its objectives")
      .argument("[contract]", "a file, or the text itself (default: the contract of the Day 1 workshop)"),
    "cohort model price 'ReadConsistency: Linearizable' --topology three-regions --svg charts",
  )
    .option("--topology <name>", "one that comes with Cohort, or a file", "three-zones")
    .option("--seed <s>", "of the random numbers", "1")
    .action((source: string | undefined, flags: ReportFlags & { topology: string; seed: string }) => {
      const contract =
        source === undefined ? parseContract(workshopContract) : readContract(source, flags.json === true)?.contract;
      if (contract === undefined) return void (process.exitCode = 1);
      const topology: Topology = loadTopology(flags.topology);
      showReport(priceReport(contract, topology, numberOf(flags.seed, "--seed", 0)), flags);
    });
}

function addBalance(command: Command): void {
  withReport(
    command
      .command("balance")
      .description("how evenly keys lie on nodes, and how many move when one comes: measured, beside the theory"),
    "cohort model balance --nodes 12 --replicas 3 --svg charts",
  )
    .option("--nodes <n>", "before one is added", "10")
    .option("--replicas <n>", "copies of each key", "1")
    .option("--keys <n>", "how many are placed", "20000")
    .option("--seed <s>", "other keys", "1")
    .action((flags: ReportFlags & { nodes: string; replicas: string; keys: string; seed: string }) => {
      const nodes = wholeOf(flags.nodes, "--nodes", 2, 200);
      const replicas = wholeOf(flags.replicas, "--replicas", 1, nodes);
      const keys = wholeOf(flags.keys, "--keys", 100, 1_000_000);
      const seed = wholeOf(flags.seed, "--seed", 0);
      if (keys * nodes > 2_000_000)
        throw new UsageError("--keys times --nodes is at most 2,000,000: that is enough to see it");
      const virtualNodes = [1, 4, 16, 64, 128, 256, 512];
      showReport(balanceReport({ nodes, replicas, keys, seed, virtualNodes }), flags);
    });
}

function wholeOf(text: string, flag: string, least: number, most = 2 ** 31): number {
  const value = numberOf(text, flag, least, most);
  if (!Number.isInteger(value)) throw new UsageError(`${flag} takes a whole number, not "${text}"`);
  return value;
}

/** The options that every report has. */
function withReport(command: Command, example: string): Command {
  return command
    .option("--svg <directory>", "write the charts there")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", `\nExample:\n  ${example}`);
}

function numberOf(text: string, flag: string, least: number, most = Infinity): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= least && value <= most))
    throw new UsageError(
      `${flag} takes a number from ${least}${most === Infinity ? "" : ` to ${most}`}, not "${text}"`,
    );
  return value;
}
