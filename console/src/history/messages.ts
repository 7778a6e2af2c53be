/** What the page of histories and its worker tell each other. */
import type { ModelName, PropertyName, Verdict } from "../../../src/check/index.ts";

export type { ModelName, PropertyName, Verdict };

export interface JudgeOrder {
  readonly text: string;
  /** Undefined: as the operations look. */
  readonly model: ModelName | undefined;
  /** Undefined: the strongest. */
  readonly property: PropertyName | undefined;
}

/** An operation as a bar: places in real time, which is all that an order depends on. */
export interface Bar {
  readonly process: string;
  readonly text: string;
  readonly call: number;
  /** Undefined: it never came back. */
  readonly ret: number | undefined;
  readonly line: number;
  readonly failed: boolean;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly words: string;
  readonly model: ModelName;
  readonly property: PropertyName;
  readonly properties: readonly PropertyName[];
  readonly format: string;
  readonly count: number;
  readonly tookMs: number;
  /** The first of them, as many as a picture holds. */
  readonly bars: readonly Bar[];
  /** Places in `bars`, in an order in which they may have taken effect; one list a key. */
  readonly orders: readonly (readonly number[])[];
}

export type JudgeReport =
  | { readonly kind: "judged"; readonly judged: Judged }
  | { readonly kind: "failed"; readonly text: string };
