import Type, { type Static } from "typebox";
import { fail } from "../../contract/index.ts";
import type { App } from "../http.ts";
import { problemResponse } from "../schemas.ts";

const timeoutMs = 5000;

const OperationRequest = Type.Object(
  {
    node: Type.Integer({ minimum: 1, description: "Which node is asked." }),
    kind: Type.Union([Type.Literal("increment"), Type.Literal("read")]),
    counter: Type.String({ minLength: 1, maxLength: 200 }),
    by: Type.Optional(Type.Integer()),
    consistency: Type.Optional(Type.String({ maxLength: 500, description: "read: what is wanted." })),
    session: Type.Optional(Type.String({ maxLength: 1000, description: "What an earlier answer had." })),
  },
  { additionalProperties: false },
);
export type OperationRequest = Static<typeof OperationRequest>;

const OperationAnswer = Type.Object({
  node: Type.Integer(),
  ok: Type.Boolean(),
  ms: Type.Number({ description: "From question to answer." }),
  value: Type.Optional(Type.Integer()),
  kept: Type.Optional(Type.String({ description: "The header Cohort-Consistency." })),
  session: Type.Optional(Type.String()),
  problem: Type.Optional(
    Type.Object({ code: Type.String(), detail: Type.String(), definite: Type.Optional(Type.Boolean()) }),
  ),
});
export type OperationAnswer = Static<typeof OperationAnswer>;

/** Increments and reads of counters from a page, at a node of its choice: nodes take no requests from other origins. */
export function addOperations(app: App, httpOf: (node: number) => string | undefined): void {
  app.post(
    "/console/operations",
    {
      schema: {
        summary: "Increment or read a counter at one node, and tell what was kept",
        body: OperationRequest,
        response: { 200: OperationAnswer, default: problemResponse },
      },
    },
    (request) => {
      const http = httpOf(request.body.node);
      if (http === undefined) throw fail("bad-request", `there is no node ${request.body.node}`);
      return ask(http, request.body);
    },
  );
}

async function ask(http: string, request: OperationRequest): Promise<OperationAnswer> {
  const { node, kind, counter, by = 1, consistency, session } = request;
  const path = `http://${http}/v1/counters/${encodeURIComponent(counter)}`;
  const query = consistency === undefined ? "" : `?consistency=${encodeURIComponent(consistency)}`;
  const headers = session === undefined ? {} : { "cohort-session": session };
  const begun = performance.now();
  const took = (): number => Math.round((performance.now() - begun) * 100) / 100;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response =
      kind === "read"
        ? await fetch(path + query, { headers, signal })
        : await fetch(`${path}/increment`, {
            method: "POST",
            headers: { ...headers, "content-type": "application/json" },
            body: JSON.stringify({ by }),
            signal,
          });
    const body = (await response.json()) as Record<string, unknown>;
    const ms = took();
    if (!response.ok) return { node, ok: false, ms, problem: problemIn(body) };
    const kept = response.headers.get("cohort-consistency");
    const next = response.headers.get("cohort-session");
    return {
      node,
      ok: true,
      ms,
      value: Number(body["value"]),
      ...(kept === null ? {} : { kept }),
      ...(next === null ? {} : { session: next }),
    };
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    const definite = kind === "read";
    const problem = late
      ? { code: "deadline", detail: `node ${node} did not answer within ${timeoutMs} ms`, definite }
      : { code: "disconnected", detail: `node ${node} is not there`, definite: definite || isRefused(error) };
    return { node, ok: false, ms: took(), problem };
  }
}

function problemIn(body: Record<string, unknown>): NonNullable<OperationAnswer["problem"]> {
  const { code, detail, definite } = body;
  return {
    code: String(code),
    detail: String(detail),
    ...(typeof definite === "boolean" ? { definite } : {}),
  };
}

function isRefused(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
