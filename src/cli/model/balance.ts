import { modelBalance, type BalanceOptions, type BalanceRow } from "../../model/index.ts";
import { percent, type ModelReport } from "./report.ts";

/** How evenly keys lie, and how many move when a node comes. */
export function balanceReport(options: BalanceOptions): ModelReport {
  const rows = modelBalance(options);
  const { nodes, keys, replicas } = options;
  return {
    title: `${keys} keys, ${replicas} of each, on ${nodes} nodes, and what moves when one more comes`,
    source: "Karger et al. 1997; Thaler and Ravishankar 1998; DeCandia et al. (Dynamo) 2007, sections 4.2 and 6.2",
    columns: ["way", "virtual nodes", "fullest / mean", "theory", "deviation", "theory", "moved", "theory"],
    rows: rows.map((row) => [
      row.way,
      row.virtualNodes === undefined ? "–" : String(row.virtualNodes),
      row.peakToMean.toFixed(2),
      row.peakInTheory.toFixed(2),
      percent(row.spread),
      percent(row.spreadInTheory),
      percent(row.movement),
      percent(row.movementInTheory),
    ]),
    notes: ["Deviation: standard deviation of the keys on a node, as a share of the mean. One ring is one sample."],
    charts: [{ name: "balance", chart: chartOf(rows) }],
    data: rows,
  };
}

function chartOf(rows: readonly BalanceRow[]) {
  const rings = rows.filter((row) => row.virtualNodes !== undefined);
  const points = (of: (row: BalanceRow) => number): [number, number][] =>
    rings.map((row) => [row.virtualNodes ?? 0, of(row)]);
  return {
    kind: "lines",
    title: "Balance of a ring of virtual nodes",
    x: { label: "virtual nodes of each node", scale: "log" },
    y: { label: "share of the mean", as: "percent", from: 0 },
    series: [
      { name: "deviation, measured", points: points(({ spread }) => spread), as: "points" },
      { name: "deviation, theory", points: points(({ spreadInTheory }) => spreadInTheory) },
      { name: "moved, measured", points: points(({ movement }) => movement), as: "points" },
      { name: "moved, theory", points: points(({ movementInTheory }) => movementInTheory) },
    ],
  } as const;
}
