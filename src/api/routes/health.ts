import Type from "typebox";
import type { Host } from "../../host/index.ts";
import { lifeSign, unreadiness } from "../health.ts";
import type { App } from "../http.ts";
import type { Metrics } from "../metrics.ts";

const Alive = Type.Object({ status: Type.String(), reason: Type.Optional(Type.String()) });
const Ready = Type.Object({ status: Type.String(), reasons: Type.Array(Type.String()) });
const text = {
  description: "Prometheus text format",
  content: { "text/plain": { schema: Type.Unsafe<string>({ type: "string" }) } },
};

export function addHealthRoutes(app: App, host: Host, metrics: Metrics): void {
  app.get(
    "/healthz",
    { schema: { summary: "The process lives and its driver turns", response: { 200: Alive, 503: Alive } } },
    async (_, reply) => {
      const reason = await lifeSign(host);
      if (reason === undefined) return { status: "ok" };
      void reply.code(503);
      return { status: "failing", reason };
    },
  );
  app.get(
    "/readyz",
    { schema: { summary: "Requests can be served; 503 says why not", response: { 200: Ready, 503: Ready } } },
    async (_, reply) => {
      const reasons = await unreadiness(host);
      if (reasons.length > 0) void reply.code(503);
      return { status: reasons.length === 0 ? "ok" : "not ready", reasons };
    },
  );
  app.get("/metrics", { schema: { summary: "Metrics", response: { 200: text } } }, async (_, reply) =>
    reply.header("content-type", metrics.contentType).send(await metrics.text()),
  );
}
