import { equalValues, isList, valueText } from "../../history/index.ts";
import type { Operation, Value } from "../../history/index.ts";
import type { Model } from "../model.ts";
import { flat, showValue, unknownOperation } from "./shape.ts";

type Items = readonly Value[];

const names = {
  queue: { put: "enqueue", take: "dequeue" },
  stack: { put: "push", take: "pop" },
} as const;

export function isTake(operation: Operation): boolean {
  return operation.f === "dequeue" || operation.f === "pop";
}

/** A queue (first in, first out) or a stack (last in, first out). Taking from an empty one answers null. */
export function sequenceModel(name: "queue" | "stack", initial: Value): Model<Items> {
  const { put, take } = names[name];
  return {
    name,
    initial: isList(initial) ? initial : [],
    validate(operation) {
      if (operation.f !== put && operation.f !== take) throw unknownOperation(operation, name, `${put} or ${take}`);
    },
    step(state, operation) {
      if (operation.f === put) return [...state, operation.input];
      if (state.length === 0) return operation.outcome === "ok" && operation.output !== null ? undefined : state;
      const item = (name === "queue" ? state[0] : state.at(-1)) ?? null;
      if (operation.outcome === "ok" && !equalValues(item, operation.output)) return undefined;
      return name === "queue" ? state.slice(1) : state.slice(0, -1);
    },
    identity: (state) => valueText(state),
    size: (state) => state.length * 24,
    isPure: (operation) => operation.f === take && operation.outcome === "ok" && operation.output === null,
    observes: (operation) => operation.f === take,
    show: (state) => (state.length === 0 ? "nothing" : showValue(state)),
    subjects(operation) {
      if (operation.f === put) return [flat(operation.input)];
      if (operation.outcome !== "ok") return undefined;
      return operation.output === null ? [] : [flat(operation.output)];
    },
  };
}
