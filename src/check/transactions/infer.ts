import { countWhile } from "../../base/index.ts";
import type { Budget } from "../budget.ts";
import { writtenKeys } from "./edges.ts";
import { everything, findCycle, Graph, inferred, realTime, rw, wr, ww } from "./graph.ts";
import { initialWriter } from "./view.ts";
import type { View } from "./view.ts";

/** What is known of the order of moments: a transaction's own node is its end; where it begins may be another. */
export interface Moments {
  readonly graph: Graph;
  readonly beginOf: (transaction: number) => number;
}

/** Real writers of one key, and who read what of it. */
export interface KeyAccess {
  readonly key: number;
  readonly writers: number[];
  readonly reads: { readonly reader: number; readonly from: number }[];
}

export function accessesOf(view: View): KeyAccess[] {
  const all: number[] = [];
  for (let transaction = 0; transaction < view.table.size; transaction++)
    if (view.real[transaction]) all.push(transaction);
  return accessesWithin(view, all, (transaction) => transaction);
}

/** Accesses of some transactions under other names; reads of what was written outside of them are left out. */
function accessesWithin(
  view: View,
  transactions: readonly number[],
  nameOf: (transaction: number) => number | undefined,
): KeyAccess[] {
  const byKey = new Map<number, KeyAccess>();
  const accessOf = (key: number): KeyAccess => {
    let access = byKey.get(key);
    if (access === undefined) {
      access = { key, writers: [], reads: [] };
      byKey.set(key, access);
    }
    return access;
  };
  for (const transaction of transactions) {
    const name = nameOf(transaction) ?? transaction;
    for (const key of writtenKeys(view, transaction)) accessOf(key).writers.push(name);
    for (let read = view.firstRead[transaction]!; read < view.firstRead[transaction + 1]!; read++) {
      const source = view.readFrom[read]!;
      const from = source === initialWriter ? initialWriter : nameOf(source);
      if (from !== undefined) accessOf(view.readKey[read]!).reads.push({ reader: name, from });
    }
  }
  return [...byKey.values()];
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
export function infer(
  accesses: readonly KeyAccess[],
  { graph, beginOf }: Moments,
  budget: Budget,
): number[] | undefined {
  for (;;) {
    const cycle = findCycle(graph, everything, "any", budget);
    if (cycle !== undefined) return cycle;
    const reach = closure(graph, budget);
    const before = graph.edgeCount;
    const later = (first: number, second: number, kind: number, about: number): void => {
      if (!reach(first, second)) graph.edge(first, second, kind, about);
    };
    for (const { key, writers, reads } of accesses) {
      for (const { reader, from } of reads) {
        budget.spend(writers.length);
        for (const other of writers) {
          if (other === from || other === reader) continue;
          if (from === initialWriter || reach(from, beginOf(other))) later(beginOf(reader), other, rw, key);
          else if (reach(other, beginOf(reader))) later(other, beginOf(from), inferred, reader);
        }
      }
      for (const first of writers) {
        budget.spend(writers.length);
        for (const second of writers)
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

/** Transactions in a window, and how far the next one begins behind it. */
const windowSize = 600;
const windowStep = 300;

/**
 * The same for a long history in real time, window by window: what is far apart is ordered by time anyway. Adds
 * what it finds to the graph, or returns a circle in a graph of its own.
 */
export function inferInWindows(
  view: View,
  graph: Graph,
  budget: Budget,
): { readonly graph: Graph; readonly cycle: number[] } | undefined {
  const { table } = view;
  const byCall: number[] = [];
  for (let transaction = 0; transaction < table.size; transaction++)
    if (view.real[transaction]) byCall.push(transaction);
  byCall.sort((a, b) => table.call.at(a) - table.call.at(b));
  for (let begin = 0; begin < byCall.length; begin += windowStep) {
    const window = byCall.slice(begin, begin + windowSize);
    const names = new Map(window.map((transaction, name) => [transaction, name]));
    const nameOf = (transaction: number): number | undefined => names.get(transaction);
    const local = new Graph(window.length, budget);
    addLocalTime(local, view, window);
    const accesses = accessesWithin(view, window, nameOf);
    for (const { key, reads } of accesses)
      for (const { reader, from } of reads) if (from !== initialWriter) local.edge(from, reader, wr, key);
    const known = local.edgeCount;
    const cycle = infer(accesses, { graph: local, beginOf: (name) => name }, budget);
    const globally = (target: Graph, edge: number, node: (local: number) => number): void => {
      const about = local.about(edge);
      target.edge(
        node(local.from(edge)),
        node(local.to(edge)),
        local.kind(edge),
        local.kind(edge) === inferred && about >= 0 ? window[about]! : about,
      );
    };
    if (cycle !== undefined) {
      const shown = new Graph(table.size, budget);
      const helpers = new Map<number, number>();
      const node = (name: number): number => {
        if (name < window.length) return window[name]!;
        const helper = helpers.get(name) ?? shown.node();
        helpers.set(name, helper);
        return helper;
      };
      for (const edge of cycle) globally(shown, edge, node);
      return { graph: shown, cycle: cycle.map((_, at) => at) };
    }
    for (let edge = known; edge < local.edgeCount; edge++) globally(graph, edge, (name) => window[name]!);
    if (begin + windowSize >= byCall.length) break;
  }
  return undefined;
}

/**
 * A read of a version that another had followed, all in real time: some writer of the key was called after the
 * version's own had returned, and had itself returned before the reader was called. As a circle of two.
 */
export function staleInTime(
  view: View,
  budget: Budget,
): { readonly graph: Graph; readonly cycle: number[] } | undefined {
  const { table } = view;
  for (const { key, writers, reads } of accessesOf(view)) {
    const returned = writers
      .filter((writer) => table.ret.at(writer) >= 0)
      .sort((a, b) => table.ret.at(a) - table.ret.at(b));
    // Of the first so many to return, the one that was called last.
    const latest: number[] = [];
    for (const writer of returned) {
      const before = latest.at(-1);
      latest.push(before === undefined || table.call.at(writer) > table.call.at(before) ? writer : before);
    }
    for (const { reader, from } of reads) {
      budget.spend(1);
      const newer =
        latest[countWhile(returned.length, (place) => table.ret.at(returned[place]!) < table.call.at(reader)) - 1];
      if (newer === undefined || newer === from) continue;
      const follows = from === initialWriter || (table.ret.at(from) >= 0 && table.ret.at(from) < table.call.at(newer));
      if (!follows) continue;
      const graph = new Graph(table.size, budget);
      graph.edge(newer, reader, realTime);
      graph.edge(reader, newer, rw, key);
      return { graph, cycle: [0, 1] };
    }
  }
  return undefined;
}

/** Who had returned before who was called, through a chain of moments. */
function addLocalTime(local: Graph, view: View, window: readonly number[]): void {
  const { table } = view;
  const returned = window.map((_, name) => name).filter((name) => table.ret.at(window[name]!) >= 0);
  returned.sort((a, b) => table.ret.at(window[a]!) - table.ret.at(window[b]!));
  let moment = -1;
  let next = 0;
  for (const [name, transaction] of window.entries()) {
    const begin = next;
    while (next < returned.length && table.ret.at(window[returned[next]!]!) < table.call.at(transaction)) next++;
    if (next > begin) {
      const fresh = local.node();
      for (const earlier of returned.slice(begin, next)) local.edge(earlier, fresh, realTime);
      if (moment >= 0) local.edge(moment, fresh, realTime);
      moment = fresh;
    }
    if (moment >= 0) local.edge(moment, name, realTime);
  }
}
