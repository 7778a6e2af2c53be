import { OutOfBudget } from "../budget.ts";
import type { Budget } from "../budget.ts";
import { broken, holds } from "../verdict.ts";
import type { Broken, Verdict } from "../verdict.ts";
import { addAntiDependencies, addReads, addRealTime, addSessions, addWriteOrder, emptyGraph } from "./edges.ts";
import { cycleVerdict } from "./explain.ts";
import { everything, findCycle, inferred } from "./graph.ts";
import { accessesOf, infer, inferInWindows, staleInTime } from "./infer.ts";
import type { Moments } from "./infer.ts";
import { hasTransactionOrder } from "./solver.ts";
import type { View } from "./view.ts";

export interface SerialOptions {
  readonly mode: "serial" | "snapshot";
  /** Transactions of one session keep their order. */
  readonly sessions: boolean;
  /** What had returned before another was called comes first. */
  readonly realTime: boolean;
  /** Positions mean real time, whether or not the order must respect it. */
  readonly timed: boolean;
}

/** Steps for a search that may be left out: most systems that are serializable are so in real time. */
const quickSteps = 30_000_000;
const quickStepsEach = 2000;

/** Beyond so many transactions, what follows from what is not worked out in full: its cost is quadratic. */
const mostForInference = 8000;
/** A witness is made small by leaving out transactions, where there are at most so many. */
const mostForShrinking = 400;
const shrinkSteps = 400_000;

/** Whether an order of transactions explains every read, where the order of writes is not, or not wholly, known. */
export function checkSerial(view: View, options: SerialOptions, budget: Budget): Verdict {
  if (options.timed && !options.realTime && hasStrictOrder(view, budget)) return holds;
  const stale = options.realTime ? staleInTime(view, budget) : undefined;
  if (stale !== undefined) return cycleVerdict(view, stale.graph, stale.cycle);
  const moments = knownMoments(view, options, budget);
  if (view.table.size <= mostForInference) {
    const cycle = infer(accessesOf(view), moments, budget);
    if (cycle !== undefined) return cycleVerdict(view, moments.graph, cycle);
  } else {
    const cycle = findCycle(moments.graph, everything, "any", budget);
    if (cycle !== undefined) return cycleVerdict(view, moments.graph, cycle);
    const found = options.realTime ? inferInWindows(view, moments.graph, budget) : undefined;
    if (found !== undefined) return cycleVerdict(view, found.graph, found.cycle);
  }
  return hasOrder(view, moments, options, budget) ? holds : noOrder(view, options, budget);
}

function hasOrder(view: View, { graph }: Moments, { mode, realTime, timed }: SerialOptions, budget: Budget): boolean {
  return hasTransactionOrder(view, graph, { mode, inTime: realTime, timed }, budget);
}

/** An order in real time keeps that of sessions, and is one of snapshots too. */
function hasStrictOrder(view: View, budget: Budget): boolean {
  const part = budget.part(quickSteps + quickStepsEach * view.table.size);
  try {
    const strict: SerialOptions = { mode: "serial", sessions: false, realTime: true, timed: true };
    // The solver keeps real time by itself.
    const known = knownMoments(view, { ...strict, realTime: false }, part);
    return (
      staleInTime(view, part) === undefined &&
      inferInWindows(view, known.graph, part) === undefined &&
      hasOrder(view, known, strict, part)
    );
  } catch (error) {
    if (error instanceof OutOfBudget) return false;
    throw error;
  }
}

/** In a serial order a transaction is one moment; in one of snapshots it reads at its beginning and writes at its end. */
function knownMoments(view: View, options: SerialOptions, budget: Budget): Moments {
  const serial = emptyGraph(view, budget);
  addReads(serial, view);
  addWriteOrder(serial, view);
  if (options.sessions) addSessions(serial, view);
  if (options.realTime) addRealTime(serial, view);
  if (options.mode === "serial") {
    addAntiDependencies(serial, view);
    return { graph: serial, beginOf: (transaction) => transaction };
  }
  const graph = emptyGraph(view, budget);
  const begins = Int32Array.from({ length: view.table.size }, (_, transaction) => graph.node(transaction));
  for (let transaction = 0; transaction < view.table.size; transaction++)
    graph.edge(begins[transaction]!, transaction, inferred);
  for (let edge = 0; edge < serial.edgeCount; edge++)
    graph.edge(serial.from(edge), begins[serial.to(edge)]!, serial.kind(edge), serial.about(edge));
  return { graph, beginOf: (transaction) => begins[transaction]! };
}

/** The verdict where every order fails: on as few transactions as the budget allows, as a circle where there is one. */
function noOrder(view: View, options: SerialOptions, budget: Budget): Broken {
  const part = budget.part(shrinkSteps);
  const small = shrinkView(view, options, part);
  const circle = circleIn(small, options, part);
  if (circle !== undefined) return circle;
  const operations = transactionsOf(small)
    .slice(0, 40)
    .map((transaction) => small.table.show(transaction));
  const what = options.mode === "serial" ? "serial order" : "order of snapshots";
  return broken({
    kind: "fact",
    anomaly: `no ${what}`,
    summary: `no ${what} of these ${operations.length} transactions explains what they read: every one was tried`,
    operations,
    context: operations,
  });
}

/** The circle that no serial order can have, where it is found with what is left of the budget. */
function circleIn(view: View, options: SerialOptions, budget: Budget): Broken | undefined {
  if (transactionsOf(view).length > mostForShrinking) return undefined;
  try {
    const moments = knownMoments(view, { ...options, mode: "serial" }, budget);
    const cycle = infer(accessesOf(view), moments, budget);
    return cycle === undefined ? undefined : cycleVerdict(view, moments.graph, cycle);
  } catch (error) {
    if (error instanceof OutOfBudget) return undefined;
    throw error;
  }
}

function transactionsOf(view: View): number[] {
  const list: number[] = [];
  for (let transaction = 0; transaction < view.table.size; transaction++)
    if (view.real[transaction]) list.push(transaction);
  return list;
}

/** Leaves out transactions, each with all that read from it, as long as no order comes back. */
function shrinkView(view: View, options: SerialOptions, budget: Budget): View {
  let kept = view;
  const all = transactionsOf(view);
  if (all.length > mostForShrinking) return view;
  try {
    for (const transaction of all.reverse()) {
      if (!kept.real[transaction]) continue;
      const candidate: View = { ...kept, real: without(kept, transaction) };
      const known = knownMoments(candidate, { ...options, realTime: false }, budget);
      if (!hasOrder(candidate, known, options, budget)) kept = candidate;
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error;
  }
  return kept;
}

function without(view: View, transaction: number): Uint8Array {
  const real = view.real.slice();
  const gone = new Set([transaction]);
  real[transaction] = 0;
  for (let grown = true; grown;) {
    grown = false;
    for (let reader = 0; reader < view.table.size; reader++) {
      if (!real[reader]) continue;
      for (let read = view.firstRead[reader]!; read < view.firstRead[reader + 1]!; read++) {
        if (!gone.has(view.readFrom[read]!)) continue;
        gone.add(reader);
        real[reader] = 0;
        grown = true;
        break;
      }
    }
  }
  return real;
}
