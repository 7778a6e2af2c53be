import { valueKey } from "../history/index.ts";
import type { Operation, Scalar } from "../history/index.ts";
import { OutOfBudget } from "./budget.ts";
import type { Budget } from "./budget.ts";
import type { Fast } from "./fast/fast.ts";
import type { Model } from "./model.ts";
import { relevant, searchOrder } from "./search.ts";
import { broken, firstTrouble, holds, undecided } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";
import { orderVerdict } from "./witness.ts";

/** Operations by key, in the order in which keys appear. Linearizability is local: it holds when it holds for each. */
export function partitionByKey(operations: readonly Operation[]): Operation[][] {
  const parts = new Map<Scalar | undefined, Operation[]>();
  for (const operation of operations) {
    const key = operation.key === undefined ? undefined : valueKey(operation.key);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [operation]);
    else part.push(operation);
  }
  return [...parts.values()];
}

/** Runs a checker; a budget that ends is the verdict `undecided`. */
export function withinBudget(run: () => Verdict): Verdict {
  try {
    return run();
  } catch (error) {
    if (error instanceof OutOfBudget) return undecided(error.message);
    throw error;
  }
}

export interface LinearizableOptions<State> {
  readonly model: Model<State>;
  /** Algorithms for special cases, tried in turn before the general search. */
  readonly fast?: readonly Fast[] | undefined;
  /** Splits the operations of one key further, where the object is made of independent parts. */
  readonly split?: ((operations: readonly Operation[]) => Operation[][]) | undefined;
  /** How the property is called in a witness; "linearizable" where left out. */
  readonly property?: string | undefined;
}

/**
 * Linearizability (Herlihy and Wing, 1990): every operation takes effect at one moment between its call and
 * its return, so that the model allows the whole. Operations are in order of calls.
 */
export function checkLinearizable<State>(
  operations: readonly Operation[],
  options: LinearizableOptions<State>,
  budget: Budget,
): Verdict {
  for (const operation of operations) options.model.validate(operation);
  const parts = partitionByKey(operations).flatMap((part) => options.split?.(part) ?? [part]);
  // Small parts first: what is broken is found, and told, where it is easiest to see.
  const bySize = parts.map((part, at) => ({ part, at })).sort((a, b) => a.part.length - b.part.length || a.at - b.at);
  return firstTrouble(lazily(bySize, ({ part }) => withinBudget(() => checkPart(part, options, budget))));
}

function* lazily<T>(items: readonly T[], judge: (item: T) => Verdict): Generator<Verdict> {
  for (const item of items) yield judge(item);
}

/** Sub-histories found by a fast algorithm are searched only up to this size: they are explained in words otherwise. */
const mostSuspects = 200;

function checkPart<State>(part: readonly Operation[], options: LinearizableOptions<State>, budget: Budget): Verdict {
  const { model } = options;
  const property = options.property ?? "linearizable";
  const operations = relevant(model, part);
  for (const fast of options.fast ?? []) {
    const answer = fast(operations, budget);
    if (answer === undefined) continue;
    if (answer === "holds") return holds;
    if (answer.suspects.length > mostSuspects) return broken(answer.witness);
    const result = searchOrder(model, answer.suspects, budget);
    return result.found ? broken(answer.witness) : orderVerdict(model, answer.suspects, result, property, part, budget);
  }
  const result = searchOrder(model, operations, budget);
  return result.found ? holds : orderVerdict(model, operations, result, property, part, budget);
}
