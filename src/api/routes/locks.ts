import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { failure } from "../../contract/index.ts";
import { keptFields, type Gateway } from "../gateway.ts";
import { sendFailure, type App } from "../http.ts";
import { keptProperties, problemResponse, ReadQuery, timeoutMs, TimeoutQuery } from "../schemas.ts";

const dayMs = 86_400_000;
/** A connection is not held open for longer. */
const maxWaitMs = 600_000;
const defaultTtlMs = 10_000;

const NamePath = Type.Object({ name: Type.String({ minLength: 1, maxLength: 256 }) });
const ttlMs = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: dayMs,
    description: `The lease ends so long after it was given or kept alive. Default ${defaultTtlMs}.`,
  }),
);
const waitMs = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: maxWaitMs,
    description: "How long to wait for it; default 0. In order of arrival.",
  }),
);
const token = Type.Integer({ minimum: 1, description: "A fencing token: each grant has a higher one." });
const permits = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 1000, description: "How many may hold it at once: a semaphore. Default 1." }),
);
const note = Type.Optional(
  Type.String({
    maxLength: 256,
    description: "What others read about its holder, such as an address: an elected leader.",
  }),
);
const AcquireBody = Type.Union([
  Type.Null(),
  Type.Object({ ttlMs, waitMs, permits, note }, { additionalProperties: false }),
]);
const KeepAliveBody = Type.Object({ token, ttlMs }, { additionalProperties: false });
const ReleaseBody = Type.Union([Type.Null(), Type.Object({ token }, { additionalProperties: false })]);
const ReleaseQuery = Type.Object({ token: Type.Optional(token), timeoutMs }, { additionalProperties: false });
const ArriveBody = Type.Object(
  {
    participants: Type.Integer({ minimum: 1, maximum: 1000, description: "How many have to arrive." }),
    waitMs: Type.Optional(Type.Integer({ minimum: 1, maximum: maxWaitMs, description: "Default 10000." })),
  },
  { additionalProperties: false },
);
const LockAnswer = Type.Object({
  permits: Type.Integer({ description: "0: nobody holds it or waits for it." }),
  holders: Type.Array(
    Type.Object({
      token,
      note: Type.String(),
      remainingMs: Type.Integer({ description: "What is left of the lease, by the time in the log." }),
    }),
  ),
  waiting: Type.Integer({ description: "How many wait." }),
  ...keptProperties,
});

const bare = { kind: "none" } as const;
const base = "/v1/locks/:name";

/** How long a waiter sleeps before it looks again, for each place in the queue, milliseconds. */
const pollMs = 20;
const maxPollMs = 500;

/** Locks with leases and fencing tokens, and barriers. */
export function addLockRoutes(app: App, gateway: Gateway): void {
  app.post(
    base,
    {
      schema: {
        summary: "Acquire a lock, or a permit of a semaphore",
        params: NamePath,
        querystring: TimeoutQuery,
        body: AcquireBody,
        response: { 200: Type.Object({ token, ttlMs: Type.Integer(), ...keptProperties }), default: problemResponse },
      },
    },
    async (request, reply) => {
      const { ttlMs: lease = defaultTtlMs, waitMs: wait = 0, permits: size = 1, note: said = "" } = request.body ?? {};
      const lock = request.params.name;
      const claim = claimOf(request);
      const operation = {
        kind: "acquire",
        lock,
        claim,
        permits: size,
        ttlMs: lease,
        waitMs: wait,
        note: said,
      } as const;
      const startedAt = performance.now();
      const asked = await gateway.write(request, reply, "claim", operation, bare);
      if (asked === undefined) return reply;
      if (asked.answer.token > 0) return { token: asked.answer.token, ttlMs: lease, ...keptFields(asked.kept) };
      let place = asked.answer.ahead + 1;
      while (place > 0 && !request.socket.destroyed) {
        const leftMs = startedAt + wait - performance.now();
        if (leftMs <= 0) break;
        await sleep(Math.min(leftMs, pollMs * place, maxPollMs, lease / 4));
        const query = { type: "lock", name: lock, claim } as const;
        const looked = await gateway.read(request, reply, "lockState", query);
        if (looked === undefined) return reply;
        if (looked.answer.token > 0) return { token: looked.answer.token, ttlMs: lease, ...keptFields(looked.kept) };
        ({ place } = looked.answer);
      }
      if (wait > 0) {
        const withdrawn = await gateway.write(request, reply, "done", { kind: "withdraw", lock, claim }, bare);
        if (withdrawn === undefined) return reply;
      }
      return sendFailure(
        reply,
        failure("not-granted", `the lock "${lock}" is held, and ${wait} ms of waiting are over`),
      );
    },
  );
  app.get(
    base,
    {
      schema: {
        summary: "Who holds a lock",
        params: NamePath,
        querystring: ReadQuery,
        response: { 200: LockAnswer, default: problemResponse },
      },
    },
    async (request, reply) => {
      const query = { type: "lock", name: request.params.name, claim: "" } as const;
      const found = await gateway.read(request, reply, "lockState", query);
      if (found === undefined) return reply;
      const { permits: size, holders, waiting } = found.answer;
      return { permits: size, holders: [...holders], waiting, ...keptFields(found.kept) };
    },
  );
  app.post(
    `${base}/keep-alive`,
    {
      schema: {
        summary: "Begin the lease of a lock anew",
        params: NamePath,
        querystring: TimeoutQuery,
        body: KeepAliveBody,
        response: { 200: Type.Object({ token, ...keptProperties }), default: problemResponse },
      },
    },
    async (request, reply) => {
      const { token: held, ttlMs: lease = 0 } = request.body;
      const operation = { kind: "renew", lock: request.params.name, token: held, ttlMs: lease } as const;
      const done = await gateway.write(request, reply, "done", operation);
      return done === undefined ? reply : { token: held, ...keptFields(done.kept) };
    },
  );
  app.delete(
    base,
    {
      schema: {
        summary: "Release a lock: the fencing token as `token=` or in the body",
        params: NamePath,
        querystring: ReleaseQuery,
        body: ReleaseBody,
        response: { 200: Type.Object({ token, ...keptProperties }), default: problemResponse },
      },
    },
    async (request, reply) => {
      const held = request.query.token ?? request.body?.token;
      if (held === undefined)
        return sendFailure(reply, failure("bad-request", 'say which grant: `token=` or {"token":…} in the body'));
      const done = await gateway.write(request, reply, "done", {
        kind: "release",
        lock: request.params.name,
        token: held,
      });
      return done === undefined ? reply : { token: held, ...keptFields(done.kept) };
    },
  );
  addBarrierRoute(app, gateway);
}

function addBarrierRoute(app: App, gateway: Gateway): void {
  app.post(
    "/v1/barriers/:name",
    {
      schema: {
        summary: "Arrive at a barrier, and wait until all are there",
        params: NamePath,
        querystring: TimeoutQuery,
        body: ArriveBody,
        response: { 200: Type.Object({ participants: Type.Integer(), ...keptProperties }), default: problemResponse },
      },
    },
    async (request, reply) => {
      const { participants, waitMs: wait = 10_000 } = request.body;
      const barrier = request.params.name;
      const claim = claimOf(request);
      const startedAt = performance.now();
      const operation = { kind: "arrive", barrier, claim, participants, waitMs: wait } as const;
      const asked = await gateway.write(request, reply, "arrival", operation, bare);
      if (asked === undefined) return reply;
      if (asked.answer.passed) return { participants, ...keptFields(asked.kept) };
      let { arrived } = asked.answer;
      for (;;) {
        const leftMs = startedAt + wait - performance.now();
        if (leftMs <= 0 || request.socket.destroyed) break;
        await sleep(Math.min(leftMs, pollMs * Math.max(1, participants - arrived), maxPollMs));
        const query = { type: "barrier", name: barrier, claim } as const;
        const looked = await gateway.read(request, reply, "barrierState", query);
        if (looked === undefined) return reply;
        if (looked.answer.state === "passed") return { participants, ...keptFields(looked.kept) };
        if (looked.answer.state === "absent") break;
        ({ arrived } = looked.answer);
      }
      const left = await gateway.write(request, reply, "arrival", { kind: "depart", barrier, claim }, bare);
      if (left === undefined) return reply;
      if (left.answer.passed) return { participants, ...keptFields(left.kept) };
      const detail = `${arrived} of ${participants} were at the barrier "${barrier}" when ${wait} ms of waiting were over`;
      return sendFailure(reply, failure("not-granted", detail));
    },
  );
}

/** The same idempotency key is the same wish, on whichever node. */
function claimOf(request: FastifyRequest): string {
  const key = request.headers["idempotency-key"];
  return typeof key === "string" && key !== "" ? key : randomUUID();
}
