/** What operations carry: plain data, as JSON has it. Whole numbers beyond 2^53 are kept as their decimal text. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

export type Scalar = null | boolean | number | string;

export function isScalar(value: Value): value is Scalar {
  return value === null || typeof value !== "object";
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Equality of content; names of a map in any order. */
export function equalValues(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (isScalar(a) || isScalar(b)) return false;
  return valueText(a) === valueText(b);
}

/** Canonical JSON: names sorted, no spaces. Equal values have equal text, and only they. */
export function valueText(value: Value): string {
  if (isScalar(value)) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(valueText).join(",")}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${valueText(value[name] ?? null)}`).join(",")}}`;
}

/** A key for a Map such that equal values, and only they, have equal keys. */
export function valueKey(value: Value): Scalar {
  return isScalar(value) ? value : `\u0000${valueText(value)}`;
}
