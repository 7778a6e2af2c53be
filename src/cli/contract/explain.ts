import {
  contractToJson,
  explain,
  neighboursOf,
  readCatalogue,
  readText,
  writeCatalogue,
  writeText,
  type Explanation,
  type GuaranteeEntry,
  type ReadName,
} from "../../contract/index.ts";
import { priceOf, type Price, type Topology } from "../../model/index.ts";
import { priceColumns, priceNotes, priceRows } from "../model/price.ts";
import { ms, percent, tableText } from "../model/report.ts";
import { loadTopology, shippedTopologies } from "../model/topology-file.ts";
import { paint, print, printJson } from "../output.ts";
import { ofRaft, readContract, shown, type Read } from "./source.ts";

/** Enough for the first figures of a percentile, on three topologies at once. */
const summaryDraws = 1500;

/** Prints what a contract means; the exit code. */
export function explainContract(source: string, topologyName: string | undefined, json: boolean): number {
  const read = readContract(source, json);
  if (read === undefined) return 2;
  const explanation = explain(read.contract);
  if (topologyName !== undefined) ofRaft(read.contract);
  // Models follow the engine of the clusters: what that does not keep has no price.
  const priced = topologyName !== undefined || explanation.engines.includes("raft");
  const names = !priced ? [] : topologyName === undefined ? shippedTopologies() : [topologyName];
  const prices = names.map((name) => {
    const topology = loadTopology(name);
    return {
      topology,
      price: priceOf(read.contract, topology, topologyName === undefined ? { draws: summaryDraws } : {}),
    };
  });
  if (json)
    printJson({
      ...documentOf(read, explanation),
      ...(topologyName === undefined
        ? { prices: Object.fromEntries(prices.map(({ topology, price }) => [topology.name, price])) }
        : { price: prices[0]!.price }),
    });
  else {
    show(read, explanation);
    if (topologyName === undefined) showPrices(prices);
    else showPrice(prices[0]!);
  }
  return 0;
}

interface Priced {
  readonly topology: Topology;
  readonly price: Price;
}

function showPrice({ topology, price }: Priced): void {
  heading(`Price on ${topology.name} (${topology.title})`);
  for (const line of tableText(priceColumns, priceRows(price))) print(`  ${line}`);
  for (const note of priceNotes(price)) print(`  ${note}`);
}

/** A line for each topology that comes with Cohort. */
function showPrices(prices: readonly Priced[]): void {
  if (prices.length === 0) return;
  heading("Price, predicted");
  const rows = prices.map(({ topology, price: { reads, writes, staleness, availability } }) => [
    topology.name,
    `${ms(reads.p50Ms)} / ${ms(reads.p99Ms)}`,
    `${ms(writes.p50Ms)} / ${ms(writes.p99Ms)}`,
    percent(staleness.local.value),
    percent(availability.reads),
    percent(availability.writes),
  ]);
  const columns = ["topology", "reads p50 / p99", "writes p50 / p99", "answered nearby", "reads up", "writes up"];
  for (const line of tableText(columns, rows)) print(`  ${line}`);
  print("  --topology NAME has each site, tails, staleness and the risk of objectives; FILE is your own.");
}

function documentOf({ contract, warnings }: Read, explanation: Explanation): object {
  return {
    text: contract.text,
    contract: contractToJson(contract),
    diagnostics: warnings,
    ...explanation,
    reads: contract.reads.map((guarantee) => ({ ...guarantee, ...readCatalogue[guarantee.guarantee] })),
    write: { ...contract.write, ...writeCatalogue[contract.write.guarantee] },
    anomalies: Object.fromEntries(
      [...explanation.rulesOut, ...explanation.leavesOpen].map((name) => [name, readCatalogue[name].anomaly]),
    ),
  };
}

function show({ contract, text, warnings }: Read, explanation: Explanation): void {
  print(contract.text);
  if (warnings.length > 0) print(`\n${shown(text, warnings)}`);
  heading("Reads");
  for (const guarantee of contract.reads) showGuarantee(readText(guarantee), guarantee.guarantee);
  const further = explanation.implied.filter((name) => contract.reads.every(({ guarantee }) => guarantee !== name));
  if (further.length > 0) print(`  implied      ${further.join(", ")}`);
  heading("Writes");
  const write = writeCatalogue[contract.write.guarantee];
  print(`  ${paint("bold", writeText(contract.write))}: ${write.meaning}`);
  showDefinition(write);
  print(`    cost       ${write.cost}`);
  for (const engine of explanation.engines) print(`    ${engine.padEnd(10)} ${write[engine]}`);
  showJudges(write);
  heading("Cannot happen");
  for (const name of explanation.rulesOut)
    if (contract.reads.some(({ guarantee }) => guarantee === name)) showAnomaly(name);
  const others = explanation.rulesOut.filter((name) => contract.reads.every(({ guarantee }) => guarantee !== name));
  if (others.length > 0)
    print(`  nor ${others.map((name) => `${readCatalogue[name].anomaly.name} (${name})`).join(", ")}`);
  if (explanation.leavesOpen.length > 0) {
    heading("May happen, and what would prevent it");
    for (const name of explanation.leavesOpen) print(`  ${readCatalogue[name].anomaly.name}: ${name}`);
  }
  heading("In a partition");
  for (const line of explanation.inPartition) print(`  ${line}`);
  const { cap, pacelc, engines } = explanation;
  print(`  CAP: reads ${cap.reads}, writes ${cap.writes}. PACELC: reads ${pacelc.reads}, writes ${pacelc.writes}.`);
  heading("Kept by");
  if (engines.includes("raft")) print("  raft: a log with a leader; the engine of keyspaces that name none");
  if (engines.includes("dynamo")) {
    print("  dynamo: quorums without a leader (cohort keyspace create NAME --engine dynamo --contract …)");
    print(`    ${planText(explanation)}`);
  } else if ("refused" in explanation.quorums) print(`  not dynamo: ${explanation.quorums.refused}`);
  if (engines.length === 0) print("  no engine of this release");
}

/** How a keyspace without a leader would count. */
function planText({ quorums }: Explanation): string {
  if ("refused" in quorums) return quorums.refused;
  const { n, r, w, ordered, inOrder } = quorums;
  return [
    `with N=${n}: R=${r}, W=${w}`,
    ordered ? "reads write back what they saw, unless a write quorum has it" : "reads do not write back",
    inOrder ? "writes learn the latest timestamp first" : "writes take one round",
  ].join("; ");
}

function showGuarantee(title: string, name: ReadName): void {
  const entry = readCatalogue[name];
  print(`  ${paint("bold", title)}: ${entry.meaning}`);
  showDefinition(entry);
  const { stronger, weaker } = neighboursOf(name);
  const places = [
    ...(stronger.length > 0 ? [`follows from ${stronger.join(", ")}`] : []),
    ...(weaker.length > 0 ? [`implies ${weaker.join(", ")}`] : []),
  ];
  print(`    lattice    ${places.join("; ")}`);
  print(`    cost       ${entry.cost}`);
  if (entry.raft !== undefined) print(`    raft       ${entry.raft}`);
  if (entry.dynamo !== undefined) print(`    dynamo     ${entry.dynamo}`);
  showJudges(entry);
}

function showDefinition({ definition, source }: Pick<GuaranteeEntry, "definition" | "source">): void {
  const [first = "", ...more] = definition;
  print(`    definition ${first}`);
  for (const line of more) print(`               ${line}`);
  print(`    source     ${source}`);
}

function showJudges({ checker, model }: Pick<GuaranteeEntry, "checker" | "model">): void {
  print(`    checked    cohort check --property ${checker.join(", ")}`);
  print(`    predicted  ${model}`);
}

function showAnomaly(name: ReadName): void {
  const { anomaly } = readCatalogue[name];
  print(`  ${paint("bold", anomaly.name)} (${name})`);
  for (const line of anomaly.history) print(`    ${line}`);
}

function heading(title: string): void {
  print(`\n${paint("bold", title)}`);
}
