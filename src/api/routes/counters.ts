import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { keptFields, type Gateway } from "../gateway.ts";
import type { App } from "../http.ts";
import {
  CounterPath,
  keptProperties,
  problemResponse,
  CounterReadQuery,
  CounterWriteQuery,
  revision,
} from "../schemas.ts";

const CounterAnswer = Type.Object(
  { value: Type.Integer(), revision, ...keptProperties },
  { description: "The counter's value" },
);
const Increment = Type.Union(
  [
    Type.Null(),
    Type.Object(
      { by: Type.Optional(Type.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })) },
      { additionalProperties: false },
    ),
  ],
  { description: "How much to add; may be negative. Without a body: 1." },
);
const response = { 200: CounterAnswer, default: problemResponse };

/** Counters. Without a name, the one that is called `default`. */
export function addCounterRoutes(app: App, gateway: Gateway): void {
  const increment = async (request: FastifyRequest, reply: FastifyReply, counter: string, by: number) => {
    const done = await gateway.write(request, reply, "counter", { kind: "increment", counter, by });
    return done === undefined
      ? reply
      : { value: done.answer.value, revision: done.answer.revision, ...keptFields(done.kept) };
  };
  const get = async (request: FastifyRequest, reply: FastifyReply, name: string) => {
    const found = await gateway.read(request, reply, "counterValue", { type: "counter", name });
    return found === undefined
      ? reply
      : { value: found.answer.value, revision: found.answer.revision, ...keptFields(found.kept) };
  };

  app.post(
    "/counter/increment",
    { schema: { summary: "Add to the default counter", querystring: CounterWriteQuery, body: Increment, response } },
    (request, reply) => increment(request, reply, "default", request.body?.by ?? 1),
  );
  app.get(
    "/counter/value",
    { schema: { summary: "The default counter", querystring: CounterReadQuery, response } },
    (request, reply) => get(request, reply, "default"),
  );
  app.post(
    "/v1/counters/:name/increment",
    {
      schema: {
        summary: "Add to a counter",
        params: CounterPath,
        querystring: CounterWriteQuery,
        body: Increment,
        response,
      },
    },
    (request, reply) => increment(request, reply, request.params.name, request.body?.by ?? 1),
  );
  app.get(
    "/v1/counters/:name",
    {
      schema: {
        summary: "A counter; 0 where nothing was added yet",
        params: CounterPath,
        querystring: CounterReadQuery,
        response,
      },
    },
    (request, reply) => get(request, reply, request.params.name),
  );
}
