/** Requests with one thing wrong each, and what has to be said about it: for a server alone and for a whole cluster. */
import { expect } from "vitest";
import type { ErrorCode } from "../contract/index.ts";
import type { Problem } from "./problems.ts";
import { sessionTokens } from "./session.ts";

export interface WrongRequest {
  readonly method: string;
  readonly path: string;
  readonly options: RequestInit;
  readonly code: ErrorCode;
  readonly detail: RegExp;
}

const keys = "/v1/keyspaces/default/keys";

export async function expectProblem(
  server: string,
  { method, path, options, code, detail }: WrongRequest,
): Promise<void> {
  const response = await fetch(`${server}${path}`, { method, ...options });
  const problem = (await response.json()) as Problem;
  expect(problem.code, problem.detail).toBe(code);
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(problem).toMatchObject({ status: response.status, type: `urn:cohort:problem:${code}` });
  expect(problem.detail).toMatch(detail);
  expect(problem.advice.length).toBeGreaterThan(10);
  if (code === "method-not-allowed") expect(response.headers.get("allow")).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
}

/** Against a server of this cluster, with a keyspace `default` of one shard. */
export function wrongRequests({
  clusterId,
  maxValueBytes,
}: {
  readonly clusterId: string;
  readonly maxValueBytes: number;
}): WrongRequest[] {
  const foreign = sessionTokens("elsewhere").encode(new Map([[0, 1]]));
  const own = sessionTokens(clusterId).encode(new Map([[0, 1]]));
  const j = { "content-type": "application/json" };
  const put = (headers: Record<string, string>): RequestInit => ({ headers, body: "x" });
  const table: readonly (readonly [string, string, RequestInit, ErrorCode, RegExp])[] = [
    ["GET", "/nothing/here", {}, "unknown-route", /GET \/nothing\/here/],
    ["DELETE", "/counter/increment", {}, "method-not-allowed", /takes POST, not DELETE/],
    ["PATCH", `${keys}/a/b`, {}, "method-not-allowed", /takes DELETE, GET, HEAD, PUT/],
    [
      "GET",
      "/counter/value?consistancy=monotonic",
      {},
      "unknown-parameter",
      /"consistancy".*takes consistency, timeoutMs/,
    ],
    ["POST", "/counter/increment?by=2", {}, "unknown-parameter", /"by"/],
    ["GET", "/readyz?verbose=1", {}, "unknown-parameter", /takes none/],
    ["GET", "/counter/value?consistency=sometimes", {}, "bad-consistency", /sometimes.*there are Linearizable/],
    ["GET", "/counter/value?consistency=bounded(soon)", {}, "bad-consistency", /not a duration/],
    ["GET", "/counter/value?consistency=", {}, "bad-request", /consistency/],
    ["GET", "/counter/value?consistency=session&consistency=eventual", {}, "bad-request", /consistency/],
    [
      "GET",
      "/counter/value?consistency=linearizable;PartitionBehavior:AvailabilityPreferred",
      {},
      "contradiction",
      /no system keeps both/,
    ],
    ["GET", "/counter/value?timeoutMs=0", {}, "bad-request", /timeoutMs/],
    ["GET", "/counter/value?timeoutMs=60001", {}, "bad-request", /timeoutMs/],
    ["GET", "/counter/value?timeoutMs=soon", {}, "bad-request", /timeoutMs/],
    ["GET", "/counter/value", { headers: { "cohort-timeout": "soon" } }, "bad-request", /Cohort-Timeout is "soon"/],
    ["GET", "/counter/value", { headers: { "cohort-session": "nonsense" } }, "bad-token", /./],
    ["GET", "/counter/value", { headers: { "cohort-session": `${own.slice(0, -3)}AAA` } }, "bad-token", /signature/],
    [
      "GET",
      "/counter/value",
      { headers: { "cohort-session": foreign } },
      "foreign-token",
      new RegExp(`"elsewhere", this is ${clusterId}`),
    ],
    ["POST", "/counter/increment", { headers: { "idempotency-key": "" } }, "bad-request", /Idempotency-Key/],
    ["POST", "/counter/increment", { headers: { "idempotency-key": "k".repeat(300) } }, "too-large", /idempotency key/],
    ["POST", "/counter/increment", { headers: j, body: "{" }, "bad-request", /JSON/],
    ["POST", "/counter/increment", { headers: j, body: '{"by":1.5}' }, "bad-request", /by/],
    ["POST", "/counter/increment", { headers: j, body: '{"by":"1"}' }, "bad-request", /by/],
    ["POST", "/counter/increment", { headers: j, body: '{"by":1e300}' }, "bad-request", /by/],
    ["POST", "/counter/increment", { headers: j, body: '{"much":1}' }, "bad-request", /body/],
    [
      "POST",
      "/counter/increment",
      { headers: { "content-type": "text/plain" }, body: "1" },
      "unsupported-media-type",
      /./,
    ],
    ["POST", "/v1/counters/over/increment", { headers: j, body: '{"by":9007199254740992}' }, "bad-request", /by/],
    ["POST", `/v1/counters/${"n".repeat(300)}/increment`, {}, "bad-request", /name/],
    ["PUT", `${keys}/big`, { body: "x".repeat(maxValueBytes + 1) }, "too-large", new RegExp(`${maxValueBytes} bytes`)],
    ["PUT", `${keys}/${"k".repeat(2000)}`, { body: "x" }, "too-large", /key/],
    ["PUT", `${keys}/`, { body: "x" }, "bad-request", /key/],
    ["PUT", "/v1/keyspaces/nowhere/keys/a", { body: "x" }, "not-found", /nowhere/],
    ["GET", "/v1/keyspaces/nowhere/keys/a", {}, "not-found", /nowhere/],
    ["GET", `${keys}/%`, {}, "bad-request", /url/],
    ["GET", "/v1/keyspaces/%FF/keys/a", {}, "bad-request", /url/],
    ["PUT", `${keys}/a`, put({ "if-match": "*" }), "bad-request", /If-Match is \*/],
    ["PUT", `${keys}/a`, put({ "if-none-match": '"5"' }), "bad-request", /can only be \*/],
    ["PUT", `${keys}/a?expectedRevision=3`, put({ "if-match": '"4"' }), "bad-request", /differ/],
    ["PUT", `${keys}/a?expectedRevision=-1`, put({}), "bad-request", /expectedRevision/],
    ["GET", `${keys}?limit=0`, {}, "bad-request", /limit/],
    ["GET", `${keys}?limit=1001`, {}, "bad-request", /limit/],
    ["GET", `${keys}?limit=many`, {}, "bad-request", /limit/],
    ["GET", `${keys}?prefix=a&prefixBase64=YQ`, {}, "bad-request", /not both/],
    ["GET", `${keys}?afterBase64=***`, {}, "bad-request", /not base64/],
    ["GET", `${keys}/a?revision=999999`, {}, "future-revision", /./],
    ["POST", "/v1/keyspaces/default/transactions", { headers: j, body: "[]" }, "bad-request", /body/],
    ["POST", "/v1/keyspaces/default/transactions", {}, "bad-request", /body/],
    [
      "POST",
      "/v1/keyspaces/default/transactions",
      { headers: j, body: '{"then":[{"kind":"put","key":"a"}]}' },
      "bad-request",
      /needs "value"/,
    ],
    [
      "POST",
      "/v1/keyspaces/default/transactions",
      { headers: j, body: '{"then":[{"kind":"get"}]}' },
      "bad-request",
      /"key"/,
    ],
    [
      "POST",
      "/v1/keyspaces/default/transactions",
      { headers: j, body: '{"then":[{"kind":"grab","key":"a"}]}' },
      "bad-request",
      /then\.0\.kind/,
    ],
    [
      "POST",
      "/v1/keyspaces/default/transactions",
      { headers: j, body: '{"compare":[{"key":"a","target":"version"}]}' },
      "bad-request",
      /needs "operand"/,
    ],
    [
      "POST",
      "/v1/keyspaces/default/transactions",
      { headers: j, body: '{"compare":[{"key":"a","target":"exists","operand":1}]}' },
      "bad-request",
      /does not take "operand"/,
    ],
    ["POST", "/v1/keyspaces", { headers: j, body: '{"name":"x","shards":2000}' }, "bad-request", /shards/],
    ["POST", "/v1/keyspaces", { headers: j, body: '{"name":"x","placement":"hash"}' }, "bad-request", /placement/],
    ["POST", "/v1/keyspaces", { headers: j, body: '{"name":"x","engine":"paxos"}' }, "bad-request", /engine/],
    [
      "POST",
      "/v1/keyspaces",
      { headers: j, body: '{"name":"x","engine":"dynamo","n":1,"r":2}' },
      "bad-request",
      /R=2 is above what N=1/,
    ],
    [
      "POST",
      "/v1/keyspaces",
      { headers: j, body: '{"name":"x","engine":"dynamo","n":9}' },
      "unsupported",
      /9 replicas/,
    ],
    [
      "POST",
      "/v1/keyspaces",
      { headers: j, body: '{"name":"x","engine":"dynamo","conflicts":"siblings","contract":"linearizable"}' },
      "contradiction",
      /siblings/,
    ],
    ["GET", `${keys}/a?r=2&consistency=eventual`, {}, "bad-request", /both/],
    ["PUT", `${keys}/a`, put({ "cohort-context": "!" }), "bad-request", /Cohort-Context/],
    ["POST", "/v1/keyspaces", { headers: j, body: '{"name":"x","r":2}' }, "bad-request", /"r"/],
    ["POST", "/v1/keyspaces", { headers: j, body: '{"name":"-x"}' }, "bad-request", /name/],
    [
      "POST",
      "/v1/keyspaces",
      { headers: j, body: '{"name":"x","contract":"Colour: blue"}' },
      "bad-consistency",
      /Colour/,
    ],
    ["GET", "/v1/keyspaces/default/watch", { headers: { "last-event-id": "x" } }, "bad-request", /Last-Event-ID/],
    ["GET", "/v1/keyspaces/default/watch?from=-1", {}, "bad-request", /from/],
    ["POST", "/v1/cluster/faults", { headers: j, body: '{"kind":"meteor"}' }, "bad-request", /kind/],
    ["POST", "/v1/cluster/members", { headers: j, body: '{"voters":[]}' }, "bad-request", /voters/],
    ["POST", "/counter/increment", { headers: { origin: "http://evil.example" } }, "forbidden-origin", /evil/],
    ["POST", "/counter/increment", { headers: { origin: "null" } }, "forbidden-origin", /null/],
  ];
  return table.map(([method, path, options, code, detail]) => ({ method, path, options, code, detail }));
}
