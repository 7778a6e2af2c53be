/** Verdicts in a thread of their own: a search may take long. */
import {
  check,
  combinations,
  createBudget,
  linearizations,
  requestProblem,
  suggestModel,
  suggestProperty,
  verdictText,
  type CheckRequest,
} from "../../../src/check/index.ts";
import { detectFormat, formats, parseEvents, readOperations, type Operation } from "../../../src/history/index.ts";
import type { Bar, JudgeOrder, Judged, JudgeReport, ModelName } from "./messages.ts";

const mostBars = 1000;
const timeMs = 20_000;
const memoryBytes = 500e6;
const headOperations = 200;

addEventListener("message", ({ data }: MessageEvent<JudgeOrder>) => {
  let report: JudgeReport;
  try {
    report = { kind: "judged", judged: judge(data) };
  } catch (error) {
    report = { kind: "failed", text: error instanceof Error ? error.message : String(error) };
  }
  postMessage(report);
});

function judge({ text, model: wanted, property: asked }: JudgeOrder): Judged {
  const begun = performance.now();
  const { format, lines } = detectFormat(text.split("\n"));
  const operations = readOperations(parseEvents(lines, format));
  const model = wanted ?? suggestModel(operations.slice(0, headOperations));
  if (model === undefined) throw new Error("The operations look like none of the models: choose one.");
  const properties = combinations(model);
  const property =
    asked !== undefined && properties.includes(asked) ? asked : suggestProperty(model, formats[format].realTime);
  const request: CheckRequest = {
    model,
    property,
    realTime: formats[format].realTime,
    ...(property === "bounded-staleness" ? { boundVersions: 1 } : {}),
  };
  const problem = requestProblem(request);
  if (problem !== undefined) throw new Error(problem);
  const budget = () => createBudget({ bytes: memoryBytes, steps: Infinity, timeMs, now: () => performance.now() });
  const verdict = check(operations, request, budget());
  const shown = operations.slice(0, mostBars);
  const orders =
    verdict.verdict === "holds" && property === "linearizable" && shown.length === operations.length
      ? ordersOf(operations, model)
      : [];
  return {
    verdict,
    words: verdictText(verdict, `${property}, ${model}`),
    model,
    property,
    properties,
    format,
    count: operations.length,
    tookMs: performance.now() - begun,
    bars: shown.map(barOf),
    orders,
  };
}

function ordersOf(operations: readonly Operation[], name: ModelName): number[][] {
  if (name === "bank" || name === "list-append" || name === "rw-register") return [];
  const found = linearizations(operations, name, undefined, createBudget({ steps: 20_000_000 }));
  const places = new Map(operations.map((operation, place) => [operation, place]));
  return (found ?? []).map((order) => order.map((operation) => places.get(operation)!));
}

function barOf(operation: Operation): Bar {
  const { process, f, key, input, output, outcome, call, ret, line } = operation;
  const object = key === undefined ? "" : ` ${JSON.stringify(key)}`;
  const argument = input === null ? "" : ` ${JSON.stringify(f === "txn" && outcome === "ok" ? output : input)}`;
  const answer =
    outcome !== "ok"
      ? ` (${outcome})`
      : output === null || f === "txn" || JSON.stringify(output) === JSON.stringify(input)
        ? ""
        : ` → ${JSON.stringify(output)}`;
  return {
    process: String(process),
    text: `${f}${object}${argument}${answer}`,
    call,
    ret: ret === Infinity ? undefined : ret,
    line,
    failed: outcome === "fail",
  };
}
