import type { Model } from "../model.ts";
import { isRead } from "./register.ts";
import { unknownOperation, wholeNumberOf, wrongShape } from "./shape.ts";
import { equalValues } from "../../history/index.ts";
import type { Operation } from "../../history/index.ts";

const knows =
  "read, add (value: how much), increment or decrement (value: how much, 1 where null; answers the new total or null)";

/** How much an operation adds; undefined for a read. */
export function deltaOf(operation: Operation): number | undefined {
  const amount = operation.input === null ? 1 : wholeNumberOf(operation.input);
  if (amount === undefined) return undefined;
  if (operation.f === "add" || operation.f === "increment" || operation.f === "add-and-get") return amount;
  return operation.f === "decrement" ? -amount : undefined;
}

/** The total that an `increment`, `decrement` or `add-and-get` answered; undefined where it answered none. */
export function totalOf(operation: Operation): number | undefined {
  if (operation.f === "add" || isRead(operation) || operation.outcome !== "ok") return undefined;
  return wholeNumberOf(operation.output);
}

export function validateCounter(operation: Operation): void {
  if (isRead(operation)) {
    if (operation.outcome === "ok" && wholeNumberOf(operation.output) === undefined)
      throw wrongShape(operation, operation.output, "a whole number", true);
    return;
  }
  if (!["add", "increment", "decrement", "add-and-get"].includes(operation.f))
    throw unknownOperation(operation, "counter", knows);
  if (deltaOf(operation) === undefined) throw wrongShape(operation, operation.input, "a whole number");
  const answers = operation.f !== "add" && operation.outcome === "ok" && operation.output !== null;
  if (answers && wholeNumberOf(operation.output) === undefined)
    throw wrongShape(operation, operation.output, "the new total or null", true);
}

/** A number that is added to and read. `add` answers nothing; `increment`, `decrement` and `add-and-get` may answer the new total. */
export function counterModel(initial: number): Model<number> {
  return {
    name: "counter",
    initial,
    validate: validateCounter,
    step(state, operation) {
      if (isRead(operation)) return equalValues(operation.output, state) ? state : undefined;
      const next = state + (deltaOf(operation) ?? 0);
      const total = totalOf(operation);
      return total === undefined || total === next ? next : undefined;
    },
    identity: (state) => state,
    size: () => 8,
    isPure: isRead,
    observes: (operation) => isRead(operation) || totalOf(operation) !== undefined,
    reveals: (operation) => (isRead(operation) && typeof operation.output === "number" ? operation.output : undefined),
    show: String,
    subjects: (operation) => (isRead(operation) ? [] : undefined),
    lookahead: {
      // Without decrements a total never comes back.
      mayReach: (state, operation) => typeof operation.output === "number" && state <= operation.output,
      resets: (operation) => (deltaOf(operation) ?? 0) < 0,
    },
  };
}
