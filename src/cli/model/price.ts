import type { Contract } from "../../contract/index.ts";
import { priceOf, type Percentiles, type Price, type Topology } from "../../model/index.ts";
import type { Chart } from "../../plot/index.ts";
import { ms, percent, type ModelReport } from "./report.ts";

/** The contract of the Day 1 workshop. */
export const workshopContract = `ReadConsistency: MonotonicRead ∧ BoundedStaleness(100ms)
WriteConsistency: Linearizable
PartitionBehavior: AvailabilityPreferred`;

const points = ["p50Ms", "p95Ms", "p99Ms", "p999Ms"] as const;

/** Rows of a price, the same wherever it is shown. */
export function priceRows(price: Price): string[][] {
  const row = (what: string, of: Percentiles): string[] => [what, ...points.map((point) => ms(of[point]))];
  return [
    row("reads, all sites", price.reads),
    row("writes, all sites", price.writes),
    ...(price.sites.length < 2
      ? []
      : price.sites.flatMap(({ site, reads, writes }) => [
          row(`reads, ${site}`, reads),
          row(`writes, ${site}`, writes),
        ])),
    row("age that a read can prove", price.staleness.proved),
  ];
}

export function priceNotes({ staleness, availability, objectives }: Price): string[] {
  const { local, fresh, boundMs } = staleness;
  return [
    `${percent(local.value)} of the reads are answered by the nearest node alone${boundMs === undefined ? "" : ` within the bound of ${ms(boundMs)}`}; ${percent(fresh.value)} miss no acknowledged write.`,
    `Available: reads ${percent(availability.reads)}${availability.degraded > 0 ? ` (${percent(availability.degraded)} of the time degraded)` : ""}, writes ${percent(availability.writes)}; a majority is lost ${Number(availability.outagesPerYear.toPrecision(2))} times a year for ${Number(availability.outageHours.toPrecision(2))} h.`,
    ...objectives.map(
      ({ objective, predicted, risk, kept }) =>
        `${objective}: ${kept ? "kept" : "at risk"}; predicted ${Number(predicted.toPrecision(6))}, risk ${percent(risk)}.`,
    ),
  ];
}

export const priceColumns = ["", "p50", "p95", "p99", "p99.9"] as const;

/** What a contract costs on one topology. */
export function priceReport(contract: Contract, topology: Topology, seed: number): ModelReport {
  const price = priceOf(contract, topology, { seed });
  return {
    title: `${contract.text.replaceAll("\n", "; ")} on ${topology.name} (${topology.title})`,
    source:
      "Ongaro, 2014, sections 3, 6.4 and 10.2, step by step; Bailis et al., VLDB 2012 (Monte Carlo); docs/models.md",
    columns: priceColumns,
    rows: priceRows(price),
    notes: priceNotes(price),
    charts: [{ name: `price-${topology.name}`, chart: latencyChart(price, topology.name) }],
    data: price,
  };
}

/** Share of requests answered within a time. */
export function latencyChart(price: Price, topology: string): Chart {
  const curve = (of: Percentiles): [number, number][] => [
    [of.p50Ms, 0.5],
    [of.p95Ms, 0.95],
    [of.p99Ms, 0.99],
    [of.p999Ms, 0.999],
  ];
  return {
    kind: "lines",
    title: `Latency on ${topology}`,
    x: { label: "milliseconds", scale: "log" },
    y: { label: "share of requests answered within", as: "percent", from: 0.5, to: 1 },
    series: [
      { name: "reads", points: curve(price.reads) },
      { name: "writes", points: curve(price.writes) },
    ],
  };
}
