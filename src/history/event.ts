import type { Value } from "./value.ts";

/** Who issues operations, one after another: a client, a session, a Jepsen process. */
export type ProcessId = number | string;

export type EventType = "invoke" | "ok" | "fail" | "unknown";

/**
 * One line of a recorded history. An operation begins with `invoke` and ends with `ok` (it happened),
 * `fail` (it certainly did not) or `unknown` (it may take effect at any later time, or never).
 * The order of events is the order of real time.
 */
export interface HistoryEvent {
  readonly type: EventType;
  readonly process: ProcessId;
  /** What was asked for: `read`, `write`, `cas`, `txn`, … */
  readonly f: string;
  /** Which object; undefined where the history has only one. */
  readonly key: Value | undefined;
  /** The argument in an `invoke`, the result in an `ok`. */
  readonly value: Value;
  /** Milliseconds on one clock for the whole history; undefined where none was recorded. */
  readonly timeMs: number | undefined;
  /** The contract that the operation asked for, in its own words. */
  readonly consistency: string | undefined;
  /** Line of the input, from 1. */
  readonly line: number;
}
