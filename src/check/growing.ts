import { isList, valueKey, valueText } from "../history/index.ts";
import type { Operation, ProcessId, Scalar, Value } from "../history/index.ts";
import { partitionByKey } from "./linearizable.ts";
import { deltaOf, totalOf } from "./models/counter.ts";
import { isRead } from "./models/register.ts";
import { broken, firstTrouble, holds, operationText, show, undecided } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

/**
 * Session guarantees of things that only grow: counters that are only added to, and sets that are only added to.
 * There what is visible to a read is told by its size, so that each session can be judged by itself.
 */
export function checkGrowing(
  operations: readonly Operation[],
  model: "counter" | "set",
  guarantee: "monotonic-reads" | "read-your-writes",
  initial: Value | undefined,
): Verdict {
  const shrinks = operations.find(
    (operation) =>
      operation.outcome !== "fail" && (model === "counter" ? (deltaOf(operation) ?? 0) < 0 : operation.f === "remove"),
  );
  if (shrinks !== undefined)
    return undecided(`line ${shrinks.line} takes something away: then a smaller value is not an older one`);
  return firstTrouble(
    partitionByKey(operations).map((part) =>
      model === "counter" ? checkCounter(part, guarantee, initial) : checkSet(part, guarantee),
    ),
  );
}

function bySession(operations: readonly Operation[]): Operation[][] {
  const sessions = new Map<ProcessId, Operation[]>();
  for (const operation of operations) {
    if (operation.outcome !== "ok") continue;
    const list = sessions.get(operation.process);
    if (list === undefined) sessions.set(operation.process, [operation]);
    else list.push(operation);
  }
  return [...sessions.values()];
}

function wrong(operations: readonly Operation[], guarantee: string, summary: string): Verdict {
  const shown = operations.map(show);
  return broken({ kind: "fact", anomaly: `not ${guarantee}`, summary, operations: shown, context: shown });
}

function checkCounter(part: readonly Operation[], guarantee: string, initial: Value | undefined): Verdict {
  const begin = typeof initial === "number" ? initial : 0;
  for (const session of bySession(part)) {
    let own = begin;
    let before: Operation | undefined;
    let highest = -Infinity;
    for (const operation of session) {
      const total = isRead(operation) ? Number(operation.output) : totalOf(operation);
      if (guarantee === "monotonic-reads" && total !== undefined && before !== undefined && total < highest) {
        return wrong(
          [before, operation],
          guarantee,
          `process ${operation.process} had seen ${highest}, and then ${operationText(operation)}`,
        );
      }
      own += deltaOf(operation) ?? 0;
      if (guarantee === "read-your-writes" && total !== undefined && total < own) {
        const updates = session.filter((other) => other.call <= operation.call && !isRead(other)).slice(-5);
        return wrong(
          [...updates, operation],
          guarantee,
          `process ${operation.process} had itself brought the counter to at least ${own}, and then ${operationText(operation)}`,
        );
      }
      if (total !== undefined && total > highest) {
        highest = total;
        before = operation;
      }
    }
  }
  return holds;
}

function checkSet(part: readonly Operation[], guarantee: string): Verdict {
  for (const session of bySession(part)) {
    const seen = new Map<Scalar, Operation>();
    for (const operation of session) {
      if (operation.f === "add" && guarantee === "read-your-writes") seen.set(valueKey(operation.input), operation);
      if (!isRead(operation)) {
        const answer =
          operation.f === "contains" &&
          (operation.output === true || (isList(operation.output) && operation.output[1] === true));
        const element = valueKey(operation.input);
        if (operation.f === "contains" && !answer && seen.has(element))
          return missing(seen.get(element), operation, guarantee, element);
        if (answer && guarantee === "monotonic-reads") seen.set(element, operation);
        continue;
      }
      const present = new Set((isList(operation.output) ? operation.output : []).map(valueKey));
      for (const [element, by] of seen) if (!present.has(element)) return missing(by, operation, guarantee, element);
      if (guarantee === "monotonic-reads")
        for (const element of present) if (!seen.has(element)) seen.set(element, operation);
    }
  }
  return holds;
}

function missing(by: Operation | undefined, operation: Operation, guarantee: string, element: Scalar): Verdict {
  return wrong(
    by === undefined ? [operation] : [by, operation],
    guarantee,
    `${valueText(element)} was there for process ${operation.process}, and then ${operationText(operation)} lacks it`,
  );
}
