import type { Budget } from "../budget.ts";
import { Graph, inferred, realTime, rw, sessionOrder, wr, ww } from "./graph.ts";
import { initialWriter } from "./view.ts";
import type { View } from "./view.ts";
import { committed, writeStep } from "./table.ts";

/** A graph over the transactions of a view, without edges. */
export function emptyGraph(view: View, budget: Budget): Graph {
  return new Graph(view.table.size, budget);
}

/** Who read from whom. */
export function addReads(graph: Graph, view: View): void {
  for (let reader = 0; reader < view.table.size; reader++) {
    for (let read = view.firstRead[reader]!; read < view.firstRead[reader + 1]!; read++) {
      const from = view.readFrom[read]!;
      if (from !== initialWriter) graph.edge(from, reader, wr, view.readKey[read]);
    }
  }
}

/** Lists: who appended after whom (Kingsbury and Alvaro, "Elle", 2020). What nobody read comes after all that was. */
export function addWriteOrder(graph: Graph, view: View): void {
  const { lists } = view;
  if (lists === undefined) return;
  for (const [key, writers] of lists.writers.entries()) {
    for (let i = 1; i < writers.length; i++)
      if (writers[i - 1]! >= 0 && writers[i]! >= 0) graph.edge(writers[i - 1]!, writers[i]!, ww, key);
    const last = writers.at(-1) ?? -1;
    if (last >= 0) for (const writer of lists.unread[key]!) graph.edge(last, writer, ww, key);
  }
}

/** Lists: who read before whom appended. */
export function addAntiDependencies(graph: Graph, view: View): void {
  const { lists, table } = view;
  if (lists === undefined) return;
  const tails = lists.unread.map((writers) => tailOf(graph, writers));
  for (let reader = 0; reader < table.size; reader++) {
    for (let read = view.firstRead[reader]!; read < view.firstRead[reader + 1]!; read++) {
      const key = view.readKey[read]!;
      const next = lists.writers[key]![lists.readLength[read]!];
      if (next === undefined) tails[key]!(reader, key);
      else if (next >= 0) graph.edge(reader, next, rw, key);
    }
  }
}

const fewWriters = 4;

/** Edges from a reader of all that was read to all writers that nobody read, through groups where these are many. */
function tailOf(graph: Graph, writers: readonly number[]): (reader: number, key: number) => void {
  if (writers.length <= fewWriters) {
    return (reader, key) => {
      for (const writer of writers) graph.edge(reader, writer, rw, key);
    };
  }
  // A group for every prefix and every suffix, so that a reader that is itself a writer can leave itself out.
  const prefix: number[] = [];
  const suffix: number[] = [];
  for (const [at, writer] of writers.entries()) {
    prefix[at] = graph.node();
    graph.edge(prefix[at], writer, inferred);
    if (at > 0) graph.edge(prefix[at], prefix[at - 1]!, inferred);
  }
  for (let at = writers.length - 1; at >= 0; at--) {
    suffix[at] = graph.node();
    graph.edge(suffix[at]!, writers[at]!, inferred);
    if (at + 1 < writers.length) graph.edge(suffix[at]!, suffix[at + 1]!, inferred);
  }
  const places = new Map(writers.map((writer, at) => [writer, at]));
  return (reader, key) => {
    const at = places.get(reader);
    const before = at === undefined ? prefix.at(-1) : prefix[at - 1];
    if (before !== undefined) graph.edge(reader, before, rw, key);
    const after = at === undefined ? undefined : suffix[at + 1];
    if (after !== undefined) graph.edge(reader, after, rw, key);
  };
}

/** Real transactions of each session in order of calls. */
export function sessionsOf(view: View): number[][] {
  const { table } = view;
  const sessions: number[][] = table.sessions.map(() => []);
  for (let transaction = 0; transaction < table.size; transaction++) {
    if (view.real[transaction]) sessions[table.session.at(transaction)]!.push(transaction);
  }
  for (const session of sessions) session.sort((a, b) => table.call.at(a) - table.call.at(b));
  return sessions;
}

/**
 * Real transactions in lanes in which each follows the one before: the committed ones of a session, and each of
 * unknown outcome alone, since it may have taken effect after later ones of its session.
 */
export interface Lanes {
  readonly lanes: readonly (readonly number[])[];
  /** The lane of each transaction and its place there, from 1; -1 and 0 where it is not real. */
  readonly lane: Int32Array;
  readonly place: Int32Array;
  /** The last committed transaction of the session before each; -1 where there is none. */
  readonly before: Int32Array;
}

export function lanesOf(view: View): Lanes {
  const { size } = view.table;
  const result = {
    lanes: [] as number[][],
    lane: new Int32Array(size).fill(-1),
    place: new Int32Array(size),
    before: new Int32Array(size).fill(-1),
  };
  for (const session of sessionsOf(view)) {
    const committedOnes: number[] = [];
    const lane = result.lanes.push(committedOnes) - 1;
    for (const transaction of session) {
      result.before[transaction] = committedOnes.at(-1) ?? -1;
      const certain = view.table.outcome.at(transaction) === committed;
      result.lane[transaction] = certain ? lane : result.lanes.push([transaction]) - 1;
      result.place[transaction] = certain ? committedOnes.push(transaction) : 1;
    }
  }
  return result;
}

export function addSessions(graph: Graph, view: View): void {
  const { before } = lanesOf(view);
  for (const [transaction, earlier] of before.entries())
    if (earlier >= 0) graph.edge(earlier, transaction, sessionOrder);
}

/** Who had committed before who began: through a chain of moments, so that there are few edges. */
export function addRealTime(graph: Graph, view: View): void {
  const { table } = view;
  const returned: number[] = [];
  const called: number[] = [];
  for (let transaction = 0; transaction < table.size; transaction++) {
    if (!view.real[transaction]) continue;
    called.push(transaction);
    if (table.ret.at(transaction) >= 0) returned.push(transaction);
  }
  returned.sort((a, b) => table.ret.at(a) - table.ret.at(b));
  called.sort((a, b) => table.call.at(a) - table.call.at(b));
  let moment = -1;
  let next = 0;
  for (const transaction of called) {
    let fresh = -1;
    for (; next < returned.length && table.ret.at(returned[next]!) < table.call.at(transaction); next++) {
      if (fresh < 0) fresh = graph.node();
      graph.edge(returned[next]!, fresh, realTime);
    }
    if (fresh >= 0) {
      if (moment >= 0) graph.edge(moment, fresh, realTime);
      moment = fresh;
    }
    if (moment >= 0) graph.edge(moment, transaction, realTime);
  }
}

/** The keys that each transaction wrote, without repetition. */
export function writtenKeys(view: View, transaction: number): number[] {
  const { table } = view;
  const keys: number[] = [];
  for (let step = table.firstStep.at(transaction); step < table.firstStep.at(transaction + 1); step++) {
    if (table.kind.at(step) === writeStep && !keys.includes(table.key.at(step))) keys.push(table.key.at(step));
  }
  return keys;
}
