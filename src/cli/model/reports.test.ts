import { expect, test } from "vitest";
import { chartSvg } from "../../plot/index.ts";
import { exponentialWars } from "../../model/index.ts";
import {
  availabilityReport,
  delayReport,
  domainsReport,
  economicsReport,
  gossipReport,
  reliabilityReport,
  stalenessReport,
  surfaceReport,
} from "./reports.ts";
import { loadTopology } from "./topology-file.ts";

const topology = loadTopology("three-regions");
const economics = {
  servers: 60,
  serverCost: 5000,
  domainCost: 30_000,
  failuresPerYear: 1,
  hoursToRepair: 2,
  lossPerHour: 200_000,
  severity: 1.5,
};
const all = [
  stalenessReport({ n: 3, r: 1, w: 1 }, exponentialWars(5, 1), "test", 1),
  reliabilityReport(3),
  delayReport(3, { kind: "exponential", meanMs: 10 }, 1),
  gossipReport(20, 100, 0.1),
  availabilityReport(topology),
  surfaceReport(3, 0.9),
  domainsReport(topology),
  economicsReport(economics),
];

test.each(all)("$title: whole rows, a source, charts without gaps in their numbers", (report) => {
  expect(report.source).not.toBe("");
  expect(report.rows.length).toBeGreaterThan(2);
  for (const row of report.rows) {
    expect(row).toHaveLength(report.columns.length);
    expect(row.join(" ")).not.toMatch(/NaN|undefined|Infinity/);
  }
  for (const { chart } of report.charts ?? []) expect(chartSvg(chart)).not.toMatch(/NaN|undefined|Infinity/);
});
