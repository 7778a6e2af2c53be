/** `cohort check`: verdicts on recorded histories, one or many. */
import { Command } from "commander";
import process from "node:process";
import {
  check,
  createBudget,
  models,
  properties,
  requestProblem,
  suggestModel,
  suggestProperty,
  verdictPage,
  verdictText,
} from "../check/index.ts";
import type { CheckRequest, ModelName, PropertyName, Verdict } from "../check/index.ts";
import { parseDurationMs } from "../contract/index.ts";
import { HistoryError, detectFormat, formats, isFormat, operationsOf, parseEvents } from "../history/index.ts";
import type { Format, Operation, Value } from "../history/index.ts";
import { historiesOf } from "./check/files.ts";
import { readLines } from "./lines.ts";
import { UsageError, paint, print, printJson, writeOutput } from "./output.ts";

interface CheckFlags {
  readonly format?: string;
  readonly model?: string;
  readonly property?: string;
  readonly initial?: string;
  readonly bound?: string;
  readonly settle?: string;
  readonly sessionOrder?: true;
  readonly eventualWrites?: true;
  readonly independent?: true;
  readonly timeLimit: string;
  readonly memoryLimit: string;
  readonly json?: true;
  readonly html?: string;
}

export function checkCommand(): Command {
  return new Command("check")
    .description("judge a recorded history: holds, broken with a witness, or undecided with the reason")
    .argument("<files...>", "histories, or directories with histories; - reads standard input")
    .option("--format <format>", `${Object.keys(formats).join(", ")} (default: found out)`)
    .option("--model <model>", `${models.join(", ")} (default: what the operations look like)`)
    .option("--property <property>", `${properties.join(", ")} (default: the strongest)`)
    .option("--initial <value>", "the state in the beginning, as JSON or text (default: nothing, 0, empty)")
    .option("--bound <bound>", "for bounded-staleness: a time such as 100ms, or a number of versions")
    .option("--settle <duration>", "for convergent: how long after the last update reads must agree")
    .option("--session-order", "serializable and snapshot-isolation also keep the order of each session")
    .option("--eventual-writes", "session guarantees: writes need not be ordered as in real time")
    .option("--independent", "the values of a Jepsen history are [key value]")
    .option("--time-limit <duration>", "give up as undecided after", "60s")
    .option("--memory-limit <megabytes>", "give up as undecided beyond", "2000")
    .option("--json", "one JSON document on standard output")
    .option("--html <file>", "write a page that draws the verdict")
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText(
      "after",
      "\nExit codes: 0 holds, 1 broken, 2 the history or the command line is wrong, 3 undecided.\nOf several histories: 2 where one cannot be judged, else 1 where one is broken, else 3 where one is undecided.\n\nExample:\n  cohort check history.jsonl --model register --property linearizable\n  cohort check etcd.log --model cas-register --html verdict.html\n  cohort check transactions.edn --model list-append --property snapshot-isolation --json\n  cohort check logs/ --model cas-register",
    )
    .action((paths: string[], flags: CheckFlags) => {
      const files = historiesOf(paths);
      const [file] = files;
      process.exitCode = files.length === 1 && file !== undefined ? checkOne(file, flags) : checkMany(files, flags);
    });
}

const exitCodes = { holds: 0, broken: 1, undecided: 3 } as const;

/** Runs the check and prints the verdict; returns the exit code. */
function checkOne(file: string, flags: CheckFlags): number {
  const judged = judgeFile(file, flags);
  const { verdict } = judged;
  if (flags.html !== undefined) writeOutput(flags.html, verdictPage(verdict, subjectOf(file, judged)));
  if (flags.json) printJson(documentOf(judged));
  else print(verdictText(verdict, subjectOf(file, judged), paint));
  if (flags.html !== undefined && !flags.json) print(`\nDrawn in ${flags.html}`);
  return exitCodes[verdict.verdict];
}

function subjectOf(file: string, { request, count }: Judged): string {
  return `${request.property}, ${request.model}, ${count} operations of ${file}`;
}

function documentOf({ verdict, request, format, count, elapsedMs }: Judged) {
  const { model, property } = request;
  return { ...verdict, model, property, format, operations: count, elapsedMs: Math.round(elapsedMs) };
}

/** A verdict for each file, whatever becomes of the others; returns the exit code of all. */
function checkMany(files: readonly string[], flags: CheckFlags): number {
  if (flags.html !== undefined) throw new UsageError("--html draws one history");
  const results: ({ readonly file: string } & (ReturnType<typeof documentOf> | { readonly error: string }))[] = [];
  const counts = { holds: 0, broken: 0, undecided: 0, "cannot be judged": 0 };
  for (const file of files) {
    try {
      const judged = judgeFile(file, flags);
      counts[judged.verdict.verdict]++;
      results.push({ file, ...documentOf(judged) });
      if (flags.json !== true) print(verdictText(judged.verdict, subjectOf(file, judged), paint));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      counts["cannot be judged"]++;
      results.push({ file, error: error.message });
      if (flags.json !== true) print(`${paint("red", "cannot be judged")}  ${error.message}`);
    }
  }
  const code = counts["cannot be judged"] > 0 ? 2 : counts.broken > 0 ? 1 : counts.undecided > 0 ? 3 : 0;
  const verdict = counts.broken > 0 ? "broken" : code === 0 ? "holds" : "undecided";
  if (flags.json) printJson({ verdict, counts, files: results });
  else {
    const parts = Object.entries(counts).filter(([, count]) => count > 0);
    print(`\n${files.length} histories: ${parts.map(([name, count]) => `${count} ${name}`).join(", ")}`);
  }
  return code;
}

interface Judged {
  readonly elapsedMs: number;
  readonly verdict: Verdict;
  readonly request: CheckRequest;
  readonly format: Format;
  readonly count: number;
}

function judgeFile(file: string, flags: CheckFlags): Judged {
  const begun = performance.now();
  try {
    const { format, lines } = linesOf(file, flags);
    const progress = { operations: 0 };
    const source = counted(
      operationsOf(parseEvents(lines, format, { keyed: flags.independent === true })),
      progress,
      flags.json !== true,
    );
    const { head, all } = peek(source);
    const request = requestOf(flags, format, head);
    const problem = requestProblem(request);
    if (problem !== undefined) throw new UsageError(problem);
    const budget = createBudget({
      steps: Infinity,
      bytes: numberOf(flags.memoryLimit, "--memory-limit") * 1e6,
      timeMs: durationOf(flags.timeLimit, "--time-limit"),
      now: () => performance.now(),
    });
    const verdict = check(all, request, budget);
    return { verdict, request, format, count: progress.operations, elapsedMs: performance.now() - begun };
  } catch (error) {
    throw explained(error, file);
  }
}

/** What the file, or what is in it, got wrong becomes a usage error that names it. */
function explained(error: unknown, file: string): unknown {
  if (error instanceof HistoryError) return new UsageError(`${file}: ${error.message}`);
  if (error instanceof Error && "code" in error && "syscall" in error)
    return new UsageError(`cannot read ${file}: ${error.message}`);
  if (error instanceof RangeError) return new UsageError(`${file}: ${error.message}`);
  return error;
}

function linesOf(file: string, flags: CheckFlags): { readonly format: Format; readonly lines: Iterable<string> } {
  const lines = readLines(file);
  if (flags.format === undefined) return detectFormat(lines);
  if (!isFormat(flags.format))
    throw new UsageError(`--format ${flags.format}: there are ${Object.keys(formats).join(", ")}`);
  return { format: flags.format, lines };
}

const progressAfterMs = 1000;

/** Counts, and tells on a terminal how far it is when it takes longer than a second. */
function* counted(
  operations: Iterable<Operation>,
  progress: { operations: number },
  tell: boolean,
): Generator<Operation> {
  const shows = tell && process.stderr.isTTY;
  let next = performance.now() + progressAfterMs;
  let told = false;
  for (const operation of operations) {
    progress.operations++;
    if (shows && progress.operations % 4096 === 0 && performance.now() > next) {
      process.stderr.write(`\r${progress.operations} operations read`);
      next = performance.now() + progressAfterMs / 4;
      told = true;
    }
    yield operation;
  }
  if (told) process.stderr.write(`\r${progress.operations} operations read, judging…\n`);
}

const headOperations = 200;

/** The first operations, and all of them including those. */
function peek(operations: Generator<Operation>): {
  readonly head: readonly Operation[];
  readonly all: Iterable<Operation>;
} {
  const head: Operation[] = [];
  for (let next = operations.next(); next.done !== true; next = operations.next()) {
    head.push(next.value);
    if (head.length >= headOperations) break;
  }
  const all = function* (): Generator<Operation> {
    yield* head;
    yield* operations;
  };
  return { head, all: all() };
}

function requestOf(flags: CheckFlags, format: Format, head: readonly Operation[]): CheckRequest {
  const { realTime } = formats[format];
  const model = modelOf(flags.model, head);
  return {
    model,
    property: propertyOf(flags.property, model, realTime),
    initial: flags.initial === undefined ? undefined : initialOf(flags.initial),
    ...boundOf(flags.bound),
    settleMs: flags.settle === undefined ? undefined : durationOf(flags.settle, "--settle"),
    sessionOrder: flags.sessionOrder,
    eventualWrites: flags.eventualWrites,
    realTime,
  };
}

function modelOf(name: string | undefined, head: readonly Operation[]): ModelName {
  if (name === undefined) {
    const found = suggestModel(head);
    if (found === undefined) throw new UsageError("the operations look like no model; say which with --model");
    return found;
  }
  const model = models.find((known) => known === name);
  if (model === undefined) throw new UsageError(`--model ${name}: there are ${models.join(", ")}`);
  return model;
}

function propertyOf(name: string | undefined, model: ModelName, realTime: boolean): PropertyName {
  if (name === undefined) return suggestProperty(model, realTime);
  const property = properties.find((known) => known === name);
  if (property === undefined) throw new UsageError(`--property ${name}: there are ${properties.join(", ")}`);
  return property;
}

/** JSON where it is JSON, else text: `--initial 5`, `--initial '[1,2]'`, `--initial abc`. */
function initialOf(text: string): Value {
  if (text === "nil") return null;
  try {
    const value: unknown = JSON.parse(text);
    return isValue(value) ? value : text;
  } catch {
    return text;
  }
}

function isValue(value: unknown): value is Value {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string")
    return true;
  return typeof value === "object" && Object.values(value).every(isValue);
}

function boundOf(text: string | undefined): { readonly boundMs?: number; readonly boundVersions?: number } {
  if (text === undefined) return {};
  const versions = /^(\d+)(?:\s*versions?)?$/.exec(text)?.[1];
  return versions === undefined ? { boundMs: durationOf(text, "--bound") } : { boundVersions: Number(versions) };
}

function durationOf(text: string, option: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new UsageError(`${option} ${text}: write a duration such as 100ms or 30s`);
  return ms;
}

function numberOf(text: string, option: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new UsageError(`${option} ${text}: write a number above 0`);
  return number;
}
