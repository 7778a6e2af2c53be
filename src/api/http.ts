/** The HTTP server that nodes and the supervisor share: strict about input, one form of error, safe from other sites. */
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
  type RouteOptions,
} from "fastify";
import type { FastifyBaseLogger } from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import swagger from "@fastify/swagger";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Type, { type TSchema } from "typebox";
import { errorCatalogue, fail, type Failure } from "../contract/index.ts";
import type { Logger } from "../host/index.ts";
import { answerMalformed, asCohortError, problemOf, problemType } from "./problems.ts";
import { compileValidator, type Part } from "./validation.ts";

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

declare module "fastify" {
  interface FastifyReply {
    /** `ok` or the code of the error that was answered, for metrics. */
    outcome: string;
  }
}

export interface HttpOptions {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  /** The name this server is configured to be reached by, beside loopback. */
  readonly host: string;
  readonly rewriteUrl?: (request: { url?: string | undefined }) => string;
}

/** A server without routes. Close it with `close()`; open connections are ended. */
export async function newHttpServer(options: HttpOptions): Promise<App> {
  const app = Fastify({
    logger: false,
    requestIdHeader: false,
    bodyLimit: options.maxBodyBytes,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 16_384 },
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply, options),
    ...(options.rewriteUrl === undefined ? {} : { rewriteUrl: options.rewriteUrl }),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.decorateReply("outcome", "ok");
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => compileValidator(schema, httpPart as Part));
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options));
  app.removeContentTypeParser("text/plain");
  const methods = rememberMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const allowed = methods(path);
    if (allowed.length === 0) throw fail("unknown-route", `${request.method} ${path}`);
    void reply.header("allow", allowed.join(", "));
    throw fail("method-not-allowed", `${path} takes ${allowed.join(", ")}, not ${request.method}`);
  });
  app.addHook("onRequest", (request, _reply, done) => {
    done(
      isForeign(request, options.host)
        ? fail("forbidden-origin", `from ${request.headers.origin ?? "another site"}`)
        : undefined,
    );
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: options.title, description: options.description, version: options.version },
    },
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  return app;
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, options: HttpOptions): void {
  const fault = asCohortError(error, options.maxBodyBytes);
  if (fault.code === "internal")
    options.logger.error({ err: fault.cause ?? fault, method: request.method, url: request.url }, "request failed");
  sendFailure(reply, fault.failure);
}

/** Answers with a failure of the catalogue. Cheaper than throwing it. */
export function sendFailure(reply: FastifyReply, failure: Failure): FastifyReply {
  reply.outcome = failure.code;
  if (errorCatalogue[failure.code].retryable) void reply.header("retry-after", "1");
  const problem = problemOf(failure);
  return reply.code(problem.status).header("content-type", problemType).send(JSON.stringify(problem));
}

const noParameters = Type.Object({}, { additionalProperties: false });

/** Which methods a path takes, for the `Allow` header. Routes that name no parameters are made to take none. */
function rememberMethods(app: App): (path: string) => string[] {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook("onRoute", (route: RouteOptions) => {
    route.schema = { querystring: noParameters, ...route.schema };
    const pattern = route.url
      .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll(/:\w+/g, "[^/]+")
      .replaceAll("*", ".*");
    routes.push({ pattern: new RegExp(`^${pattern}$`), methods: [route.method].flat() });
  });
  return (path) =>
    [...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))].sort();
}

const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Whether a page of another site sent this request to change something. The `Host` header proves nothing
 * (a foreign name can resolve to this address), so only loopback and the configured name are taken for ours.
 */
function isForeign(request: FastifyRequest, ownHost: string): boolean {
  if (request.method === "GET" || request.method === "HEAD") return false;
  if (request.headers["sec-fetch-site"] === "cross-site") return true;
  const { origin } = request.headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const { hostname } = new URL(origin);
  return !loopbackNames.has(hostname) && hostname !== ownHost;
}
