/** Topologies as files: JSON, checked once, by shape and then by sense. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Type, { type TSchema } from "typebox";
import Value from "typebox/value";
import { explain } from "../../api/index.ts";
import { topologyProblems, type Distribution, type Domain, type Topology } from "../../model/index.ts";
import { UsageError } from "../output.ts";

/** Where the topologies are that come with the package. */
const shippedDirectory = join(import.meta.dirname, "../../model/topologies");

const amount = Type.Number({ minimum: 0 });
const name = Type.String({ minLength: 1, maxLength: 64 });
const exact = { additionalProperties: false } as const;

const simpleDistributions = {
  constant: Type.Object({ kind: Type.Literal("constant"), ms: amount }, exact),
  uniform: Type.Object({ kind: Type.Literal("uniform"), minMs: amount, maxMs: amount }, exact),
  exponential: Type.Object(
    { kind: Type.Literal("exponential"), meanMs: amount, floorMs: Type.Optional(amount) },
    exact,
  ),
  lognormal: Type.Object(
    { kind: Type.Literal("lognormal"), medianMs: amount, p99Ms: amount, floorMs: Type.Optional(amount) },
    exact,
  ),
  pareto: Type.Object({ kind: Type.Literal("pareto"), scaleMs: amount, shape: amount }, exact),
  measured: Type.Object(
    {
      kind: Type.Literal("measured"),
      quantiles: Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }), { minItems: 2 }),
    },
    exact,
  ),
};
/** One schema for each kind, so that an error is about the kind that was meant. */
const distributions: Readonly<Record<Distribution["kind"], TSchema>> = {
  ...simpleDistributions,
  mixture: Type.Object(
    {
      kind: Type.Literal("mixture"),
      parts: Type.Array(Type.Object({ share: amount, of: Type.Union(Object.values(simpleDistributions)) }, exact), {
        minItems: 1,
      }),
    },
    exact,
  ),
};

/** Region, zone, rack, node, and two more. */
const mostLevels = 6;

function domainSchema(levels: number): TSchema {
  const own = {
    name,
    kind: name,
    mtbfHours: amount,
    mttrHours: amount,
  };
  if (levels === 1) return Type.Object(own, exact);
  return Type.Object({ ...own, domains: Type.Optional(Type.Array(domainSchema(levels - 1))) }, exact);
}

function topologySchema(distribution: TSchema): TSchema {
  return Type.Object(
    {
      $schema: Type.Optional(Type.String()),
      name,
      title: Type.String(),
      domains: Type.Array(Type.Unsafe<Domain>(domainSchema(mostLevels)), { minItems: 1 }),
      delays: Type.Array(
        Type.Object({ between: Type.Array(name, { minItems: 2, maxItems: 2 }), oneWay: distribution }, exact),
      ),
      disk: distribution,
      turnMs: amount,
      clockErrorMs: amount,
      raft: Type.Object({ heartbeatMs: amount, electionTimeoutMs: amount }, exact),
      leader: name,
      clients: Type.Array(Type.Object({ name, at: name, share: amount }, exact), { minItems: 1 }),
      load: Type.Object({ writesPerSecond: amount }, exact),
    },
    exact,
  );
}

const anyDistribution = Type.Object({
  kind: Type.Unsafe<string>({ type: "string", enum: Object.keys(distributions) }),
});
const shape = topologySchema(anyDistribution);

/** The JSON Schema for editors. */
export function topologyJsonSchema(): object {
  const whole = topologySchema(Type.Union(Object.values(distributions)));
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title: "A Cohort topology", ...whole };
}

/** The names of the topologies that come with the package. */
export function shippedTopologies(): string[] {
  return readdirSync(shippedDirectory)
    .filter((file) => file.endsWith(".json") && !file.endsWith(".schema.json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/**
 * A topology by the name of one that comes with the package, or by the path of a file. Throws a UsageError that names
 * every place that is wrong, or says that there is no such file.
 */
export function loadTopology(nameOrPath: string): Topology {
  const known = shippedTopologies();
  const path = known.includes(nameOrPath) ? join(shippedDirectory, `${nameOrPath}.json`) : nameOrPath;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(
      `there is no topology "${nameOrPath}": ${error instanceof Error ? error.message : String(error)}`,
      `Name ${known.join(", ")}, or a file; \`cohort model topology one-rack --json > mine.json\` is a start.`,
    );
  }
  return parseTopology(text, path);
}

const advice =
  "`cohort model topology one-rack --json > mine.json` is a start; `cohort model topology --schema` is for editors.";

/** `path` is for messages. Throws a UsageError. */
export function parseTopology(text: string, path: string): Topology {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`, advice);
  }
  if (!Value.Check(shape, content)) throw new UsageError(explain(path, Value.Errors(shape, content)), advice);
  const topology = content as Topology;
  for (const [index, { oneWay }] of topology.delays.entries()) checkKind(oneWay, `${path}: delays[${index}].oneWay`);
  checkKind(topology.disk, `${path}: disk`);
  const problems = topologyProblems(topology);
  if (problems.length > 0)
    throw new UsageError(problems.map((problem) => `${path}: ${problem}`).join("\n       "), advice);
  return topology;
}

function checkKind(distribution: Distribution, place: string): void {
  const schema = distributions[distribution.kind];
  if (!Value.Check(schema, distribution))
    throw new UsageError(explain(place, Value.Errors(schema, distribution)), advice);
}
