import { OutOfBudget } from "../budget.ts";
import type { Budget } from "../budget.ts";
import { broken, holds } from "../verdict.ts";
import type { Broken, Verdict } from "../verdict.ts";
import {
  addAntiDependencies,
  addReads,
  addRealTime,
  addSessions,
  addWriteOrder,
  emptyGraph,
  writtenKeys,
} from "./edges.ts";
import { cycleVerdict } from "./explain.ts";
import { everything, findCycle, inferred, rw, ww } from "./graph.ts";
import type { Graph } from "./graph.ts";
import { findTransactionOrder } from "./solver.ts";
import { initialWriter } from "./view.ts";
import type { View } from "./view.ts";

export interface SerialOptions {
  readonly mode: "serial" | "snapshot";
  /** Transactions of one session keep their order. */
  readonly sessions: boolean;
  /** What had returned before another was called comes first. */
  readonly realTime: boolean;
}

/** Beyond so many transactions, what follows from what is not worked out in full: its cost is quadratic. */
const mostForInference = 8000;
/** A witness is made small by leaving out transactions, where there are at most so many. */
const mostForShrinking = 400;
const shrinkSteps = 400_000;

/** Whether an order of transactions explains every read, where the order of writes is not, or not wholly, known. */
export function checkSerial(view: View, options: SerialOptions, budget: Budget): Verdict {
  const moments = knownMoments(view, options, budget);
  const cycle = infer(view, moments, budget);
  if (cycle !== undefined) return cycleVerdict(view, moments.graph, cycle);
  const result = findTransactionOrder(view, options.mode, moments.graph, options.realTime, budget);
  return result.found ? holds : noOrder(view, options, budget);
}

/** What is known of the order of moments: a transaction's own node is its end; where it begins may be another. */
interface Moments {
  readonly graph: Graph;
  readonly beginOf: (transaction: number) => number;
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

/** Real writers of each key, and who read what of it. */
function accesses(view: View): {
  readonly writers: number[][];
  readonly reads: { readonly reader: number; readonly from: number }[][];
} {
  const writers: number[][] = view.table.keys.map(() => []);
  const reads: { reader: number; from: number }[][] = view.table.keys.map(() => []);
  for (let transaction = 0; transaction < view.table.size; transaction++) {
    if (!view.real[transaction]) continue;
    for (const key of writtenKeys(view, transaction)) writers[key]!.push(transaction);
    for (let read = view.firstRead[transaction]!; read < view.firstRead[transaction + 1]!; read++) {
      reads[view.readKey[read]!]!.push({ reader: transaction, from: view.readFrom[read]! });
    }
  }
  return { writers, reads };
}

/**
 * Adds what must follow, for writers t1 and t2 of x and a reader t3 of t2's x:
 *
 * - of two writers one ends before the other begins; when one order is impossible, it is the other;
 * - a t1 that ended before t3 began ended before t2 began;
 * - a t1 that begins after t2 ended ends after t3 began, for else t3 would have read t1's.
 *
 * Returns a circle as soon as there is one.
 */
function infer(view: View, { graph, beginOf }: Moments, budget: Budget): number[] | undefined {
  if (view.table.size > mostForInference) return findCycle(graph, everything, "any", budget);
  const { writers, reads } = accesses(view);
  for (;;) {
    const cycle = findCycle(graph, everything, "any", budget);
    if (cycle !== undefined) return cycle;
    const reach = closure(graph, budget);
    const before = graph.edgeCount;
    const later = (first: number, second: number, kind: number, about: number): void => {
      if (!reach(first, second)) graph.edge(first, second, kind, about);
    };
    for (const [key, list] of reads.entries()) {
      for (const { reader, from } of list) {
        budget.spend(writers[key]!.length);
        for (const other of writers[key]!) {
          if (other === from || other === reader) continue;
          if (from === initialWriter || reach(from, beginOf(other))) later(beginOf(reader), other, rw, key);
          else if (reach(other, beginOf(reader))) later(other, beginOf(from), inferred, reader);
        }
      }
    }
    for (const [key, list] of writers.entries()) {
      for (const first of list) {
        budget.spend(list.length);
        for (const second of list)
          if (first !== second && reach(beginOf(first), second)) later(first, beginOf(second), ww, key);
      }
    }
    if (graph.edgeCount === before) return undefined;
  }
}

/** Which node comes before which, through any number of edges. The graph has no circle. */
function closure(graph: Graph, budget: Budget): (from: number, to: number) => boolean {
  const n = graph.nodes;
  const words = Math.ceil(n / 32);
  const waiting = new Int32Array(n);
  for (let edge = 0; edge < graph.edgeCount; edge++) waiting[graph.to(edge)]!++;
  const order: number[] = [];
  for (let node = 0; node < n; node++) if (waiting[node] === 0) order.push(node);
  for (let at = 0; at < order.length; at++) {
    for (const edge of graph.out(order[at]!)) if (--waiting[graph.to(edge)]! === 0) order.push(graph.to(edge));
  }
  const bits = new Int32Array(n * words);
  for (let at = order.length - 1; at >= 0; at--) {
    const node = order[at]!;
    for (const edge of graph.out(node)) {
      const to = graph.to(edge);
      budget.spend(1 + words / 16);
      for (let word = 0; word < words; word++) bits[node * words + word]! |= bits[to * words + word]!;
      bits[node * words + (to >> 5)]! |= 1 << (to & 31);
    }
  }
  return (from, to) => ((bits[from * words + (to >> 5)]! >>> (to & 31)) & 1) === 1;
}

/** The verdict where every order fails: on as few transactions as the budget allows, as a circle where there is one. */
function noOrder(view: View, options: SerialOptions, budget: Budget): Broken {
  const small = shrinkView(view, options, budget.part(shrinkSteps));
  const moments = knownMoments(small, { ...options, mode: "serial" }, budget);
  const cycle = infer(small, moments, budget);
  if (cycle !== undefined) return cycleVerdict(small, moments.graph, cycle);
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
      if (!findTransactionOrder(candidate, options.mode, known.graph, options.realTime, budget).found) kept = candidate;
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
