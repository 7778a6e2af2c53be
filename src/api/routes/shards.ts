import Type, { type Static } from "typebox";
import { fromBinaryString, toBinaryString } from "../../base/index.ts";
import { fail } from "../../contract/index.ts";
import { pointOf, type Placement } from "../../placement/index.ts";
import type { Operation, ShardRow } from "../../store/index.ts";
import { bytesOf } from "../bytes.ts";
import { keptFields, type Gateway } from "../gateway.ts";
import type { App } from "../http.ts";
import { keptProperties, KeyspacePath, problemResponse, ReadQuery, revision, TimeoutQuery } from "../schemas.ts";

const shardName = Type.String({
  pattern: "^(start|([0-9a-f]{2})+)$",
  description: "Where it begins, in hexadecimal: of the hash, or of the key. The first one is `start`.",
});
const group = Type.Integer({ minimum: 0 });
const Shard = Type.Object({
  shard: shardName,
  to: Type.Optional(Type.String({ description: "Where it ends, in hexadecimal; left out: nowhere." })),
  group,
  replicas: Type.Array(Type.Integer(), { description: "The first one is to lead." }),
  state: Type.String({ description: "served; opening; moving, while it is served; arriving, in its new group." }),
  movesTo: Type.Optional(group),
  epoch: Type.Integer({ description: "Grows whenever the range gets another group." }),
});
const ShardList = Type.Object({ placement: Type.String(), shards: Type.Array(Shard), ...keptProperties });
const Change = Type.Object(
  {
    action: Type.Unsafe<"split" | "merge" | "move">({ type: "string", enum: ["split", "merge", "move"] }),
    shard: shardName,
    at: Type.Optional(Type.String({ description: "split, placed by range: the key that begins the new shard." })),
    atBase64: Type.Optional(Type.String()),
    to: Type.Optional(
      Type.Integer({ minimum: 0, description: "move: the group that gets it; 0 or left out: a new one." }),
    ),
  },
  { additionalProperties: false },
);

/** The shards of a keyspace, and what can be done with them. */
export function addShardRoutes(app: App, gateway: Gateway): void {
  const path = "/v1/keyspaces/:keyspace/shards";
  app.get(
    path,
    {
      schema: {
        summary: "Which group has which keys",
        params: KeyspacePath,
        querystring: ReadQuery,
        response: { 200: ShardList, default: problemResponse },
      },
    },
    async (request, reply) => {
      const query = { type: "shards", keyspace: request.params.keyspace } as const;
      const found = await gateway.read(request, reply, "shardMap", query);
      if (found === undefined) return reply;
      const { placement, shards } = found.answer;
      return { placement, shards: shards.map(viewOf), ...keptFields(found.kept) };
    },
  );
  app.post(
    path,
    {
      schema: {
        summary: "Split, merge or move a shard; a move goes on after the answer",
        params: KeyspacePath,
        querystring: TimeoutQuery,
        body: Change,
        response: { 202: Type.Object({ revision, ...keptProperties }), default: problemResponse },
      },
    },
    async (request, reply) => {
      const { keyspace } = request.params;
      const found = await gateway.read(request, reply, "shardMap", { type: "shards", keyspace });
      if (found === undefined) return reply;
      const operation = operationOf(keyspace, request.body, found.answer);
      const done = await gateway.write(request, reply, "done", operation);
      if (done === undefined) return reply;
      void reply.code(202);
      return { revision: done.answer.revision, ...keptFields(done.kept) };
    },
  );
}

function viewOf({ from, to, movesTo, group: of, replicas, state, epoch }: ShardRow): Static<typeof Shard> {
  return {
    shard: from === "" ? "start" : hexOf(from),
    ...(to !== undefined && { to: hexOf(to) }),
    group: of,
    replicas: [...replicas],
    state,
    ...(movesTo !== undefined && { movesTo }),
    epoch,
  };
}

interface ShardMapAnswer {
  readonly placement: Placement;
  readonly shards: readonly ShardRow[];
}

/** Throws a CohortError where the change makes no sense. */
function operationOf(keyspace: string, change: Static<typeof Change>, map: ShardMapAnswer): Operation {
  const at = change.shard === "start" ? "" : toBinaryString(new Uint8Array(Buffer.from(change.shard, "hex")));
  const shard = map.shards.find(({ from }) => from === at);
  if (shard === undefined) throw fail("not-found", `"${keyspace}" has no shard ${change.shard}`);
  const key = bytesOf(change, "at");
  if (key !== undefined && (change.action !== "split" || map.placement !== "range"))
    throw fail("bad-request", '"at" is for splits of keyspaces that are placed by range');
  if (change.to !== undefined && change.action !== "move") throw fail("bad-request", '"to" is for moves');
  if (change.action === "merge") return { kind: "mergeShard", keyspace, at };
  if (change.action === "move") return { kind: "moveShard", keyspace, at, to: change.to ?? 0 };
  if (map.placement === "hash") return { kind: "splitShard", keyspace, at: middleOf(shard) };
  if (key === undefined) throw fail("bad-request", 'a split of a keyspace that is placed by range needs "at", a key');
  const point = pointOf("range", key);
  if (point <= shard.from || (shard.to !== undefined && point >= shard.to))
    throw fail("bad-request", "the key is not within that shard, or begins it already");
  return { kind: "splitShard", keyspace, at: point };
}

const pointBytes = 4;

/** Halfway between two hashes. */
function middleOf({ from, to }: Pick<ShardRow, "from" | "to">): string {
  const low = from === "" ? 0 : Buffer.from(fromBinaryString(from)).readUInt32BE();
  const high = to === undefined ? 2 ** 32 : Buffer.from(fromBinaryString(to)).readUInt32BE();
  const middle = Buffer.alloc(pointBytes);
  middle.writeUInt32BE(Math.floor((low + high) / 2));
  return toBinaryString(middle);
}

function hexOf(point: string): string {
  return Buffer.from(fromBinaryString(point)).toString("hex");
}
