import { Coverage } from "./coverage.ts";
import type { Item, Wrong } from "./sequence.ts";
import { suspect } from "./tell.ts";

/**
 * Stacks whose values are all different, by decrease and conquer (the idea of Lee and Mathur, "Efficient
 * decrease-and-conquer linearizability monitoring", 2025). A value is certainly inside from the return of its
 * push to the call of its pop.
 *
 * - At a moment that no value certainly spans, the history falls into a part before and a part after: what
 *   returned before the moment, with its partner, and the rest. Each part may be judged by itself.
 * - Otherwise something lies at the bottom all the time: a value whose push may come before everything else
 *   and whose pop may come after everything else. It can be taken away; without one there is no order.
 *
 * Parts are lists in three orders that are cut by moving the smaller side: O(n log² n) in all.
 */
export function stackOrder(items: readonly Item[], spend: (steps: number) => void): Wrong | undefined {
  if (items.length === 0) return undefined;
  const times = moments(items);
  const coverage = new Coverage(times.count);
  for (let item = 0; item < items.length; item++) coverage.add(times.pushReturn[item]!, times.popCall[item]!, 1);
  const all = new Parts(times, items.length);
  const parts: Part[] = [all.create(items.map((_, at) => at))];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    spend(1);
    if (part.size <= 1) continue;
    const first = part.byFirstReturn.walk().next().value ?? 0;
    const last = part.byFirstReturn.walkBack().next().value ?? 0;
    const gap = coverage.firstZero(times.firstReturn[first]!, times.firstReturn[last]!);
    if (gap >= 0) {
      parts.push(part, all.cut(part, gap));
      continue;
    }
    const bottom = all.bottom(part);
    if (bottom < 0) return stuck([...part.byFirstReturn.walk()].map((item) => items[item]!));
    coverage.add(times.pushReturn[bottom]!, times.popCall[bottom]!, -1);
    all.remove(part, bottom);
    parts.push(part);
  }
  return undefined;
}

function stuck(items: readonly Item[]): Wrong {
  const operations = items.flatMap(({ put, take }) => (take === undefined ? [put] : [put, take]));
  return suspect(
    operations,
    "something is inside all the time, but no value can have been at the bottom of the stack from first to last",
  );
}

/** Moments as ranks, so that they can index arrays. What never happens has the last rank. */
interface Times {
  readonly count: number;
  readonly pushCall: Int32Array;
  readonly pushReturn: Int32Array;
  readonly popCall: Int32Array;
  readonly popReturn: Int32Array;
  /** The first return and the last call of each value. */
  readonly firstReturn: Int32Array;
  readonly lastCall: Int32Array;
}

function moments(items: readonly Item[]): Times {
  const all: { readonly time: number; readonly item: number; readonly what: number }[] = [];
  for (const [item, { put, take }] of items.entries()) {
    all.push({ time: put.call, item, what: 0 }, { time: put.ret, item, what: 1 });
    all.push({ time: take?.call ?? Infinity, item, what: 2 }, { time: take?.ret ?? Infinity, item, what: 3 });
  }
  all.sort((a, b) => (a.time === b.time ? 0 : a.time - b.time));
  const columns = [0, 1, 2, 3].map(() => new Int32Array(items.length));
  for (const [rank, { time, item, what }] of all.entries())
    columns[what]![item] = time === Infinity ? all.length : rank;
  const [pushCall, pushReturn, popCall, popReturn] = columns as [Int32Array, Int32Array, Int32Array, Int32Array];
  return {
    count: all.length + 1,
    pushCall,
    pushReturn,
    popCall,
    popReturn,
    firstReturn: pushReturn.map((at, item) => Math.min(at, popReturn[item]!)),
    // A value that was never popped is popped after everything else: only another such can lie below it.
    lastCall: popCall.map((at, item) => Math.max(at, pushCall[item]!)),
  };
}

/** Which part each value is in; -1 once it was taken away. */
type Membership = Int32Array;

/** The values of a part in order of some moment. Those that leave the part are passed over. */
class Ordered {
  readonly #part: number;
  readonly #membership: Membership;
  readonly #items: Int32Array;
  #start = 0;
  #end: number;

  constructor(part: number, items: readonly number[], times: Int32Array, membership: Membership) {
    this.#part = part;
    this.#membership = membership;
    this.#items = Int32Array.from(items).sort((a, b) => times[a]! - times[b]!);
    this.#end = this.#items.length;
  }

  #has(at: number): boolean {
    return this.#membership[this.#items[at]!] === this.#part;
  }

  /** The values from the first on. What left at the ends is forgotten, so that it is passed over once. */
  *walk(): Generator<number, undefined> {
    while (this.#start < this.#end && !this.#has(this.#start)) this.#start++;
    for (let at = this.#start; at < this.#end; at++) if (this.#has(at)) yield this.#items[at]!;
    return undefined;
  }

  /** The values from the last on. */
  *walkBack(): Generator<number, undefined> {
    while (this.#start < this.#end && !this.#has(this.#end - 1)) this.#end--;
    for (let at = this.#end - 1; at >= this.#start; at--) if (this.#has(at)) yield this.#items[at]!;
    return undefined;
  }
}

interface Part {
  size: number;
  readonly byFirstReturn: Ordered;
  readonly byPushCall: Ordered;
  readonly byLastCall: Ordered;
}

class Parts {
  readonly #times: Times;
  readonly #membership: Membership;
  #count = 0;

  constructor(times: Times, size: number) {
    this.#times = times;
    this.#membership = new Int32Array(size);
  }

  create(items: readonly number[]): Part {
    const id = this.#count++;
    for (const item of items) this.#membership[item] = id;
    const ordered = (times: Int32Array): Ordered => new Ordered(id, items, times, this.#membership);
    return {
      size: items.length,
      byFirstReturn: ordered(this.#times.firstReturn),
      byPushCall: ordered(this.#times.pushCall),
      byLastCall: ordered(this.#times.lastCall),
    };
  }

  remove(part: Part, item: number): void {
    this.#membership[item] = -1;
    part.size--;
  }

  /** Cuts a part at a gap: walks from both ends at once, and makes the side that ends first a part of its own. */
  cut(part: Part, gap: number): Part {
    const { firstReturn } = this.#times;
    const before: number[] = [];
    const after: number[] = [];
    const fromStart = part.byFirstReturn.walk();
    const fromEnd = part.byFirstReturn.walkBack();
    for (;;) {
      const early = fromStart.next().value;
      if (early === undefined || firstReturn[early]! > gap) return this.#detach(part, before);
      before.push(early);
      const late = fromEnd.next().value;
      if (late === undefined || firstReturn[late]! <= gap) return this.#detach(part, after);
      after.push(late);
    }
  }

  #detach(part: Part, items: readonly number[]): Part {
    part.size -= items.length;
    return this.create(items);
  }

  /** A value that may be at the bottom all the time, or -1. */
  bottom(part: Part): number {
    const { firstReturn, lastCall, pushCall, popReturn } = this.#times;
    const returns = part.byFirstReturn.walk();
    const [first = -1, second = -1] = [returns.next().value, returns.next().value];
    const calls = part.byLastCall.walkBack();
    const [last = -1, lastButOne = -1] = [calls.next().value, calls.next().value];
    for (const item of part.byPushCall.walk()) {
      if (pushCall[item]! > firstReturn[second]!) return -1;
      const othersReturn = firstReturn[item === first ? second : first]!;
      const othersCall = lastCall[item === last ? lastButOne : last]!;
      if (pushCall[item]! < othersReturn && popReturn[item]! >= othersCall) return item;
    }
    return -1;
  }
}
