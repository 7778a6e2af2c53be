/**
 * What happened, as clients saw it: operations with the moment they were asked for and the moment they were
 * answered, read from and written to the formats of the field.
 *
 *     lines ──parse──▶ events (invoke, ok, fail, unknown) ──pair──▶ operations ──▶ check/
 *
 * Everything is an iterator over lines, so that a history larger than memory can pass through.
 * This room reads no files and judges nothing: files belong to cli/, verdicts to check/.
 */
export { HistoryError } from "./error.ts";
export type { EventType, HistoryEvent, ProcessId } from "./event.ts";
export { detectFormat, formatOfLine, formats, isFormat, parseEvents, writeHistory } from "./formats.ts";
export type { Format } from "./formats.ts";
export type { JepsenOptions } from "./jepsen.ts";
export { eventsOf, operationsOf, readOperations } from "./operation.ts";
export type { Operation, Outcome } from "./operation.ts";
export { equalValues, isList, isScalar, valueKey, valueText } from "./value.ts";
export type { Scalar, Value } from "./value.ts";
