import { isList, isScalar } from "../history/index.ts";
import type { Operation } from "../history/index.ts";
import type { ModelName, PropertyName } from "./check.ts";

/** The model that operations look like; undefined where they look like none. */
export function suggestModel(operations: readonly Operation[]): ModelName | undefined {
  const names = new Set(operations.map(({ f }) => f));
  const has = (...list: readonly string[]): boolean => list.some((name) => names.has(name));
  if (has("txn"))
    return operations.some(({ input }) => isList(input) && input.some((step) => isList(step) && step[0] === "append"))
      ? "list-append"
      : "rw-register";
  if (has("transfer")) return "bank";
  if (has("enqueue", "dequeue")) return "queue";
  if (has("push", "pop")) return "stack";
  if (has("acquire", "release")) return "mutex";
  if (has("append", "put", "get", "delete")) return "kv";
  if (has("increment", "decrement", "add-and-get")) return "counter";
  if (has("cas")) return "cas-register";
  if (has("write")) return "register";
  if (has("remove", "contains")) return "set";
  if (!has("add")) return has("read") ? "register" : undefined;
  const read = operations.find(({ f, outcome }) => f === "read" && outcome === "ok");
  return read !== undefined && isScalar(read.output) ? "counter" : "set";
}

/** The strongest property that the model and the history can be judged for. */
export function suggestProperty(model: ModelName, realTime: boolean): PropertyName {
  if (model === "list-append" || model === "rw-register") return realTime ? "strict-serializable" : "serializable";
  return model === "bank" ? "strict-serializable" : "linearizable";
}
