/** What `cohort design` generates: each part as Markdown. */
import { parseContract, readContractOf, type Contract } from "../../contract/index.ts";
import { impactsOf, nodesOf, priceOf, readKindOf, type Impact, type Topology } from "../../model/index.ts";
import type { Chart } from "../../plot/index.ts";
import { compareTrial } from "../model/against-simulator.ts";
import { latencyChart, priceColumns, priceNotes, priceRows } from "../model/price.ts";
import { ms, percent, tableMarkdown } from "../model/report.ts";
import { comparedColumns, comparedRow } from "../model/validation.ts";

export const sectionNames = ["contract", "price", "failures", "simulated", "alternatives"] as const;
export type SectionName = (typeof sectionNames)[number];

interface Figure {
  readonly section: SectionName;
  readonly name: string;
  readonly chart: Chart;
}

export function sectionsOf(
  contract: Contract,
  topology: Topology,
): { readonly sections: Readonly<Record<SectionName, string>>; readonly charts: readonly Figure[] } {
  const price = priceOf(contract, topology);
  return {
    sections: {
      contract: `\`\`\`\n${contract.text}\n\`\`\``,
      price: [
        `On ${topology.name}: ${topology.title}.`,
        "",
        tableMarkdown(priceColumns, priceRows(price)),
        "",
        ...priceNotes(price).map((note) => `- ${note}`),
      ].join("\n"),
      failures: tableMarkdown(
        ["scenario", "nodes gone", "a year", "writes", "reads"],
        impactsOf(topology).flatMap((impact) => scenarioRows(contract, topology, impact)),
      ),
      simulated: simulatedSection(contract, topology),
      alternatives: tableMarkdown(
        ["reads", "read p50", "read p99", "fresh", "reads available"],
        alternatives.map((text) => alternativeRow(text, topology)),
      ),
    },
    charts: [{ section: "price", name: "latency", chart: latencyChart(price, topology.name) }],
  };
}

/** A domain that is down, and the same domain cut off while its nodes run. */
function scenarioRows(contract: Contract, topology: Topology, impact: Impact): string[][] {
  const { domain, kind, nodes, survives, failuresPerYear } = impact;
  const all = nodesOf(topology).length;
  const leads = nodes.includes(topology.leader);
  const electionMs = 1.5 * topology.raft.electionTimeoutMs;
  const writes = contract.write.guarantee === "Linearizable";
  const pause = leads ? ` after an election (about ${ms(electionMs)})` : "";
  const down = [
    `${kind} ${domain} is down${leads ? " (leads)" : ""}`,
    nodes.join(", "),
    failuresPerYear.toFixed(2),
    nodes.length === all
      ? "none until it is back"
      : !writes
        ? "go on"
        : survives
          ? `go on${pause}`
          : "refused: no majority",
    nodes.length === all
      ? "none until it is back"
      : survives
        ? `go on${isStrong(contract) ? pause : ""}`
        : alone(contract),
  ];
  if (nodes.length === all) return [down];
  const inside = nodes.length > all / 2 ? "the others" : `inside ${domain}`;
  const cut = [
    `${kind} ${domain} is cut off`,
    "none",
    "",
    writes ? `refused ${inside}; elsewhere they go on${pause}` : "go on on both sides",
    `${inside}: ${alone(contract)}; elsewhere they go on`,
  ];
  return [down, cut];
}

function isStrong(contract: Contract): boolean {
  return readContractOf(contract).linearizable;
}

/** Reads where no majority can be reached. */
function alone(contract: Contract): string {
  if (isStrong(contract) || contract.partition === "ConsistencyPreferred") {
    const read = readContractOf(contract);
    return !isStrong(contract) && !read.session && read.stalenessMs === undefined ? "go on" : "refused at once";
  }
  return "go on, degraded, with their age";
}

function simulatedSection(contract: Contract, topology: Topology): string {
  if (contract.write.guarantee !== "Linearizable")
    return "The simulator measures keyspaces with linearizable writes; this contract has others.";
  const { kind, boundMs } = readKindOf(contract);
  const slow = topology.load.writesPerSecond < 50;
  const bound = Number.isFinite(boundMs) ? boundMs : 0;
  const all = compareTrial({ topology, reads: kind, boundMs: bound, seed: 1, durationMs: slow ? 60_000 : 20_000 });
  return tableMarkdown(
    comparedColumns.slice(1),
    all.map((one) => comparedRow(one).slice(1)),
  );
}

const alternatives = [
  "Linearizable",
  "Session",
  "MonotonicRead ∧ BoundedStaleness(100ms)",
  "BoundedStaleness(1s)",
  "Eventual",
] as const;

function alternativeRow(reads: string, topology: Topology): string[] {
  const partition = reads === "Linearizable" ? "ConsistencyPreferred" : "AvailabilityPreferred";
  const price = priceOf(parseContract(`ReadConsistency: ${reads}\nPartitionBehavior: ${partition}`), topology, {
    draws: 8000,
  });
  return [
    reads,
    ms(price.reads.p50Ms),
    ms(price.reads.p99Ms),
    percent(price.staleness.fresh.value),
    percent(price.availability.reads),
  ];
}
