import type { Operation } from "../../history/index.ts";
import type { Budget } from "../budget.ts";
import type { Witness } from "../verdict.ts";

/**
 * An algorithm for histories of a special kind. Answers undefined where the history is of another kind.
 * `suspects` are operations of the history that have no order by themselves, told also as a witness.
 */
export type Fast = (
  operations: readonly Operation[],
  budget: Budget,
) => "holds" | { readonly suspects: readonly Operation[]; readonly witness: Witness } | undefined;
