/**
 * What clients do to a store, as data, and what must be true of what they saw.
 *
 *     generate(random) ──▶ planned operations ──(someone runs them)──▶ records ──▶ check ──▶ complaints
 *
 * Planned operations name keys and consistencies, not encodings: whoever runs them (the simulator, a benchmark)
 * knows how. Nothing here sends anything.
 */
export { checkRecords, type Complaint, type Promised } from "./checks.ts";
export { checkContract, type ClauseVerdict } from "./contract.ts";
export { generate, type WorkloadOptions } from "./generate.ts";
export { agesOf, countObjectives, judgeObjectives, type ObjectiveVerdict } from "./objectives.ts";
export {
  consistencies,
  type Consistency,
  type OperationRecord,
  type PlannedOperation,
  type RetryMode,
  type SeenStep,
  type TransactionWork,
  type WorkOperation,
} from "./operation.ts";
