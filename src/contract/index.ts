/**
 * What a request is promised, and what went wrong when the promise could not be kept.
 * Parsing and meaning only: enforcement is in `node/`.
 */
export * from "./codec.ts";
export * from "./contract.ts";
export * from "./errors.ts";
export * from "./guarantees.ts";
export { parseDurationMs, parseReadContract } from "./parse.ts";
export type * from "./request.ts";
