import type { Operation, ProcessId } from "../history/index.ts";

/** An operation as a witness shows it. */
export interface Shown {
  readonly process: ProcessId;
  /** Such as `write 3` or `read → 2`. */
  readonly text: string;
  /** Line of the invocation, from 1. */
  readonly line: number;
  /** Line of the completion; undefined where the outcome is unknown. */
  readonly retLine: number | undefined;
  /** Places in real time; `ret` is undefined where the outcome is unknown. */
  readonly call: number;
  readonly ret: number | undefined;
}

/** One way in which the search for an order ended. */
export interface DeadEnd {
  /** The order so far, as places in the witness's operations. */
  readonly order: readonly number[];
  /** The state after it. */
  readonly state: string;
  /** Why the stuck operation does not fit. */
  readonly reason: string;
}

/** Operations that have no legal order. */
export interface OrderWitness {
  readonly kind: "order";
  readonly anomaly: string;
  readonly summary: string;
  /** The object that they are about; undefined where there is only one. */
  readonly key: string | undefined;
  readonly operations: readonly Shown[];
  /** Place in `operations` of the one that had to take effect and could not. */
  readonly stuck: number;
  readonly deadEnds: readonly DeadEnd[];
  /** Operations nearby, for a picture; includes `operations`. */
  readonly context: readonly Shown[];
}

export interface CycleStep {
  /** Place in `operations`; the step leads to the next one's `from`, the last to the first. */
  readonly from: number;
  /** `ww`, `wr`, `rw`, `session`, `real time`, … */
  readonly relation: string;
  readonly explanation: string;
}

/** Transactions or operations each of which must precede the next, in a circle. */
export interface CycleWitness {
  readonly kind: "cycle";
  readonly anomaly: string;
  readonly summary: string;
  readonly operations: readonly Shown[];
  readonly steps: readonly CycleStep[];
  readonly context: readonly Shown[];
}

/** Operations that are wrong by themselves: a value from nowhere, a read of what was aborted. */
export interface FactWitness {
  readonly kind: "fact";
  readonly anomaly: string;
  readonly summary: string;
  readonly operations: readonly Shown[];
  readonly context: readonly Shown[];
}

export type Witness = OrderWitness | CycleWitness | FactWitness;

export interface Holds {
  readonly verdict: "holds";
}

export interface Broken {
  readonly verdict: "broken";
  readonly witness: Witness;
}

export interface Undecided {
  readonly verdict: "undecided";
  readonly reason: string;
}

export type Verdict = Holds | Broken | Undecided;

export const holds: Holds = { verdict: "holds" };

export function broken(witness: Witness): Broken {
  return { verdict: "broken", witness };
}

export function undecided(reason: string): Undecided {
  return { verdict: "undecided", reason };
}

/** The verdict on a whole from verdicts on its parts: one that is broken breaks it, one undecided leaves it open. */
export function firstTrouble(verdicts: Iterable<Verdict>): Verdict {
  let open: Undecided | undefined;
  for (const verdict of verdicts) {
    if (verdict.verdict === "broken") return verdict;
    if (verdict.verdict === "undecided") open ??= verdict;
  }
  return open ?? holds;
}

const longestText = 120;

function clip(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, 60)} … ${text.slice(-50)}`;
}

function compact(value: unknown): string {
  return clip(JSON.stringify(value) ?? "null");
}

/** `cas [1,2]`, `read → 3`, `enqueue 4 (outcome unknown)`. */
export function operationText(operation: Operation): string {
  const { f, input, output, outcome, key } = operation;
  const object = key === undefined ? "" : ` ${compact(key)}:`;
  const argument = input === null ? "" : ` ${compact(input)}`;
  if (outcome === "unknown") return `${f}${object}${argument} (outcome unknown)`;
  if (outcome === "fail") return `${f}${object}${argument} (failed)`;
  if (f === "txn") return `${f}${object} ${compact(output)}`;
  const result = JSON.stringify(output) === JSON.stringify(input) && input !== null ? "" : ` → ${compact(output)}`;
  return `${f}${object}${argument}${output === null && input !== null ? "" : result}`;
}

export function show(operation: Operation): Shown {
  return {
    process: operation.process,
    text: operationText(operation),
    line: operation.line,
    retLine: operation.outcome === "unknown" ? undefined : operation.retLine,
    call: operation.call,
    ret: operation.ret === Infinity ? undefined : operation.ret,
  };
}
