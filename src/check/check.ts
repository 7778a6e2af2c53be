import type { Operation, Value } from "../history/index.ts";
import { equalValues, isList } from "../history/index.ts";
import { checkBank } from "./bank.ts";
import { createBudget } from "./budget.ts";
import type { Budget } from "./budget.ts";
import { checkConvergent } from "./convergent.ts";
import { withinBudget } from "./linearizable.ts";
import { isRead } from "./models/register.ts";
import { initialProblem, isObjectModel, objectChecks, objectModels } from "./objects.ts";
import type { ObjectModel } from "./objects.ts";
import { checkGrowing } from "./growing.ts";
import { checkSequential } from "./sequential.ts";
import { checkStalenessByTime, checkStalenessByVersions } from "./staleness.ts";
import { checkIsolation, isIsolationLevel, isolationLevels } from "./transactions/levels.ts";
import type { IsolationLevel } from "./transactions/levels.ts";
import { checkSessions, isSessionGuarantee, sessionGuarantees } from "./transactions/sessions.ts";
import type { SessionGuarantee } from "./transactions/sessions.ts";
import { TransactionTable } from "./transactions/table.ts";
import type { TransactionModel } from "./transactions/table.ts";
import { holds, undecided } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

export const models = [...objectModels, "list-append", "rw-register", "bank"] as const;
export type ModelName = (typeof models)[number];

export const properties = [
  "linearizable",
  "sequential",
  ...sessionGuarantees,
  "bounded-staleness",
  "convergent",
  ...isolationLevels,
] as const;
export type PropertyName = (typeof properties)[number];

export interface CheckRequest {
  readonly model: ModelName;
  readonly property: PropertyName;
  /** The state in the beginning; undefined: nothing, 0, no elements. A bank needs its balances. */
  readonly initial?: Value | undefined;
  /** How old a read may be, for `bounded-staleness`: milliseconds, or versions (1: the last one). */
  readonly boundMs?: number | undefined;
  readonly boundVersions?: number | undefined;
  /** How long after the last update reads must agree, for `convergent`. */
  readonly settleMs?: number | undefined;
  /** `serializable` and `snapshot-isolation` also keep the order of each session. */
  readonly sessionOrder?: boolean | undefined;
  /** For session guarantees: a write that returned before another was called may yet be the newer one. */
  readonly eventualWrites?: boolean | undefined;
  /** False where the positions of different processes mean nothing, as in formats that record sessions only. */
  readonly realTime?: boolean | undefined;
}

/** Why a request makes no sense, and what would; undefined where it does. */
export function requestProblem(request: CheckRequest): string | undefined {
  const { model, property, initial } = request;
  if (!combinations(model).includes(property))
    return `the property ${property} is not defined for the model ${model}; there are: ${combinations(model).join(", ")}`;
  if (property === "bounded-staleness") {
    if (request.boundMs === undefined && request.boundVersions === undefined)
      return "bounded-staleness needs a bound: in time, such as 100ms, or in versions";
    if (request.boundVersions !== undefined && !(Number.isInteger(request.boundVersions) && request.boundVersions >= 1))
      return "a bound in versions is a whole number from 1";
  }
  if (initial !== undefined && isObjectModel(model)) {
    const needs = initialProblem(model, initial);
    if (needs !== undefined) return `the initial value of a ${model} is ${needs}`;
  }
  return undefined;
}

const growing: readonly PropertyName[] = ["monotonic-reads", "read-your-writes"];

/** The properties that a model can be checked for. */
export function combinations(model: ModelName): readonly PropertyName[] {
  switch (model) {
    case "list-append":
    case "rw-register":
      return ["linearizable", "sequential", ...sessionGuarantees, ...isolationLevels];
    case "bank":
      return ["linearizable", "snapshot-isolation", "repeatable-read", "serializable", "strict-serializable"];
    case "register":
    case "cas-register":
    case "kv":
      return ["linearizable", "sequential", "causal", ...sessionGuarantees, "bounded-staleness", "convergent"];
    case "counter":
    case "set":
      return ["linearizable", "sequential", ...growing, "bounded-staleness", "convergent"];
    case "queue":
    case "stack":
    case "mutex":
      return ["linearizable", "sequential"];
  }
}

/**
 * Judges a history. Operations may come in any order, as they complete: transactions are not kept, other
 * operations are. Throws a HistoryError where an operation is none of the model, and never hangs: what the
 * budget does not allow is `undecided`. The request must be sound (`requestProblem`).
 */
export function check(
  operations: Iterable<Operation>,
  request: CheckRequest,
  budget: Budget = createBudget(),
): Verdict {
  return withinBudget(() => {
    const { model } = request;
    if (model === "list-append" || model === "rw-register")
      return checkTransactions(operations, model, request, budget);
    const list = [...operations].sort((a, b) => a.index - b.index);
    if (model === "bank") return checkBank(list, bankLevel(request.property), request.initial, budget);
    return checkObject(list, model, request, budget);
  });
}

function bankLevel(
  property: PropertyName,
): "snapshot-isolation" | "serializable" | "repeatable-read" | "strict-serializable" {
  if (property === "snapshot-isolation" || property === "serializable" || property === "repeatable-read")
    return property;
  return "strict-serializable";
}

/** A table of transactions from operations that are not kept. */
function tableOf(
  operations: Iterable<Operation>,
  model: TransactionModel,
  initial: Value,
  budget: Budget,
): TransactionTable {
  const table = new TransactionTable(model, initial, budget);
  for (const operation of operations) table.add(operation);
  return table;
}

function checkTransactions(
  operations: Iterable<Operation>,
  model: TransactionModel,
  request: CheckRequest,
  budget: Budget,
): Verdict {
  const { property, sessionOrder = false, realTime = true } = request;
  const table = tableOf(operations, model, request.initial ?? null, budget);
  if (isSessionGuarantee(property))
    return checkSessions(
      table,
      { guarantee: property, writesInTime: realTime && request.eventualWrites !== true },
      budget,
    );
  // One object made of all keys: strict serializability is its linearizability, and with sessions alone, its sequential consistency.
  const level: IsolationLevel =
    property === "linearizable" ? "strict-serializable" : isIsolationLevel(property) ? property : "serializable";
  return checkIsolation(table, { level, sessionOrder: sessionOrder || property === "sequential", realTime }, budget);
}

function checkObject(list: readonly Operation[], model: ObjectModel, request: CheckRequest, budget: Budget): Verdict {
  const { property, realTime = true } = request;
  const checks = objectChecks(model, request.initial);
  const needsTime = property === "linearizable" || property === "bounded-staleness" || property === "convergent";
  if (needsTime && !realTime) return undecided("the history has no real time: its format records sessions only");
  if (property === "linearizable") return checks.linearizable(list, budget);
  if (property === "bounded-staleness") {
    if (request.boundMs !== undefined) return checkStalenessByTime(list, checks, request.boundMs, budget);
    return checkStalenessByVersions(list, checks, request.boundVersions ?? 1, budget);
  }
  if (property === "convergent")
    return checkConvergent(
      list,
      checks,
      { model, initial: request.initial ?? null, settleMs: request.settleMs ?? 0 },
      budget,
    );
  for (const operation of list) checks.with((plain) => plain.validate(operation));
  if (model === "counter" || model === "set") {
    if (property === "monotonic-reads" || property === "read-your-writes")
      return checkGrowing(list, model, property, request.initial);
  }
  // What is linearizable, key by key, is sequential as a whole; and that is often quickly seen.
  if (property === "sequential" && realTime && quickly((part) => checks.linearizable(list, part), budget)) return holds;
  const table = registerTable(list, model, request.initial, budget);
  if (property === "sequential") {
    const quick =
      table === undefined
        ? undefined
        : checkIsolation(table, { level: "serializable", sessionOrder: true, realTime }, budget);
    return quick === undefined || quick.verdict === "undecided"
      ? checks.with((plain) => checkSequential(list, plain, budget))
      : quick;
  }
  if (table === undefined)
    return undecided(
      "appends, deletes and repeated values leave open who wrote what was read; use different values, or the model list-append",
    );
  if (isSessionGuarantee(property))
    return checkSessions(
      table,
      { guarantee: property satisfies SessionGuarantee, writesInTime: realTime && request.eventualWrites !== true },
      budget,
    );
  return checkIsolation(table, { level: "causal", sessionOrder: true, realTime }, budget);
}

const quickSteps = 20_000_000;

/** Whether a check that may be left out holds. */
function quickly(judge: (budget: Budget) => Verdict, budget: Budget): boolean {
  return judge(budget.part(quickSteps)).verdict === "holds";
}

/** Operations on registers as transactions of one or two steps; undefined where that loses something. */
function registerTable(
  list: readonly Operation[],
  model: ObjectModel,
  initial: Value | undefined,
  budget: Budget,
): TransactionTable | undefined {
  if (model !== "register" && model !== "cas-register" && model !== "kv") return undefined;
  const absent: Value = model === "kv" ? "" : null;
  const begin = initial ?? absent;
  const simple = list.every((operation) => {
    const { f, input, outcome } = operation;
    if (outcome === "fail") return true;
    // Nothing, where something was there from the beginning, is a value that nobody wrote.
    if (isRead(operation)) return equalValues(begin, absent) || (operation.output !== null && operation.output !== "");
    // A compare-and-set of unknown outcome may have done nothing although it "took place".
    if (f === "cas") return outcome === "ok" && isList(input) && !equalValues(input[1] ?? null, begin);
    return (f === "write" || f === "put") && !equalValues(input, begin) && input !== null;
  });
  if (!simple) return undefined;
  const normal =
    model === "kv"
      ? list.map((operation) =>
          isRead(operation) && operation.output === "" ? { ...operation, output: null } : operation,
        )
      : list;
  return tableOf(normal, "rw-register", begin, budget);
}
