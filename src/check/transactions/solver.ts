import type { Budget } from "../budget.ts";
import { ConfigSet } from "../config-set.ts";
import { writtenKeys } from "./edges.ts";
import type { Graph } from "./graph.ts";
import { initialWriter } from "./view.ts";
import type { View } from "./view.ts";

/**
 * Searches an order of transactions that explains every read: for serializability one moment each, for snapshot
 * isolation a beginning, where all reads happen, and an end, where all writes do, such that two transactions
 * that write one key do not overlap (Biswas and Enea, 2019, section 5).
 *
 * No version is overwritten while somebody still has to read it. So what may come next depends only on who is
 * done, not on their order, and a set of done transactions that led nowhere need not be tried again.
 */
/** What a transaction reads and writes, as numbers of versions. */
interface Work {
  readonly transaction: number;
  /** Versions it reads. */
  readonly reads: readonly number[];
  /** Keys it writes, and the version each then has. */
  readonly writes: readonly { readonly key: number; readonly version: number }[];
}

function workOf(view: View): { readonly works: Work[]; readonly versions: number; readonly current: Int32Array } {
  const { table } = view;
  const versionIds = new Map<string, number>();
  const version = (key: number, writer: number): number => {
    const name = `${key} ${writer}`;
    let id = versionIds.get(name);
    if (id === undefined) {
      id = versionIds.size;
      versionIds.set(name, id);
    }
    return id;
  };
  const current = Int32Array.from(table.keys, (_, key) => version(key, initialWriter));
  const works: Work[] = [];
  for (let transaction = 0; transaction < table.size; transaction++) {
    if (!view.real[transaction]) continue;
    const reads = new Set<number>();
    for (let read = view.firstRead[transaction]!; read < view.firstRead[transaction + 1]!; read++)
      reads.add(version(view.readKey[read]!, view.readFrom[read]!));
    const writes = writtenKeys(view, transaction).map((key) => ({ key, version: version(key, transaction) }));
    works.push({ transaction, reads: [...reads], writes });
  }
  return { works, versions: versionIds.size, current };
}

export interface SolverOptions {
  readonly mode: "serial" | "snapshot";
  /** The order respects real time; serial orders only. */
  readonly inTime: boolean;
  /** Positions mean time, so that what returned earlier is likely to come earlier. Else depth in what is known tells. */
  readonly timed: boolean;
}

/**
 * Whether there is such an order. `known`: what must precede what; for snapshots a transaction's own node is its
 * end, and a helper node that it owns is its beginning.
 */
export function hasTransactionOrder(view: View, known: Graph, options: SolverOptions, budget: Budget): boolean {
  return new Solver(view, known, options, budget).run();
}

class Solver {
  readonly #works: Work[];
  readonly #split: boolean;
  readonly #budget: Budget;
  /** Events: one a transaction, or its beginning (even) and its end (odd). */
  readonly #events: number;
  readonly #waiting: Int32Array;
  readonly #followers: number[][];
  readonly #done: Uint8Array;
  /** The present version of each key, and how many still have to read each version. */
  readonly #current: Int32Array;
  readonly #readers: Int32Array;
  readonly #locked: Map<number, number> = new Map();
  readonly #order: number[] = [];
  readonly #overwritten: number[][] = [];
  /** When each returned, and was called; the list of what is left is in order of returns. */
  readonly #rank: Float64Array;
  readonly #call: Float64Array;
  readonly #inTime: boolean;
  readonly #left: Remaining;
  /** In time: what is left in order of calls, since only what was called by the next return may come. */
  readonly #byCall: Remaining | undefined;
  readonly #failed: ConfigSet;
  readonly #row: Int32Array;
  #anyFailed = false;

  constructor(view: View, known: Graph, { mode, inTime, timed }: SolverOptions, budget: Budget) {
    const { works, versions, current } = workOf(view);
    this.#works = works;
    this.#split = mode === "snapshot";
    this.#budget = budget;
    this.#events = works.length * (this.#split ? 2 : 1);
    this.#current = current;
    this.#readers = new Int32Array(versions);
    for (const { reads } of works) for (const version of reads) this.#readers[version]!++;
    this.#done = new Uint8Array(this.#events);
    this.#waiting = new Int32Array(this.#events);
    this.#followers = Array.from({ length: this.#events }, () => []);
    const words = Math.ceil(this.#events / 32);
    this.#failed = new ConfigSet(words, 0, budget);
    this.#row = new Int32Array(words);
    this.#link(view, known);
    const { table } = view;
    this.#inTime = inTime;
    this.#call = Float64Array.from(works, ({ transaction }) => table.call.at(transaction));
    const never = (transaction: number): number => (inTime ? Infinity : table.call.at(transaction));
    const byTime = ({ transaction }: Work): number =>
      table.ret.at(transaction) < 0 ? never(transaction) : table.ret.at(transaction);
    this.#rank = timed ? Float64Array.from(works, byTime) : this.#depths();
    const pending = Array.from({ length: this.#events }, (_, event) => event);
    this.#left = new Remaining(sortedBy(pending, (event) => this.#rankOf(event)));
    this.#byCall = inTime ? new Remaining(sortedBy(pending, (event) => this.#call[event]!)) : undefined;
    budget.hold(this.#events * 200);
  }

  /** How long a way of known order leads to each transaction; those in a circle of helper nodes are left at 0. */
  #depths(): Float64Array {
    const waiting = Int32Array.from(this.#waiting);
    const depth = new Float64Array(this.#works.length);
    const workAt = (event: number): number => (this.#split ? event >> 1 : event);
    const ready = Array.from(waiting.keys()).filter((event) => waiting[event] === 0);
    for (let event = ready.pop(); event !== undefined; event = ready.pop()) {
      for (const follower of this.#followers[event]!) {
        depth[workAt(follower)] = Math.max(depth[workAt(follower)]!, depth[workAt(event)]! + 1);
        if (--waiting[follower]! === 0) ready.push(follower);
      }
    }
    return depth;
  }

  /** Those left that may come next, as far as that can be told at once; the likeliest first. */
  #candidates(keep: (event: number) => boolean): number[] {
    if (this.#byCall === undefined)
      return this.#left.filter((event) => keep(event) && this.#ready(event), this.#budget);
    const nextReturn = this.#rankOf(this.#left.first());
    const called = this.#byCall.filter(
      (event) => keep(event) && this.#ready(event),
      this.#budget,
      (event) => this.#call[event]! > nextReturn,
    );
    return sortedBy(called, (event) => this.#rankOf(event));
  }

  #remove(event: number): void {
    this.#left.remove(event);
    this.#byCall?.remove(event);
    this.#apply(event);
  }

  /** Takes the last event back. */
  #restore(): void {
    const event = this.#order.at(-1)!;
    this.#byCall?.restore(event);
    this.#left.restore(event);
    this.#undo();
  }

  /** Takes over what is known of the order. Ways through helper nodes are left out: they only help, the reads decide. */
  #link(view: View, known: Graph): void {
    const place = new Int32Array(view.table.size).fill(-1);
    for (const [at, { transaction }] of this.#works.entries()) place[transaction] = at;
    const eventOf = (node: number): number => {
      const at = place[known.ownerOf(node)] ?? -1;
      if (at < 0 || !this.#split) return at;
      return node < known.transactions ? 2 * at + 1 : 2 * at;
    };
    if (this.#split) for (let at = 0; at < this.#works.length; at++) this.#precede(2 * at, 2 * at + 1);
    for (let edge = 0; edge < known.edgeCount; edge++) {
      const from = eventOf(known.from(edge));
      const to = eventOf(known.to(edge));
      if (from >= 0 && to >= 0) this.#precede(from, to);
    }
  }

  #precede(from: number, to: number): void {
    this.#followers[from]!.push(to);
    this.#waiting[to]!++;
  }

  #begins(event: number): boolean {
    return !this.#split || (event & 1) === 0;
  }

  #ends(event: number): boolean {
    return !this.#split || (event & 1) === 1;
  }

  #work(event: number): Work {
    return this.#works[this.#split ? event >> 1 : event]!;
  }

  #ready(event: number): boolean {
    if (this.#done[event] || this.#waiting[event]! > 0) return false;
    // Nothing may come before what had returned when it was called.
    if (this.#inTime && this.#call[event]! > this.#rankOf(this.#left.first())) return false;
    const work = this.#work(event);
    if (this.#begins(event)) {
      if (!work.reads.every((version) => this.#isCurrent(version))) return false;
      if (this.#split && work.writes.some(({ key }) => (this.#locked.get(key) ?? 0) > 0)) return false;
    }
    if (!this.#ends(event)) return true;
    return work.writes.every(({ key }) => {
      const version = this.#current[key]!;
      const own = !this.#split && work.reads.includes(version) ? 1 : 0;
      const awaited = this.#readers[version]!;
      return awaited === own;
    });
  }

  readonly #present = new Map<number, number>();

  /** Versions are present from their write until they are overwritten. */
  #isCurrent(version: number): boolean {
    return (this.#present.get(version) ?? 0) > 0;
  }

  #apply(event: number): void {
    const work = this.#work(event);
    this.#done[event] = 1;
    this.#row[event >> 5]! |= 1 << (event & 31);
    for (const follower of this.#followers[event]!) this.#waiting[follower]!--;
    if (this.#begins(event)) {
      for (const version of work.reads) this.#readers[version]!--;
      if (this.#split) for (const { key } of work.writes) this.#locked.set(key, 1);
    }
    const overwritten: number[] = [];
    if (this.#ends(event)) {
      for (const { key, version } of work.writes) {
        overwritten.push(this.#current[key]!);
        this.#present.set(this.#current[key]!, 0);
        this.#current[key] = version;
        this.#present.set(version, 1);
        if (this.#split) this.#locked.set(key, 0);
      }
    }
    this.#overwritten.push(overwritten);
    this.#order.push(event);
  }

  #undo(): void {
    const event = this.#order.pop()!;
    const overwritten = this.#overwritten.pop()!;
    const work = this.#work(event);
    this.#done[event] = 0;
    this.#row[event >> 5]! &= ~(1 << (event & 31));
    for (const follower of this.#followers[event]!) this.#waiting[follower]!++;
    if (this.#begins(event)) {
      for (const version of work.reads) this.#readers[version]!++;
      if (this.#split) for (const { key } of work.writes) this.#locked.set(key, 0);
    }
    if (this.#ends(event)) {
      for (const [at, { key, version }] of work.writes.entries()) {
        this.#present.set(version, 0);
        this.#current[key] = overwritten[at]!;
        this.#present.set(overwritten[at]!, 1);
        if (this.#split) this.#locked.set(key, 1);
      }
    }
  }

  /** What may be done at once without losing an order: a beginning or a whole transaction that writes nothing, an end that overwrites nothing awaited. */
  #isFree(event: number): boolean {
    return this.#work(event).writes.length === 0 || (this.#split && this.#ends(event));
  }

  run(): boolean {
    for (const version of this.#current) this.#present.set(version, 1);
    // Each frame: where in the order it began, and which candidates are still to be tried.
    const frames: { readonly depth: number; readonly candidates: number[] }[] = [];
    for (;;) {
      this.#greedy();
      if (this.#order.length === this.#events) return true;
      const known = this.#anyFailed && !this.#isNew();
      const candidates = known ? [] : this.#candidates(() => true).reverse();
      this.#budget.hold(100 + candidates.length * 8);
      frames.push({ depth: this.#order.length, candidates });
      let next: number | undefined;
      while (next === undefined) {
        const frame = frames.at(-1);
        if (frame === undefined) return false;
        while (this.#order.length > frame.depth) this.#restore();
        next = frame.candidates.pop();
        if (next !== undefined) break;
        this.#anyFailed = true;
        this.#failed.add(this.#row);
        frames.pop();
      }
      this.#budget.spend(1);
      this.#remove(next);
    }
  }

  #isNew(): boolean {
    return !this.#failed.has(this.#row);
  }

  #rankOf(event: number): number {
    return this.#rank[this.#split ? event >> 1 : event]!;
  }

  /** Does all that is free, until nothing is. */
  #greedy(): void {
    for (let found = true; found && this.#order.length < this.#events;) {
      found = false;
      for (const event of this.#candidates((candidate) => this.#isFree(candidate))) {
        if (!this.#ready(event)) continue;
        this.#remove(event);
        found = true;
      }
    }
  }
}

function sortedBy(events: readonly number[], rank: (event: number) => number): number[] {
  return [...events].sort((a, b) => (rank(a) === rank(b) ? a - b : rank(a) - rank(b)));
}

/** Events that are not done, in a fixed order: a linked list whose removals can be taken back in reverse. */
class Remaining {
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  readonly #head: number;

  constructor(order: readonly number[]) {
    this.#head = order.length;
    this.#next = new Int32Array(order.length + 1);
    this.#before = new Int32Array(order.length + 1);
    let last = this.#head;
    for (const event of order) {
      this.#next[last] = event;
      this.#before[event] = last;
      last = event;
    }
    this.#next[last] = this.#head;
    this.#before[this.#head] = last;
  }

  remove(event: number): void {
    this.#next[this.#before[event]!] = this.#next[event]!;
    this.#before[this.#next[event]!] = this.#before[event]!;
  }

  restore(event: number): void {
    this.#next[this.#before[event]!] = event;
    this.#before[this.#next[event]!] = event;
  }

  first(): number {
    return this.#next[this.#head]!;
  }

  /** Those to keep, in order, up to the first at which to stop. */
  filter(keep: (event: number) => boolean, budget: Budget, stop: (event: number) => boolean = () => false): number[] {
    const kept: number[] = [];
    let looked = 0;
    for (let event = this.#next[this.#head]!; event !== this.#head && !stop(event); event = this.#next[event]!) {
      looked++;
      if (keep(event)) kept.push(event);
    }
    budget.spend(looked / 16);
    return kept;
  }
}
