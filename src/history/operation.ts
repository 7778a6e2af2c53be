import { HistoryError } from "./error.ts";
import type { HistoryEvent, ProcessId } from "./event.ts";
import type { Value } from "./value.ts";

export type Outcome = "ok" | "fail" | "unknown";

/** An invocation with its completion. */
export interface Operation {
  /** Order of invocation, from 0. */
  readonly index: number;
  readonly process: ProcessId;
  readonly f: string;
  readonly key: Value | undefined;
  readonly input: Value;
  /** Result of an `ok`; null otherwise. */
  readonly output: Value;
  readonly outcome: Outcome;
  /** Position of the invocation among all events. */
  readonly call: number;
  /** Position of the completion among all events; Infinity where the outcome is unknown. */
  readonly ret: number;
  readonly callMs: number | undefined;
  readonly retMs: number | undefined;
  readonly line: number;
  /** Line of the completion; undefined where there is none. */
  readonly retLine: number | undefined;
  readonly consistency: string | undefined;
}

interface Open {
  readonly index: number;
  readonly event: HistoryEvent;
  readonly call: number;
}

function close(open: Open, completion: HistoryEvent | undefined, position: number): Operation {
  const { event } = open;
  const outcome: Outcome = completion === undefined || completion.type === "invoke" ? "unknown" : completion.type;
  return {
    index: open.index,
    process: event.process,
    f: event.f,
    key: event.key,
    input: event.value,
    output: outcome === "ok" && completion !== undefined ? completion.value : null,
    outcome,
    call: open.call,
    ret: outcome === "unknown" ? Infinity : position,
    callMs: event.timeMs,
    retMs: outcome === "unknown" ? undefined : completion?.timeMs,
    line: event.line,
    retLine: completion?.line,
    consistency: event.consistency,
  };
}

/**
 * Pairs invocations with completions, one open operation a process. Yields an operation when it completes,
 * so that only open ones are held; what is still open at the end is yielded last, as unknown.
 * Throws a HistoryError where a completion has no invocation, or a process has two operations open.
 */
export function* operationsOf(events: Iterable<HistoryEvent>): Generator<Operation> {
  const open = new Map<ProcessId, Open>();
  let position = 0;
  let index = 0;
  for (const event of events) {
    const pending = open.get(event.process);
    if (event.type === "invoke") {
      if (pending !== undefined) {
        throw new HistoryError(
          event.line,
          `process ${event.process} invokes ${event.f} while its ${pending.event.f} of line ${pending.event.line} is open`,
          "a completion (ok, fail or unknown) first",
        );
      }
      open.set(event.process, { index: index++, event, call: position });
    } else {
      if (pending === undefined) {
        throw new HistoryError(
          event.line,
          `process ${event.process} completes ${event.f}, which it did not invoke`,
          "an invoke of that process before",
        );
      }
      if (pending.event.f !== event.f) {
        throw new HistoryError(
          event.line,
          `process ${event.process} completes ${event.f}, but line ${pending.event.line} invoked ${pending.event.f}`,
          `the completion of ${pending.event.f}`,
        );
      }
      open.delete(event.process);
      yield close(pending, event, position);
    }
    position++;
  }
  for (const pending of open.values()) yield close(pending, undefined, position);
}

/** The operations in order of invocation. */
export function readOperations(events: Iterable<HistoryEvent>): Operation[] {
  const operations = [...operationsOf(events)];
  return operations.sort((a, b) => a.index - b.index);
}

/**
 * The events of operations, in order of real time: the reverse of `readOperations`. When an unknown outcome was
 * noticed has no meaning; it is told just before the process goes on, or at the end.
 */
export function eventsOf(operations: Iterable<Operation>): HistoryEvent[] {
  const placed: { readonly at: number; readonly event: HistoryEvent }[] = [];
  const unknown = new Map<ProcessId, HistoryEvent>();
  for (const operation of [...operations].sort((a, b) => a.call - b.call)) {
    const { process: owner, f, key, consistency, outcome } = operation;
    const common = { process: owner, f, key, consistency };
    const before = unknown.get(owner);
    if (before !== undefined) placed.push({ at: operation.call - 0.5, event: before });
    unknown.delete(owner);
    placed.push({
      at: operation.call,
      event: { ...common, type: "invoke", value: operation.input, timeMs: operation.callMs, line: operation.line },
    });
    const value = outcome === "ok" ? operation.output : operation.input;
    const end = { ...common, type: outcome, value, timeMs: operation.retMs, line: operation.retLine ?? operation.line };
    if (outcome !== "unknown") placed.push({ at: operation.ret, event: end });
    else if (operation.retLine !== undefined) unknown.set(owner, end);
  }
  for (const event of unknown.values()) placed.push({ at: Infinity, event });
  placed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return placed.map(({ event }) => event);
}
