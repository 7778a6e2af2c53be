import { chartSvg, type LineChart } from "../../plot/index.ts";
import type { Availability, EngineReport } from "./judge.ts";
import type { Subject } from "./load.ts";
import type { FailureReport, WorkshopReport } from "./run.ts";
import { engineNames } from "./text.ts";

const style = `:root{color-scheme:light dark;--ink:#1b1d21;--paper:#fff;--soft:#d8dee4;--bad:#c2261c;--good:#1a7f37}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaee;--paper:#16181c;--soft:#2c3037;--bad:#ff7a70;--good:#57d9a3}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:48rem;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.5rem}h3{font-size:1rem}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid var(--soft);padding:.25rem .5rem;text-align:left;vertical-align:top}
svg{max-width:100%;height:auto}.broken,.undecided{color:var(--bad)}.holds{color:var(--good)}
pre{white-space:pre-wrap;font:13px/1.4 ui-monospace,monospace}`;

/** A page that stands for itself: for each failure and engine the verdicts, the plots, and how soon it was over. */
export function workshopPage(report: WorkshopReport): string {
  const body = report.failures.map(failureSection).join("\n");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Three failures, two engines</title><style>${style}</style></head><body><h1>Three failures on three real nodes: <span class="${report.verdict}">${report.verdict}</span></h1>
<p>Three clients at each node write and read keys, one more adds to a counter. Counters without a leader take increments on every side of a partition.</p>
${body}</body></html>\n`;
}

function failureSection(report: FailureReport): string {
  const { title, node, hurtMs, healedMs, evidence } = report;
  return `<section><h2>${escapeText(title)}</h2>
<p>Node ${node}, from ${seconds(hurtMs)} to ${seconds(healedMs)}: ${escapeText(evidence)}.</p>
${report.engines.map((engine) => engineSection(report, engine)).join("\n")}</section>`;
}

function engineSection(report: FailureReport, engine: EngineReport): string {
  const { consistency, recovery } = engine;
  const verdicts = consistency.map(
    ({ subject, promise, verdict, operations, unknown, detail }) =>
      `<tr><td>${subject}</td><td>${promise}</td><td class="${verdict}">${verdict}</td><td>${operations} operations, ${unknown} of unknown outcome${detail === undefined ? "" : `<pre>${escapeText(detail)}</pre>`}</td></tr>`,
  );
  const times = [
    ["first write answered after the fault", recovery.firstWriteMs],
    ["longest time without a write answered", recovery.longestSilenceMs],
    [`node ${report.node} answers again, after the fault's end`, recovery.answersAgainMs],
    [`node ${report.node} has all that it had missed (${recovery.missedKeys} new keys)`, recovery.caughtUpMs],
  ] as const;
  const rows = times.map(
    ([what, ms]) => `<tr><td>${what}</td><td>${ms === undefined ? "never" : seconds(ms)}</td></tr>`,
  );
  const name = engineNames[engine.engine];
  return `<h3>${name}</h3><table><tr><th>what</th><th>promised</th><th>verdict</th><th></th></tr>${verdicts.join("")}</table>
${plot(report, engine.availability, "keys", `Keys, ${name}: answers by node`)}
${plot(report, engine.availability, "counter", `Counter, ${name}: answers by node`)}
<table><tr><th>recovery</th><th></th></tr>${rows.join("")}</table>`;
}

function plot(report: FailureReport, all: readonly Availability[], subject: Subject, title: string): string {
  const { bucketMs, hurtMs, healedMs, endedMs } = report;
  const rows = all.filter((row) => row.subject === subject);
  const most = Math.max(1, ...rows.flatMap(({ answered }) => answered));
  const chart: LineChart = {
    kind: "lines",
    title,
    x: { label: "seconds" },
    y: { label: `answers in ${bucketMs} ms` },
    series: [
      ...rows.map(({ node, answered }) => ({
        name: `node ${node}`,
        as: "steps" as const,
        points: answered.map((count, i) => [(i * bucketMs) / 1000, count] as const),
      })),
      {
        name: "fault",
        as: "steps" as const,
        points: [
          [0, 0],
          [hurtMs / 1000, most],
          [healedMs / 1000, 0],
          [endedMs / 1000, 0],
        ],
      },
    ],
  };
  return chartSvg(chart);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
