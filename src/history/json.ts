import { HistoryError, excerpt } from "./error.ts";
import type { EventType, HistoryEvent, ProcessId } from "./event.ts";
import type { Value } from "./value.ts";

const shape = '{"type":"invoke"|"ok"|"fail"|"unknown","process":…,"f":"…","key"?:…,"value"?:…,"timeMs"?:…}';

/** Whole numbers of sixteen digits or more may not be exact: they become text, outside of texts only. */
const longNumbers = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

function parseJson(text: string, line: number): unknown {
  const exact = /\d{16}/.test(text)
    ? text.replace(longNumbers, (token) =>
        token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : `"${token}"`,
      )
    : text;
  try {
    return JSON.parse(exact);
  } catch {
    throw new HistoryError(line, `not JSON: ${excerpt(text)}`, `one event a line: ${shape}`);
  }
}

export function eventType(text: unknown): EventType | undefined {
  switch (text) {
    case "invoke":
    case "ok":
    case "fail":
    case "unknown":
      return text;
    case "info":
      return "unknown";
    default:
      return undefined;
  }
}

interface RawEvent {
  readonly type?: unknown;
  readonly process?: unknown;
  readonly f?: unknown;
  readonly key?: Value;
  readonly value?: Value;
  readonly timeMs?: unknown;
  readonly consistency?: unknown;
}

function isRecord(value: unknown): value is RawEvent {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isProcess(value: unknown): value is ProcessId {
  return typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
}

/** One event from one line of JSON. Fields of other names are left alone. */
export function parseJsonEvent(text: string, line: number): HistoryEvent {
  const raw = parseJson(text, line);
  if (!isRecord(raw)) throw new HistoryError(line, `not an event: ${excerpt(text)}`, shape);
  const type = eventType(raw.type);
  if (type === undefined) {
    throw new HistoryError(
      line,
      `"type" is ${excerpt(typeof raw.type === "string" ? raw.type : "missing")}`,
      '"invoke", "ok", "fail" or "unknown"',
    );
  }
  if (!isProcess(raw.process)) throw new HistoryError(line, 'no "process"', "a number or a text that names who asked");
  if (typeof raw.f !== "string") throw new HistoryError(line, 'no "f"', 'the name of the operation, such as "read"');
  const { timeMs, consistency } = raw;
  if (timeMs !== undefined && timeMs !== null && typeof timeMs !== "number")
    throw new HistoryError(line, '"timeMs" is no number', "milliseconds");
  if (consistency !== undefined && consistency !== null && typeof consistency !== "string") {
    throw new HistoryError(line, '"consistency" is no text', 'a contract, such as "monotonic"');
  }
  return {
    type,
    process: raw.process,
    f: raw.f,
    key: raw.key === null ? undefined : raw.key,
    value: raw.value ?? null,
    timeMs: timeMs ?? undefined,
    consistency: consistency ?? undefined,
    line,
  };
}

export function writeJsonEvent(event: HistoryEvent): string {
  const { type, process: owner, f, key, value, timeMs, consistency } = event;
  return JSON.stringify({ type, process: owner, f, key, value, timeMs, consistency });
}
