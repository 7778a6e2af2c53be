/** From an HTTP request to the host and back: consistency, session, deadline and idempotency are read and answered here. */
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  failure,
  parseReadContract,
  CohortError,
  fail,
  type Failure,
  type Kept,
  type Query,
  type QuorumWrite,
  type ReadContract,
  type ShardPosition,
} from "../contract/index.ts";
import type { Host } from "../host/index.ts";
import {
  decodeResult,
  encodeCommand,
  StoreError,
  type Answer,
  type Envelope,
  type Operation,
  type Result,
} from "../store/index.ts";
import { sendFailure } from "./http.ts";
import { defaultTimeoutMs, maxTimeoutMs, type ReadQuery, type TimeoutQuery } from "./schemas.ts";
import { sessionTokens, type Positions, type Sessions } from "./session.ts";

/** What a writer has seen of a key, in a keyspace that keeps concurrent values: it travels from reads to writes. */
export const contextHeader = "cohort-context";

/** What is in every token; other groups come with what was read from them. */
const group = 0;
/** Groups of shards that a token remembers: what is forgotten is read at its latest. */
const maxShards = 128;
const noPositions: Positions = new Map();

export type AnswerOf<Kind> = Extract<Answer | Result, { kind: Kind }>;

export interface Answered<T> {
  readonly answer: T;
  readonly kept: Kept;
}

export class Gateway {
  readonly host: Host;
  readonly #sessions: Sessions;
  readonly #contracts = new Map<string, ReadContract>();
  #lastToken = "";
  #lastPosition = -1;

  constructor(host: Host, secret: string | undefined) {
    this.host = host;
    this.#sessions = sessionTokens(host.config.clusterId, secret);
  }

  /** Answers the query, or has sent the failure (then undefined). Where the request names no consistency, the contract of the keyspace holds. `fixed`: what holds in any case. */
  async read<K extends Answer["kind"]>(
    request: FastifyRequest,
    reply: FastifyReply,
    kind: K | readonly K[],
    query: Query,
    fixed?: ReadContract,
  ): Promise<Answered<AnswerOf<K>> | undefined> {
    const options = request.query as ReadQuery;
    const contract = fixed ?? this.#asked(options);
    const seen = this.#seen(request);
    const shards = seen.size > 1 ? shardsOf(seen) : undefined;
    const position = seen.get(group) ?? 0;
    const body = { type: "read", query, contract, position, ...(shards && { shards }) } as const;
    return this.#answer(reply, kind, seen, await this.host.submit(body, { timeoutMs: timeoutOf(request, options) }));
  }

  /** Applies the operation, or has sent the failure (then undefined). `envelope`: where it is not to be that of the request. */
  async write<K extends Result["kind"]>(
    request: FastifyRequest,
    reply: FastifyReply,
    kind: K | readonly K[],
    operation: Operation,
    envelope: Envelope = envelopeOf(request),
  ): Promise<Answered<AnswerOf<K>> | undefined> {
    const seen = this.#seen(request);
    const command = encode({ envelope, operation });
    const body = { type: "write", command, ...quorumOf(request) } as const;
    return this.#answer(
      reply,
      kind,
      seen,
      await this.host.submit(body, { timeoutMs: timeoutOf(request, request.query as TimeoutQuery) }),
    );
  }

  #answer<K extends (Answer | Result)["kind"]>(
    reply: FastifyReply,
    kind: K | readonly K[],
    seen: Positions,
    outcome: Awaited<ReturnType<Host["submit"]>>,
  ): Answered<AnswerOf<K>> | undefined {
    if (!outcome.ok) {
      sendFailure(reply, outcome.failure);
      return undefined;
    }
    const { kept } = outcome;
    void reply.header("cohort-session", this.#token(seen, kept)).header("cohort-consistency", consistencyHeader(kept));
    const answer = decodeResult(outcome.result);
    if (answer.kind === "error") {
      sendFailure(reply, storeFailure(answer.code, answer.detail));
      return undefined;
    }
    const kinds: readonly string[] = typeof kind === "string" ? [kind] : kind;
    if (answer.kind === "versions" && !kinds.includes(answer.kind))
      throw fail("unsupported", "a keyspace without a leader has no transactions: it needs the engine raft");
    if (!kinds.includes(answer.kind))
      throw fail("internal", `the store answered ${answer.kind} where ${kinds.join(" or ")} was asked for`);
    return { answer: answer as AnswerOf<K>, kept };
  }

  #seen(request: FastifyRequest): Positions {
    const token = request.headers["cohort-session"];
    return typeof token === "string" ? this.#sessions.decode(token) : noPositions;
  }

  #token(seen: Positions, { position, shards }: Kept): string {
    const reached = Math.max(position, seen.get(group) ?? 0);
    if (shards !== undefined) return this.#sessions.encode(withShards(seen, reached, shards));
    // Most answers in a row reflect the same position: the signature is worth keeping.
    if (reached === this.#lastPosition && seen.size <= 1) return this.#lastToken;
    const token = this.#sessions.encode(new Map(seen).set(group, reached));
    if (seen.size <= 1) {
      this.#lastPosition = reached;
      this.#lastToken = token;
    }
    return token;
  }

  /** What the request asks for; `r=2` is short for the consistency `Quorum(R=2)`. */
  #asked({ consistency, r }: ReadQuery & { readonly r?: number }): ReadContract | undefined {
    if (r === undefined) return consistency === undefined ? undefined : this.#contractOf(consistency);
    if (consistency === undefined) return this.#contractOf(`Quorum(R=${r})`);
    throw fail("bad-request", "consistency and r are both given; say Quorum(R=…) in the consistency");
  }

  #contractOf(text: string): ReadContract {
    let contract = this.#contracts.get(text);
    if (contract === undefined) {
      contract = parseReadContract(text);
      if (this.#contracts.size >= 1000) this.#contracts.clear();
      this.#contracts.set(text, contract);
    }
    return contract;
  }
}

/** The deadline of a request: the query parameter, else the header, else the default. */
function timeoutOf(request: FastifyRequest, query: TimeoutQuery): number {
  if (query.timeoutMs !== undefined) return query.timeoutMs;
  const header = request.headers["cohort-timeout"];
  if (header === undefined) return defaultTimeoutMs;
  const value = typeof header === "string" ? Number(header) : Number.NaN;
  if (!(value > 0 && value <= maxTimeoutMs)) {
    throw fail(
      "bad-request",
      `Cohort-Timeout is "${String(header)}"; it is a number of milliseconds up to ${maxTimeoutMs}`,
    );
  }
  return value;
}

/** What a write says to a keyspace without a leader. */
function quorumOf(request: FastifyRequest): { readonly quorum?: QuorumWrite } {
  const { w } = request.query as { readonly w?: number };
  const header = request.headers[contextHeader];
  if (w === undefined && header === undefined) return {};
  if (header !== undefined && (typeof header !== "string" || !/^[\w-]*$/.test(header)))
    throw fail("bad-request", "Cohort-Context is not what an answer gave");
  const context = header === undefined ? undefined : new Uint8Array(Buffer.from(header, "base64url"));
  return { quorum: { w, context } };
}

function envelopeOf(request: FastifyRequest): Envelope {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return { kind: "none" };
  if (typeof key !== "string" || key === "") throw fail("bad-request", "Idempotency-Key is empty or given twice");
  return { kind: "idempotent", key };
}

function encode(command: { readonly envelope: Envelope; readonly operation: Operation }): Uint8Array {
  try {
    return encodeCommand(command);
  } catch (error) {
    if (error instanceof StoreError) throw new CohortError(storeFailure(error.code, error.message), { cause: error });
    throw error;
  }
}

function storeFailure(code: StoreError["code"], detail: string): Failure {
  switch (code) {
    case "malformed":
      return failure("bad-request", detail);
    case "corrupt-snapshot":
    case "moved":
    case "unsupported-version":
      return failure("internal", detail);
    default:
      return failure(code, detail);
  }
}

function shardsOf(seen: Positions): ShardPosition[] {
  return [...seen].filter(([of]) => of !== group).map(([of, position]) => ({ group: of, position }));
}

/** The latest last, so that the oldest are forgotten first. */
function withShards(seen: Positions, reached: number, shards: readonly ShardPosition[]): Positions {
  const known = new Map(shardsOf(seen).map((shard) => [shard.group, shard.position]));
  for (const shard of shards) {
    const position = Math.max(shard.position, known.get(shard.group) ?? 0);
    known.delete(shard.group);
    known.set(shard.group, position);
  }
  return new Map([[group, reached], ...[...known].slice(-maxShards)]);
}

/** `Linearizable; position=12; staleness-ms=3; degraded=false`, with `shard-7=40` for the position in group 7 where that answered. Header fields are ASCII, so `∧` is written `and`. */
export function consistencyHeader({ guarantee, position, shards = [], stalenessMs, degraded }: Kept): string {
  const staleness = stalenessMs === undefined ? "" : `; staleness-ms=${Math.ceil(stalenessMs)}`;
  const places = shards.map((shard) => `; shard-${shard.group}=${shard.position}`).join("");
  return `${guarantee.replaceAll("∧", "and")}; position=${position}${places}${staleness}; degraded=${degraded}`;
}

/** What was kept, as fields of a JSON answer. */
export function keptFields({ guarantee, position, stalenessMs, degraded }: Kept): {
  consistency: string;
  position: number;
  stalenessMs?: number;
  degraded: boolean;
} {
  const fields = { consistency: guarantee, position, degraded };
  // An upper bound stays one when it is rounded up.
  return stalenessMs === undefined ? fields : { ...fields, stalenessMs: Math.ceil(stalenessMs) };
}
