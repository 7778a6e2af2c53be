import { wholeNumber } from "./edn.ts";
import { HistoryError, excerpt } from "./error.ts";
import type { HistoryEvent, ProcessId } from "./event.ts";
import type { Operation } from "./operation.ts";
import { isList, isScalar } from "./value.ts";
import type { Value } from "./value.ts";

/**
 * Histories of transactions that record sessions but no real time (AWDIT, Plume, PolySI). Each transaction
 * becomes an `invoke` and an `ok` of `txn`; the positions of different sessions mean nothing.
 */

interface Transaction {
  readonly session: ProcessId;
  readonly line: number;
  readonly parts: Value[];
}

function* eventsOfTransaction(transaction: Transaction): Generator<HistoryEvent> {
  const common = {
    process: transaction.session,
    f: "txn",
    key: undefined,
    timeMs: undefined,
    consistency: undefined,
    line: transaction.line,
  };
  const asked = transaction.parts.map((part) =>
    isList(part) && part[0] === "r" ? ["r", part[1] ?? null, null] : part,
  );
  yield { ...common, type: "invoke", value: asked };
  yield { ...common, type: "ok", value: transaction.parts };
}

const token = (text: string): Value => (/^-?\d+$/.test(text) ? wholeNumber(text) : text);

/** `r|w KEY VALUE` a line, `-----` between transactions, `=====` between sessions. */
export function* parseAwdit(lines: Iterable<string>): Generator<HistoryEvent> {
  let session = 0;
  let line = 0;
  let open: Transaction | undefined;
  for (const raw of lines) {
    line++;
    const text = raw.trim();
    if (text === "" || text.startsWith("#") || text.startsWith("//")) continue;
    if (/^-{3,}$/.test(text) || /^={3,}$/.test(text)) {
      if (open !== undefined) yield* eventsOfTransaction(open);
      open = undefined;
      if (text.startsWith("=")) session++;
      continue;
    }
    const match = /^([rw])\s+(\S+)\s+(\S+)$/.exec(text);
    if (match === null)
      throw new HistoryError(line, `cannot read ${excerpt(raw)}`, "`r KEY VALUE`, `w KEY VALUE`, `-----` or `=====`");
    open ??= { session, line, parts: [] };
    open.parts.push([match[1] ?? "", token(match[2] ?? ""), token(match[3] ?? "")]);
  }
  if (open !== undefined) yield* eventsOfTransaction(open);
}

/** `r(key,value,session,txn)` or `w(…)` a line; a transaction's lines stand together within its session. */
export function* parsePlume(lines: Iterable<string>): Generator<HistoryEvent> {
  const open = new Map<string, { readonly transaction: Transaction; readonly name: string }>();
  const finished = new Set<string>();
  let line = 0;
  for (const raw of lines) {
    line++;
    const text = raw.trim();
    if (text === "") continue;
    const match = /^([rw])\(\s*([^,]+?)\s*,\s*([^,]+?)\s*,\s*([^,]+?)\s*,\s*([^,)]+?)\s*\)$/.exec(text);
    if (match === null)
      throw new HistoryError(
        line,
        `cannot read ${excerpt(raw)}`,
        "`r(key,value,session,txn)` or `w(key,value,session,txn)`",
      );
    const [, kind = "", key = "", value = "", session = "", name = ""] = match;
    const whole = `${session}/${name}`;
    let current = open.get(session);
    if (current !== undefined && current.name !== name) {
      yield* eventsOfTransaction(current.transaction);
      finished.add(`${session}/${current.name}`);
      current = undefined;
    }
    if (current === undefined) {
      if (finished.has(whole))
        throw new HistoryError(
          line,
          `transaction ${name} of session ${session} goes on after another one`,
          "a transaction's lines together",
        );
      const owner = token(session);
      current = { name, transaction: { session: typeof owner === "number" ? owner : session, line, parts: [] } };
      open.set(session, current);
    }
    current.transaction.parts.push([kind, token(key), token(value)]);
  }
  for (const { transaction } of open.values()) yield* eventsOfTransaction(transaction);
}

/** A step as the words of a line: what it does, key, value. */
type Words = readonly [kind: string, key: string, value: string];

/** A value as one word, which these formats can carry; undefined where it is none. */
function wordOf(value: Value): string | undefined {
  const text = isScalar(value) && value !== null ? String(value) : "";
  return /^[^\s,()]+$/.test(text) ? text : undefined;
}

/** The parts of committed transactions, by session. Throws a HistoryError where the format cannot say it. */
function bySession(operations: Iterable<Operation>): Map<ProcessId, (readonly Words[])[]> {
  const sessions = new Map<ProcessId, (readonly Words[])[]>();
  for (const operation of operations) {
    if (operation.outcome !== "ok") {
      throw new HistoryError(
        operation.line,
        `a transaction whose outcome is ${operation.outcome}`,
        "committed transactions only: this format has no others",
      );
    }
    const { output } = operation;
    if (operation.f !== "txn" || !isList(output))
      throw new HistoryError(operation.line, `an operation ${operation.f}`, "transactions");
    const parts = output.map((part): Words => {
      const [kind, ...operands] = isList(part) ? part : [];
      const [key, value] = operands.map(wordOf);
      if ((kind !== "r" && kind !== "w") || key === undefined || value === undefined) {
        throw new HistoryError(
          operation.line,
          `the step ${excerpt(JSON.stringify(part))}`,
          '["r", key, value] or ["w", key, value] with numbers and words',
        );
      }
      return [kind, key, value];
    });
    const list = sessions.get(operation.process);
    if (list === undefined) sessions.set(operation.process, [parts]);
    else list.push(parts);
  }
  return sessions;
}

export function* writeAwdit(operations: Iterable<Operation>): Generator<string> {
  let first = true;
  for (const transactions of bySession(operations).values()) {
    if (!first) yield "=====";
    first = false;
    for (const [at, parts] of transactions.entries()) {
      if (at > 0) yield "-----";
      for (const part of parts) yield part.join(" ");
    }
  }
}

export function* writePlume(operations: Iterable<Operation>): Generator<string> {
  let name = 0;
  for (const [session, transactions] of bySession(operations)) {
    for (const parts of transactions) {
      for (const [kind, key, value] of parts) yield `${kind}(${key},${value},${session},${name})`;
      name++;
    }
  }
}
