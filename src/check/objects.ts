import { isList, valueKey } from "../history/index.ts";
import type { Operation, Scalar, Value } from "../history/index.ts";
import type { Budget } from "./budget.ts";
import type { Fast } from "./fast/fast.ts";
import { registerChains } from "./fast/register.ts";
import { distinctSequence } from "./fast/sequence.ts";
import { growingSet } from "./fast/set.ts";
import { checkLinearizable } from "./linearizable.ts";
import type { LinearizableOptions } from "./linearizable.ts";
import type { Model } from "./model.ts";
import { counterModel } from "./models/counter.ts";
import { kvModel } from "./models/kv.ts";
import { mutexModel } from "./models/mutex.ts";
import { isRead, registerModel } from "./models/register.ts";
import { sequenceModel } from "./models/sequence.ts";
import { setModel } from "./models/set.ts";
import type { Verdict } from "./verdict.ts";

/** Models of single objects, of which there may be one for each key. */
export const objectModels = ["register", "cas-register", "kv", "counter", "set", "queue", "stack", "mutex"] as const;
export type ObjectModel = (typeof objectModels)[number];

/** A use of one model without its type of state, which only the model itself needs to know. */
export interface ObjectChecks {
  linearizable(operations: readonly Operation[], budget: Budget, property?: string): Verdict;
  /** Runs `use` with the model. */
  with<Result>(use: <State>(model: Model<State>) => Result): Result;
}

function checksOf<State>(options: LinearizableOptions<State>): ObjectChecks {
  return {
    linearizable: (operations, budget, property) => checkLinearizable(operations, { ...options, property }, budget),
    with: (use) => use(options.model),
  };
}

/** Operations on single elements of a set have nothing to do with each other. */
function splitByElement(operations: readonly Operation[]): Operation[][] {
  if (operations.some(isRead)) return [[...operations]];
  const parts = new Map<Scalar, Operation[]>();
  for (const operation of operations) {
    const element = valueKey(operation.input);
    const part = parts.get(element);
    if (part === undefined) parts.set(element, [operation]);
    else part.push(operation);
  }
  return [...parts.values()];
}

function chains<State>(model: Model<State>, initial: Value): Fast[] {
  return model.access === undefined ? [] : [registerChains(valueKey(initial), model.access)];
}

/** The checks of a model that begins with `initial`; undefined: as the model has it (null, "", 0, nothing inside). */
export function objectChecks(name: ObjectModel, initial: Value | undefined): ObjectChecks {
  switch (name) {
    case "register":
    case "cas-register": {
      const model = registerModel(name, initial ?? null);
      return checksOf({ model, fast: chains(model, initial ?? null) });
    }
    case "kv": {
      const model = kvModel(initial ?? "");
      return checksOf({ model, fast: chains(model, initial ?? "") });
    }
    case "counter":
      return checksOf({ model: counterModel(typeof initial === "number" ? initial : 0) });
    case "set": {
      const elements = isList(initial ?? []) ? (initial ?? []) : [];
      const scalars = isList(elements) ? elements.map(valueKey) : [];
      return checksOf({
        model: setModel(elements),
        fast: [growingSet(scalars)],
        split: scalars.length === 0 ? splitByElement : undefined,
      });
    }
    case "queue":
    case "stack": {
      const model = sequenceModel(name, initial ?? []);
      return checksOf({ model, fast: model.initial.length === 0 ? [distinctSequence(name)] : [] });
    }
    case "mutex":
      return checksOf({ model: mutexModel() });
  }
}

export function isObjectModel(name: string): name is ObjectModel {
  return objectModels.some((known) => known === name);
}

/** Whether an initial value has the shape that the model needs; what it needs, where not. */
export function initialProblem(name: ObjectModel, initial: Value): string | undefined {
  if (name === "counter" && !(typeof initial === "number" && Number.isSafeInteger(initial))) return "a whole number";
  if ((name === "set" || name === "queue" || name === "stack") && !isList(initial)) return "a list";
  if (name === "mutex") return "no initial value: it begins free";
  return undefined;
}
