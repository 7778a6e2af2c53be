/** The configuration file of one node: JSON, checked once, with defaults for what may be left out. */
import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";
import { explain } from "../api/index.ts";
import { type ClockErrorSourceName, clockErrorSources, type HostConfig } from "../host/index.ts";
import { UsageError } from "./output.ts";

const address = Type.String({ pattern: String.raw`^(\[[^\]]+\]|[^:\[\]]+):\d{1,5}$`, description: "host:port" });
const milliseconds = Type.Number({ exclusiveMinimum: 0, maximum: 3_600_000 });

const NodeConfigFile = Type.Object(
  {
    clusterId: Type.String({ minLength: 1, maxLength: 64 }),
    nodeId: Type.Integer({ minimum: 1 }),
    dataDirectory: Type.String({ minLength: 1 }),
    members: Type.Array(
      Type.Object(
        { id: Type.Integer({ minimum: 1 }), http: address, peer: address, native: address },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
    learners: Type.Optional(Type.Array(Type.Integer({ minimum: 1 }))),
    allowFaults: Type.Optional(Type.Boolean()),
    logLevel: Type.Optional(
      Type.Unsafe<HostConfig["logLevel"]>({ type: "string", enum: ["trace", "debug", "info", "warn", "error"] }),
    ),
    electionTimeoutMs: Type.Optional(milliseconds),
    heartbeatMs: Type.Optional(milliseconds),
    leases: Type.Optional(Type.Boolean()),
    clockErrorMs: Type.Optional(Type.Number({ minimum: 0, maximum: 3_600_000 })),
    clockErrorSource: Type.Optional(
      Type.Unsafe<ClockErrorSourceName>({ type: "string", enum: [...clockErrorSources] }),
    ),
    segmentSizeBytes: Type.Optional(Type.Integer({ minimum: 1024 * 1024, maximum: 1024 ** 3 })),
    maxValueBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 * 1024 * 1024 })),
    maxKeyBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1500 })),
  },
  { additionalProperties: false },
);

/**
 * An election timeout of 300 ms outlives the pauses of a busy machine. A quarter of a second of clock error is
 * what an unsynchronised but sane clock may have; say less only where something keeps the clocks together.
 */
const defaults = {
  learners: [],
  allowFaults: false,
  logLevel: "info",
  electionTimeoutMs: 300,
  heartbeatMs: 50,
  leases: true,
  clockErrorMs: 250,
  segmentSizeBytes: 16 * 1024 * 1024,
  maxValueBytes: 1024 * 1024,
  maxKeyBytes: 1500,
} as const;

/** Reads and checks the file. Throws a UsageError that names what is wrong in it. */
export function readNodeConfig(path: string): HostConfig {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`${path} is not JSON: ${error.message}`);
    throw new UsageError(
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      "Name a configuration file with --config.",
    );
  }
  return checkNodeConfig(content, path);
}

/** `path` is for messages. */
export function checkNodeConfig(content: unknown, path: string): HostConfig {
  if (!Value.Check(NodeConfigFile, content)) {
    throw new UsageError(explain(path, Value.Errors(NodeConfigFile, content)));
  }
  const config: HostConfig = { ...defaults, ...content };
  const ids = config.members.map(({ id }) => id);
  const wrong =
    new Set(ids).size !== ids.length
      ? "a member is named twice"
      : !ids.includes(config.nodeId)
        ? `nodeId ${config.nodeId} is none of the members ${ids.join(", ")}`
        : config.learners.some((id) => !ids.includes(id))
          ? "a learner is no member"
          : config.heartbeatMs * 2 > config.electionTimeoutMs
            ? `heartbeatMs ${config.heartbeatMs} has to be at most half of electionTimeoutMs ${config.electionTimeoutMs}`
            : undefined;
  if (wrong !== undefined) throw new UsageError(`${path}: ${wrong}`);
  return config;
}
