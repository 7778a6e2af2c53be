import { isList, valueText } from "../../history/index.ts";
import type { Operation, Value } from "../../history/index.ts";
import type { Model } from "../model.ts";
import { isRead } from "./register.ts";
import { flat, unknownOperation, wrongShape } from "./shape.ts";

/** The elements, sorted by their text. */
type SetState = readonly string[];

const knows = "add, remove, contains or read";

function sorted(value: Value): SetState {
  return isList(value) ? [...new Set(value.map(valueText))].sort() : [];
}

/** What `contains` answered: Jepsen writes `[element answer]`, others the answer alone. */
function answerOf(operation: Operation): boolean | undefined {
  const { output } = operation;
  if (typeof output === "boolean") return output;
  return isList(output) && typeof output[1] === "boolean" ? output[1] : undefined;
}

/** Elements that are added, removed, looked for and read all at once. */
export function setModel(initial: Value): Model<SetState> {
  const pure = (operation: Operation): boolean => isRead(operation) || operation.f === "contains";
  return {
    name: "set",
    initial: sorted(initial),
    validate(operation) {
      if (operation.f === "add" || operation.f === "remove") return;
      if (!pure(operation)) throw unknownOperation(operation, "set", knows);
      if (operation.outcome !== "ok") return;
      if (isRead(operation) && !isList(operation.output))
        throw wrongShape(operation, operation.output, "the list of elements", true);
      if (operation.f === "contains" && answerOf(operation) === undefined)
        throw wrongShape(operation, operation.output, "true or false", true);
    },
    step(state, operation) {
      if (isRead(operation)) return valueText(sorted(operation.output)) === valueText(state) ? state : undefined;
      const element = valueText(operation.input);
      const inside = state.includes(element);
      if (operation.f === "contains") return inside === answerOf(operation) ? state : undefined;
      if (operation.f === "add") return inside ? state : [...state, element].sort();
      return inside ? state.filter((other) => other !== element) : state;
    },
    identity: (state) => valueText(state),
    size: (state) => state.length * 24,
    isPure: pure,
    observes: pure,
    show: (state) => `{${state.slice(0, 12).join(" ")}${state.length > 12 ? " …" : ""}}`,
    subjects: (operation) => (isRead(operation) ? undefined : [flat(operation.input)]),
  };
}
