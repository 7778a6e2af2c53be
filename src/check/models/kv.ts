import { equalValues, isList, valueKey } from "../../history/index.ts";
import type { Operation, Value } from "../../history/index.ts";
import type { Model, RegisterAccess } from "../model.ts";
import { isRead } from "./register.ts";
import { pairOf, showValue, unknownOperation, wrongShape } from "./shape.ts";

const knows = "get (read), put (write), append, cas or delete";
const names: ReadonlySet<string> = new Set(["get", "read", "put", "write", "append", "cas", "delete"]);

/** Stores differ in what they answer for an absent key: nothing and the empty text are one value here. */
function plain(value: Value): Value {
  return value === null ? "" : value;
}

function appended(before: Value, piece: Value): Value | undefined {
  if (typeof before === "string" && typeof piece === "string") return before + piece;
  if (before === "") return [piece];
  return isList(before) ? [...before, piece] : undefined;
}

/** Whether appending alone can turn `before` into `after`. */
function isPrefix(before: Value, after: Value): boolean {
  if (typeof before === "string" && typeof after === "string") return after.startsWith(before);
  if (before === "" && isList(after)) return true;
  if (!isList(before) || !isList(after)) return equalValues(before, after);
  return after.length >= before.length && before.every((item, at) => equalValues(item, after[at] ?? null));
}

/** One key of a store, that is got, put, appended to (texts, or items of lists), compared and set, and deleted. */
export function kvModel(initial: Value): Model<Value> {
  const access = (operation: Operation): RegisterAccess | undefined => {
    if (operation.f === "append") return undefined;
    if (isRead(operation)) return { kind: "read", value: valueKey(plain(operation.output)) };
    if (operation.f === "delete") return { kind: "write", value: "" };
    if (operation.f !== "cas") return { kind: "write", value: valueKey(plain(operation.input)) };
    const [from, to] = pairOf(operation.input) ?? [null, null];
    return { kind: "cas", from: valueKey(plain(from)), to: valueKey(plain(to)) };
  };
  return {
    name: "kv",
    initial: plain(initial),
    validate(operation) {
      if (!names.has(operation.f)) throw unknownOperation(operation, "kv", knows);
      if (operation.f === "cas" && pairOf(operation.input) === undefined)
        throw wrongShape(operation, operation.input, "[from, to]");
    },
    step(state, operation) {
      if (isRead(operation)) return equalValues(state, plain(operation.output)) ? state : undefined;
      if (operation.f === "append") return appended(state, operation.input);
      if (operation.f === "delete") return "";
      if (operation.f !== "cas") return plain(operation.input);
      const pair = pairOf(operation.input);
      return pair !== undefined && equalValues(state, plain(pair[0])) ? plain(pair[1]) : undefined;
    },
    identity: valueKey,
    size: (state) => (typeof state === "string" ? state.length : isList(state) ? state.length * 16 : 16),
    isPure: isRead,
    observes: isRead,
    reveals: (operation) => (isRead(operation) && operation.outcome === "ok" ? plain(operation.output) : undefined),
    show: (state) => (state === "" ? "nothing" : showValue(state)),
    subjects: (operation) => (isRead(operation) ? [] : undefined),
    lookahead: {
      mayReach: (state, operation) => isPrefix(state, plain(operation.output)),
      resets: (operation) => !isRead(operation) && operation.f !== "append",
    },
    access,
  };
}
