import type { Operation, Scalar } from "../history/index.ts";
import { valueText } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import { NumberMap } from "./config-set.ts";
import type { Model } from "./model.ts";

/** The states and kinds of operation of one search, numbered, and the steps between them, remembered. */
export interface States<State> {
  readonly initial: number;
  /** The kind of each operation: operations of one kind act alike. */
  readonly kinds: Int32Array;
  readonly kindCount: number;
  /** The state after an operation, or -1. */
  after(state: number, operation: number): number;
  state(id: number): State;
}

/** Operations of one kind take the same arguments and, where it matters, saw the same result. */
function kindText<State>(model: Model<State>, operation: Operation): string {
  const { f, input, output, outcome } = operation;
  const asked = `${f} ${input === null ? "" : valueText(input)}`;
  if (!model.observes(operation)) return asked;
  return outcome === "ok" ? `${asked} → ${valueText(output)}` : `${asked} → ?`;
}

export function createStates<State>(
  model: Model<State>,
  operations: readonly Operation[],
  budget: Budget,
): States<State> {
  const kindIds = new Map<string, number>();
  const kinds = new Int32Array(operations.length);
  for (const [at, operation] of operations.entries()) {
    const text = kindText(model, operation);
    let kind = kindIds.get(text);
    if (kind === undefined) {
      kind = kindIds.size;
      kindIds.set(text, kind);
    }
    kinds[at] = kind;
  }
  const kindCount = Math.max(1, kindIds.size);
  const states: State[] = [];
  const ids = new Map<Scalar, number>();
  const intern = (state: State): number => {
    const identity = model.identity(state);
    const known = ids.get(identity);
    if (known !== undefined) return known;
    budget.hold(100 + model.size(state));
    const id = states.length;
    states.push(state);
    ids.set(identity, id);
    return id;
  };
  const steps = new NumberMap(budget);
  const initial = intern(model.initial);
  const state = (id: number): State => states[id]!;
  return {
    initial,
    kinds,
    kindCount,
    state,
    after(from, operation) {
      const place = from * kindCount + kinds[operation]!;
      const known = steps.get(place);
      if (known !== undefined) return known;
      const next = model.step(state(from), operations[operation]!);
      const id = next === undefined ? -1 : intern(next);
      steps.set(place, id);
      return id;
    },
  };
}
