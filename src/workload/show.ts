import type { OperationRecord } from "./operation.ts";

/** An operation in one line, for people. */
export function show(record: OperationRecord): string {
  const { operation, client, invokedAt, completedAt, outcome, value } = record;
  const about =
    operation.kind === "transaction"
      ? operation.isolation
      : "counter" in operation
        ? operation.counter
        : "lock" in operation
          ? operation.lock
          : "prefix" in operation
            ? operation.prefix
            : operation.key;
  const how = "consistency" in operation ? ` (${operation.consistency})` : "";
  const end = completedAt === Number.POSITIVE_INFINITY ? "never" : completedAt.toFixed(1);
  return `client ${client}'s ${operation.kind} ${about}${how} of ${invokedAt.toFixed(1)}–${end} ms ${outcome === "ok" ? `answered ${value}` : outcome}`;
}
