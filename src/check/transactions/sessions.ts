import { countUpTo } from "../../base/index.ts";
import type { Budget } from "../budget.ts";
import { holds, undecided } from "../verdict.ts";
import type { Broken, Verdict } from "../verdict.ts";
import { addReads, addSessions, emptyGraph, lanesOf, sessionsOf, writtenKeys } from "./edges.ts";
import { cycleVerdict, findingVerdict } from "./explain.ts";
import { everything, findCycle, inferred, realTime, sessionOrder, wr, ww } from "./graph.ts";
import type { Graph } from "./graph.ts";
import type { TransactionTable } from "./table.ts";
import { committed } from "./table.ts";
import { initialWriter, viewOf } from "./view.ts";
import type { View } from "./view.ts";
import { causalOrder } from "./weak.ts";

/**
 * The session guarantees (Terry et al., 1994; in the form of Viotti and Vukolić, "Consistency in
 * non-transactional distributed storage systems", 2016): versions of a key have one order, and every read finds
 * the last of the versions visible to it.
 *
 *     monotonic-reads       what a session saw stays visible to it
 *     read-your-writes      what a session wrote is visible to it
 *     monotonic-writes      who sees a write sees what the same session had written before
 *     writes-follow-reads   who sees a write sees what the same session had read before
 *
 * The last two are seen only by somebody whose view grows, so that they are judged together with what each
 * session read in turn; reads that contradict each other by themselves (which breaks monotonic reads) are left
 * out. That x was overwritten is known from lists, and otherwise from time: a write that returned before another
 * was called is the older one. Where writes are only eventual that need not be, and can be switched off.
 */
export const sessionGuarantees = [
  "monotonic-reads",
  "read-your-writes",
  "monotonic-writes",
  "writes-follow-reads",
] as const;
export type SessionGuarantee = (typeof sessionGuarantees)[number];

export function isSessionGuarantee(name: string): name is SessionGuarantee {
  return sessionGuarantees.some((guarantee) => guarantee === name);
}

export interface SessionOptions {
  readonly guarantee: SessionGuarantee;
  /** A write that returned before another was called is the older one. */
  readonly writesInTime: boolean;
}

export function checkSessions(table: TransactionTable, options: SessionOptions, budget: Budget): Verdict {
  const view = viewOf(table, budget);
  const wrong = view.findings.find(({ anomaly }) => anomaly !== "internal");
  if (wrong !== undefined) return findingVerdict(view, wrong);
  if (view.unusable !== undefined) return undecided(view.unusable);
  const versions = new Versions(view, budget);
  versions.addKnownOrder(options.writesInTime);
  if (options.guarantee === "read-your-writes") return versions.addOwnWrites() ?? versions.verdict("read-your-writes");
  const stale = versions.addReadsInTurn();
  if (options.guarantee === "monotonic-reads") return stale ?? versions.verdict("monotonic-reads");
  versions.dropContradictions();
  if (options.guarantee === "monotonic-writes") versions.addSessionWrites();
  return versions.addObservers(options.guarantee) ?? versions.verdict(options.guarantee);
}

/** A graph over versions: a version is a transaction and a key that it wrote. */
class Versions {
  readonly #view: View;
  readonly #budget: Budget;
  #graph: Graph;
  readonly #nodes = new Map<number, number>();
  readonly #sessions: readonly (readonly number[])[];

  constructor(view: View, budget: Budget) {
    this.#view = view;
    this.#budget = budget;
    this.#graph = emptyGraph(view, budget);
    this.#sessions = sessionsOf(view);
  }

  #node(transaction: number, key: number): number {
    const name = key * this.#view.table.size + transaction;
    let node = this.#nodes.get(name);
    if (node === undefined) {
      this.#budget.hold(60);
      node = this.#graph.node(transaction);
      this.#nodes.set(name, node);
    }
    return node;
  }

  #edge(older: number, newer: number, key: number, kind: number, about: number): void {
    if (older !== newer) this.#graph.edge(this.#node(older, key), this.#node(newer, key), kind, about);
  }

  /** One of unknown outcome may have taken effect after later ones of its session. */
  #certain(transaction: number): boolean {
    return this.#view.table.outcome.at(transaction) === committed;
  }

  *#reads(transaction: number): Generator<{ readonly key: number; readonly from: number }> {
    for (let read = this.#view.firstRead[transaction]!; read < this.#view.firstRead[transaction + 1]!; read++) {
      yield { key: this.#view.readKey[read]!, from: this.#view.readFrom[read]! };
    }
  }

  /** `older` was visible to the reader, which found `from`. */
  #visible(older: number, from: number, reader: number, key: number, guarantee: string): Broken | undefined {
    if (older === from || older === initialWriter) return undefined;
    if (from !== initialWriter) {
      this.#edge(older, from, key, inferred, reader);
      return undefined;
    }
    return this.#stale(older, reader, key, guarantee);
  }

  #stale(older: number, reader: number, key: number, guarantee: string): Broken {
    const { witness } = findingVerdict(this.#view, {
      anomaly: "unwritten value",
      transactions: [older, reader],
      explanation: `what the first wrote to ${this.#view.table.keyName(key)} should be visible to the second, which found no value there`,
    });
    return {
      verdict: "broken",
      witness: {
        ...witness,
        anomaly: `not ${guarantee}`,
        summary: witness.summary.replace("unwritten value", `not ${guarantee}`),
      },
    };
  }

  /** The order of lists as far as it was read; and of writes that did not overlap. */
  addKnownOrder(inTime: boolean): void {
    const { lists, table } = this.#view;
    for (const [key, writers] of (lists?.writers ?? []).entries()) {
      for (let at = 1; at < writers.length; at++)
        if (writers[at - 1]! >= 0 && writers[at]! >= 0) this.#edge(writers[at - 1]!, writers[at]!, key, ww, key);
      const last = writers.at(-1) ?? -1;
      if (last >= 0) for (const writer of lists?.unread[key] ?? []) this.#edge(last, writer, key, ww, key);
    }
    if (!inTime || lists !== undefined) return;
    const writers: number[][] = table.keys.map(() => []);
    for (let transaction = 0; transaction < table.size; transaction++) {
      if (this.#view.real[transaction])
        for (const key of writtenKeys(this.#view, transaction)) writers[key]!.push(transaction);
    }
    for (const [key, list] of writers.entries()) this.#addTime(key, list);
  }

  /** Chains moments between the returns and the calls of a key's writers. */
  #addTime(key: number, writers: readonly number[]): void {
    const { table } = this.#view;
    const called = [...writers].sort((a, b) => table.call.at(a) - table.call.at(b));
    const returned = writers
      .filter((writer) => table.ret.at(writer) >= 0)
      .sort((a, b) => table.ret.at(a) - table.ret.at(b));
    let moment = -1;
    let next = 0;
    for (const writer of called) {
      const begin = next;
      while (next < returned.length && table.ret.at(returned[next]!) < table.call.at(writer)) next++;
      if (next > begin) {
        const fresh = this.#graph.node();
        for (let at = begin; at < next; at++) this.#graph.edge(this.#node(returned[at]!, key), fresh, realTime);
        if (moment >= 0) this.#graph.edge(moment, fresh, realTime);
        moment = fresh;
      }
      if (moment >= 0) this.#graph.edge(moment, this.#node(writer, key), realTime);
    }
  }

  /** What each session read of a key, in turn. Returns the first read that found nothing after something. */
  addReadsInTurn(): Broken | undefined {
    let stale: Broken | undefined;
    for (const session of this.#sessions) {
      const last = new Map<number, number>();
      for (const transaction of session) {
        for (const { key, from } of this.#reads(transaction)) {
          const wrong = this.#visible(last.get(key) ?? initialWriter, from, transaction, key, "monotonic-reads");
          stale ??= wrong;
          if (from !== initialWriter) last.set(key, from);
        }
      }
    }
    return stale;
  }

  /** Takes out what was inferred from reads that contradict each other or the known order. */
  dropContradictions(): void {
    const { of, count } = this.#graph.components(everything);
    if (count === 0) return;
    const plain = emptyGraph(this.#view, this.#budget);
    for (let node = this.#graph.transactions; node < this.#graph.nodes; node++) plain.node(this.#graph.ownerOf(node));
    for (let edge = 0; edge < this.#graph.edgeCount; edge++) {
      const from = this.#graph.from(edge);
      const to = this.#graph.to(edge);
      const contradicts = this.#graph.kind(edge) === inferred && of[from] !== -1 && of[from] === of[to];
      if (!contradicts) plain.edge(from, to, this.#graph.kind(edge), this.#graph.about(edge));
    }
    this.#graph = plain;
  }

  /** Every read of a key follows all that the session itself had written to it. */
  addOwnWrites(): Broken | undefined {
    for (const session of this.#sessions) {
      const written = new Map<number, number[]>();
      for (const transaction of session) {
        for (const { key, from } of this.#reads(transaction)) {
          for (const own of written.get(key) ?? []) {
            this.#budget.spend(1);
            const stale = this.#visible(own, from, transaction, key, "read-your-writes");
            if (stale !== undefined) return stale;
          }
        }
        if (!this.#certain(transaction)) continue;
        for (const key of writtenKeys(this.#view, transaction)) {
          const list = written.get(key);
          if (list === undefined) written.set(key, [transaction]);
          else list.push(transaction);
        }
      }
    }
    return undefined;
  }

  addSessionWrites(): void {
    for (const session of this.#sessions) {
      const last = new Map<number, number>();
      for (const transaction of session) {
        for (const key of writtenKeys(this.#view, transaction)) {
          const before = last.get(key);
          if (before !== undefined) this.#edge(before, transaction, key, sessionOrder, key);
          if (this.#certain(transaction)) last.set(key, transaction);
        }
      }
    }
  }

  /**
   * What somebody must see because of the writes that it saw: vector clocks with one entry a lane. A read of what
   * was written only later in the reader's own past breaks every guarantee (Viotti and Vukolić: no circular causality).
   */
  addObservers(guarantee: "monotonic-writes" | "writes-follow-reads"): Broken | undefined {
    const { table } = this.#view;
    const { lanes, lane, place, before } = lanesOf(this.#view);
    const width = lanes.length;
    this.#budget.hold(table.size * width * 4);
    const clocks = new Int32Array(table.size * width);
    const follows = guarantee === "writes-follow-reads";
    const history = this.#touched(follows, lanes);
    const causes = emptyGraph(this.#view, this.#budget);
    addSessions(causes, this.#view);
    addReads(causes, this.#view);
    const circle = findCycle(causes, everything, "none", this.#budget);
    if (circle !== undefined) return cycleVerdict(this.#view, causes, circle);
    for (const transaction of causalOrder(this.#view, causes)) {
      if (place[transaction] === 0) continue;
      this.#budget.spend(width);
      const row = transaction * width;
      if (before[transaction]! >= 0)
        clocks.copyWithin(row, before[transaction]! * width, (before[transaction]! + 1) * width);
      const see = (other: number, upTo: number): void => {
        const own = row + lane[other]!;
        clocks[own] = Math.max(clocks[own]!, upTo);
      };
      for (const { from } of this.#reads(transaction)) {
        if (from === initialWriter || place[from] === 0) continue;
        see(from, place[from]!);
        // One of unknown outcome has a lane of its own: what its session had done before it is in another.
        const earlier = this.#certain(from) ? -1 : before[from]!;
        if (earlier >= 0) see(earlier, place[earlier]! + (follows ? 1 : 0));
        // What a write follows, its writer's view, is seen with it.
        if (follows)
          for (let s = 0; s < width; s++) clocks[row + s] = Math.max(clocks[row + s]!, clocks[from * width + s]!);
      }
      for (const { key, from } of this.#reads(transaction)) {
        for (const list of history[key]!) {
          this.#budget.spend(1);
          const seen = clocks[row + list.lane]!;
          const older = seen === 0 ? undefined : lastAt(list, follows ? seen - 1 : seen);
          if (older === undefined) continue;
          const stale = this.#visible(older, from, transaction, key, guarantee);
          if (stale !== undefined) return stale;
        }
      }
    }
    if (follows) this.#addOverwrites();
    return undefined;
  }

  /** A session that read a version and then wrote the key wrote a newer one. */
  #addOverwrites(): void {
    for (const session of this.#sessions) {
      const read = new Map<number, number>();
      for (const transaction of session) {
        for (const { key, from } of this.#reads(transaction)) if (from !== initialWriter) read.set(key, from);
        for (const key of writtenKeys(this.#view, transaction)) {
          const older = read.get(key);
          if (older !== undefined) this.#edge(older, transaction, key, wr, key);
        }
      }
    }
  }

  /** By key and lane: which versions the lane wrote, or read, and at which places. */
  #touched(reads: boolean, lanes: readonly (readonly number[])[]): Touched[][] {
    const byKey: Touched[][] = this.#view.table.keys.map(() => []);
    for (const [lane, transactions] of lanes.entries()) {
      for (const [at, transaction] of transactions.entries()) {
        const versions = reads
          ? [...this.#reads(transaction)].filter(({ from }) => from !== initialWriter)
          : writtenKeys(this.#view, transaction).map((key) => ({ key, from: transaction }));
        for (const { key, from } of versions) {
          let own = byKey[key]!.at(-1);
          if (own?.lane !== lane) {
            own = { lane, places: [], versions: [] };
            byKey[key]!.push(own);
          }
          own.places.push(at + 1);
          own.versions.push(from);
        }
      }
    }
    return byKey;
  }

  verdict(guarantee: string): Verdict {
    const cycle = findCycle(this.#graph, everything, "none", this.#budget);
    return cycle === undefined ? holds : cycleVerdict(this.#view, this.#graph, cycle, `not ${guarantee}`);
  }
}

interface Touched {
  readonly lane: number;
  readonly places: number[];
  readonly versions: number[];
}

function lastAt(list: Touched, place: number): number | undefined {
  return list.versions[countUpTo(list.places, place) - 1];
}
