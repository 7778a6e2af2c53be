import Type, { type Static } from "typebox";
import { fail, parseKeyspaceContract, parseReadContract } from "../../contract/index.ts";
import type { KeyspaceDefinition } from "../../store/index.ts";
import { keptFields, type Gateway } from "../gateway.ts";
import type { App } from "../http.ts";
import { keptProperties, problemResponse, ReadQuery, revision, TimeoutQuery } from "../schemas.ts";

const count = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description }));
const KeyspaceBody = Type.Object(
  {
    name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" }),
    engine: Type.Optional(
      Type.Unsafe<"raft" | "dynamo">({ type: "string", enum: ["raft", "dynamo"], description: "Default raft." }),
    ),
    shards: count("Default 1."),
    replicas: count("Default: every voter."),
    n: count("dynamo: replicas."),
    r: count("dynamo: replicas that a read asks."),
    w: count("dynamo: replicas that a write waits for."),
    contract: Type.Optional(Type.String({ maxLength: 16_384, description: "Default: linearizable reads and writes." })),
  },
  { additionalProperties: false },
);
const KeyspaceProperties = {
  name: Type.String(),
  engine: Type.String(),
  shards: Type.Integer(),
  replicas: Type.Integer(),
  contract: Type.String(),
};
const KeyspaceList = Type.Object({
  keyspaces: Type.Array(Type.Object({ ...KeyspaceProperties, id: Type.Integer(), version: Type.Integer() })),
  ...keptProperties,
});
const linearizable = parseReadContract("linearizable");

export function addKeyspaceRoutes(app: App, gateway: Gateway): void {
  app.get(
    "/v1/keyspaces",
    {
      schema: {
        summary: "The keyspaces there are",
        querystring: ReadQuery,
        response: { 200: KeyspaceList, default: problemResponse },
      },
    },
    async (request, reply) => {
      const found = await gateway.read(request, reply, "keyspaces", { type: "keyspaces" }, linearizable);
      return found === undefined ? reply : { keyspaces: [...found.answer.keyspaces], ...keptFields(found.kept) };
    },
  );
  app.post(
    "/v1/keyspaces",
    {
      schema: {
        summary: "Make a keyspace",
        querystring: TimeoutQuery,
        body: KeyspaceBody,
        response: {
          201: Type.Object({ ...KeyspaceProperties, revision, ...keptProperties }),
          default: problemResponse,
        },
      },
    },
    async (request, reply) => {
      const voters = gateway.host.status().groups[0]?.membership.voters.length ?? gateway.host.config.members.length;
      const keyspace = definitionOf(request.body, voters);
      const done = await gateway.write(request, reply, "done", { kind: "createKeyspace", keyspace });
      if (done === undefined) return reply;
      void reply.code(201);
      return { ...keyspace, revision: done.answer.revision, ...keptFields(done.kept) };
    },
  );
}

/** Throws a CohortError where this cluster cannot keep such a keyspace. */
function definitionOf(body: Static<typeof KeyspaceBody>, voters: number): KeyspaceDefinition {
  const { name, engine = "raft", shards = 1, replicas = voters } = body;
  if (engine !== "raft") throw fail("unsupported", `engine ${engine}; there is raft`);
  for (const quorum of ["n", "r", "w"] as const) {
    if (body[quorum] !== undefined)
      throw fail("bad-request", `"${quorum}" is for the engine dynamo; a raft keyspace has majorities`);
  }
  if (shards !== 1) throw fail("unsupported", `${shards} shards; a keyspace has one`);
  if (replicas !== voters)
    throw fail("unsupported", `${replicas} replicas; a keyspace lives on every voter, here ${voters}`);
  return { name, engine, shards, replicas, contract: parseKeyspaceContract(body.contract ?? "", engine).text };
}
