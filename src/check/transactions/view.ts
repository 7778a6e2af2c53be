import type { Budget } from "../budget.ts";
import {
  aborted,
  committed,
  indefinite,
  nothing,
  ownersOf,
  readStep,
  unknownValue,
  writeStep,
  writersOf,
} from "./table.ts";
import type { LocalAnomaly, TransactionTable } from "./table.ts";
import { Numbers } from "./grow.ts";

/** The initial version of every key, as a writer. */
export const initialWriter = -1;

export type ViewAnomaly =
  | LocalAnomaly["anomaly"]
  | "G1a"
  | "G1b"
  | "dirty update"
  | "unwritten value"
  | "duplicate element";

export interface Finding {
  readonly anomaly: ViewAnomaly;
  readonly transactions: readonly number[];
  readonly explanation: string;
}

/** Who read what from whom: what all isolation levels are judged by. Columns run over reads, in order of their transactions. */
export interface View {
  readonly table: TransactionTable;
  /** The transaction of each step. */
  readonly owner: Int32Array;
  /** First read of each transaction; one more at the end. Reads of what the transaction wrote itself are left out. */
  readonly firstRead: Int32Array;
  readonly readKey: Int32Array;
  /** The transaction that wrote what was read, or `initialWriter`. */
  readonly readFrom: Int32Array;
  /** Whether a transaction took place: it committed, or somebody saw what it wrote. */
  readonly real: Uint8Array;
  /** For lists: the order of the writers of each key as far as it was read. Undefined for registers. */
  readonly lists: ListOrder | undefined;
  readonly findings: readonly Finding[];
  /** Why the history cannot be judged at all; undefined where it can. */
  readonly unusable: string | undefined;
}

export interface ListOrder {
  /** The writers of a key's elements in order; -1 where nobody appended it. */
  readonly writers: readonly Int32Array[];
  /** Real transactions whose appends to a key nobody read: they come after all that was read. */
  readonly unread: readonly (readonly number[])[];
  /** How many elements of others each read saw. */
  readonly readLength: Int32Array;
}

export function viewOf(table: TransactionTable, budget: Budget): View {
  const owner = ownersOf(table);
  const writers = writersOf(table, budget);
  const unusable = writers.twice.length > 0 ? twiceWritten(table, writers.twice, owner) : undefined;
  const findings: Finding[] = [...table.anomalies];
  const real = new Uint8Array(table.size);
  for (let transaction = 0; transaction < table.size; transaction++)
    real[transaction] = table.outcome.at(transaction) === committed ? 1 : 0;
  const lists = table.model === "list-append" ? listWriters(table, writers.find, owner, real, findings) : undefined;
  const reads = {
    firstRead: new Int32Array(table.size + 1),
    key: new Numbers(),
    from: new Numbers(),
    length: new Numbers(),
  };
  const lastWrites = lastWriteSteps(table);
  for (let transaction = 0; transaction < table.size; transaction++) {
    reads.firstRead[transaction] = reads.key.length;
    if (table.outcome.at(transaction) !== committed) continue;
    for (let step = table.firstStep.at(transaction); step < table.firstStep.at(transaction + 1); step++) {
      if (table.kind.at(step) !== readStep || table.value.at(step) === unknownValue) continue;
      const source =
        lists === undefined ? registerSource(table, writers.find, step) : listSource(table, writers.find, step);
      if (source === -2) {
        findings.push({
          anomaly: "unwritten value",
          transactions: [transaction],
          explanation: `it read ${describeRead(table, step)} from ${table.keyName(table.key.at(step))}, which nothing wrote`,
        });
        continue;
      }
      const from = source < 0 ? initialWriter : owner[source]!;
      if (from !== initialWriter) judgeSource(table, transaction, step, source, from, lastWrites, real, findings);
      reads.key.push(table.key.at(step));
      reads.from.push(from === transaction ? initialWriter : from);
      reads.length.push(table.value.at(step));
    }
  }
  reads.firstRead[table.size] = reads.key.length;
  return {
    table,
    owner,
    firstRead: reads.firstRead,
    readKey: reads.key.view().slice(),
    readFrom: reads.from.view().slice(),
    real,
    lists:
      lists === undefined
        ? undefined
        : { writers: lists, unread: unreadWriters(table, lists, real), readLength: reads.length.view().slice() },
    findings,
    unusable,
  };
}

function twiceWritten(table: TransactionTable, twice: readonly number[], owner: Int32Array): string {
  const [first = 0, second = 0] = twice;
  const lines = [first, second].map((step) => table.line.at(owner[step]!)).join(" and ");
  return `the value ${table.valueName(table.value.at(first))} was written to ${table.keyName(table.key.at(first))} twice (transactions of lines ${lines}): reads of it cannot be told apart; write each value once`;
}

/** Steps that are not the last write of their transaction to their key. */
function lastWriteSteps(table: TransactionTable): Uint8Array {
  const last = new Uint8Array(table.kind.length);
  for (let transaction = 0; transaction < table.size; transaction++) {
    const first = table.firstStep.at(transaction);
    const end = table.firstStep.at(transaction + 1);
    const seen = end - first > 16 ? new Set<number>() : undefined;
    for (let step = end - 1; step >= first; step--) {
      if (table.kind.at(step) !== writeStep) continue;
      const key = table.key.at(step);
      let later = seen?.has(key) ?? false;
      if (seen === undefined)
        for (let other = step + 1; other < end && !later; other++)
          later = table.kind.at(other) === writeStep && table.key.at(other) === key;
      seen?.add(key);
      last[step] = later ? 0 : 1;
    }
  }
  return last;
}

function describeRead(table: TransactionTable, step: number): string {
  if (table.model === "rw-register") return table.valueName(table.value.at(step));
  const list = table.lists[table.key.at(step)]!;
  return table.valueName(table.valueId(list[table.value.at(step) - 1] ?? null));
}

/** The step that wrote what a read of a register found; -1: the initial value; -2: nothing did. */
function registerSource(table: TransactionTable, find: (key: number, value: number) => number, step: number): number {
  const value = table.value.at(step);
  if (value === nothing) return -1;
  const source = find(table.key.at(step), value);
  return source < 0 ? -2 : source;
}

function listSource(table: TransactionTable, find: (key: number, value: number) => number, step: number): number {
  const length = table.value.at(step);
  if (length === 0) return -1;
  const key = table.key.at(step);
  const source = find(key, table.valueId(table.lists[key]![length - 1] ?? null));
  return source < 0 ? -2 : source;
}

function judgeSource(
  table: TransactionTable,
  reader: number,
  step: number,
  source: number,
  from: number,
  lastWrites: Uint8Array,
  real: Uint8Array,
  findings: Finding[],
): void {
  const what = `${describeRead(table, step)} of ${table.keyName(table.key.at(step))}`;
  if (from === reader) {
    if (table.model === "rw-register" || source > step)
      findings.push({
        anomaly: "future read",
        transactions: [reader],
        explanation: `it read ${what}, which it wrote itself only afterwards`,
      });
    return;
  }
  if (table.outcome.at(from) === aborted)
    findings.push({
      anomaly: "G1a",
      transactions: [from, reader],
      explanation: `the second read ${what}, which the first wrote before it aborted`,
    });
  else if (lastWrites[source] === 0)
    findings.push({
      anomaly: "G1b",
      transactions: [from, reader],
      explanation: `the second read ${what}, which the first overwrote before it committed`,
    });
  if (table.outcome.at(from) === indefinite) real[from] = 1;
}

/** The writers of each list in order; findings about elements that should not be there. */
function listWriters(
  table: TransactionTable,
  find: (key: number, value: number) => number,
  owner: Int32Array,
  real: Uint8Array,
  findings: Finding[],
): Int32Array[] {
  return table.lists.map((list, key) => {
    const reader = table.listReader(key);
    const seen = new Set<number>();
    return Int32Array.from(list, (element, at) => {
      const value = table.valueId(element);
      if (seen.has(value))
        findings.push({
          anomaly: "duplicate element",
          transactions: [reader],
          explanation: `${table.valueName(value)} is in the list of ${table.keyName(key)} twice`,
        });
      seen.add(value);
      const step = find(key, value);
      if (step < 0) {
        findings.push({
          anomaly: "unwritten value",
          transactions: [reader],
          explanation: `${table.valueName(value)} is in the list of ${table.keyName(key)}, and nothing appended it`,
        });
        return -1;
      }
      const writer = owner[step]!;
      const state = table.outcome.at(writer);
      if (state === indefinite) real[writer] = 1;
      if (state === aborted) {
        if (at + 1 < list.length)
          findings.push({
            anomaly: "dirty update",
            transactions: [writer, reader],
            explanation: `what the first appended to ${table.keyName(key)} before it aborted stayed under what others appended`,
          });
        findings.push({
          anomaly: "G1a",
          transactions: [writer, reader],
          explanation: `the second read ${table.valueName(value)} of ${table.keyName(key)}, which the first appended before it aborted`,
        });
      }
      return writer;
    });
  });
}

/** Real transactions that appended to a key what nobody read. */
function unreadWriters(table: TransactionTable, lists: readonly Int32Array[], real: Uint8Array): number[][] {
  const unread: number[][] = table.keys.map(() => []);
  // Elements of one transaction stand in the list all or not at all, unless it is broken anyway.
  const readers = lists.map((writers) => (writers.length > 32 ? new Set(writers) : writers));
  for (let transaction = 0; transaction < table.size; transaction++) {
    if (!real[transaction]) continue;
    for (let step = table.firstStep.at(transaction); step < table.firstStep.at(transaction + 1); step++) {
      if (table.kind.at(step) !== writeStep) continue;
      const key = table.key.at(step);
      const writers = readers[key]!;
      const read = writers instanceof Set ? writers.has(transaction) : writers.includes(transaction);
      const list = unread[key]!;
      if (!read && list.at(-1) !== transaction) list.push(transaction);
    }
  }
  return unread;
}
