import { countUpTo } from "../../base/index.ts";
import type { Budget } from "../budget.ts";
import type { Broken } from "../verdict.ts";
import { addReads, addSessions, addWriteOrder, emptyGraph, lanesOf, writtenKeys } from "./edges.ts";
import { cycleVerdict, findingVerdict } from "./explain.ts";
import { everything, findCycle, inferred, maskOf, rw } from "./graph.ts";
import type { Graph } from "./graph.ts";
import type { Lanes } from "./edges.ts";
import { initialWriter } from "./view.ts";
import type { View } from "./view.ts";

/**
 * The weak levels by their axioms (Biswas and Enea, "On the complexity of checking transactional consistency",
 * 2019; algorithms after Møldrup and Pavlogiannis, "AWDIT", 2025). Each level says when a transaction t1 that
 * wrote x is visible to t3; if t3 yet read x from t2, then t1 came before t2. The level holds exactly when what
 * is so inferred makes no circle with sessions, reads, and the order of writes as far as that is known.
 *
 *     read committed   t3 had read from t1 before it read x
 *     read atomic      t3 read from t1, or t1 came earlier in its session
 *     causal           a chain of sessions and reads leads from t1 to t3
 */
export type WeakLevel = "read-committed" | "read-atomic" | "causal";

export function checkWeak(view: View, level: WeakLevel, budget: Budget): Broken | undefined {
  const graph = emptyGraph(view, budget);
  addReads(graph, view);
  addSessions(graph, view);
  const base = findCycle(graph, everything, "none", budget);
  if (base !== undefined) return cycleVerdict(view, graph, base);
  const stale: Stale[] = [];
  const infer = (t1: number, t2: number, reader: number, key: number): void => {
    if (t1 === t2 || t1 === reader) return;
    if (t2 !== initialWriter) graph.edge(t1, t2, inferred, reader);
    else if (stale.length === 0) stale.push({ writer: t1, reader, key });
  };
  if (level === "read-committed") inferFromReads(view, true, infer, budget);
  else if (level === "read-atomic") {
    inferFromReads(view, false, infer, budget);
    inferFromSessions(view, infer);
  } else inferFromCauses(view, graph, infer, budget);
  const first = stale[0];
  if (first !== undefined) return staleVerdict(view, first);
  addWriteOrder(graph, view);
  const cycle = findCycle(graph, everything & ~maskOf(rw), "none", budget);
  return cycle === undefined ? undefined : cycleVerdict(view, graph, cycle, nameOf(level));
}

const nameOf = (level: WeakLevel): string =>
  ({
    "read-committed": "not monotonic within a transaction",
    "read-atomic": "fractured read",
    causal: "causality violation",
  })[level];

interface Stale {
  readonly writer: number;
  readonly reader: number;
  readonly key: number;
}

function staleVerdict(view: View, { writer, reader, key }: Stale): Broken {
  return findingVerdict(view, {
    anomaly: "unwritten value",
    transactions: [writer, reader],
    explanation: `the first wrote ${view.table.keyName(key)} and is visible to the second, which yet found no value there`,
  });
}

type Infer = (t1: number, t2: number, reader: number, key: number) => void;

/** From what the reader read: with `ordered`, only from what it had read before. Sum of the smaller of two sizes. */
function inferFromReads(view: View, ordered: boolean, infer: Infer, budget: Budget): void {
  for (let reader = 0; reader < view.table.size; reader++) {
    const begin = view.firstRead[reader]!;
    const end = view.firstRead[reader + 1]!;
    if (end - begin < 2) continue;
    const byKey = new Map<number, number[]>();
    for (let read = begin; read < end; read++) {
      const key = view.readKey[read]!;
      const list = byKey.get(key);
      if (list === undefined) byKey.set(key, [read]);
      else list.push(read);
    }
    const seen = new Set<number>();
    for (let source = begin; source < end; source++) {
      const t1 = view.readFrom[source]!;
      if (t1 === initialWriter || seen.has(t1)) continue;
      seen.add(t1);
      const written = writtenKeys(view, t1);
      budget.spend(Math.min(written.length, byKey.size) + 1);
      for (const key of written.length <= byKey.size
        ? written
        : [...byKey.keys()].filter((candidate) => written.includes(candidate))) {
        for (const read of byKey.get(key) ?? [])
          if (!ordered || read > source) infer(t1, view.readFrom[read]!, reader, key);
      }
    }
  }
}

/** From the last earlier transaction of the session that wrote the key. */
function inferFromSessions(view: View, infer: Infer): void {
  for (const session of lanesOf(view).lanes) {
    const last = new Map<number, number>();
    for (const transaction of session) {
      for (let read = view.firstRead[transaction]!; read < view.firstRead[transaction + 1]!; read++) {
        const key = view.readKey[read]!;
        const writer = last.get(key);
        if (writer !== undefined) infer(writer, view.readFrom[read]!, transaction, key);
      }
      for (const key of writtenKeys(view, transaction)) last.set(key, transaction);
    }
  }
}

/** Real transactions in an order that respects sessions and reads, which make no circle. */
export function causalOrder(view: View, graph: Graph): number[] {
  const waiting = new Int32Array(view.table.size);
  for (let edge = 0; edge < graph.edgeCount; edge++) waiting[graph.to(edge)]!++;
  const order: number[] = [];
  for (let transaction = 0; transaction < view.table.size; transaction++)
    if (waiting[transaction] === 0) order.push(transaction);
  for (let at = 0; at < order.length; at++) {
    for (const edge of graph.out(order[at]!)) if (--waiting[graph.to(edge)]! === 0) order.push(graph.to(edge));
  }
  return order;
}

interface LaneWriters {
  readonly lane: number;
  readonly places: number[];
  readonly transactions: number[];
}

/** The transactions of each lane that wrote a key, by key. */
function writersByKey(view: View, lanes: Lanes["lanes"]): LaneWriters[][] {
  const byKey: LaneWriters[][] = view.table.keys.map(() => []);
  for (const [lane, transactions] of lanes.entries()) {
    for (const [at, transaction] of transactions.entries()) {
      for (const key of writtenKeys(view, transaction)) {
        const list = byKey[key]!;
        let own = list.at(-1);
        if (own?.lane !== lane) {
          own = { lane, places: [], transactions: [] };
          list.push(own);
        }
        own.places.push(at + 1);
        own.transactions.push(transaction);
      }
    }
  }
  return byKey;
}

/** The last of the transactions whose place is at most `place`; undefined where there is none. */
function lastUpTo(list: LaneWriters, place: number): number | undefined {
  return list.transactions[countUpTo(list.places, place) - 1];
}

/** From the causal past, by vector clocks with one entry a lane. */
function inferFromCauses(view: View, graph: Graph, infer: Infer, budget: Budget): void {
  const { lanes, lane, place, before } = lanesOf(view);
  const sessions = lanes.length;
  budget.hold(view.table.size * sessions * 4);
  const clocks = new Int32Array(view.table.size * sessions);
  const writers = writersByKey(view, lanes);
  const join = (into: number, from: number): void => {
    for (let s = 0; s < sessions; s++)
      if (clocks[from * sessions + s]! > clocks[into * sessions + s]!)
        clocks[into * sessions + s] = clocks[from * sessions + s]!;
    const own = into * sessions + lane[from]!;
    if (place[from]! > clocks[own]!) clocks[own] = place[from]!;
  };
  for (const transaction of causalOrder(view, graph)) {
    if (place[transaction] === 0) continue;
    if (before[transaction]! >= 0) join(transaction, before[transaction]!);
    for (let read = view.firstRead[transaction]!; read < view.firstRead[transaction + 1]!; read++) {
      const from = view.readFrom[read]!;
      if (from !== initialWriter && place[from]! > 0) join(transaction, from);
    }
    budget.spend(sessions);
    for (let read = view.firstRead[transaction]!; read < view.firstRead[transaction + 1]!; read++) {
      const key = view.readKey[read]!;
      for (const list of writers[key]!) {
        budget.spend(1);
        const seen = clocks[transaction * sessions + list.lane]!;
        const writer = seen === 0 ? undefined : lastUpTo(list, seen);
        if (writer !== undefined) infer(writer, view.readFrom[read]!, transaction, key);
      }
    }
  }
}
