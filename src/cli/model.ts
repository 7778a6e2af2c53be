/** `cohort model`: what the models predict, as tables, charts and JSON. */
import { Command } from "commander";
import { parseContract } from "../contract/index.ts";
import type { Topology } from "../model/index.ts";
import { ofRaft, readContract } from "./contract/source.ts";
import { loadTopology, shippedTopologies, topologyJsonSchema } from "./model/topology-file.ts";
import { balanceReport } from "./model/balance.ts";
import { priceReport, workshopContract } from "./model/price.ts";
import {
  availabilityReport,
  delayReport,
  domainsReport,
  economicsReport,
  gossipReport,
  reliabilityReport,
  stalenessReport,
  surfaceReport,
} from "./model/reports.ts";
import { productionWars, quorumProblem } from "../model/index.ts";
import { showReport, tableText, type ReportFlags } from "./model/report.ts";
import { print, printJson, UsageError, writeOutput } from "./output.ts";

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
  addStaleness(command);
  addReplicas(command);
  addGossip(command);
  addTopologyReports(command);
  addEconomics(command);
  addValidate(command);
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
      if (contract === undefined) return void (process.exitCode = 2);
      const topology: Topology = loadTopology(flags.topology);
      showReport(priceReport(ofRaft(contract), topology, numberOf(flags.seed, "--seed", 0)), flags);
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

function addValidate(command: Command): void {
  command
    .command("validate")
    .description("hold the predictions against the simulator, in every configuration of docs/predictions.md")
    .option("--write <file>", "write the page, as Markdown")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample:\n  cohort model validate")
    .action(async (flags: { write?: string; json?: true }) => {
      const { validate, validationMarkdown, validationReport } = await import("./model/validation.ts");
      const all = validate((name) => void process.stderr.write(`${name}\n`));
      if (flags.write !== undefined) writeOutput(flags.write, validationMarkdown(all));
      showReport(validationReport(all), flags.json ? { json: true } : {});
      if (all.some(({ agrees }) => !agrees)) process.exitCode = 1;
    });
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

interface Numbers {
  readonly n: string;
  readonly r: string;
  readonly w: string;
  readonly seed: string;
}

function addStaleness(command: Command): void {
  withReport(
    command.command("staleness").description("how soon reads of partial quorums see a write (PBS)"),
    "cohort model staleness --n 3 --r 1 --w 1 --delays linkedin-disk",
  )
    .option("--n <replicas>", "replicas", "3")
    .option("--r <replicas>", "that answer a read", "1")
    .option("--w <replicas>", "that acknowledge a write", "1")
    .option("--delays <name>", `${Object.keys(productionWars).join(", ")}: measured in production`, "linkedin-ssd")
    .option("--seed <s>", "of the random numbers", "1")
    .action((flags: ReportFlags & Numbers & { delays: string }) => {
      const quorums = { n: Number(flags.n), r: Number(flags.r), w: Number(flags.w) };
      const problem = quorumProblem(quorums);
      if (problem !== undefined) throw new UsageError(problem);
      const delays = Object.entries(productionWars).find(([name]) => name === flags.delays)?.[1];
      if (delays === undefined)
        throw new UsageError(`there are no delays "${flags.delays}"; give ${Object.keys(productionWars).join(", ")}`);
      showReport(stalenessReport(quorums, delays, flags.delays, numberOf(flags.seed, "--seed", 0)), flags);
    });
}

function addReplicas(command: Command): void {
  withReport(
    command.command("reliability").description("consistency probability as a function of network reliability"),
    "cohort model reliability --n 5 --svg charts",
  )
    .option("--n <replicas>", "replicas, 1 to 15", "3")
    .action((flags: ReportFlags & Numbers) => showReport(reliabilityReport(replicasOf(flags.n)), flags));
  withReport(
    command.command("surface").description("the consistency–availability trade-off of every R and W"),
    "cohort model surface --n 3 --p 0.95",
  )
    .option("--n <replicas>", "replicas, 1 to 15", "3")
    .option("--p <probability>", "that a message arrives", "0.95")
    .action((flags: ReportFlags & Numbers & { p: string }) =>
      showReport(surfaceReport(replicasOf(flags.n), numberOf(flags.p, "--p", 0, 1)), flags),
    );
  withReport(
    command
      .command("delay")
      .description("expected consistency delay of synchronous, asynchronous, quorum and Raft replication"),
    "cohort model delay --n 5 --ms 20",
  )
    .option("--n <replicas>", "replicas, 1 to 15", "3")
    .option("--ms <milliseconds>", "mean one-way delay, exponential", "10")
    .option("--seed <s>", "of the random numbers", "1")
    .action((flags: ReportFlags & Numbers & { ms: string }) => {
      const meanMs = numberOf(flags.ms, "--ms", 0.001, 1e6);
      showReport(
        delayReport(replicasOf(flags.n), { kind: "exponential", meanMs }, numberOf(flags.seed, "--seed", 0)),
        flags,
      );
    });
}

function replicasOf(text: string): number {
  const n = numberOf(text, "--n", 1, 15);
  if (!Number.isInteger(n)) throw new UsageError(`--n takes a whole number from 1 to 15, not "${text}"`);
  return n;
}

function addGossip(command: Command): void {
  withReport(
    command.command("gossip").description("how long gossip and anti-entropy take to converge"),
    "cohort model gossip --nodes 50 --interval 200 --loss 0.1",
  )
    .option("--nodes <n>", "nodes, 2 to 300", "20")
    .option("--interval <milliseconds>", "of one round", "100")
    .option("--loss <share>", "of contacts that fail, 0 to 0.95", "0")
    .action((flags: ReportFlags & { nodes: string; interval: string; loss: string }) => {
      const nodes = Math.floor(numberOf(flags.nodes, "--nodes", 2, 300));
      const interval = numberOf(flags.interval, "--interval", 0.001, 1e9);
      showReport(gossipReport(nodes, interval, numberOf(flags.loss, "--loss", 0, 0.95)), flags);
    });
}

function addTopologyReports(command: Command): void {
  for (const [name, description, report] of [
    ["availability", "availability of each kind of quorum, with failures that are correlated", availabilityReport],
    ["domains", "failure domains: impact sets, maximal domains, blast radius", domainsReport],
  ] as const)
    withReport(command.command(name).description(description), `cohort model ${name} --topology three-regions`)
      .option("--topology <name>", "one that comes with Cohort, or a file", "three-zones")
      .action((flags: ReportFlags & { topology: string }) => showReport(report(loadTopology(flags.topology)), flags));
}

function addEconomics(command: Command): void {
  withReport(
    command.command("economics").description("into how many failure domains a load is best cut"),
    "cohort model economics --servers 100 --loss 500000",
  )
    .option("--servers <n>", "that the load needs", "60")
    .option("--server <money>", "a server a year", "5000")
    .option("--domain <money>", "a domain a year, beside its servers", "30000")
    .option("--failures <n>", "of one domain a year", "1")
    .option("--hours <h>", "to repair it", "2")
    .option("--loss <money>", "in an hour in which everything is down", "200000")
    .option("--severity <exponent>", "how the loss grows with the share that is down", "1.5")
    .action(
      (
        flags: ReportFlags &
          Record<"servers" | "server" | "domain" | "failures" | "hours" | "loss" | "severity", string>,
      ) =>
        showReport(
          economicsReport({
            servers: numberOf(flags.servers, "--servers", 1),
            serverCost: numberOf(flags.server, "--server", 0),
            domainCost: numberOf(flags.domain, "--domain", 0),
            failuresPerYear: numberOf(flags.failures, "--failures", 0),
            hoursToRepair: numberOf(flags.hours, "--hours", 0),
            lossPerHour: numberOf(flags.loss, "--loss", 0),
            severity: numberOf(flags.severity, "--severity", 1, 5),
          }),
          flags,
        ),
    );
}
