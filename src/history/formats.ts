import { HistoryError, excerpt } from "./error.ts";
import type { HistoryEvent } from "./event.ts";
import { parseEdnLine, parseJepsenLogLine, writeEdnEvent, writeJepsenLogEvent } from "./jepsen.ts";
import type { JepsenOptions } from "./jepsen.ts";
import { parseJsonEvent, writeJsonEvent } from "./json.ts";
import { eventsOf } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { parseAwdit, parsePlume, writeAwdit, writePlume } from "./sessions.ts";

/** The formats, and what one line of each looks like. */
export const formats = {
  json: { example: '{"type":"invoke","process":0,"f":"read","key":"x","value":null}', realTime: true },
  edn: { example: "{:process 0, :type :invoke, :f :read, :value nil}", realTime: true },
  "jepsen-log": { example: "INFO  jepsen.util - 0\t:invoke\t:read\tnil", realTime: true },
  awdit: { example: "w 1 0", realTime: false },
  plume: { example: "w(1,0,0,0)", realTime: false },
} as const satisfies Record<string, { readonly example: string; readonly realTime: boolean }>;

export type Format = keyof typeof formats;

export function isFormat(text: string): text is Format {
  return Object.hasOwn(formats, text);
}

/** The format that a line belongs to; undefined where the line tells nothing. */
export function formatOfLine(text: string): Format | undefined {
  const line = text.trim();
  if (/^[rw]\s+\S+\s+\S+$/.test(line)) return "awdit";
  if (/^[rw]\(/.test(line)) return "plume";
  if (/jepsen\.util\s+-\s/.test(line)) return "jepsen-log";
  if (/^\[?\(?\s*(#[\w.]+)?\{\s*:/.test(line)) return "edn";
  if (line.startsWith('{"') || /^\{\s*"/.test(line)) return "json";
  return undefined;
}

/** How many lines without a meaning are passed over before the search for a format is given up. */
const detectionLines = 1000;

/**
 * Finds the format by the first line that has one, and returns all lines, including those looked at.
 * Throws a HistoryError where none is recognised.
 */
export function detectFormat(lines: Iterable<string>): { readonly format: Format; readonly lines: Iterable<string> } {
  const iterator = lines[Symbol.iterator]();
  const seen: string[] = [];
  let first: string | undefined;
  for (;;) {
    const next = iterator.next();
    if (next.done === true || seen.length >= detectionLines) break;
    seen.push(next.value);
    if (first === undefined && next.value.trim() !== "") first = next.value;
    const format = formatOfLine(next.value);
    if (format !== undefined) return { format, lines: resume(seen, iterator) };
  }
  if (first === undefined) throw new HistoryError(undefined, "the history is empty", "at least one operation");
  const known = Object.entries(formats).map(([name, { example }]) => `${name}: ${example}`);
  throw new HistoryError(
    seen.indexOf(first) + 1,
    `no known format: ${excerpt(first)}`,
    `one of\n  ${known.join("\n  ")}`,
  );
}

function* resume(seen: readonly string[], rest: Iterator<string>): Generator<string> {
  yield* seen;
  for (;;) {
    const next = rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** The events of a history, line by line: nothing is held but what is yielded. Throws a HistoryError on bad input. */
export function* parseEvents(
  lines: Iterable<string>,
  format: Format,
  options: JepsenOptions = { keyed: false },
): Generator<HistoryEvent> {
  if (format === "awdit") yield* parseAwdit(lines);
  else if (format === "plume") yield* parsePlume(lines);
  else yield* parseByLine(lines, format, options);
}

function* parseByLine(
  lines: Iterable<string>,
  format: "json" | "edn" | "jepsen-log",
  options: JepsenOptions,
): Generator<HistoryEvent> {
  let line = 0;
  for (const text of lines) {
    line++;
    if (format === "json") {
      if (text !== "" && text.trim() !== "") yield parseJsonEvent(text, line);
    } else if (format === "edn") {
      yield* parseEdnLine(text, line, options);
    } else {
      const event = parseJepsenLogLine(text, line, options);
      if (event !== undefined) yield event;
    }
  }
}

/** The lines of a history in a format. Throws a HistoryError where the format has no words for an operation. */
export function* writeHistory(operations: Iterable<Operation>, format: Format): Generator<string> {
  if (format === "awdit") yield* writeAwdit(operations);
  else if (format === "plume") yield* writePlume(operations);
  else {
    const write = { json: writeJsonEvent, edn: writeEdnEvent, "jepsen-log": writeJepsenLogEvent }[format];
    for (const event of eventsOf(operations)) yield write(event);
  }
}
