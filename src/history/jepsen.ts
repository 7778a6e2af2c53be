import { isKeyword, readForms, valueOfForm, writeValue } from "./edn.ts";
import type { Form } from "./edn.ts";
import { HistoryError, excerpt } from "./error.ts";
import type { HistoryEvent, ProcessId } from "./event.ts";
import { eventType } from "./json.ts";
import { isList } from "./value.ts";
import type { Value } from "./value.ts";

const mapShape = "{:process 0, :type :invoke, :f :read, :value nil}";
const logShape = "INFO  jepsen.util - 0\t:invoke\t:read\tnil";

export interface JepsenOptions {
  /** Values are `[key value]`, as histories over independent keys have them. */
  readonly keyed: boolean;
}

function keywordText(form: Form | undefined): string | undefined {
  if (form === undefined || form === null) return undefined;
  if (typeof form === "string") return form;
  return typeof form === "object" && isKeyword(form) ? form.keyword : undefined;
}

/** Takes `[key value]` apart. */
function independent(value: Value, line: number): readonly [Value, Value] {
  if (!isList(value) || value.length !== 2) {
    throw new HistoryError(
      line,
      `the value ${excerpt(JSON.stringify(value))} has no key`,
      "[key value], since keys were said to be independent",
    );
  }
  return [value[0] ?? null, value[1] ?? null];
}

function eventOf(
  parts: { readonly type: string | undefined; readonly owner: Form | undefined; readonly f: string | undefined },
  rest: { readonly key: Value | undefined; readonly value: Value; readonly timeMs: number | undefined },
  options: JepsenOptions,
  line: number,
  shape: string,
): HistoryEvent | undefined {
  // The nemesis is no client: it has no part in the order of operations.
  const owner: ProcessId | undefined = typeof parts.owner === "number" ? parts.owner : keywordText(parts.owner);
  if (typeof owner === "string" && !/^-?\d+$/.test(owner) && typeof parts.owner !== "string") return undefined;
  if (owner === undefined) throw new HistoryError(line, "no :process", shape);
  const type = eventType(parts.type);
  if (type === undefined)
    throw new HistoryError(line, `:type is ${parts.type ?? "missing"}`, ":invoke, :ok, :fail or :info");
  if (parts.f === undefined) throw new HistoryError(line, "no :f", shape);
  let { key, value } = rest;
  if (options.keyed && key === undefined && !(type === "unknown" && !isList(value)))
    [key, value] = independent(value, line);
  return { type, process: owner, f: parts.f, key, value, timeMs: rest.timeMs, consistency: undefined, line };
}

/** The fields of an operation map, by the text of their keywords. */
function fieldsOf(form: ReadonlyMap<Form, Form>): Map<string, Form> {
  const fields = new Map<string, Form>();
  for (const [name, value] of form) {
    const text = keywordText(name);
    if (text !== undefined) fields.set(text, value);
  }
  return fields;
}

function eventOfMap(form: Form, options: JepsenOptions, line: number): HistoryEvent | undefined {
  if (!(form instanceof Map)) throw new HistoryError(line, "not an operation", mapShape);
  const fields = fieldsOf(form);
  const time = fields.get("time");
  const key = fields.get("key");
  return eventOf(
    { type: keywordText(fields.get("type")), owner: fields.get("process"), f: keywordText(fields.get("f")) },
    {
      key: key === undefined || key === null ? undefined : valueOfForm(key),
      value: valueOfForm(fields.get("value") ?? null),
      timeMs: typeof time === "number" ? time / 1e6 : undefined,
    },
    options,
    line,
    mapShape,
  );
}

/**
 * Events of one line of Jepsen's `history.edn`: a map a line, with or without a vector around them all;
 * also Porcupine's key-value logs.
 */
export function* parseEdnLine(text: string, line: number, options: JepsenOptions): Generator<HistoryEvent> {
  // A line begins with "[" and ends with "]" only where the vector around all maps does.
  const maps = text
    .trim()
    .replace(/^[[(]\s*(?=[{#]|$)/, "")
    .replace(/[\])]$/, "");
  for (const form of readForms(maps, line)) {
    const event = eventOfMap(form, options, line);
    if (event !== undefined) yield event;
  }
}

/** An event of a Jepsen log; undefined for the lines of a log that are about other things. */
export function parseJepsenLogLine(text: string, line: number, options: JepsenOptions): HistoryEvent | undefined {
  const match = /(?:^|\s)jepsen\.util\s+-\s+(\S+)\s+:(\w+)\s+:(\S+)\s*(.*)$/.exec(text);
  if (match === null) {
    if (/jepsen\.util\s+-\s+\d+\s/.test(text)) throw new HistoryError(line, `cannot read ${excerpt(text)}`, logShape);
    return undefined;
  }
  const [, who = "", type, f, rest = ""] = match;
  if (!/^\d+$/.test(who)) return undefined;
  const forms = readForms(rest, line);
  return eventOf(
    { type, owner: Number(who), f },
    { key: undefined, value: valueOfForm(forms[0] ?? null), timeMs: undefined },
    options,
    line,
    logShape,
  );
}

const typeNames = { invoke: ":invoke", ok: ":ok", fail: ":fail", unknown: ":info" } as const;

/** Names of micro-operations of transactions are keywords in Jepsen. */
function writeOperand(event: HistoryEvent): string {
  if (event.f === "txn" && isList(event.value)) {
    const parts = event.value.map((part) => {
      if (!isList(part) || typeof part[0] !== "string") return writeValue(part);
      return `[:${part[0]} ${part.slice(1).map(writeValue).join(" ")}]`;
    });
    return `[${parts.join(" ")}]`;
  }
  return writeValue(event.value);
}

export function writeEdnEvent(event: HistoryEvent): string {
  const owner = typeof event.process === "number" ? event.process : JSON.stringify(event.process);
  const key = event.key === undefined ? "" : `, :key ${writeValue(event.key)}`;
  const time = event.timeMs === undefined ? "" : `, :time ${Math.round(event.timeMs * 1e6)}`;
  return `{:process ${owner}, :type ${typeNames[event.type]}, :f :${event.f}${key}, :value ${writeOperand(event)}${time}}`;
}

/** A line of a Jepsen log. A key goes into the value, as `[key value]`. */
export function writeJepsenLogEvent(event: HistoryEvent): string {
  const value = event.key === undefined ? writeOperand(event) : `[${writeValue(event.key)} ${writeOperand(event)}]`;
  return `INFO  jepsen.util - ${event.process}\t${typeNames[event.type]}\t:${event.f}\t${value}`;
}
