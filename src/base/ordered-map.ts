export interface RangeOptions {
  /** The lowest key wanted. */
  readonly from?: string | undefined;
  /** The first key no longer wanted. */
  readonly to?: string | undefined;
  /** From the highest key down. */
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

/** A leaf has values, a branch has children: child `i` holds the keys below `keys[i]` and from `keys[i - 1]` on. */
interface Node<V> {
  /** The map that may change this node in place; every other map copies it first. */
  owner: object;
  readonly keys: string[];
  readonly values: V[] | undefined;
  readonly children: Node<V>[] | undefined;
}

interface Split<V> {
  readonly key: string;
  readonly right: Node<V>;
}

/** Entries of a leaf, and children of a branch, at most. Measured: 16 to 64 differ by a tenth. */
const capacity = 32;

/**
 * A map ordered by key: a B+tree over strings, compared as `<` compares them (code unit by code unit, which
 * for binary strings is byte by byte). `clone` takes constant time: both maps share their nodes, and a map
 * copies a shared node before it changes it.
 *
 * Iteration: a range goes over the map as it is; the next step of a range after any change of the map throws.
 * Iterate over a clone to change the map meanwhile.
 *
 * A leaf disappears when it is empty, not before, and nothing is ever rebalanced ("free at empty": Johnson and
 * Shasha, "B-trees with inserts and deletes: why free-at-empty is better than merge-at-half", 1993).
 */
export class OrderedMap<V> {
  #root: Node<V>;
  #owner: object = {};
  #size = 0;
  /** Counts changes, so that a range notices them. */
  #changes = 0;

  constructor() {
    this.#root = { owner: this.#owner, keys: [], values: [], children: undefined };
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[countUpTo(node.keys, key)]!;
    const at = countBelow(node.keys, key);
    return node.keys[at] === key ? node.values![at] : undefined;
  }

  has(key: string): boolean {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[countUpTo(node.keys, key)]!;
    return node.keys[countBelow(node.keys, key)] === key;
  }

  set(key: string, value: V): this {
    this.#changes++;
    this.#root = this.#own(this.#root);
    const split = this.#insert(this.#root, key, value);
    if (split !== undefined) {
      const children = [this.#root, split.right];
      this.#root = { owner: this.#owner, keys: [split.key], values: undefined, children };
    }
    return this;
  }

  /** Whether there was something to delete. */
  delete(key: string): boolean {
    if (!this.has(key)) return false;
    this.#changes++;
    this.#root = this.#own(this.#root);
    this.#remove(this.#root, key);
    while (this.#root.children?.length === 1) this.#root = this.#root.children[0]!;
    if (this.#root.children?.length === 0) {
      this.#root = { owner: this.#owner, keys: [], values: [], children: undefined };
    }
    this.#size--;
    return true;
  }

  /** An independent map with the same entries, in constant time. */
  clone(): OrderedMap<V> {
    const copy = new OrderedMap<V>();
    copy.#root = this.#root;
    copy.#size = this.#size;
    // Neither map owns the shared nodes any more.
    this.#owner = {};
    return copy;
  }

  /** The entries in order. See the class on what may happen meanwhile. */
  *range(options: RangeOptions = {}): Generator<readonly [string, V], void, undefined> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const changes = this.#changes;
    const walk = options.reverse === true ? backward(this.#root, options) : forward(this.#root, options);
    for (const entry of walk) {
      yield entry;
      if (--left <= 0) return;
      if (changes !== this.#changes) throw new Error("the map changed during a range: iterate over a clone");
    }
  }

  #own(node: Node<V>): Node<V> {
    if (node.owner === this.#owner) return node;
    return {
      owner: this.#owner,
      keys: node.keys.slice(),
      values: node.values?.slice(),
      children: node.children?.slice(),
    };
  }

  /** `node` is owned. */
  #insert(node: Node<V>, key: string, value: V): Split<V> | undefined {
    if (node.children === undefined) return this.#insertIntoLeaf(node, node.values!, key, value);
    const at = countUpTo(node.keys, key);
    const child = (node.children[at] = this.#own(node.children[at]!));
    const split = this.#insert(child, key, value);
    if (split === undefined) return undefined;
    node.keys.splice(at, 0, split.key);
    node.children.splice(at + 1, 0, split.right);
    if (node.children.length <= capacity) return undefined;
    // Growing at the end is the rule for logs: leave full nodes behind.
    const keep = at === node.keys.length - 1 ? node.children.length - 1 : node.children.length >> 1;
    const children = node.children.splice(keep);
    const keys = node.keys.splice(keep);
    return { key: node.keys.pop()!, right: { owner: this.#owner, keys, values: undefined, children } };
  }

  #insertIntoLeaf(leaf: Node<V>, values: V[], key: string, value: V): Split<V> | undefined {
    const keys = leaf.keys;
    const last = keys.length - 1;
    const at = last < 0 || keys[last]! < key ? last + 1 : countBelow(keys, key);
    if (keys[at] === key) {
      values[at] = value;
      return undefined;
    }
    this.#size++;
    if (at > last) {
      keys.push(key);
      values.push(value);
    } else {
      keys.splice(at, 0, key);
      values.splice(at, 0, value);
    }
    if (keys.length <= capacity) return undefined;
    const keep = at > last ? capacity : keys.length >> 1;
    const right = { owner: this.#owner, keys: keys.splice(keep), values: values.splice(keep), children: undefined };
    return { key: right.keys[0]!, right };
  }

  /** `node` is owned and holds the key. */
  #remove(node: Node<V>, key: string): void {
    if (node.children === undefined) {
      const at = countBelow(node.keys, key);
      node.keys.splice(at, 1);
      node.values!.splice(at, 1);
      return;
    }
    const at = countUpTo(node.keys, key);
    const child = (node.children[at] = this.#own(node.children[at]!));
    this.#remove(child, key);
    if (child.children === undefined ? child.keys.length > 0 : child.children.length > 0) return;
    node.children.splice(at, 1);
    node.keys.splice(Math.max(0, at - 1), 1);
  }
}

/** How many of the sorted keys are below `key`. */
function countBelow(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the sorted keys are not above `key`. */
function countUpTo(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function* forward<V>(root: Node<V>, { from, to }: RangeOptions): Generator<readonly [string, V]> {
  const path: { readonly children: readonly Node<V>[]; next: number }[] = [];
  let node: Node<V> = root;
  let at = 0;
  while (node.children !== undefined) {
    const child = from === undefined ? 0 : countUpTo(node.keys, from);
    path.push({ children: node.children, next: child + 1 });
    node = node.children[child]!;
  }
  if (from !== undefined) at = countBelow(node.keys, from);
  for (;;) {
    const { keys, values } = node;
    for (; at < keys.length; at++) {
      const key = keys[at]!;
      if (to !== undefined && key >= to) return;
      yield [key, values![at]!];
    }
    while (path.length > 0 && path.at(-1)!.next >= path.at(-1)!.children.length) path.pop();
    const up = path.at(-1);
    if (up === undefined) return;
    node = up.children[up.next++]!;
    while (node.children !== undefined) {
      path.push({ children: node.children, next: 1 });
      node = node.children[0]!;
    }
    at = 0;
  }
}

function* backward<V>(root: Node<V>, { from, to }: RangeOptions): Generator<readonly [string, V]> {
  const path: { readonly children: readonly Node<V>[]; next: number }[] = [];
  let node: Node<V> = root;
  while (node.children !== undefined) {
    const child = to === undefined ? node.children.length - 1 : countUpTo(node.keys, to);
    path.push({ children: node.children, next: child - 1 });
    node = node.children[child]!;
  }
  let at = (to === undefined ? node.keys.length : countBelow(node.keys, to)) - 1;
  for (;;) {
    const { keys, values } = node;
    for (; at >= 0; at--) {
      const key = keys[at]!;
      if (from !== undefined && key < from) return;
      yield [key, values![at]!];
    }
    while (path.length > 0 && path.at(-1)!.next < 0) path.pop();
    const up = path.at(-1);
    if (up === undefined) return;
    node = up.children[up.next--]!;
    while (node.children !== undefined) {
      path.push({ children: node.children, next: node.children.length - 2 });
      node = node.children.at(-1)!;
    }
    at = node.keys.length - 1;
  }
}
