import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { emptyBytes } from "../../base/index.ts";
import { fail, failure, type Kept } from "../../contract/index.ts";
import { bytesOf, keyOfPath, textOf } from "../bytes.ts";
import { contextHeader, keptFields, type AnswerOf, type Gateway } from "../gateway.ts";
import { sendFailure, type App } from "../http.ts";
import {
  consistency,
  keptProperties,
  keyProperties,
  KeyPath,
  KeyspacePath,
  problemResponse,
  r,
  revision,
  timeoutMs,
  valueProperties,
  w,
} from "../schemas.ts";

const maxListed = 1000;
const expectedRevision = Type.Optional(
  Type.Integer({
    minimum: 0,
    description: "The revision the key must have; 0: it must not exist. If-Match says the same.",
  }),
);
const atRevision = Type.Optional(Type.Integer({ minimum: 1, description: "Read as of this revision of the store." }));
const WriteQuery = Type.Object({ expectedRevision, timeoutMs, w }, { additionalProperties: false });
const GetQuery = Type.Object({ revision: atRevision, consistency, timeoutMs, r }, { additionalProperties: false });
const ListQuery = Type.Object(
  {
    prefix: Type.Optional(Type.String({ maxLength: 4096 })),
    prefixBase64: Type.Optional(Type.String({ maxLength: 4096 })),
    after: Type.Optional(
      Type.String({ maxLength: 4096, description: "Only keys behind this one: the last of the page before." }),
    ),
    afterBase64: Type.Optional(Type.String({ maxLength: 4096 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxListed, description: "Default 100." })),
    revision: atRevision,
    consistency,
    timeoutMs,
  },
  { additionalProperties: false },
);
const previousRevision = Type.Integer({ minimum: 0, description: "The key's revision before; 0: it did not exist." });
const ofLeaderless = {
  siblings: Type.Optional(
    Type.Integer({
      description: "In a keyspace without a leader: how many values the key has now, as far as is known.",
    }),
  ),
};
const PutAnswer = Type.Object({
  revision: Type.Optional(revision),
  previousRevision: Type.Optional(previousRevision),
  ...ofLeaderless,
  ...keptProperties,
});
const DeleteAnswer = Type.Object({
  deleted: Type.Optional(Type.Boolean()),
  revision: Type.Optional(revision),
  previousRevision: Type.Optional(previousRevision),
  ...ofLeaderless,
  ...keptProperties,
});
const Siblings = Type.Object(
  { values: Type.Array(Type.Object(valueProperties)), context: Type.String(), ...keptProperties },
  {
    description: "Values that were written concurrently. Write one with the context (Cohort-Context) to settle on it.",
  },
);
const ListAnswer = Type.Object({
  keys: Type.Array(
    Type.Object({
      ...keyProperties,
      ...valueProperties,
      createRevision: revision,
      modRevision: revision,
      version: Type.Integer(),
    }),
  ),
  more: Type.Boolean({ description: "There are further keys: ask again with `after`." }),
  snapshot: Type.Boolean({ description: "false: of several shards, each as of a moment of its own; `revision` is 0." }),
  revision,
  ...keptProperties,
});
const bytes = (description: string) => ({
  description,
  content: { "application/octet-stream": { schema: Type.Unsafe<Buffer>({ type: "string", format: "binary" }) } },
});

/** Keys of a keyspace. A value is the body, byte by byte, whatever its media type. */
export async function addKeyRoutes(app: App, gateway: Gateway): Promise<void> {
  await app.register((raw, _options, done) => {
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => parsed(null, body));
    addPutAndDelete(raw, gateway);
    done();
  });

  const path = "/v1/keyspaces/:keyspace/keys/*";
  app.get(
    path,
    {
      schema: {
        summary: "A key's value; 404 where there is none",
        params: KeyPath,
        querystring: GetQuery,
        response: {
          200: bytes(
            "The value. Cohort-Create-Revision and Cohort-Version say more, ETag is its revision. In a keyspace without a leader: Cohort-Context is for the next write.",
          ),
          300: Siblings,
          default: problemResponse,
        },
      },
    },
    async (request, reply) => {
      const { keyspace, "*": text } = request.params;
      const query = { type: "get", keyspace, key: keyOfPath(text), revision: request.query.revision } as const;
      const found = await gateway.read(request, reply, ["row", "versions"], query);
      if (found === undefined) return reply;
      if (found.answer.kind === "versions") return sendVersions(reply, keyspace, found.answer, found.kept);
      const { row, revision: at } = found.answer;
      void reply.header("cohort-revision", at);
      if (row === undefined) return sendFailure(reply, failure("not-found", `no such key in ${keyspace}`));
      return reply
        .header("content-type", "application/octet-stream")
        .header("etag", `"${row.modRevision}"`)
        .header("cohort-create-revision", row.createRevision)
        .header("cohort-version", row.version)
        .send(asBuffer(row.value));
    },
  );

  app.get(
    "/v1/keyspaces/:keyspace/keys",
    {
      schema: {
        summary: "Keys and values in order",
        params: KeyspacePath,
        querystring: ListQuery,
        response: { 200: ListAnswer, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { keyspace } = request.params;
      const { limit, revision: at } = request.query;
      const query = {
        type: "list",
        keyspace,
        prefix: bytesOf(request.query, "prefix") ?? emptyBytes,
        after: bytesOf(request.query, "after"),
        limit: limit ?? 100,
        revision: at,
      } as const;
      const found = await gateway.read(request, reply, "rows", query);
      if (found === undefined) return reply;
      const { rows, more, revision: read } = found.answer;
      const keys = rows.map(({ key, value, ...revisions }) => ({
        ...textOf(key, "key"),
        ...textOf(value, "value"),
        ...revisions,
      }));
      const snapshot = read > 0 || keys.length === 0;
      return { keys, more, snapshot, revision: read, ...keptFields(found.kept) };
    },
  );
}

function addPutAndDelete(app: App, gateway: Gateway): void {
  const path = "/v1/keyspaces/:keyspace/keys/*";
  app.put(
    path,
    {
      schema: {
        summary: "Set a key to the bytes of the body",
        params: KeyPath,
        querystring: WriteQuery,
        body: Type.Unsafe<Buffer | null>({ type: "string", format: "binary" }),
        response: { 200: PutAnswer, 201: PutAnswer, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { keyspace, "*": text } = request.params;
      const value: Uint8Array = request.body ?? emptyBytes;
      const operation = {
        kind: "put",
        keyspace,
        key: keyOfPath(text),
        value,
        expectedRevision: expectedOf(request, request.query),
      } as const;
      const done = await gateway.write(request, reply, ["put", "written"], operation);
      if (done === undefined) return reply;
      if (done.answer.kind === "written") return writtenFields(reply, done.answer, done.kept);
      const { revision: now, previousRevision: before } = done.answer;
      void reply.code(before === 0 ? 201 : 200).header("etag", `"${now}"`);
      return { revision: now, previousRevision: before, ...keptFields(done.kept) };
    },
  );
  app.delete(
    path,
    {
      schema: {
        summary: "Delete a key; deleting what is not there is no error",
        params: KeyPath,
        querystring: WriteQuery,
        response: { 200: DeleteAnswer, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { keyspace, "*": text } = request.params;
      const operation = {
        kind: "delete",
        keyspace,
        key: keyOfPath(text),
        expectedRevision: expectedOf(request, request.query),
      } as const;
      const done = await gateway.write(request, reply, ["delete", "written"], operation);
      if (done === undefined) return reply;
      if (done.answer.kind === "written") return writtenFields(reply, done.answer, done.kept);
      const { deleted, revision: now, previousRevision: before } = done.answer;
      return { deleted, revision: now, previousRevision: before, ...keptFields(done.kept) };
    },
  );
}

/** A value, none, or all that were written concurrently. */
function sendVersions(
  reply: FastifyReply,
  keyspace: string,
  { values, context }: AnswerOf<"versions">,
  kept: Kept,
): FastifyReply {
  const text = Buffer.from(context).toString("base64url");
  if (context.length > 0) void reply.header(contextHeader, text);
  const [value] = values;
  if (value === undefined) return sendFailure(reply, failure("not-found", `no such key in ${keyspace}`));
  if (values.length === 1) return reply.header("content-type", "application/octet-stream").send(asBuffer(value));
  return reply
    .code(300)
    .header("content-type", "application/json")
    .send({ values: values.map((one) => textOf(one, "value")), context: text, ...keptFields(kept) });
}

function writtenFields(reply: FastifyReply, { siblings, context }: AnswerOf<"written">, kept: Kept) {
  if (context.length > 0) void reply.header(contextHeader, Buffer.from(context).toString("base64url"));
  return { siblings, ...keptFields(kept) };
}

/** What the key's revision has to be: from the query, `If-Match: "7"`, or `If-None-Match: *`. */
function expectedOf(request: FastifyRequest, query: { readonly expectedRevision?: number }): number | undefined {
  const match = request.headers["if-match"];
  const noneMatch = request.headers["if-none-match"];
  const said: number[] = query.expectedRevision === undefined ? [] : [query.expectedRevision];
  if (match !== undefined) {
    const tag = /^"(\d{1,15})"$/.exec(match);
    if (tag === null) throw fail("bad-request", `If-Match is ${match}; it is one revision in quotes, as ETag gave it`);
    said.push(Number(tag[1]));
  }
  if (noneMatch !== undefined) {
    if (noneMatch !== "*") throw fail("bad-request", `If-None-Match is ${noneMatch}; for a write it can only be *`);
    said.push(0);
  }
  if (said.some((revision) => revision !== said[0]))
    throw fail("bad-request", "expectedRevision, If-Match and If-None-Match differ");
  return said[0];
}

function asBuffer(view: Uint8Array): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.length);
}
