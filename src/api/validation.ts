/** Checks requests against their TypeBox schemas, with messages that say which part is wrong and what is right. */
import { Compile } from "typebox/compile";
import type { TSchema } from "typebox";
import { fail, type CohortError } from "../contract/index.ts";

export type Part = "body" | "querystring" | "params" | "headers";

type Verdict = { readonly value: unknown } | { readonly error: InvalidRequest };

/** The framework writes on the errors it is given, so a CohortError travels inside. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
  readonly reason: CohortError;

  constructor(reason: CohortError) {
    super(reason.message);
    this.reason = reason;
  }
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, { readonly type?: string }>>;
  readonly additionalProperties?: boolean;
}

const isBinary = (schema: object): boolean => "format" in schema && schema.format === "binary";
const isObjectSchema = (schema: object): schema is ObjectSchema => "properties" in schema;

/** A checker for one part of a route's requests. Numbers and booleans in a URL are text until here. */
export function compileValidator(schema: TSchema, part: Part): (value: unknown) => Verdict {
  // Raw bodies are what they are.
  if (isBinary(schema)) return (value) => ({ value });
  const validator = Compile(schema);
  const inUrl = part === "querystring" || part === "params";
  const properties = isObjectSchema(schema) ? schema.properties : {};
  const names = Object.keys(properties);
  return (value) => {
    const given = inUrl ? fromText(value as Record<string, unknown>, properties) : (value ?? null);
    if (part === "querystring") {
      for (const name in given as object) {
        if (!(name in properties)) {
          const takes = names.length === 0 ? "this route takes none" : `this route takes ${names.join(", ")}`;
          return {
            error: new InvalidRequest(fail("unknown-parameter", `"${name}" is not a parameter here; ${takes}`)),
          };
        }
      }
    }
    if (validator.Check(given)) return { value: given };
    return { error: new InvalidRequest(fail("bad-request", explain(partNames[part], validator.Errors(given)))) };
  };
}

function fromText(given: Record<string, unknown>, properties: ObjectSchema["properties"]): Record<string, unknown> {
  for (const name in given) {
    const type = properties[name]?.type;
    const text = given[name];
    if (type === undefined || type === "string" || typeof text !== "string") continue;
    if ((type === "integer" || type === "number") && /^-?\d+(?:\.\d+)?$/.test(text)) given[name] = Number(text);
    else if (type === "boolean" && (text === "true" || text === "false")) given[name] = text === "true";
  }
  return given;
}

const partNames: Readonly<Record<Part, string>> = {
  body: "the body",
  querystring: "the query",
  params: "the path",
  headers: "a header",
};

/** One sentence on what is wrong with `what`, from the errors that a TypeBox validator reports. */
export function explain(
  what: string,
  errors: readonly { readonly instancePath: string; readonly message: string; readonly keyword: string }[],
): string {
  // A union reports each branch; the deepest complaint is the one that helps.
  const deepest = errors.reduce<(typeof errors)[number] | undefined>(
    (best, error) => (best === undefined || error.instancePath.length > best.instancePath.length ? error : best),
    undefined,
  );
  if (deepest === undefined) return `${what} does not have the form that is wanted`;
  const where = deepest.instancePath.slice(1).replaceAll("/", ".");
  // The schema that nothing fits stands where additional properties are forbidden.
  const complaint = deepest.keyword === "boolean" ? "is not known here" : deepest.message;
  return where === "" ? `${what} ${complaint}` : `"${where}" in ${what} ${complaint}`;
}
