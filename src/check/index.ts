/**
 * Verdicts on histories: did what clients saw keep what was promised?
 *
 *     operations ──model──▶ linearizable, sequential, bounded-staleness, convergent      one object a key
 *                ──table──▶ isolation levels, causal and session guarantees             transactions
 *
 * A verdict is `holds`, `broken` with a small witness (operations that have no order and where it got stuck, a
 * circle with each step explained, or a fact that is wrong by itself), or `undecided` with the reason. Nothing is
 * assumed. Fast algorithms answer where operations tell who wrote what; a general search within a budget answers
 * the rest. An operation of unknown outcome may take effect at any later time, or never.
 *
 * This room reads no files and no clock, and draws no conclusions about operations that were not recorded.
 */
export { createBudget, defaultLimits } from "./budget.ts";
export type { Budget, Limits } from "./budget.ts";
export { check, combinations, models, properties, requestProblem } from "./check.ts";
export type { CheckRequest, ModelName, PropertyName } from "./check.ts";
export { verdictPage } from "./html.ts";
export { linearizations } from "./order.ts";
export { verdictText } from "./text.ts";
export type { Paint } from "./text.ts";
export type {
  Broken,
  CycleWitness,
  DeadEnd,
  FactWitness,
  Holds,
  OrderWitness,
  Shown,
  Undecided,
  Verdict,
  Witness,
} from "./verdict.ts";
export { suggestModel, suggestProperty } from "./suggest.ts";
