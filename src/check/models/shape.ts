import { HistoryError, isList, isScalar, valueText } from "../../history/index.ts";
import type { Operation, Scalar, Value } from "../../history/index.ts";

/** The error for an operation that a model does not have. */
export function unknownOperation(operation: Operation, model: string, knows: string): HistoryError {
  return new HistoryError(operation.line, `the model ${model} has no operation "${operation.f}"`, knows);
}

/** The error for an operation whose value has the wrong shape. The completion's line is named where its value is wrong. */
export function wrongShape(operation: Operation, value: Value, expected: string, atReturn = false): HistoryError {
  return new HistoryError(
    atReturn ? operation.retLine : operation.line,
    `${operation.f} with the value ${valueText(value)}`,
    expected,
  );
}

/** A pair, as `cas` takes it. */
export function pairOf(value: Value): readonly [Value, Value] | undefined {
  return isList(value) && value.length === 2 ? [value[0] ?? null, value[1] ?? null] : undefined;
}

export function wholeNumberOf(value: Value): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
}

/** A value as one text or number that can be compared with `===`. */
export function flat(value: Value): Scalar {
  return isScalar(value) ? value : valueText(value);
}

export function showValue(value: Value): string {
  const text = valueText(value);
  return text.length <= 80 ? text : `${text.slice(0, 40)} … ${text.slice(-30)}`;
}
