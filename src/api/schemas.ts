/** Shapes that several routes share. They are what requests are checked against and what /openapi.json shows. */
import Type, { type Static } from "typebox";
import { problemType } from "./problems.ts";

export const maxTimeoutMs = 60_000;
export const defaultTimeoutMs = 5000;

export const timeoutMs = Type.Optional(
  Type.Number({
    exclusiveMinimum: 0,
    maximum: maxTimeoutMs,
    description: `An answer comes within this many milliseconds, or an error does. Default ${defaultTimeoutMs}; the header Cohort-Timeout says the same.`,
  }),
);

export const consistency = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 512,
    description:
      "What the answer has to keep: linearizable, session, monotonic, causal, bounded(100ms), eventual, or guarantees joined by `and`; " +
      "optionally followed by `; PartitionBehavior: AvailabilityPreferred`. Left out: what the keyspace's contract says.",
  }),
);

const replicas = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description }));
/** Of keyspaces without a leader. */
export const r = replicas("dynamo: how many replicas have to answer; short for consistency=Quorum(R=…).");
export const w = replicas("dynamo: how many replicas have to have the write. Left out: what the keyspace says.");

export const TimeoutQuery = Type.Object({ timeoutMs }, { additionalProperties: false });
export const ReadQuery = Type.Object({ consistency, timeoutMs }, { additionalProperties: false });
export const CounterReadQuery = Type.Object({ consistency, timeoutMs, r }, { additionalProperties: false });
export const CounterWriteQuery = Type.Object({ timeoutMs, w }, { additionalProperties: false });

/** What was kept, in every JSON answer. */
export const keptProperties = {
  consistency: Type.String({ description: "The strongest guarantee that held." }),
  position: Type.Integer({ description: "Position in the group's log that the answer reflects." }),
  stalenessMs: Type.Optional(Type.Number({ description: "The answer is at most this old; left out: not known." })),
  degraded: Type.Boolean({ description: "Less was kept than was asked for, as the contract allows in a partition." }),
};

export const revision = Type.Integer({ minimum: 0, description: "The store's revision." });
export const timestamp = Type.Integer({
  minimum: 0,
  description:
    "Its place in time, a hybrid logical timestamp (milliseconds × 4096 and a count): comparable across shards, where `revision` is 0.",
});

const textOrBytes = (what: string) => ({
  [what]: Type.Optional(Type.String({ description: "As text, where it is UTF-8." })),
  [`${what}Base64`]: Type.Optional(Type.String({ description: "Otherwise as base64." })),
});
export const keyProperties = textOrBytes("key") as { key: Text; keyBase64: Text };
export const valueProperties = textOrBytes("value") as { value: Text; valueBase64: Text };
type Text = ReturnType<typeof optionalText>;
const optionalText = () => Type.Optional(Type.String());

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: "One of the catalogue, see docs/errors.md." }),
    detail: Type.String(),
    definite: Type.Boolean({ description: "The operation certainly did not happen." }),
    advice: Type.String(),
  },
  { description: "Any error" },
);

export const problemResponse = {
  description: "An error of the catalogue",
  content: { [problemType]: { schema: ProblemSchema } },
};

export const KeyspacePath = Type.Object({ keyspace: Type.String({ minLength: 1, maxLength: 64 }) });
export const KeyPath = Type.Object({ keyspace: Type.String({ minLength: 1, maxLength: 64 }), "*": Type.String() });
export const CounterPath = Type.Object({ name: Type.String({ minLength: 1, maxLength: 256 }) });

export type ReadQuery = Static<typeof ReadQuery>;
export type TimeoutQuery = Static<typeof TimeoutQuery>;
