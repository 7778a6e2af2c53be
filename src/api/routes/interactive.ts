import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { fail, parseReadContract } from "../../contract/index.ts";
import { type Isolation, pageRange, Transaction } from "../../txn/index.ts";
import { bytesOf, textOf } from "../bytes.ts";
import type { Gateway } from "../gateway.ts";
import type { App } from "../http.ts";
import { problemResponse, revision, timestamp, TimeoutQuery, valueProperties } from "../schemas.ts";

const maxOpen = 10_000;
const maxSteps = 1024;
const defaultTtlMs = 10_000;
const sweepMs = 1000;
const linearizable = parseReadContract("linearizable");

const text = Type.Optional(Type.String());
const Step = Type.Object(
  {
    kind: Type.Unsafe<"get" | "put" | "delete" | "list">({ type: "string", enum: ["get", "put", "delete", "list"] }),
    key: text,
    keyBase64: text,
    ...valueProperties,
    prefix: Type.Optional(Type.String({ description: "list: keys that begin with it." })),
    prefixBase64: text,
    after: Type.Optional(Type.String({ description: "list: keys behind it." })),
    afterBase64: text,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: "list: default 100." })),
  },
  { additionalProperties: false },
);
const StepsBody = Type.Object(
  {
    steps: Type.Optional(Type.Array(Step, { maxItems: maxSteps })),
    commit: Type.Optional(Type.Boolean({ description: "Commit behind the steps. Default false." })),
  },
  { additionalProperties: false },
);
const Item = Type.Object({ key: text, keyBase64: text, ...valueProperties, modRevision: revision });
const StepsAnswer = Type.Object({
  results: Type.Array(
    Type.Object({
      kind: Type.String(),
      found: Type.Optional(Type.Boolean()),
      ...valueProperties,
      modRevision: Type.Optional(Type.Integer({ description: "0: written by this transaction itself." })),
      keys: Type.Optional(Type.Array(Item)),
      more: Type.Optional(Type.Boolean()),
    }),
  ),
  committed: Type.Boolean(),
  revision: Type.Optional(revision),
  timestamp: Type.Optional(timestamp),
});
const Path = Type.Object({
  keyspace: Type.String({ minLength: 1, maxLength: 64 }),
  id: Type.String({ maxLength: 64 }),
});

type Step = Static<typeof Step>;
type StepResult = Static<typeof StepsAnswer>["results"][number];

interface Open {
  readonly transaction: Transaction;
  readonly keyspace: string;
  readonly ttlMs: number;
  /** Monotonic time when it is forgotten; while a request runs it stays. */
  endsAt: number;
  busy: boolean;
}

export interface OpenTransactions {
  begin(keyspace: string, isolation?: Isolation, ttlMs?: number): { id: string; isolation: string; ttlMs: number };
}

/**
 * Interactive transactions over HTTP. They live in the memory of the node that began them: nothing is written before
 * the commit, so one that is forgotten, or whose node ends, leaves nothing behind.
 */
export function addInteractiveRoutes(app: App, gateway: Gateway): OpenTransactions {
  const { nodeId } = gateway.host.config;
  const open = new Map<string, Open>();
  const sweeper = setInterval(() => {
    const now = performance.now();
    for (const [id, { endsAt, busy }] of open) if (!busy && endsAt <= now) open.delete(id);
  }, sweepMs);
  sweeper.unref();
  app.addHook("onClose", (_app, done) => {
    clearInterval(sweeper);
    done();
  });

  const take = (keyspace: string, id: string): Open => {
    const [node] = id.split("-", 1);
    if (node !== String(nodeId))
      throw fail("not-found", `the transaction ${id} is not one of node ${nodeId}: ask the node that began it`);
    const found = open.get(id);
    if (found === undefined || (!found.busy && found.endsAt <= performance.now()))
      throw fail("transaction-ended", `there is no open transaction ${id}`);
    if (found.keyspace !== keyspace) throw fail("bad-request", `it belongs to the keyspace "${found.keyspace}"`);
    if (found.busy) throw fail("bad-request", "another request of this transaction is under way: one after the other");
    return found;
  };

  /** undefined: the failure has been sent. */
  const runAll = async (
    steps: readonly Checked[],
    { transaction, keyspace }: Open,
    commit: boolean,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Static<typeof StepsAnswer> | undefined> => {
    const results: StepResult[] = [];
    for (const step of steps) {
      const result = await runStep(gateway, request, reply, transaction, keyspace, step);
      if (result === undefined) return undefined;
      results.push(result);
    }
    const plan = commit ? transaction.plan() : undefined;
    if (plan === undefined) return { results, committed: commit };
    const done = await gateway.write(request, reply, "transaction", { kind: "commit", keyspace, ...plan });
    return done && { results, committed: true, revision: done.answer.revision, timestamp: done.answer.timestamp };
  };

  app.post(
    "/v1/keyspaces/:keyspace/transactions/:id",
    {
      schema: {
        summary: "Steps of an interactive transaction, and its commit",
        params: Path,
        querystring: TimeoutQuery,
        body: StepsBody,
        response: { 200: StepsAnswer, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { keyspace, id } = request.params;
      const { steps = [], commit = false } = request.body;
      const entry = take(keyspace, id);
      const asked = steps.map(checked);
      let answer: Static<typeof StepsAnswer> | undefined;
      entry.busy = true;
      try {
        answer = await runAll(asked, entry, commit, request, reply);
      } finally {
        entry.busy = false;
        entry.endsAt = performance.now() + entry.ttlMs;
        if (commit) open.delete(id);
      }
      return answer ?? reply;
    },
  );
  app.delete(
    "/v1/keyspaces/:keyspace/transactions/:id",
    {
      schema: {
        summary: "Abort an interactive transaction",
        params: Path,
        response: { 200: Type.Object({ aborted: Type.Boolean() }), default: problemResponse },
      },
    },
    (request) => {
      take(request.params.keyspace, request.params.id);
      return { aborted: open.delete(request.params.id) };
    },
  );

  return {
    begin(keyspace, isolation = "serializable", ttlMs = defaultTtlMs) {
      if (open.size >= maxOpen) throw fail("overloaded", `${open.size} transactions are open at node ${nodeId}`);
      const id = `${nodeId}-${randomUUID()}`;
      const transaction = new Transaction(isolation);
      open.set(id, { transaction, keyspace, ttlMs, endsAt: performance.now() + ttlMs, busy: false });
      return { id, isolation, ttlMs };
    },
  };
}

type Checked =
  | { readonly kind: "get" | "delete"; readonly key: Uint8Array }
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | {
      readonly kind: "list";
      readonly prefix: Uint8Array;
      readonly after: Uint8Array | undefined;
      readonly limit: number;
    };

/** All steps of a request are looked at before the first is done. */
function checked(step: Step): Checked {
  const names = ["key", "value", "prefix", "after"] as const;
  const [key, value, prefix, after] = names.map((name) => bytesOf(step, name));
  const takes: Record<Step["kind"], readonly string[]> = {
    get: ["key"],
    delete: ["key"],
    put: ["key", "value"],
    list: ["prefix", "after", "limit"],
  };
  for (const [name, given] of Object.entries({ key, value, prefix, after, limit: step.limit })) {
    if (given !== undefined && !takes[step.kind].includes(name))
      throw fail("bad-request", `a ${step.kind} takes no "${name}"; it takes ${takes[step.kind].join(", ")}`);
  }
  if (step.kind === "list")
    return { kind: "list", prefix: prefix ?? new Uint8Array(0), after, limit: step.limit ?? 100 };
  if (key === undefined || key.length === 0) throw fail("bad-request", `a ${step.kind} needs "key" (or "keyBase64")`);
  if (step.kind !== "put") return { kind: step.kind, key };
  if (value === undefined) throw fail("bad-request", 'a put needs "value" (or "valueBase64")');
  return { kind: "put", key, value };
}

/** undefined: the failure has been sent. */
async function runStep(
  gateway: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  transaction: Transaction,
  keyspace: string,
  step: Checked,
): Promise<StepResult | undefined> {
  switch (step.kind) {
    case "put":
      transaction.put(step.key, step.value);
      return { kind: "put" };
    case "delete":
      transaction.delete(step.key);
      return { kind: "delete" };
    case "get": {
      const own = transaction.own(step.key);
      if (own !== undefined) return foundOf(own.value, 0);
      const { readAt: snapshot, since } = transaction;
      const query = { type: "get", keyspace, key: step.key, revision: undefined, snapshot, since } as const;
      const found = await gateway.read(request, reply, "row", query, linearizable);
      if (found === undefined) return undefined;
      const { row } = found.answer;
      transaction.read(step.key, found.answer.timestamp);
      return foundOf(row?.value, row?.modRevision ?? 0);
    }
    case "list": {
      const { prefix, after, limit } = step;
      const { listAt: snapshot, since } = transaction;
      const query = { type: "list", keyspace, prefix, after, limit, revision: undefined, snapshot, since } as const;
      const found = await gateway.read(request, reply, "rows", query, linearizable);
      if (found === undefined) return undefined;
      const { rows, more } = found.answer;
      const range = pageRange(prefix, after, rows.at(-1)?.key, more);
      const seen = rows.map(({ key, value, modRevision }) => ({ key, value, modRevision }));
      const merged = transaction.listed(range, seen, found.answer.timestamp, (key, value) => ({
        key,
        value,
        modRevision: 0,
      }));
      const keys = merged.map((row) => ({
        ...textOf(row.key, "key"),
        ...textOf(row.value, "value"),
        modRevision: row.modRevision,
      }));
      return { kind: "list", keys, more };
    }
  }
}

function foundOf(value: Uint8Array | undefined, modRevision: number): StepResult {
  return value === undefined
    ? { kind: "get", found: false }
    : { kind: "get", found: true, ...textOf(value, "value"), modRevision };
}
