import type { FastifyReply } from "fastify";
import Type from "typebox";
import { emptyBytes } from "../../base/index.ts";
import { fail, type Failure, type WatchEvent } from "../../contract/index.ts";
import type { Host, WatchHandle } from "../../host/index.ts";
import { bytesOf, textOf } from "../bytes.ts";
import type { App } from "../http.ts";
import { problemOf } from "../problems.ts";
import { KeyspacePath, problemResponse } from "../schemas.ts";

const heartbeatMs = 15_000;
/** Batches that may wait for a slow reader. */
const initialCredit = 8;

const WatchQuery = Type.Object(
  {
    prefix: Type.Optional(Type.String({ maxLength: 4096 })),
    prefixBase64: Type.Optional(Type.String({ maxLength: 4096 })),
    from: Type.Optional(
      Type.Integer({ minimum: 0, description: "The first revision wanted. Left out or 0: from now on." }),
    ),
  },
  { additionalProperties: false },
);

/**
 * Changes as server-sent events: `event: put|delete`, `id:` the revision. A reader that comes back sends
 * `Last-Event-ID` and misses nothing; `event: error` ends the stream where that can no longer be promised.
 */
export function addWatchRoute(app: App, host: Host): void {
  const open = new Set<{ end: () => void }>();
  app.addHook("preClose", (done) => {
    for (const watch of open) watch.end();
    done();
  });
  app.get(
    "/v1/keyspaces/:keyspace/watch",
    {
      exposeHeadRoute: false,
      schema: {
        summary: "Changes of keys as server-sent events",
        params: KeyspacePath,
        querystring: WatchQuery,
        response: {
          200: {
            description: "Events",
            content: { "text/event-stream": { schema: Type.Unsafe<string>({ type: "string" }) } },
          },
          default: problemResponse,
        },
      },
    },
    (request, reply) => {
      const prefix = bytesOf(request.query, "prefix") ?? emptyBytes;
      const from = firstRevision(request.headers["last-event-id"], request.query.from);
      reply.hijack();
      stream(host, { keyspace: request.params.keyspace, prefix, from }, reply, open);
    },
  );
}

function firstRevision(lastEventId: string | string[] | undefined, from: number | undefined): number {
  if (lastEventId === undefined || lastEventId === "") return from ?? 0;
  if (typeof lastEventId !== "string" || !/^\d{1,15}$/.test(lastEventId)) {
    throw fail("bad-request", "Last-Event-ID is no revision; send back what `id:` said");
  }
  return Number(lastEventId) + 1;
}

function stream(
  host: Host,
  wanted: { readonly keyspace: string; readonly prefix: Uint8Array; readonly from: number },
  reply: FastifyReply,
  open: Set<{ end: () => void }>,
): void {
  const response = reply.raw;
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  // A reader that breaks off before the first event still resumes from here.
  const from = wanted.from === 0 ? (host.status().groups[0]?.revision ?? 0) + 1 : wanted.from;
  response.write(`id: ${from - 1}\n\n`);

  // Undefined until the host has answered, which may be with a failure at once.
  let handle: WatchHandle | undefined = undefined;
  let owed = 0;
  const repay = (): void => {
    if (owed === 0) return;
    handle?.credit(owed);
    owed = 0;
  };
  const heartbeat = setInterval(() => response.write(": still here\n\n"), heartbeatMs);
  const watch = {
    end: (failure?: Failure) => {
      clearInterval(heartbeat);
      open.delete(watch);
      handle?.close();
      if (failure !== undefined) response.write(`event: error\ndata: ${JSON.stringify(problemOf(failure))}\n\n`);
      response.end();
    },
  };
  open.add(watch);
  response.on("drain", repay);
  response.on("close", () => watch.end());
  handle = host.watch(
    { keyspace: wanted.keyspace, prefix: wanted.prefix, from },
    {
      onEvents: (events, revision) => {
        owed++;
        if (response.write(eventText(events, revision))) repay();
      },
      onFailure: (failure) => watch.end(failure),
    },
  );
  handle.credit(initialCredit);
}

/**
 * The id comes with the last event of a revision: a reader that resumes behind it has seen them all. At the end
 * comes the revision up to which there was nothing more, so that a quiet reader does not fall behind compaction.
 */
function eventText(events: readonly WatchEvent[], revision: number): string {
  let text = "";
  for (const [i, event] of events.entries()) {
    if (event.revision !== events[i + 1]?.revision) text += `id: ${event.revision}\n`;
    const change = {
      ...textOf(event.key, "key"),
      ...(event.kind === "put" ? textOf(event.value, "value") : {}),
      revision: event.revision,
    };
    text += `event: ${event.kind}\ndata: ${JSON.stringify(change)}\n\n`;
  }
  return events.at(-1)?.revision === revision ? text : `${text}id: ${revision}\n\n`;
}
