/** Thrown when the program itself is wrong. Never used for bad input. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Guards what types cannot say. Stays on in production: a wrong answer costs more than a crash. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}

/** The value, or an invariant error that says what was missing. */
export function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new InvariantError(`missing: ${what}`);
  return value;
}
