import { HistoryError, equalValues, isList, valueKey, valueText } from "../../history/index.ts";
import type { Operation, ProcessId, Scalar, Value } from "../../history/index.ts";
import type { Budget } from "../budget.ts";
import { NumberMap } from "../config-set.ts";
import type { Shown } from "../verdict.ts";
import { Numbers } from "./grow.ts";

export type TransactionModel = "list-append" | "rw-register";

export const committed = 0;
export const indefinite = 1;
export const aborted = 2;

/** Kinds of steps. */
export const readStep = 0;
export const writeStep = 1;

/** What a read of a register found: no value yet, or not known (its transaction did not commit). */
export const nothing = -1;
export const unknownValue = -2;

/** A transaction that is wrong by itself, found while it was read in. */
export interface LocalAnomaly {
  readonly anomaly: "internal" | "future read" | "incompatible order" | "duplicate element";
  readonly transactions: readonly number[];
  readonly explanation: string;
}

const shape = '["r", key, null], ["w", key, value] or ["append", key, value]';

/**
 * Transactions in columns: about a hundred bytes each instead of objects. Operations are taken one by one and
 * not kept. A read of a list is kept as its length: all lists of a key must be prefixes of the longest one.
 */
export class TransactionTable {
  readonly model: TransactionModel;
  readonly session = new Numbers();
  readonly outcome = new Numbers();
  /** Position of the call: a whole number. */
  readonly call = new Numbers();
  /** Position of the return; -1 where the outcome is unknown. */
  readonly ret = new Numbers();
  readonly line = new Numbers();
  readonly retLine = new Numbers();
  /** First step of each transaction; one more at the end. */
  readonly firstStep = new Numbers();
  readonly kind = new Numbers();
  readonly key = new Numbers();
  /**
   * Of a write: the value. Of a read of a register: the value found, `nothing` or `unknownValue`. Of a read of a
   * list: the length of the list without what the transaction itself had appended, or `unknownValue`.
   */
  readonly value = new Numbers();
  readonly anomalies: LocalAnomaly[] = [];
  readonly sessions: ProcessId[] = [];
  readonly keys: Value[] = [];
  /** The longest list that was read of each key, and the transaction that read it. */
  readonly lists: (readonly Value[])[] = [];
  readonly #listReaders: number[] = [];
  readonly #sessionIds = new Map<ProcessId, number>();
  readonly #keyIds = new Map<Scalar, number>();
  readonly #values: Scalar[] = [];
  readonly #valueIds = new Map<Scalar, number>();
  readonly #budget: Budget;
  readonly #initial: Value;

  constructor(model: TransactionModel, initial: Value, budget: Budget) {
    this.model = model;
    this.#initial = initial;
    this.#budget = budget;
    this.firstStep.push(0);
  }

  get size(): number {
    return this.outcome.length;
  }

  /** A number for a value: small whole numbers are their own, doubled. */
  valueId(value: Value): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 29) return value * 2;
    const key = valueKey(value);
    let id = this.#valueIds.get(key);
    if (id === undefined) {
      id = this.#values.length;
      this.#budget.hold(80);
      this.#values.push(key);
      this.#valueIds.set(key, id);
    }
    return id * 2 + 1;
  }

  valueName(id: number): string {
    return id % 2 === 0 ? String(id / 2) : valueText(this.#values[(id - 1) / 2] ?? null);
  }

  keyName(id: number): string {
    return valueText(this.keys[id] ?? null);
  }

  #keyId(key: Value): number {
    const flat = valueKey(key);
    let id = this.#keyIds.get(flat);
    if (id === undefined) {
      id = this.keys.length;
      this.#budget.hold(120);
      this.#keyIds.set(flat, id);
      this.keys.push(key);
      this.lists.push([]);
      this.#listReaders.push(-1);
    }
    return id;
  }

  #sessionId(owner: ProcessId): number {
    let id = this.#sessionIds.get(owner);
    if (id === undefined) {
      id = this.sessions.length;
      this.#sessionIds.set(owner, id);
      this.sessions.push(owner);
    }
    return id;
  }

  /** Adds one operation; throws a HistoryError where it is no transaction of this model. */
  add(operation: Operation): void {
    const { outcome } = operation;
    const at = this.size;
    this.#budget.hold(60);
    this.session.push(this.#sessionId(operation.process));
    this.outcome.push(outcome === "ok" ? committed : outcome === "unknown" ? indefinite : aborted);
    this.call.push(operation.call);
    this.ret.push(operation.ret === Infinity ? -1 : operation.ret);
    this.line.push(operation.line);
    this.retLine.push(operation.retLine ?? operation.line);
    const first = this.kind.length;
    for (const step of stepsOf(operation)) this.#addStep(operation, step, first, at);
    this.firstStep.push(this.kind.length);
  }

  #addStep(operation: Operation, step: Value, first: number, at: number): void {
    const [name, key = null, value = null] = isList(step) ? step : [];
    const ok = operation.outcome === "ok";
    const keyId = this.#keyId(key);
    this.#budget.hold(12);
    if (name === "r" || name === "read") {
      const found = !ok
        ? unknownValue
        : this.model === "list-append"
          ? this.#listRead(operation, keyId, value, first, at)
          : this.#registerRead(keyId, value, first, at);
      this.kind.push(readStep);
      this.key.push(keyId);
      this.value.push(found);
    } else if (
      name === (this.model === "list-append" ? "append" : "w") ||
      (this.model === "rw-register" && name === "write")
    ) {
      this.kind.push(writeStep);
      this.key.push(keyId);
      this.value.push(this.valueId(value));
    } else {
      throw new HistoryError(
        operation.retLine ?? operation.line,
        `the step ${valueText(step)} in a transaction of ${this.model}`,
        shape,
      );
    }
  }

  #registerRead(key: number, value: Value, first: number, at: number): number {
    const found = value === null || equalValues(value, this.#initial) ? nothing : this.valueId(value);
    for (let step = this.kind.length - 1; step >= first; step--) {
      if (this.key.at(step) !== key) continue;
      if (this.kind.at(step) === writeStep) {
        if (this.value.at(step) !== found) {
          this.#wrong(
            "internal",
            [at],
            `it wrote ${this.valueName(this.value.at(step))} to ${this.keyName(key)} and then read ${found === nothing ? "nothing" : this.valueName(found)}`,
          );
        }
        return unknownValue;
      }
    }
    return found;
  }

  #listRead(operation: Operation, key: number, value: Value, first: number, at: number): number {
    if (value !== null && !isList(value))
      throw new HistoryError(
        operation.retLine ?? operation.line,
        `a read of ${valueText(value)}`,
        "a list, or null for none",
      );
    const list = value ?? [];
    let own = 0;
    for (let step = this.kind.length - 1; step >= first; step--)
      if (this.key.at(step) === key && this.kind.at(step) === writeStep) own++;
    if (!this.#endsWithOwn(list, key, first, own)) {
      this.#wrong(
        "internal",
        [at],
        `it read ${valueText(list)} from ${this.keyName(key)}, which does not end with what it had appended itself`,
      );
      return unknownValue;
    }
    const outside = list.length - own;
    for (let step = this.kind.length - 1; step >= first; step--) {
      if (this.key.at(step) !== key || this.kind.at(step) !== readStep) continue;
      if (this.value.at(step) !== unknownValue && this.value.at(step) !== outside) {
        this.#wrong(
          "internal",
          [at],
          `it read ${this.keyName(key)} twice, and what others appended changed between: ${this.value.at(step)} elements, then ${outside}`,
        );
      }
      break;
    }
    return this.#compareLists(key, list, at) ? outside : unknownValue;
  }

  #endsWithOwn(list: readonly Value[], key: number, first: number, own: number): boolean {
    if (own > list.length) return false;
    let place = list.length;
    for (let step = this.kind.length - 1; step >= first && place > list.length - own; step--) {
      if (this.key.at(step) !== key || this.kind.at(step) !== writeStep) continue;
      place--;
      if (this.valueId(list[place] ?? null) !== this.value.at(step)) return false;
    }
    return true;
  }

  /** Whether the list and the longest so far begin alike; keeps the longer. */
  #compareLists(key: number, list: readonly Value[], at: number): boolean {
    const longest = this.lists[key]!;
    const common = Math.min(list.length, longest.length);
    for (let i = 0; i < common; i++) {
      if (list[i] === longest[i] || equalValues(list[i] ?? null, longest[i] ?? null)) continue;
      const other = this.#listReaders[key]!;
      this.#wrong(
        "incompatible order",
        [other, at],
        `reads of ${this.keyName(key)} differ at element ${i + 1}: ${valueText(longest[i] ?? null)} and ${valueText(list[i] ?? null)}; of two lists one must be a prefix of the other`,
      );
      return false;
    }
    if (list.length > longest.length) {
      this.#budget.hold(16 * (list.length - longest.length));
      this.lists[key] = list;
      this.#listReaders[key] = at;
    }
    return true;
  }

  #wrong(anomaly: LocalAnomaly["anomaly"], transactions: readonly number[], explanation: string): void {
    if (this.anomalies.length < 1000) this.anomalies.push({ anomaly, transactions, explanation });
  }

  listReader(key: number): number {
    return this.#listReaders[key] ?? -1;
  }

  show(transaction: number): Shown {
    const state = this.outcome.at(transaction);
    const suffix = state === aborted ? " (aborted)" : state === indefinite ? " (outcome unknown)" : "";
    const steps: string[] = [];
    for (let step = this.firstStep.at(transaction); step < this.firstStep.at(transaction + 1); step++)
      steps.push(this.#showStep(transaction, step));
    const clipped = steps.length > 12 ? [...steps.slice(0, 10), `… ${steps.length - 10} more`] : steps;
    const ret = this.ret.at(transaction);
    return {
      process: this.sessions[this.session.at(transaction)] ?? 0,
      text: clipped.join(", ") + suffix,
      line: this.line.at(transaction),
      retLine: ret < 0 ? undefined : this.retLine.at(transaction),
      call: this.call.at(transaction),
      ret: ret < 0 ? undefined : ret,
    };
  }

  #showStep(transaction: number, step: number): string {
    const key = this.keyName(this.key.at(step));
    const value = this.value.at(step);
    if (this.kind.at(step) === writeStep)
      return `${this.model === "list-append" ? "append" : "w"} ${key} ${this.valueName(value)}`;
    if (value === unknownValue) return `r ${key}${this.outcome.at(transaction) === committed ? " …" : ""}`;
    if (this.model === "rw-register") return `r ${key} → ${value === nothing ? "nothing" : this.valueName(value)}`;
    const list = this.lists[this.key.at(step)]!.slice(0, value).map(valueText);
    return `r ${key} → [${list.length > 8 ? `… ${list.slice(-6).join(" ")}` : list.join(" ")}]`;
  }
}

/** The steps of an operation: those of a `txn`, or the one or two of a read, write or compare-and-set. */
function stepsOf(operation: Operation): readonly Value[] {
  const { f, key = null, input, output, outcome } = operation;
  const ok = outcome === "ok";
  if (f === "txn") {
    const value = ok ? output : input;
    if (!isList(value))
      throw new HistoryError(
        ok ? operation.retLine : operation.line,
        `a txn with the value ${valueText(value)}`,
        `a list of steps: ${shape}`,
      );
    return value;
  }
  if (f === "read" || f === "get") return [["r", key, output]];
  if (f === "write" || f === "put") return [["w", key, input]];
  if (f === "append") return [["append", key, input]];
  if (f === "cas" && isList(input) && input.length === 2)
    return [
      ["r", key, input[0] ?? null],
      ["w", key, input[1] ?? null],
    ];
  throw new HistoryError(
    operation.line,
    `the operation "${f}" in a history of transactions`,
    "txn, read, write, cas or append",
  );
}

/** Finds the step that wrote a value to a key. */
export function writersOf(
  table: TransactionTable,
  budget: Budget,
): { readonly find: (key: number, value: number) => number; readonly twice: readonly number[] } {
  const map = new NumberMap(budget);
  const place = (key: number, value: number): number => key * 2 ** 30 + value;
  const twice: number[] = [];
  for (let step = 0; step < table.kind.length; step++) {
    if (table.kind.at(step) !== writeStep) continue;
    const at = place(table.key.at(step), table.value.at(step));
    const earlier = map.get(at);
    if (earlier === undefined) map.set(at, step);
    else if (twice.length === 0) twice.push(earlier, step);
  }
  return { find: (key, value) => map.get(place(key, value)) ?? -1, twice };
}

/** The transaction of each step. */
export function ownersOf(table: TransactionTable): Int32Array {
  const owners = new Int32Array(table.kind.length);
  for (let transaction = 0; transaction < table.size; transaction++)
    owners.fill(transaction, table.firstStep.at(transaction), table.firstStep.at(transaction + 1));
  return owners;
}
