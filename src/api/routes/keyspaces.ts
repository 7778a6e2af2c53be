import Type, { type Static } from "typebox";
import { fail, parseKeyspaceContract, parseReadContract, quorumKeyspace, quorumPlan } from "../../contract/index.ts";
import { placements, type Placement } from "../../placement/index.ts";
import type { KeyspaceDefinition } from "../../store/index.ts";
import { keptFields, type Gateway } from "../gateway.ts";
import type { App } from "../http.ts";
import { KeyspacePath, keptProperties, problemResponse, ReadQuery, revision, TimeoutQuery } from "../schemas.ts";

const eventual = parseReadContract("eventual");
const count = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description }));
const KeyspaceBody = Type.Object(
  {
    name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" }),
    engine: Type.Optional(
      Type.Unsafe<"raft" | "dynamo">({ type: "string", enum: ["raft", "dynamo"], description: "Default raft." }),
    ),
    shards: count(
      "Default 1: revisions of all keys have one order, and there are watches. More: each shard is a Raft group of its own.",
    ),
    placement: Type.Optional(
      Type.Unsafe<Placement>({
        type: "string",
        enum: [...placements],
        description: "How keys lie in several shards: hash (default) or range, in their order.",
      }),
    ),
    replicas: count("Default: every voter."),
    n: count("dynamo: replicas of each key; the same as `replicas`."),
    r: count("dynamo: how many of them a read asks. Default: what the contract needs, else a majority."),
    w: count("dynamo: how many of them a write waits for. Default: what the contract needs, else a majority."),
    conflicts: Type.Optional(
      Type.Unsafe<"lww" | "siblings">({
        type: "string",
        enum: ["lww", "siblings"],
        description: "dynamo: of concurrent writes the last one wins (the default), or all of them stay.",
      }),
    ),
    sloppy: Type.Optional(
      Type.Boolean({ description: "dynamo: other nodes stand in for replicas that are away. Default false." }),
    ),
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
  placement: Type.Optional(Type.String()),
  quorum: Type.Optional(
    Type.Object(
      {
        r: Type.Integer({ description: "0: what the contract needs." }),
        w: Type.Integer({ description: "0: what the contract needs." }),
        conflicts: Type.String(),
        sloppy: Type.Boolean(),
      },
      { description: "Of a keyspace without a leader." },
    ),
  ),
};
const KeyspaceList = Type.Object({
  keyspaces: Type.Array(Type.Object({ ...KeyspaceProperties, id: Type.Integer(), version: Type.Integer() })),
  ...keptProperties,
});

export function addKeyspaceRoutes(app: App, gateway: Gateway): void {
  addContractRoute(app, gateway);
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
      const found = await gateway.read(request, reply, "keyspaces", { type: "keyspaces" });
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
      const membership = gateway.host.status().groups[0]?.membership;
      const voters = membership?.voters ?? gateway.host.config.members.map(({ id }) => id);
      const everyone = voters.length + (membership?.learners.length ?? 0);
      const keyspace =
        request.body.engine === "dynamo"
          ? leaderless(request.body, everyone)
          : definitionOf(request.body, voters.length);
      const done = await gateway.write(request, reply, "done", { kind: "createKeyspace", keyspace });
      if (done === undefined) return reply;
      void reply.code(201);
      return { ...keyspace, revision: done.answer.revision, ...keptFields(done.kept) };
    },
  );
}

function addContractRoute(app: App, gateway: Gateway): void {
  app.put(
    "/v1/keyspaces/:keyspace/contract",
    {
      schema: {
        summary: "Change the contract of a keyspace",
        params: KeyspacePath,
        querystring: TimeoutQuery,
        body: Type.Object(
          {
            contract: Type.String({ maxLength: 16_384 }),
            expectedVersion: Type.Optional(
              Type.Integer({ minimum: 1, description: "The version that it replaces; left out: whichever there is." }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ name: Type.String(), contract: Type.String(), revision, ...keptProperties }),
          default: problemResponse,
        },
      },
    },
    async (request, reply) => {
      const { keyspace: name } = request.params;
      const { expectedVersion = 0 } = request.body;
      const found = await gateway.read(request, reply, "keyspaces", { type: "keyspaces" }, eventual);
      if (found === undefined) return reply;
      const present = found.answer.keyspaces.find((keyspace) => keyspace.name === name);
      const contract = parseKeyspaceContract(request.body.contract, present?.engine ?? "raft");
      if (present?.quorum !== undefined) quorumPlan(contract, present.replicas, present.quorum);
      const { text } = contract;
      const operation = { kind: "setContract", name, contract: text, expectedVersion } as const;
      const done = await gateway.write(request, reply, "done", operation);
      return done === undefined
        ? reply
        : { name, contract: text, revision: done.answer.revision, ...keptFields(done.kept) };
    },
  );
}

/** A keyspace without a leader. Throws a CohortError where this cluster cannot keep it. */
function leaderless(body: Static<typeof KeyspaceBody>, nodes: number): KeyspaceDefinition {
  const { name, shards = 1, n, replicas = n ?? Math.min(3, nodes), ...wishes } = body;
  if (n !== undefined && n !== replicas)
    throw fail("bad-request", `n=${n} and replicas=${replicas} say different things`);
  if (shards !== 1) throw fail("bad-request", `shards=${shards}; a keyspace without a leader is spread over a ring`);
  if (replicas > nodes) throw fail("unsupported", `${replicas} replicas; this cluster has ${nodes} nodes`);
  return { name, engine: "dynamo", shards, replicas, ...quorumKeyspace({ ...wishes, replicas }) };
}

/** Throws a CohortError where this cluster cannot keep such a keyspace. */
function definitionOf(body: Static<typeof KeyspaceBody>, voters: number): KeyspaceDefinition {
  const { name, engine = "raft", shards = 1, replicas = voters, placement } = body;
  for (const quorum of ["n", "r", "w", "conflicts", "sloppy"] as const) {
    if (body[quorum] !== undefined)
      throw fail("bad-request", `"${quorum}" is for the engine dynamo; a raft keyspace has majorities`);
  }
  if (placement !== undefined && shards === 1)
    throw fail("bad-request", "a keyspace of one shard has no placement: leave it out, or name more shards");
  if (replicas !== voters)
    throw fail("unsupported", `${replicas} replicas; a keyspace lives on every voter, here ${voters}`);
  const { text: contract } = parseKeyspaceContract(body.contract ?? "", engine);
  const definition = { name, engine, shards, replicas, contract };
  return shards === 1 ? definition : { ...definition, placement: placement ?? "hash" };
}
