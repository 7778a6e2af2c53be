import type { Budget } from "../budget.ts";
import { Numbers } from "./grow.ts";

/** Why one transaction must precede another. */
export const relations = ["ww", "wr", "rw", "session", "real time", "order"] as const;
export const ww = 0;
export const wr = 1;
export const rw = 2;
export const sessionOrder = 3;
export const realTime = 4;
/** Inferred: visible to a reader that yet read another version. */
export const inferred = 5;

export const maskOf = (...kinds: readonly number[]): number => kinds.reduce((mask, kind) => mask | (1 << kind), 0);
export const everything = maskOf(ww, wr, rw, sessionOrder, realTime, inferred);

/**
 * A directed graph whose edges are given first and then packed. Nodes from `transactions` on stand for moments
 * or groups, not for transactions: paths through them are one step.
 */
export class Graph {
  readonly transactions: number;
  #nodes: number;
  readonly #owners = new Numbers(16);
  readonly #from = new Numbers();
  readonly #to = new Numbers();
  readonly #kind = new Numbers();
  /** What an edge is about: a key, or a reader; told when it is explained. */
  readonly #about = new Numbers();
  readonly #budget: Budget;
  #start: Int32Array = new Int32Array(1);
  #edges: Int32Array = new Int32Array(0);
  #packed = -1;

  constructor(transactions: number, budget: Budget) {
    this.transactions = transactions;
    this.#nodes = transactions;
    this.#budget = budget;
  }

  get nodes(): number {
    return this.#nodes;
  }

  get edgeCount(): number {
    return this.#from.length;
  }

  /** A helper node; one with an owner stands for a moment of that transaction. */
  node(owner = -1): number {
    this.#owners.push(owner);
    return this.#nodes++;
  }

  /** The transaction that a node stands for; -1 for a helper of none. */
  ownerOf(node: number): number {
    return node < this.transactions ? node : this.#owners.at(node - this.transactions);
  }

  edge(from: number, to: number, kind: number, about = -1): void {
    if (from === to) return;
    if ((this.#from.length & 1023) === 0) this.#budget.hold(1024 * 20);
    this.#from.push(from);
    this.#to.push(to);
    this.#kind.push(kind);
    this.#about.push(about);
  }

  /** Sorts the edges by their origin. */
  #pack(): void {
    if (this.#packed === this.#from.length && this.#start.length === this.#nodes + 1) return;
    const start = new Int32Array(this.#nodes + 1);
    const from = this.#from.view();
    for (const node of from) start[node + 1]!++;
    for (let i = 0; i < this.#nodes; i++) start[i + 1]! += start[i]!;
    const next = start.slice();
    const edges = new Int32Array(from.length);
    for (let edge = 0; edge < from.length; edge++) edges[next[from[edge]!]!++] = edge;
    this.#start = start;
    this.#edges = edges;
    this.#packed = from.length;
  }

  from(edge: number): number {
    return this.#from.at(edge);
  }

  to(edge: number): number {
    return this.#to.at(edge);
  }

  kind(edge: number): number {
    return this.#kind.at(edge);
  }

  about(edge: number): number {
    return this.#about.at(edge);
  }

  /** The edges that leave a node. */
  out(node: number): Int32Array {
    this.#pack();
    return this.#edges.subarray(this.#start[node], this.#start[node + 1]);
  }

  /**
   * Strongly connected components by Tarjan's algorithm, without recursion, over the edges in `mask`.
   * Returns the component of each node, -1 for nodes in no circle.
   */
  components(mask: number): { readonly of: Int32Array; readonly count: number } {
    this.#pack();
    const start = this.#start;
    const edges = this.#edges;
    const to = this.#to.view();
    const kind = this.#kind.view();
    const n = this.#nodes;
    const index = new Int32Array(n).fill(-1);
    const low = new Int32Array(n);
    const onStack = new Uint8Array(n);
    const next = new Int32Array(n);
    const stack = new Int32Array(n);
    const path = new Int32Array(n);
    const of = new Int32Array(n).fill(-1);
    let count = 0;
    let counter = 0;
    let stacked = 0;
    for (let root = 0; root < n; root++) {
      if (index[root] !== -1) continue;
      let depth = 0;
      path[depth] = root;
      index[root] = low[root] = counter++;
      next[root] = start[root]!;
      stack[stacked++] = root;
      onStack[root] = 1;
      while (depth >= 0) {
        const node = path[depth]!;
        if (next[node]! < start[node + 1]!) {
          const edge = edges[next[node]!++]!;
          if (((mask >> kind[edge]!) & 1) === 0) continue;
          const other = to[edge]!;
          if (index[other] === -1) {
            index[other] = low[other] = counter++;
            next[other] = start[other]!;
            stack[stacked++] = other;
            onStack[other] = 1;
            path[++depth] = other;
          } else if (onStack[other] && index[other]! < low[node]!) low[node] = index[other]!;
          continue;
        }
        depth--;
        if (depth >= 0) {
          const parent = path[depth]!;
          if (low[node]! < low[parent]!) low[parent] = low[node]!;
        }
        if (low[node] !== index[node]) continue;
        const single = stack[stacked - 1] === node;
        for (let member = -1; member !== node;) {
          member = stack[--stacked]!;
          onStack[member] = 0;
          if (!single) of[member] = count;
        }
        if (!single) count++;
      }
    }
    return { of, count };
  }
}

/** How often and where `rw` edges may stand in a circle that is looked for. */
export type RwRule = "none" | "one" | "apart" | "any";

/** At most so many beginnings are tried in search of a short circle. */
const mostBeginnings = 300;

/**
 * A short circle in the graph, as edges in order: breadth first inside the strongly connected components.
 * `apart`: at least one `rw`, and no two in a row, also not the last and the first.
 */
export function findCycle(graph: Graph, mask: number, rule: RwRule, budget: Budget): number[] | undefined {
  const { of, count } = graph.components(rule === "none" ? mask & ~maskOf(rw) : mask);
  if (count === 0) return undefined;
  let best: number[] | undefined;
  let tried = 0;
  const places = graph.nodes * 2;
  const visited: Visited = {
    search: 0,
    last: new Int32Array(places),
    cameBy: new Int32Array(places),
    cameFrom: new Int32Array(places),
  };
  for (let node = 0; node < graph.nodes; node++) {
    if (of[node] === -1) continue;
    for (const edge of graph.out(node)) {
      if (((mask >> graph.kind(edge)) & 1) === 0 || of[graph.to(edge)] !== of[node]) continue;
      const isRw = graph.kind(edge) === rw;
      if (rule === "none" ? isRw : !isRw && rule !== "any") continue;
      if (tried++ >= mostBeginnings && (best !== undefined || rule === "none" || rule === "any")) return best;
      const cycle = shortestBack(graph, edge, mask, rule, of, visited, best?.length ?? Infinity, budget);
      if (cycle !== undefined && (best === undefined || cycle.length < best.length)) best = cycle;
      if (best !== undefined && best.length <= 2) return best;
    }
  }
  return best;
}

/** Which search reached a place last, by which edge, and from where. */
interface Visited {
  search: number;
  readonly last: Int32Array;
  readonly cameBy: Int32Array;
  readonly cameFrom: Int32Array;
}

/** The shortest way from the end of an edge back to its beginning that obeys the rule. */
function shortestBack(
  graph: Graph,
  first: number,
  mask: number,
  rule: RwRule,
  of: Int32Array,
  visited: Visited,
  limit: number,
  budget: Budget,
): number[] | undefined {
  const goal = graph.from(first);
  const component = of[goal];
  visited.search++;
  // States are (node, whether the last edge was rw); what matters of the second only where rw must be apart.
  const placeOf = (node: number, afterRw: boolean): number => node * 2 + (rule === "apart" && afterRw ? 1 : 0);
  let frontier = [placeOf(graph.to(first), graph.kind(first) === rw)];
  visited.last[frontier[0]!] = visited.search;
  visited.cameBy[frontier[0]!] = first;
  for (let length = 1; frontier.length > 0 && length < limit; length++) {
    const next: number[] = [];
    for (const place of frontier) {
      const node = place >> 1;
      for (const edge of graph.out(node)) {
        budget.spend(1);
        const kind = graph.kind(edge);
        if (((mask >> kind) & 1) === 0 || of[graph.to(edge)] !== component) continue;
        if (kind === rw && (rule === "none" || rule === "one" || (rule === "apart" && (place & 1) === 1))) continue;
        const target = graph.to(edge);
        // The circle begins with an rw edge where that must be apart: it may not end with one.
        if (target === goal && !(rule === "apart" && kind === rw)) return trace(visited, place, edge, first);
        const reached = placeOf(target, kind === rw);
        if (visited.last[reached] === visited.search) continue;
        visited.last[reached] = visited.search;
        visited.cameBy[reached] = edge;
        visited.cameFrom[reached] = place;
        next.push(reached);
      }
    }
    frontier = next;
  }
  return undefined;
}

function trace(visited: Visited, place: number, last: number, first: number): number[] {
  const edges = [last];
  for (let at = place; ; at = visited.cameFrom[at]!) {
    const edge = visited.cameBy[at]!;
    edges.push(edge);
    if (edge === first) return edges.reverse();
  }
}
