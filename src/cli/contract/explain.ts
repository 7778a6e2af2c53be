import {
  contractOfEngine,
  contractToJson,
  explain,
  readCatalogue,
  readText,
  writeCatalogue,
  writeText,
  type Contract,
  type Explanation,
  type ReadName,
} from "../../contract/index.ts";
import { priceOf } from "../../model/index.ts";
import { priceColumns, priceNotes, priceRows } from "../model/price.ts";
import { tableText } from "../model/report.ts";
import { loadTopology } from "../model/topology-file.ts";
import { paint, print, printJson } from "../output.ts";
import { readContract, shown, type Read } from "./source.ts";

/** Prints what a contract means; the exit code. */
export function explainContract(source: string, topologyName: string | undefined, json: boolean): number {
  const read = readContract(source, json);
  if (read === undefined) return 1;
  const explanation = explain(read.contract);
  const topology = topologyName === undefined ? undefined : loadTopology(topologyName);
  if (topology !== undefined) contractOfEngine(read.contract, "raft");
  const price = topology === undefined ? undefined : priceOf(read.contract, topology);
  if (json) printJson({ ...documentOf(read, explanation), price });
  else {
    show(read, explanation);
    if (topology === undefined || price === undefined) return 0;
    heading(`Price on ${topology.name} (${topology.title})`);
    for (const line of tableText(priceColumns, priceRows(price))) print(`  ${line}`);
    for (const note of priceNotes(price)) print(`  ${note}`);
  }
  return 0;
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
  for (const guarantee of contract.reads) showGuarantee(contract, readText(guarantee), guarantee.guarantee);
  const further = explanation.implied.filter((name) => contract.reads.every(({ guarantee }) => guarantee !== name));
  if (further.length > 0) print(`  implied      ${further.join(", ")}`);
  heading("Writes");
  const write = writeCatalogue[contract.write.guarantee];
  print(`  ${paint("bold", writeText(contract.write))}: ${write.meaning}`);
  print(`    cost       ${write.cost}`);
  for (const engine of explanation.engines) print(`    ${engine.padEnd(10)} ${write[engine]}`);
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
  if (engines.includes("raft")) print("  raft, the engine of this release's clusters");
  if (engines.includes("dynamo"))
    print("  dynamo, which this release has as a library (cohort/dynamo), not in its clusters");
  if (engines.length === 0) print("  no engine of this release");
}

function showGuarantee(contract: Contract, title: string, name: ReadName): void {
  const entry = readCatalogue[name];
  print(`  ${paint("bold", title)}: ${entry.meaning}`);
  const [first = "", ...more] = entry.definition;
  print(`    definition ${first}`);
  for (const line of more) print(`               ${line}`);
  print(`    source     ${entry.source}`);
  print(`    cost       ${entry.cost}`);
  if (entry.raft !== undefined) print(`    raft       ${entry.raft}`);
  if (entry.dynamo !== undefined && contract.write.guarantee !== "Linearizable")
    print(`    dynamo     ${entry.dynamo}`);
  print(`    checked    cohort check --property ${entry.checker.join(", ")}`);
  print(`    predicted  ${entry.model}`);
}

function showAnomaly(name: ReadName): void {
  const { anomaly } = readCatalogue[name];
  print(`  ${paint("bold", anomaly.name)} (${name})`);
  for (const line of anomaly.history) print(`    ${line}`);
}

function heading(title: string): void {
  print(`\n${paint("bold", title)}`);
}
