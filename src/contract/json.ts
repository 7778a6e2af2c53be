/** Contracts as JSON: the same content as the text, for programs. */
import { diagnosticText } from "./diagnostics.ts";
import { fail } from "./errors.ts";
import { partitionBehaviors, plainReads, type Contract } from "./guarantees.ts";
import { parse } from "./parse.ts";
import { contractText } from "./print.ts";

export type ContractJson = Partial<Omit<Contract, "text">>;

/** What `contractFromJson` reads back; fields that say nothing are left out. */
export function contractToJson({ reads, write, partition, latency, availability }: Contract): ContractJson {
  return {
    reads,
    write,
    partition,
    ...(latency.length > 0 && { latency }),
    ...(availability !== undefined && { availability }),
  };
}

/**
 * Reads the JSON form (`contractSchema` describes it); what is left out has the same defaults as in the text.
 * Throws a CohortError: `bad-consistency`, with the path of what is wrong, or `contradiction`.
 */
export function contractFromJson(value: unknown): Contract {
  const { reads, write, partition, latency, availability } = objectOf(value, "$", contractSchema.properties);
  const content = {
    reads: reads === undefined ? [{ guarantee: "Linearizable" }] : listOf(reads, "$.reads").map(readOf),
    write: write === undefined ? { guarantee: "Linearizable" } : guaranteeOf(write, "$.write", writeArguments),
    partition: partition === undefined ? "ConsistencyPreferred" : oneOf(partition, "$.partition", partitionBehaviors),
    latency: latency === undefined ? [] : listOf(latency, "$.latency").map(latencyOf),
    availability: availability === undefined ? undefined : availabilityOf(availability),
  };
  // The text says the same, and there is one place that knows what may be said.
  const text = contractText(content as Omit<Contract, "text">);
  const { contract, diagnostics } = parse(text);
  if (contract !== undefined) return contract;
  const problem = diagnostics.find(({ severity }) => severity === "error")!;
  throw fail(problem.code, diagnosticText(text, problem));
}

const plain = plainReads.map((name) => [name, undefined] as const);
const readArguments = new Map<string, string | undefined>([...plain, ["BoundedStaleness", "boundMs"], ["Quorum", "r"]]);
const writeArguments = new Map<string, string | undefined>([
  ["Linearizable", undefined],
  ["Quorum", "w"],
  ["Causal", undefined],
  ["Eventual", undefined],
]);

const readOf = (value: unknown, place: number): object => guaranteeOf(value, `$.reads[${place}]`, readArguments);

function guaranteeOf(value: unknown, path: string, names: ReadonlyMap<string, string | undefined>): object {
  const { guarantee } = objectOf(value, path);
  const name = oneOf(guarantee, `${path}.guarantee`, [...names.keys()]);
  const argument = names.get(name);
  const fields = objectOf(value, path, { guarantee: {}, ...(argument !== undefined && { [argument]: {} }) });
  return argument === undefined
    ? { guarantee: name }
    : { guarantee: name, [argument]: numberOf(fields, argument, path) };
}

function latencyOf(value: unknown, place: number): object {
  const path = `$.latency[${place}]`;
  const fields = objectOf(value, path, { operation: {}, percentile: {}, belowMs: {} });
  const operation = oneOf(fields["operation"] ?? "all", `${path}.operation`, ["reads", "writes", "all"]);
  return {
    operation,
    percentile: numberOf(fields, "percentile", path),
    belowMs: numberOf(fields, "belowMs", path),
  };
}

function availabilityOf(value: unknown): object {
  const path = "$.availability";
  const fields = objectOf(value, path, { percent: {}, overMs: {} });
  return { percent: numberOf(fields, "percent", path), overMs: numberOf(fields, "overMs", path) };
}

function wrong(path: string, value: unknown, wanted: string): never {
  throw fail("bad-consistency", `${path} is ${JSON.stringify(value) ?? "missing"}; it has to be ${wanted}`);
}

function objectOf(value: unknown, path: string, known?: object): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) wrong(path, value, "an object");
  const stranger = known && Object.keys(value).find((name) => !Object.hasOwn(known, name));
  if (known && stranger !== undefined)
    throw fail("bad-consistency", `${path} has no "${stranger}"; there are ${Object.keys(known).join(", ")}`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, path: string): readonly unknown[] {
  return Array.isArray(value) && value.length > 0 ? value : wrong(path, value, "a list with something in it");
}

function oneOf(value: unknown, path: string, names: readonly string[]): string {
  return typeof value === "string" && names.includes(value) ? value : wrong(path, value, `one of ${names.join(", ")}`);
}

function numberOf(fields: Record<string, unknown>, name: string, path: string): number {
  const value = fields[name];
  return typeof value === "number" && value > 0 && value < 1e15
    ? value
    : wrong(`${path}.${name}`, value, "a number above 0");
}

const named = (names: readonly string[]) => ({
  type: "object",
  properties: { guarantee: { enum: names } },
  required: ["guarantee"],
  additionalProperties: false,
});
const withNumber = (name: string, argument: string, type: "number" | "integer", maximum: number) => ({
  type: "object",
  properties: { guarantee: { const: name }, [argument]: { type, exclusiveMinimum: 0, maximum } },
  required: ["guarantee", argument],
  additionalProperties: false,
});
const durationSchema = { type: "number", minimum: 0.001, maximum: 3650 * 86_400_000 };

/** JSON Schema of the JSON form. Contradictions are beyond it. */
export const contractSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Consistency contract",
  type: "object",
  properties: {
    reads: {
      type: "array",
      minItems: 1,
      items: {
        anyOf: [
          named(plainReads),
          withNumber("BoundedStaleness", "boundMs", "number", durationSchema.maximum),
          withNumber("Quorum", "r", "integer", 99),
        ],
      },
    },
    write: { anyOf: [named(["Linearizable", "Causal", "Eventual"]), withNumber("Quorum", "w", "integer", 99)] },
    partition: { enum: partitionBehaviors },
    latency: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        properties: {
          operation: { enum: ["reads", "writes", "all"] },
          percentile: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 100 },
          belowMs: durationSchema,
        },
        required: ["percentile", "belowMs"],
        additionalProperties: false,
      },
    },
    availability: {
      type: "object",
      properties: { percent: { type: "number", exclusiveMinimum: 0, maximum: 100 }, overMs: durationSchema },
      required: ["percent", "overMs"],
      additionalProperties: false,
    },
  },
  additionalProperties: false,
} as const;
