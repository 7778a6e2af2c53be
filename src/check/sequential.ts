import { valueKey } from "../history/index.ts";
import type { Operation, ProcessId, Scalar } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import { ConfigSet } from "./config-set.ts";
import type { Model } from "./model.ts";
import { relevant } from "./search.ts";
import { createStates } from "./states.ts";
import type { States } from "./states.ts";
import { broken, holds, operationText, show } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

/**
 * Sequential consistency (Lamport, 1979): one order of all operations, of all keys together, that keeps the
 * order of each process and that the model allows. A search over how far each process has come, with the states
 * of all keys. A pure operation whose result is right is taken at once; no configuration is visited twice.
 */
export function checkSequential<State>(all: readonly Operation[], model: Model<State>, budget: Budget): Verdict {
  for (const operation of all) model.validate(operation);
  const operations = relevant(model, all);
  const search = new SequentialSearch(model, operations, budget);
  return search.run() ? holds : search.explain();
}

class SequentialSearch<State> {
  readonly #operations: readonly Operation[];
  readonly #model: Model<State>;
  readonly #budget: Budget;
  readonly #states: States<State>;
  /** Operations of each process that must take effect, in order. */
  readonly #lanes: number[][] = [];
  /** Operations of unknown outcome: each may follow once its process has come as far as `after`. */
  readonly #optional: { readonly operation: number; readonly lane: number; readonly after: number }[] = [];
  readonly #keyOf: Int32Array;
  /** How far each process has come, the state of each key, which optional operations were used. */
  readonly #row: Int32Array;
  readonly #stateAt: number;
  readonly #usedAt: number;
  readonly #order: number[] = [];
  readonly #visited: ConfigSet;
  #best: { readonly order: readonly number[]; readonly row: Int32Array } = { order: [], row: new Int32Array(0) };

  constructor(model: Model<State>, operations: readonly Operation[], budget: Budget) {
    this.#model = model;
    this.#operations = operations;
    this.#budget = budget;
    this.#states = createStates(model, operations, budget);
    const keys = new Map<Scalar | undefined, number>();
    this.#keyOf = Int32Array.from(operations, ({ key }) => {
      const name = key === undefined ? undefined : valueKey(key);
      if (!keys.has(name)) keys.set(name, keys.size);
      return keys.get(name) ?? 0;
    });
    this.#layLanes();
    this.#stateAt = this.#lanes.length;
    this.#usedAt = this.#stateAt + keys.size;
    this.#row = new Int32Array(this.#usedAt + this.#optional.length);
    this.#row.fill(this.#states.initial, this.#stateAt, this.#usedAt);
    this.#visited = new ConfigSet(this.#usedAt, this.#optional.length, budget);
  }

  #layLanes(): void {
    const lanes = new Map<ProcessId, number>();
    const inOrder = this.#operations
      .map((_, at) => at)
      .sort((a, b) => this.#operations[a]!.call - this.#operations[b]!.call);
    for (const at of inOrder) {
      const operation = this.#operations[at]!;
      let lane = lanes.get(operation.process);
      if (lane === undefined) {
        lane = this.#lanes.length;
        lanes.set(operation.process, lane);
        this.#lanes.push([]);
      }
      if (operation.ret === Infinity) this.#optional.push({ operation: at, lane, after: this.#lanes[lane]!.length });
      else this.#lanes[lane]!.push(at);
    }
  }

  #after(operation: number): number {
    return this.#states.after(this.#row[this.#stateAt + this.#keyOf[operation]!]!, operation);
  }

  /** Moves: a lane's next operation, or -1 - place of an optional one. */
  #take(move: number): void {
    const operation = move < 0 ? this.#optional[-1 - move]!.operation : this.#lanes[move]![this.#row[move]!]!;
    this.#row[this.#stateAt + this.#keyOf[operation]!] = this.#after(operation);
    this.#row[move < 0 ? this.#usedAt - 1 - move : move]!++;
    this.#order.push(operation);
  }

  #takePure(): void {
    for (let found = true; found;) {
      found = false;
      for (const [lane, list] of this.#lanes.entries()) {
        for (;;) {
          const next = list[this.#row[lane]!];
          if (next === undefined || !this.#model.isPure(this.#operations[next]!) || this.#after(next) < 0) break;
          this.#budget.spend(1);
          this.#take(lane);
          found = true;
        }
      }
    }
  }

  #moves(): number[] {
    const moves: number[] = [];
    for (const [place, { operation, lane, after }] of this.#optional.entries()) {
      const used = this.#row[this.#usedAt + place]! > 0;
      const next = used || this.#row[lane]! < after ? -1 : this.#after(operation);
      if (next >= 0 && next !== this.#row[this.#stateAt + this.#keyOf[operation]!]) moves.push(-1 - place);
    }
    const ready = [...this.#lanes.entries()].filter(([lane, list]) => {
      const next = list[this.#row[lane]!];
      return next !== undefined && !this.#model.isPure(this.#operations[next]!) && this.#after(next) >= 0;
    });
    // The one that returned first is tried first: last in the list.
    ready.sort(
      ([a, listA], [b, listB]) =>
        this.#operations[listB[this.#row[b]!]!]!.ret - this.#operations[listA[this.#row[a]!]!]!.ret,
    );
    return [...moves, ...ready.map(([lane]) => lane)];
  }

  run(): boolean {
    const mandatory = this.#lanes.reduce((sum, list) => sum + list.length, 0);
    const frames: { readonly row: Int32Array; readonly length: number; readonly moves: number[] }[] = [];
    for (;;) {
      this.#takePure();
      let done = 0;
      for (let lane = 0; lane < this.#lanes.length; lane++) done += this.#row[lane]!;
      if (done === mandatory) return true;
      if (this.#order.length >= this.#best.order.length)
        this.#best = { order: this.#order.slice(-60), row: this.#row.slice() };
      this.#budget.spend(1 + this.#lanes.length);
      const fresh = this.#visited.add(this.#row);
      this.#budget.hold(this.#row.length * 4 + 80);
      frames.push({ row: this.#row.slice(), length: this.#order.length, moves: fresh ? this.#moves() : [] });
      let move: number | undefined;
      while (move === undefined) {
        const frame = frames.at(-1);
        if (frame === undefined) return false;
        move = frame.moves.pop();
        if (move === undefined) frames.pop();
        else {
          this.#row.set(frame.row);
          this.#order.length = frame.length;
        }
      }
      this.#take(move);
    }
  }

  /** The farthest that the search came, and what was next for each process there. */
  explain(): Verdict {
    const { order, row } = this.#best;
    const next = this.#lanes.map((list, lane) => list[row[lane]!]).filter((operation) => operation !== undefined);
    const shown = [...order, ...next].map((at) => this.#operations[at]!);
    const operations = shown.map(show);
    const stuck = order.length;
    const reasons = next.map((at) => {
      const operation = this.#operations[at]!;
      const state = this.#states.state(row[this.#stateAt + this.#keyOf[at]!]!);
      return `${operationText(operation)} of process ${operation.process} (line ${operation.line}) does not fit ${this.#model.show(state)}`;
    });
    return broken({
      kind: "order",
      anomaly: "not sequential",
      summary: `no order of all operations keeps the order of each process: the search came as far as ${this.#best.order.length} operations`,
      key: undefined,
      operations,
      stuck,
      deadEnds: [{ order: order.map((_, at) => at), state: "", reason: reasons.join("; ") }],
      context: operations,
    });
  }
}
