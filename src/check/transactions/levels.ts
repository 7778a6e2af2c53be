import type { Budget } from "../budget.ts";
import { holds, undecided } from "../verdict.ts";
import type { Verdict } from "../verdict.ts";
import { addAntiDependencies, addReads, addRealTime, addSessions, addWriteOrder, emptyGraph } from "./edges.ts";
import { cycleVerdict, findingVerdict } from "./explain.ts";
import { everything, findCycle, maskOf, wr, ww } from "./graph.ts";
import type { RwRule } from "./graph.ts";
import { checkSerial } from "./serial.ts";
import type { SerialOptions } from "./serial.ts";
import type { TransactionTable } from "./table.ts";
import { viewOf } from "./view.ts";
import type { Finding, View } from "./view.ts";
import { checkWeak } from "./weak.ts";

/**
 * Isolation levels, weakest first.
 *
 * For lists the order of writes can be read off, and the levels are Adya's (1999): `read-committed` is PL-2,
 * `repeatable-read` PL-2.99 and `serializable` PL-3, which are one for single items. For registers it cannot:
 * there `read-committed` is that of Biswas and Enea (2019), in which a transaction's later reads may not go
 * back behind its earlier ones. `read-atomic` and `causal` are theirs for both.
 */
export const isolationLevels = [
  "read-committed",
  "read-atomic",
  "causal",
  "repeatable-read",
  "snapshot-isolation",
  "serializable",
  "strict-serializable",
] as const;
export type IsolationLevel = (typeof isolationLevels)[number];

export function isIsolationLevel(name: string): name is IsolationLevel {
  return isolationLevels.some((level) => level === name);
}

export interface IsolationOptions {
  readonly level: IsolationLevel;
  /** Serializability and snapshot isolation also keep the order of each session. */
  readonly sessionOrder: boolean;
  /** Whether positions in the history mean real time. */
  readonly realTime: boolean;
}

/** Judges all transactions of a table. */
export function checkIsolation(table: TransactionTable, options: IsolationOptions, budget: Budget): Verdict {
  const { level } = options;
  if (level === "strict-serializable" && !options.realTime)
    return undecided("the history has no real time: its format records sessions only");
  const view = viewOf(table, budget);
  const finding = view.findings.find((candidate) => forbids(level, table.model, candidate));
  if (finding !== undefined) return findingVerdict(view, finding);
  if (view.unusable !== undefined) return undecided(view.unusable);
  if (level === "read-atomic" || level === "causal" || (level === "read-committed" && view.lists === undefined))
    return checkWeak(view, level, budget) ?? holds;
  if (view.lists !== undefined) return checkLists(view, options, budget);
  return checkSerial(view, serialOptions(options), budget);
}

/** Read committed forbids no more of a list's transaction than reading what did not commit. */
function forbids(level: IsolationLevel, model: TransactionTable["model"], finding: Finding): boolean {
  return finding.anomaly !== "internal" || level !== "read-committed" || model === "rw-register";
}

function serialOptions({ level, sessionOrder, realTime }: IsolationOptions): SerialOptions {
  const mode = level === "snapshot-isolation" ? "snapshot" : "serial";
  return { mode, sessions: sessionOrder, realTime: level === "strict-serializable", timed: realTime };
}

function checkLists(view: View, options: IsolationOptions, budget: Budget): Verdict {
  const { level } = options;
  const graph = emptyGraph(view, budget);
  addReads(graph, view);
  addWriteOrder(graph, view);
  if (level === "read-committed") {
    const cycle = findCycle(graph, maskOf(ww, wr), "none", budget);
    return cycle === undefined ? holds : cycleVerdict(view, graph, cycle);
  }
  addAntiDependencies(graph, view);
  if (level === "strict-serializable") addRealTime(graph, view);
  else if (options.sessionOrder) addSessions(graph, view);
  // Without any circle there is a serial order, which is a snapshot-isolated one as well.
  if (graph.components(everything).count === 0) return holds;
  const rules: readonly RwRule[] =
    level === "snapshot-isolation" ? ["none", "one", "apart"] : ["none", "one", "apart", "any"];
  for (const rule of rules) {
    const cycle = findCycle(graph, everything, rule, budget);
    if (cycle !== undefined) return cycleVerdict(view, graph, cycle);
  }
  const ambiguous = view.lists?.unread.some((writers) => writers.length > 1) ?? false;
  return ambiguous ? checkSerial(view, serialOptions(options), budget) : holds;
}
