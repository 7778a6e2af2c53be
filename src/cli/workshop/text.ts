import { duration, paint } from "../output.ts";
import type { Availability, EngineReport, Judgement, Recovery } from "./judge.ts";
import type { Engine } from "./load.ts";
import type { FailureReport, WorkshopOptions, WorkshopReport } from "./run.ts";

export const engineNames: Readonly<Record<Engine, string>> = { raft: "Raft", dynamo: "Quorums" };

const levels = "▁▂▃▄▅▆▇█";
const widestRow = 72;
const colours = { holds: "green", broken: "red", undecided: "yellow" } as const;

/** One failure: what was kept, who was answered when, and how soon it was over. */
export function failureText(report: FailureReport): string {
  const { title, evidence, hurtMs, healedMs, node } = report;
  return [
    "",
    paint("bold", title),
    `  node ${node}, after ${duration(hurtMs)}, for ${duration(healedMs - hurtMs)}; ${evidence}`,
    ...report.engines.flatMap((engine) => engineLines(report, engine)),
  ].join("\n");
}

function engineLines(report: FailureReport, { engine, consistency, availability, recovery }: EngineReport): string[] {
  // Counters of a keyspace with a leader fare as its keys do.
  const shown = availability.filter(({ subject }) => subject === "keys" || engine === "dynamo");
  const per = charactersOf(report);
  return [
    `  ${paint("cyan", engineNames[engine])}`,
    ...consistency.flatMap(judgementLines),
    `    availability  answers, ${per} ms a character; and the share of operations that succeeded during the fault`,
    ...shown.map((row) => availabilityLine(report, row, per)),
    `    ${"".padEnd(20)}${timeline(report, per)}`,
    `    recovery      ${recoveryText(report, recovery)}`,
  ];
}

function judgementLines({ subject, promise, verdict, operations, unknown, detail }: Judgement): string[] {
  const open = unknown === 0 ? "" : `, ${unknown} of unknown outcome`;
  const line = `${subject} ${promise}: ${paint(colours[verdict], verdict)}, ${operations} operations${open}`;
  return [
    `    ${subject === "keys" ? "consistency   " : "              "}${line}`,
    ...(detail === undefined ? [] : detail.split("\n").map((each) => `      ${each}`)),
  ];
}

/** How much time a character stands for, so that a row fits into a terminal. */
function charactersOf({ endedMs, bucketMs }: FailureReport): number {
  const shortest = endedMs / widestRow;
  return [1, 2, 5, 10, 20, 50, 100].map((times) => times * bucketMs).find((ms) => ms >= shortest) ?? 100 * bucketMs;
}

function availabilityLine(report: FailureReport, row: Availability, perMs: number): string {
  const { subject, node, answered, shareDuringFault } = row;
  const each = perMs / report.bucketMs;
  const sums: number[] = [];
  for (let i = 0; i < answered.length; i += each) {
    const part = answered.slice(i, i + each);
    // The last one may be cut short.
    sums.push((part.reduce((sum, count) => sum + count, 0) * each) / part.length);
  }
  const usual = medianOf(sums.slice(0, Math.max(1, Math.floor(report.hurtMs / perMs))));
  const text = sums.map((sum) => levelOf(sum, usual)).join("");
  const share = shareDuringFault === undefined ? "" : `  ${Math.floor(100 * shareDuringFault)} %`;
  const hurt = node === report.node ? paint("yellow", text) : text;
  return `      ${`${subject}, node ${node}`.padEnd(18)}${hurt}${share}`;
}

function levelOf(sum: number, usual: number): string {
  if (sum === 0) return "·";
  const share = usual === 0 ? 1 : Math.min(1, sum / usual);
  return levels[Math.max(0, Math.ceil(share * levels.length) - 1)]!;
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** Where the fault begins and ends, below the rows. */
function timeline({ hurtMs, healedMs }: FailureReport, perMs: number): string {
  const from = Math.floor(hurtMs / perMs);
  const to = Math.max(from + 1, Math.floor(healedMs / perMs));
  const label = to - from >= 8 ? " fault " : "";
  const line = "─".repeat(Math.max(0, to - from - 1 - label.length));
  const half = Math.floor(line.length / 2);
  return paint("dim", `${" ".repeat(from)}├${line.slice(0, half)}${label}${line.slice(half)}┤`);
}

function recoveryText({ node }: FailureReport, recovery: Recovery): string {
  const { firstWriteMs, longestSilenceMs, answersAgainMs, caughtUpMs, missedKeys } = recovery;
  const or = (ms: number | undefined): string => (ms === undefined ? paint("red", "never") : duration(ms));
  const missed = missedKeys === 0 ? "all it had missed" : `all of the ${missedKeys} keys that it had missed`;
  return [
    `first write answered ${or(firstWriteMs)} after the fault, longest time without one ${duration(longestSilenceMs)};`,
    `                  node ${node} answers again ${or(answersAgainMs)} after its end, and has ${missed} after ${or(caughtUpMs)}`,
  ].join("\n");
}

export function summaryText(report: WorkshopReport, { html, history }: WorkshopOptions): string {
  const said = { holds: "Everything that was promised was kept.", broken: "Something that was promised was not kept." };
  const verdict = report.verdict === "undecided" ? "Not everything could be decided; see above." : said[report.verdict];
  return [
    "",
    paint(colours[report.verdict], verdict),
    ...(html === undefined ? [] : [`Drawn in ${html}`]),
    ...(history === undefined ? [] : [`Histories in ${history}; judge one again: cohort check ${history}/FILE`]),
  ].join("\n");
}
