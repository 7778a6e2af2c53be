import type { Operation } from "../../history/index.ts";
import { show } from "../verdict.ts";
import type { FactWitness } from "../verdict.ts";

/** At most so many operations are listed in a witness that is told in words. */
const mostListed = 40;

/** What a fast algorithm found: operations without an order, and why in one sentence. */
export function suspect(
  operations: Iterable<Operation>,
  summary: string,
): { readonly suspects: readonly Operation[]; readonly witness: FactWitness } {
  const suspects = [...new Set(operations)].sort((a, b) => a.call - b.call);
  const listed =
    suspects.length <= mostListed
      ? suspects
      : [...suspects.slice(0, mostListed / 2), ...suspects.slice(-mostListed / 2)];
  const shown = listed.map(show);
  const elided = suspects.length - listed.length;
  return {
    suspects,
    witness: {
      kind: "fact",
      anomaly: "not linearizable",
      summary: elided === 0 ? summary : `${summary} (${elided} operations between are not listed)`,
      operations: shown,
      context: shown,
    },
  };
}
