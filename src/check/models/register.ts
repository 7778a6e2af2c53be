import { equalValues, valueKey } from "../../history/index.ts";
import type { Operation, Value } from "../../history/index.ts";
import type { Model, RegisterAccess } from "../model.ts";
import { pairOf, showValue, unknownOperation, wrongShape } from "./shape.ts";

/** One value that is read, written and, in a `cas-register`, compared and set. Both also read under the names `get` and `put`. */
export function registerModel(name: "register" | "cas-register", initial: Value): Model<Value> {
  const withCas = name === "cas-register";
  const access = (operation: Operation): RegisterAccess => {
    if (isRead(operation)) return { kind: "read", value: valueKey(operation.output) };
    if (operation.f !== "cas") return { kind: "write", value: valueKey(operation.input) };
    const [from, to] = pairOf(operation.input) ?? [null, null];
    return { kind: "cas", from: valueKey(from), to: valueKey(to) };
  };
  return {
    name,
    initial,
    validate(operation) {
      if (isRead(operation) || operation.f === "write" || operation.f === "put") return;
      if (!withCas || operation.f !== "cas") {
        throw unknownOperation(
          operation,
          name,
          withCas ? "read, write or cas" : "read or write (cas needs the model cas-register)",
        );
      }
      if (pairOf(operation.input) === undefined) throw wrongShape(operation, operation.input, "[from, to]");
    },
    step(state, operation) {
      if (isRead(operation)) return equalValues(state, operation.output) ? state : undefined;
      if (operation.f !== "cas") return operation.input;
      const pair = pairOf(operation.input);
      return pair !== undefined && equalValues(state, pair[0]) ? pair[1] : undefined;
    },
    identity: valueKey,
    size: (state) => (typeof state === "string" ? state.length : 16),
    isPure: isRead,
    observes: isRead,
    reveals: (operation) => (isRead(operation) && operation.outcome === "ok" ? operation.output : undefined),
    show: showValue,
    subjects(operation) {
      const touched = access(operation);
      return touched.kind === "cas" ? [touched.from, touched.to] : [touched.value];
    },
    access,
  };
}

export function isRead(operation: Operation): boolean {
  return operation.f === "read" || operation.f === "get";
}
