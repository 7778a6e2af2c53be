import { equalValues, isList, valueKey, valueText } from "../history/index.ts";
import type { Operation, Scalar, Value } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import { partitionByKey } from "./linearizable.ts";
import { deltaOf, validateCounter } from "./models/counter.ts";
import { isRead } from "./models/register.ts";
import type { ObjectChecks, ObjectModel } from "./objects.ts";
import { broken, firstTrouble, holds, operationText, show, undecided } from "./verdict.ts";
import type { Broken, Verdict } from "./verdict.ts";

export interface ConvergentOptions {
  readonly model: ObjectModel;
  readonly initial: Value;
  /** How long after the last update, in milliseconds, a read must find the final value; needs times where above 0. */
  readonly settleMs: number;
}

/**
 * Eventual convergence: reads that begin after every update has ended (and some time to settle has passed) agree,
 * and on a value that the updates explain. Counters: the sum of all that was added, perhaps with some of what is
 * of unknown outcome; and no read before that is beyond every possible sum. Sets: all that was added and never
 * removed, nothing that was never added. Registers: a value that was written.
 */
export function checkConvergent(
  operations: readonly Operation[],
  checks: ObjectChecks,
  options: ConvergentOptions,
  budget: Budget,
): Verdict {
  for (const operation of operations) checks.with((model) => model.validate(operation));
  return firstTrouble(partitionByKey(operations).map((part) => checkKey(part, options, budget)));
}

function wrong(operations: readonly Operation[], anomaly: string, summary: string): Broken {
  const shown = operations.slice(0, 40).map(show);
  return broken({ kind: "fact", anomaly, summary, operations: shown, context: shown });
}

function checkKey(part: readonly Operation[], options: ConvergentOptions, budget: Budget): Verdict {
  const updates = part.filter(
    (operation) => !isRead(operation) && operation.f !== "contains" && operation.outcome !== "fail",
  );
  const reads = part.filter((operation) => isRead(operation) && operation.outcome === "ok");
  const early = options.model === "counter" ? possibleTotals(reads, updates, options) : undefined;
  if (early !== undefined) return early;
  const last = updates.reduce((latest, { call, ret }) => Math.max(latest, ret === Infinity ? call : ret), -Infinity);
  const lastMs = updates.reduce(
    (latest, { callMs, retMs }) => Math.max(latest, retMs ?? callMs ?? -Infinity),
    -Infinity,
  );
  const finals = reads.filter(
    ({ call, callMs }) =>
      call > last && (options.settleMs === 0 || (callMs !== undefined && callMs >= lastMs + options.settleMs)),
  );
  const first = finals[0];
  if (first === undefined)
    return undecided(
      "no read begins after the last update has ended" +
        (options.settleMs > 0 ? ` and ${options.settleMs} ms have passed` : ""),
    );
  const other = finals.find(({ output }) => !sameContent(output, first.output, options.model));
  if (other !== undefined)
    return wrong(
      [first, other],
      "not convergent",
      `after the last update one read found ${valueText(first.output)} and another ${valueText(other.output)}`,
    );
  return explained(first, updates, options, budget) ?? holds;
}

function sameContent(a: Value, b: Value, model: ObjectModel): boolean {
  if (model !== "set" || !isList(a) || !isList(b)) return equalValues(a, b);
  const sorted = (list: readonly Value[]): string[] => list.map(valueText).sort();
  return valueText(sorted(a)) === valueText(sorted(b));
}

function explained(
  final: Operation,
  updates: readonly Operation[],
  options: ConvergentOptions,
  budget: Budget,
): Verdict | undefined {
  if (options.model === "counter") return explainedTotal(final, updates, options, budget);
  if (options.model === "set") return explainedSet(final, updates, options);
  const written = updates.some(({ f, input }) =>
    equalValues(f === "cas" && isList(input) ? (input[1] ?? null) : input, final.output),
  );
  const untouched =
    equalValues(final.output, options.initial) && !updates.some(({ outcome, f }) => outcome === "ok" && f !== "delete");
  const deleted = (final.output === null || final.output === "") && updates.some(({ f }) => f === "delete");
  if (written || untouched || deleted) return undefined;
  return wrong([final, ...updates.slice(-3)], "unwritten value", `${operationText(final)} found what no update left`);
}

function initialTotal(options: ConvergentOptions): number {
  return typeof options.initial === "number" ? options.initial : 0;
}

/** No read may be beyond every sum of what had been asked for by its end. */
function possibleTotals(
  reads: readonly Operation[],
  updates: readonly Operation[],
  options: ConvergentOptions,
): Broken | undefined {
  for (const operation of [...reads, ...updates]) validateCounter(operation);
  const byReturn = [...reads].sort((a, b) => a.ret - b.ret);
  const byCall = [...updates].sort((a, b) => a.call - b.call);
  let low = initialTotal(options);
  let high = low;
  let next = 0;
  for (const read of byReturn) {
    for (; next < byCall.length && byCall[next]!.call < read.ret; next++) {
      const delta = deltaOf(byCall[next]!) ?? 0;
      if (delta < 0) low += delta;
      else high += delta;
    }
    const total = Number(read.output);
    if (total < low || total > high)
      return wrong(
        [read],
        "impossible total",
        `${operationText(read)} is outside of ${low} to ${high}, all that updates called by then can give`,
      );
  }
  return undefined;
}

/** Most different sums of unknown updates that are told apart. */
const mostSums = 2_000_000;

function explainedTotal(
  final: Operation,
  updates: readonly Operation[],
  options: ConvergentOptions,
  budget: Budget,
): Verdict | undefined {
  let certain = initialTotal(options);
  let sums = new Set<number>([0]);
  for (const update of updates) {
    const delta = deltaOf(update) ?? 0;
    if (update.outcome === "ok") {
      certain += delta;
      continue;
    }
    const more = new Set(sums);
    for (const sum of sums) more.add(sum + delta);
    budget.spend(more.size);
    if (more.size > mostSums)
      return undecided(`the updates of unknown outcome have more than ${mostSums} different sums`);
    sums = more;
  }
  if (sums.has(Number(final.output) - certain)) return undefined;
  const unknown = updates.filter(({ outcome }) => outcome === "unknown");
  const rest =
    unknown.length === 0
      ? ""
      : `, and no choice of the ${unknown.length} updates of unknown outcome makes up the difference`;
  return wrong(
    [final, ...unknown],
    Number(final.output) < certain ? "lost update" : "wrong total",
    `${operationText(final)}, but what was acknowledged adds up to ${certain}${rest}`,
  );
}

function explainedSet(final: Operation, updates: readonly Operation[], options: ConvergentOptions): Broken | undefined {
  const present = new Set<Scalar>((isList(final.output) ? final.output : []).map(valueKey));
  const initial = isList(options.initial) ? options.initial.map(valueKey) : [];
  const asked = new Set<Scalar>(initial);
  const removed = new Set<Scalar>();
  for (const { f, input } of updates) (f === "add" ? asked : removed).add(valueKey(input));
  for (const element of present)
    if (!asked.has(element))
      return wrong(
        [final],
        "unwritten value",
        `${operationText(final)} shows ${valueText(element)}, which nothing added`,
      );
  const lost = updates.find(
    ({ f, input, outcome }) =>
      f === "add" && outcome === "ok" && !present.has(valueKey(input)) && !removed.has(valueKey(input)),
  );
  if (lost !== undefined)
    return wrong(
      [lost, final],
      "lost update",
      `${valueText(lost.input)} was added, never removed, and is not there in the end`,
    );
  const gone = initial.find((element) => !present.has(element) && !removed.has(element));
  return gone === undefined
    ? undefined
    : wrong(
        [final],
        "lost update",
        `${valueText(gone)} was there from the beginning, never removed, and is not there in the end`,
      );
}
