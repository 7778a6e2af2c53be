/**
 * What a request is promised, and what went wrong when the promise could not be kept.
 *
 *     text ──parse──▶ Contract ──readContractOf──▶ what a replica enforces        (node/)
 *                        │ ▲                    └▶ what a simulation checks       (sim/)
 *                   JSON, canonical text          what a model predicts           (model/)
 *
 * Language, lattice and meaning only: nothing here enforces, checks or predicts, and it runs in a browser as it is.
 */
export { readCatalogue, writeCatalogue, type GuaranteeEntry } from "./catalogue.ts";
export * from "./codec.ts";
export * from "./contract.ts";
export { contradictionsOf, nearestPossible, theorems } from "./contradictions.ts";
export type { ClauseName, Contradiction, Theorem } from "./contradictions.ts";
export { diagnosticText } from "./diagnostics.ts";
export type { Diagnostic, Span } from "./diagnostics.ts";
export { engineProblem, type Engine } from "./engines.ts";
export * from "./errors.ts";
export { explain, type Explanation } from "./explain.ts";
export * from "./guarantees.ts";
export { contractFromJson, contractSchema, contractToJson, type ContractJson } from "./json.ts";
export { impliedReads, implies, impliesWrite, neighboursOf, normalReads, refines } from "./lattice.ts";
export { parse, type Parsed } from "./parse.ts";
export { availabilityText, contractText, durationText, latencyText, readText, writeText } from "./print.ts";
export * from "./quorums.ts";
export * from "./request.ts";
export { parseDurationMs } from "./tokens.ts";
