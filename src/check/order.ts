import type { Operation, Value } from "../history/index.ts";
import { createBudget, OutOfBudget } from "./budget.ts";
import type { Budget } from "./budget.ts";
import { partitionByKey } from "./linearizable.ts";
import { objectChecks } from "./objects.ts";
import type { ObjectModel } from "./objects.ts";
import { relevant, searchOrder } from "./search.ts";

/**
 * The orders in which operations may have taken effect, one for each key: what a picture draws through a history that
 * holds. Undefined: a key has none, or the budget ends before one is found.
 */
export function linearizations(
  operations: readonly Operation[],
  name: ObjectModel,
  initial?: Value,
  budget: Budget = createBudget(),
): Operation[][] | undefined {
  return objectChecks(name, initial).with((model) => {
    const orders: Operation[][] = [];
    for (const part of partitionByKey(operations)) {
      const known = relevant(model, part);
      const result = search(() => searchOrder(model, known, budget));
      if (!result?.found) return undefined;
      orders.push(result.order.map((at) => known[at]!));
    }
    return orders;
  });
}

function search<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof OutOfBudget) return undefined;
    throw error;
  }
}
