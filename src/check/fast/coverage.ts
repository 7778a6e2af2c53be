/** How many intervals cover each gap between moments: a segment tree with addition over ranges and search of a zero. */
export class Coverage {
  readonly #leaves: number;
  /** Least coverage below a node, without what was added above it. */
  readonly #least: Int32Array;
  readonly #added: Int32Array;

  constructor(moments: number) {
    let leaves = 1;
    while (leaves < moments) leaves *= 2;
    this.#leaves = leaves;
    this.#least = new Int32Array(2 * leaves);
    this.#added = new Int32Array(2 * leaves);
  }

  /** Adds to every gap from moment `from` to moment `to`; nothing where `to` is not later. */
  add(from: number, to: number, amount: number): void {
    if (from < to) this.#add(1, 0, this.#leaves, from, to, amount);
  }

  #add(node: number, low: number, high: number, from: number, to: number, amount: number): void {
    if (from <= low && high <= to) {
      this.#least[node]! += amount;
      this.#added[node]! += amount;
      return;
    }
    const middle = (low + high) >> 1;
    if (from < middle) this.#add(2 * node, low, middle, from, to, amount);
    if (to > middle) this.#add(2 * node + 1, middle, high, from, to, amount);
    this.#least[node] = this.#added[node]! + Math.min(this.#least[2 * node]!, this.#least[2 * node + 1]!);
  }

  /** The first gap between the moments that nothing covers, named by the moment it begins at; -1 where there is none. */
  firstZero(from: number, to: number): number {
    return from < to ? this.#find(1, 0, this.#leaves, from, to, 0) : -1;
  }

  #find(node: number, low: number, high: number, from: number, to: number, above: number): number {
    if (to <= low || high <= from || above + this.#least[node]! > 0) return -1;
    if (high - low === 1) return low;
    const middle = (low + high) >> 1;
    const inherited = above + this.#added[node]!;
    const left = this.#find(2 * node, low, middle, from, to, inherited);
    return left >= 0 ? left : this.#find(2 * node + 1, middle, high, from, to, inherited);
  }
}
