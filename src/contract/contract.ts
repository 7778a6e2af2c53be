/** Contracts for those who take a text and want a promise or an error. */
import type { ClauseName } from "./contradictions.ts";
import { diagnosticAt, type Diagnostic } from "./diagnostics.ts";
import { engineProblem, type Engine } from "./engines.ts";
import { fail, type CohortError } from "./errors.ts";
import type { Contract, ReadContract } from "./guarantees.ts";
import { impliedReads } from "./lattice.ts";
import { parse } from "./parse.ts";
import { readsText } from "./print.ts";

/**
 * Parses the text of a contract (the grammar is in `parse.ts`). Throws a CohortError: `bad-consistency` or
 * `contradiction`; its detail names line, column and the way out.
 */
export function parseContract(text: string): Contract {
  const { contract, diagnostics } = parse(text);
  if (contract === undefined) throw errorOf(diagnostics);
  return contract;
}

/**
 * Parses what a request asks of a read: guarantees (`monotonic and bounded(100ms)`), optionally followed by
 * `; PartitionBehavior: …`, which is left to the keyspace's contract where nothing is said. Throws a CohortError:
 * `bad-consistency` or `contradiction`. Whether the engine can keep it is for the replica that answers to say.
 */
export function parseReadContract(text: string): ReadContract {
  const { contract, diagnostics, clauses } = parse(text);
  const blank = text.trim() === "" || (clauses.size > 0 && !clauses.has("ReadConsistency"));
  if (blank) throw fail("bad-consistency", `"${text}" names no guarantee of reads`);
  if (contract === undefined) throw errorOf(diagnostics);
  for (const [name, span] of clauses) {
    if (ofRequests.has(name)) continue;
    const message = `${name} belongs into the contract of a keyspace, not into a request`;
    throw errorOf([
      diagnosticAt(text, span, { severity: "error", code: "bad-consistency", message, suggestion: undefined }),
    ]);
  }
  const read = readContractOf(contract);
  return clauses.has("PartitionBehavior") || read.linearizable ? read : { ...read, partition: undefined };
}

const ofRequests: ReadonlySet<ClauseName> = new Set(["ReadConsistency", "PartitionBehavior"]);

/** As `parseContract`, for a keyspace of an engine; also throws `unsupported`. */
export function parseKeyspaceContract(text: string, engine: Engine): Contract {
  return contractOfEngine(parseContract(text), engine);
}

/** The contract, where the engine can keep it. Throws a CohortError: `unsupported`. */
export function contractOfEngine(contract: Contract, engine: Engine): Contract {
  const problem = engineProblem(contract, engine);
  if (problem !== undefined) throw fail("unsupported", problem);
  return contract;
}

/** The read side of a contract, as replicas enforce it. */
export function readContractOf({ reads, partition }: Contract): ReadContract {
  const implied = impliedReads(reads);
  const linearizable = implied.includes("Linearizable");
  const bound = reads.find((guarantee) => guarantee.guarantee === "BoundedStaleness");
  const quorum = reads.find((guarantee) => guarantee.guarantee === "Quorum");
  return {
    linearizable,
    session: !linearizable && (implied.includes("MonotonicRead") || implied.includes("ReadYourWrites")),
    stalenessMs: linearizable ? undefined : bound?.boundMs,
    ...(quorum && { replicas: quorum.r }),
    partition,
    text: readsText(reads),
  };
}

/** Which guarantees of a read still hold where a replica answers without asking: the rest is degraded. */
export function keptAlone(contract: ReadContract, reached: boolean, stalenessMs: number | undefined): string {
  const kept = contract.text.split(" ∧ ").filter((guarantee) => {
    if (guarantee.startsWith("BoundedStaleness"))
      return stalenessMs !== undefined && contract.stalenessMs !== undefined && stalenessMs <= contract.stalenessMs;
    // These two are about the order of the log, which every prefix of it keeps.
    return reached || guarantee === "MonotonicWrite" || guarantee === "WritesFollowReads";
  });
  return kept.length === 0 ? "Eventual" : kept.join(" ∧ ");
}

function errorOf(diagnostics: readonly Diagnostic[]): CohortError {
  const {
    code,
    line,
    column,
    message,
    suggestion,
    nearest = [],
  } = diagnostics.find(({ severity }) => severity === "error")!;
  const instead = suggestion === undefined ? "" : `; write ${suggestion}`;
  const possible = nearest.map((text) => `[${text.replaceAll("\n", "; ")}]`).join(" or ");
  return fail(code, `${line}:${column}: ${message}${instead}${possible === "" ? "" : `; possible are ${possible}`}`);
}
