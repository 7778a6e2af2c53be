import { assert, must } from "../base/index.ts";

/** Keys from `from` on, below `to`; undefined: to the end. Keys are binary strings, compared as `<` does. */
export interface KeyRange {
  readonly from: string;
  readonly to: string | undefined;
}

/** Pieces of the key space, without gaps or overlaps, each with what belongs to it. */
export class RangeMap<T> {
  readonly #starts: string[];
  readonly #values: T[];

  /** One piece for everything, or pieces by where they start, the first of them at "". */
  constructor(pieces: readonly { readonly from: string; readonly value: T }[]) {
    this.#starts = pieces.map(({ from }) => from);
    this.#values = pieces.map(({ value }) => value);
    assert(this.#starts[0] === "", "ranges begin with the first key there is");
    assert(
      this.#starts.every((start, i) => i === 0 || this.#starts[i - 1]! < start),
      "ranges are in order and apart",
    );
  }

  get size(): number {
    return this.#starts.length;
  }

  find(key: string): { readonly range: KeyRange; readonly value: T } {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= key) low = middle + 1;
      else high = middle;
    }
    return this.at(low - 1);
  }

  at(place: number): { readonly range: KeyRange; readonly value: T } {
    const from = must(this.#starts[place], "a range at this place");
    return { range: { from, to: this.#starts[place + 1] }, value: this.#values[place]! };
  }

  *[Symbol.iterator](): Generator<{ readonly range: KeyRange; readonly value: T }> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }

  /** The pieces as the constructor takes them. */
  pieces(): { from: string; value: T }[] {
    return this.#starts.map((from, i) => ({ from, value: this.#values[i]! }));
  }
}

/** The range that holds `at` in two: the left part keeps its value, the right one begins at `at`. */
export function splitRange<T>(map: RangeMap<T>, at: string, right: T): RangeMap<T> {
  const { range } = map.find(at);
  assert(range.from < at, "a split leaves keys on both sides: it is not at the start of a range");
  return new RangeMap(
    map.pieces().flatMap((piece) => (piece.from === range.from ? [piece, { from: at, value: right }] : [piece])),
  );
}

/** The range that begins at `at` joins the one before it, which keeps its value. */
export function mergeRanges<T>(map: RangeMap<T>, at: string): RangeMap<T> {
  assert(at !== "" && map.find(at).range.from === at, "a merge names the start of a range that has one before it");
  return new RangeMap(map.pieces().filter(({ from }) => from !== at));
}

/** What was measured of one range. */
export interface RangeLoad {
  readonly range: KeyRange;
  readonly bytes: number;
  readonly requestsPerSecond: number;
  /** A key that halves the load or the size; undefined: none is known (one hot key cannot be split). */
  readonly middle: string | undefined;
}

export interface RangeLimits {
  readonly splitBytes: number;
  readonly splitRequestsPerSecond: number;
  /** Neighbours merge where together they stay below this share of both limits (hysteresis: at most a half). */
  readonly mergeShare: number;
}

export type RangeChange =
  | { readonly kind: "split"; readonly at: string; readonly reason: "size" | "load" }
  | { readonly kind: "merge"; readonly at: string };

/** Which ranges, in order of the key space, should split or merge now. No range is in more than one change. */
export function planRanges(loads: readonly RangeLoad[], limits: RangeLimits): RangeChange[] {
  assert(limits.mergeShare <= 0.5, "mergeShare: at most a half, or merged ranges would split again");
  const changes: RangeChange[] = [];
  const isBelow = (bytes: number, requests: number): boolean =>
    bytes < limits.splitBytes * limits.mergeShare && requests < limits.splitRequestsPerSecond * limits.mergeShare;
  let free: RangeLoad | undefined;
  for (const load of loads) {
    const { range, bytes, requestsPerSecond, middle } = load;
    const reason =
      bytes > limits.splitBytes ? "size" : requestsPerSecond > limits.splitRequestsPerSecond ? "load" : undefined;
    if (reason !== undefined) {
      const inside = middle !== undefined && middle > range.from && (range.to === undefined || middle < range.to);
      if (inside) changes.push({ kind: "split", at: middle, reason });
      free = undefined;
    } else if (free !== undefined && isBelow(free.bytes + bytes, free.requestsPerSecond + requestsPerSecond)) {
      changes.push({ kind: "merge", at: range.from });
      free = undefined;
    } else free = load;
  }
  return changes;
}
