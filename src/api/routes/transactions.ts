import Type, { type Static } from "typebox";
import { fail } from "../../contract/index.ts";
import type { Compare, StepResult, TransactionStep } from "../../store/index.ts";
import { bytesOf, requiredBytesOf, textOf } from "../bytes.ts";
import { keptFields, type Gateway } from "../gateway.ts";
import type { App } from "../http.ts";
import { type Isolation, isolations } from "../../txn/index.ts";
import { addInteractiveRoutes } from "./interactive.ts";
import {
  keptProperties,
  keyProperties,
  KeyspacePath,
  problemResponse,
  revision,
  timestamp,
  TimeoutQuery,
  valueProperties,
} from "../schemas.ts";

const maxSteps = 1024;
const literals = <const Names extends readonly string[]>(names: Names) =>
  Type.Unsafe<Names[number]>({ type: "string", enum: [...names] });

const CompareBody = Type.Object(
  {
    ...keyProperties,
    target: literals(["value", "modRevision", "createRevision", "version", "exists", "lock"]),
    relation: Type.Optional(literals(["equal", "not-equal", "less", "greater"])),
    ...valueProperties,
    operand: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "What a revision or version is compared with; for a lock its fencing token.",
      }),
    ),
    exists: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false, description: "A condition on one key; `relation` is equal where it is left out." },
);
const StepBody = Type.Object(
  { kind: literals(["put", "delete", "get"]), ...keyProperties, ...valueProperties },
  { additionalProperties: false },
);
const Begin = Type.Object(
  {
    isolation: Type.Optional(
      Type.Unsafe<Isolation>({ type: "string", enum: [...isolations], description: "Default serializable." }),
    ),
    ttlMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 600_000,
        description: "It is aborted when it is not used for so long. Default 10000.",
      }),
    ),
  },
  { additionalProperties: false, description: "Begin an interactive transaction instead; nothing else goes with it." },
);
const TransactionBody = Type.Object(
  {
    compare: Type.Optional(Type.Array(CompareBody, { maxItems: maxSteps })),
    then: Type.Optional(Type.Array(StepBody, { maxItems: maxSteps })),
    else: Type.Optional(Type.Array(StepBody, { maxItems: maxSteps })),
    begin: Type.Optional(Begin),
  },
  {
    additionalProperties: false,
    description: "Where every compare holds, `then` is done, otherwise `else`: all of it or nothing.",
  },
);
const StepAnswer = Type.Object({
  kind: Type.String(),
  previousRevision: Type.Optional(revision),
  deleted: Type.Optional(Type.Boolean()),
  found: Type.Optional(Type.Boolean()),
  ...valueProperties,
  createRevision: Type.Optional(revision),
  modRevision: Type.Optional(revision),
  version: Type.Optional(Type.Integer()),
});
const TransactionAnswer = Type.Object({
  succeeded: Type.Boolean({ description: "Whether every compare held." }),
  revision,
  timestamp,
  results: Type.Array(StepAnswer, { description: "One for each step of the branch that was done." }),
  ...keptProperties,
});

const BegunAnswer = Type.Object({
  id: Type.String({ description: "Belongs to this node." }),
  isolation: Type.String(),
  ttlMs: Type.Integer(),
});

export function addTransactionRoutes(app: App, gateway: Gateway): void {
  const open = addInteractiveRoutes(app, gateway);
  app.post(
    "/v1/keyspaces/:keyspace/transactions",
    {
      schema: {
        summary: "Compare, then change several keys at once; or begin an interactive transaction",
        params: KeyspacePath,
        querystring: TimeoutQuery,
        body: TransactionBody,
        response: { 200: TransactionAnswer, 201: BegunAnswer, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { begin } = request.body;
      if (begin !== undefined) {
        if (Object.keys(request.body).length > 1) throw fail("bad-request", '"begin" stands alone: steps come later');
        const { keyspace } = request.params;
        const known = await gateway.read(request, reply, "keyspaces", { type: "keyspaces" });
        if (known === undefined) return reply;
        const found = known.answer.keyspaces.find(({ name }) => name === keyspace);
        if (found === undefined) throw fail("not-found", `there is no keyspace "${keyspace}"`);
        if (found.engine !== "raft")
          throw fail("unsupported", `transactions in "${keyspace}", whose engine is ${found.engine}: raft has them`);
        return reply.code(201).send(open.begin(keyspace, begin.isolation, begin.ttlMs));
      }
      const { compare = [], then = [], else: otherwise = [] } = request.body;
      const operation = {
        kind: "transaction",
        keyspace: request.params.keyspace,
        compares: compare.map(compareOf),
        then: then.map(stepOf),
        otherwise: otherwise.map(stepOf),
      } as const;
      const done = await gateway.write(request, reply, "transaction", operation);
      if (done === undefined) return reply;
      const { succeeded, revision: now, timestamp: at, steps } = done.answer;
      return { succeeded, revision: now, timestamp: at, results: steps.map(resultOf), ...keptFields(done.kept) };
    },
  );
}

function compareOf(body: Static<typeof CompareBody>): Compare {
  const key = requiredBytesOf(body, "key");
  const { target, relation = "equal", operand, exists } = body;
  const value = bytesOf(body, "value");
  const stray = { value, operand, exists, relation: body.relation };
  const only = (...allowed: readonly (keyof typeof stray)[]): void => {
    for (const [name, given] of Object.entries(stray)) {
      if (given !== undefined && !allowed.includes(name as keyof typeof stray)) {
        throw fail(
          "bad-request",
          `a compare of "${target}" does not take "${name}"; it takes ${allowed.join(" and ")}`,
        );
      }
    }
  };
  if (target === "exists") {
    only("exists");
    return { target, key, exists: exists ?? true };
  }
  if (target === "value") {
    only("relation", "value");
    if (value === undefined) throw fail("bad-request", 'a compare of "value" needs "value" (or "valueBase64")');
    return { target, key, relation, value };
  }
  only(...(target === "lock" ? [] : (["relation"] as const)), "operand");
  if (operand === undefined) throw fail("bad-request", `a compare of "${target}" needs "operand"`);
  return target === "lock" ? { target, key, token: operand } : { target, key, relation, operand };
}

function stepOf(body: Static<typeof StepBody>): TransactionStep {
  const key = requiredBytesOf(body, "key");
  const value = bytesOf(body, "value");
  if (body.kind === "put") {
    if (value === undefined) throw fail("bad-request", 'a put needs "value" (or "valueBase64")');
    return { kind: "put", key, value };
  }
  if (value !== undefined) throw fail("bad-request", `a ${body.kind} takes no value`);
  return { kind: body.kind, key };
}

function resultOf(step: StepResult): Static<typeof StepAnswer> {
  if (step.kind !== "get") return step;
  if (step.row === undefined) return { kind: "get", found: false };
  const { value, ...revisions } = step.row;
  return { kind: "get", found: true, ...textOf(value, "value"), ...revisions };
}
