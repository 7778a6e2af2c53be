import { CodecError } from "../base/index.ts";
import { failure, type ErrorCode, type Failure } from "../contract/index.ts";
import { StoreError, type Answer, type Result, type StoreErrorCode } from "../store/index.ts";

/** The errors of the store that the catalogue knows under another name. */
const renamed: Partial<Record<StoreErrorCode, ErrorCode>> = {
  malformed: "bad-request",
  "corrupt-snapshot": "internal",
  "unsupported-version": "unsupported",
};

type ErrorResult = Extract<Result | Answer, { kind: "error" }>;

/** An error of the store, thrown or answered, as one of the catalogue. Anything else is a mistake of this program and thrown. */
export function problemOf(error: unknown): Failure {
  if (error instanceof StoreError) return failure(codeOf(error.code), error.message);
  if (error instanceof CodecError) return failure("protocol", error.message);
  if (isErrorResult(error)) return failure(codeOf(error.code), error.detail);
  throw error;
}

function codeOf(code: StoreErrorCode): ErrorCode {
  return renamed[code] ?? (code as Exclude<StoreErrorCode, keyof typeof renamed>);
}

function isErrorResult(value: unknown): value is ErrorResult {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "error";
}
