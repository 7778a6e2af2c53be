/** The HTTP surface over real sockets, with a real store and no network behind it. */
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { failure, parseContract } from "../contract/index.ts";
import { silentLogger } from "../host/index.ts";
import { testHost, type TestHost } from "./host.suite.ts";
import { openApi, type Api } from "./node-server.ts";
import { sessionTokens } from "./session.ts";
import { expectProblem, wrongRequests } from "./wrong-requests.suite.ts";

let host: TestHost;
let api: Api;
const injected: object[] = [];

beforeAll(async () => {
  host = testHost();
  const injectFault = async (fault: object) => {
    injected.push(fault);
    return { active: [{ id: 1, kind: "partition" }] };
  };
  api = await openApi(host, { logger: silentLogger, version: "1.2.3", injectFault });
});
afterAll(() => api.close());
beforeEach(() => {
  host.fails = undefined;
  host.leader = 1;
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

async function call(method: string, path: string, options: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://${api.address}${path}`, { method, ...options });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}

const json = (body: unknown): RequestInit => ({
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});
const keys = "/v1/keyspaces/default/keys";

describe("counters", () => {
  test("count, and say what was kept", async () => {
    expect((await call("POST", "/counter/increment")).json).toMatchObject({
      value: 1,
      consistency: "Linearizable",
      degraded: false,
    });
    expect((await call("POST", "/v1/counters/default/increment", json({ by: 41 }))).json).toMatchObject({ value: 42 });
    const read = await call("GET", "/counter/value?consistency=monotonic");
    expect(read.json).toMatchObject({ value: 42, consistency: "MonotonicRead", stalenessMs: 1 });
    expect(read.headers.get("cohort-consistency")).toBe(
      `MonotonicRead; position=${String(read.json["position"])}; staleness-ms=1; degraded=false`,
    );
    expect((await call("GET", "/v1/counters/other")).json).toMatchObject({ value: 0, consistency: "Linearizable" });
  });

  test("an idempotency key makes a retry safe, and is for one operation only", async () => {
    const headers = { "idempotency-key": "once" };
    const first = await call("POST", "/v1/counters/safe/increment", { headers });
    expect((await call("POST", "/v1/counters/safe/increment", { headers })).json["value"]).toBe(first.json["value"]);
    const other = await call("POST", "/v1/counters/another/increment", { headers });
    expect(other.json).toMatchObject({ code: "idempotency-key-reused", definite: true });
  });
});

describe("sessions", () => {
  test("the token holds the highest position seen, and comes back as the position to read from", async () => {
    const written = await call("POST", "/counter/increment");
    const token = written.headers.get("cohort-session")!;
    await call("GET", "/counter/value?consistency=session", { headers: { "cohort-session": token } });
    expect(host.bodies.at(-1)).toMatchObject({ type: "read", position: written.json["position"] });
    const far = sessionTokens("test-cluster").encode(new Map([[0, 1_000_000]]));
    const read = await call("GET", "/counter/value?consistency=eventual", { headers: { "cohort-session": far } });
    expect(sessionTokens("test-cluster").decode(read.headers.get("cohort-session")!).get(0)).toBe(1_000_000);
  });
});

describe("keys", () => {
  test("are put, got, listed and deleted, with revisions", async () => {
    const put = await call("PUT", `${keys}/a`, { body: "one" });
    expect(put.status).toBe(201);
    const again = await call("PUT", `${keys}/a`, { body: "two", headers: { "content-type": "application/json" } });
    expect(again.status).toBe(200);
    expect(again.json["previousRevision"]).toBe(put.json["revision"]);
    const got = await call("GET", `${keys}/a`);
    expect(got).toMatchObject({ status: 200, text: "two" });
    expect(got.headers.get("etag")).toBe(`"${String(again.json["revision"])}"`);
    expect(got.headers.get("content-type")).toBe("application/octet-stream");
    expect((await call("GET", `${keys}/a?revision=${String(put.json["revision"])}`)).text).toBe("one");
    expect((await call("HEAD", `${keys}/a`)).status).toBe(200);
    expect((await call("DELETE", `${keys}/a`)).json).toMatchObject({ deleted: true });
    expect((await call("DELETE", `${keys}/a`)).json).toMatchObject({ deleted: false });
    expect((await call("GET", `${keys}/a`)).json).toMatchObject({ code: "not-found", definite: true });
  });

  test("an empty body is an empty value", async () => {
    expect((await call("PUT", `${keys}/empty`)).status).toBe(201);
    expect(await call("GET", `${keys}/empty`)).toMatchObject({ status: 200, text: "" });
  });

  test("any bytes are a key, and any bytes a value", async () => {
    const value = new Uint8Array([0, 255, 128, 10]);
    for (const key of ["with%2Fslash", "with/slash", "%FF%00%80", "%C3%A4", "a%25b", "sp%20ace"]) {
      await call("PUT", `${keys}/bytes/${key}`, { body: value });
      const response = await fetch(`http://${api.address}${keys}/bytes/${key}`);
      expect(Buffer.from(await response.arrayBuffer()).toString("hex"), key).toBe(Buffer.from(value).toString("hex"));
    }
    const listed = await call("GET", `${keys}?prefix=bytes/`);
    const found = (listed.json["keys"] as { key?: string; keyBase64?: string; valueBase64: string }[]).map(
      (row) => row.key ?? row.keyBase64,
    );
    expect(found).toEqual([
      "bytes/a%b",
      "bytes/sp ace",
      "bytes/with/slash",
      "bytes/ä",
      Buffer.from("bytes/\xff\0\x80", "latin1").toString("base64"),
    ]);
  });

  test("expected revisions guard a write, however they are said", async () => {
    const put = await call("PUT", `${keys}/guarded`, { headers: { "if-none-match": "*" }, body: "1" });
    expect(put.status).toBe(201);
    for (const guard of [{ "if-none-match": "*" }, { "if-match": '"99999"' }]) {
      expect((await call("PUT", `${keys}/guarded`, { headers: guard, body: "2" })).json).toMatchObject({
        code: "conflict",
      });
    }
    expect((await call("DELETE", `${keys}/guarded?expectedRevision=0`)).json).toMatchObject({ code: "conflict" });
    const etag = put.headers.get("etag")!;
    expect((await call("PUT", `${keys}/guarded`, { headers: { "if-match": etag }, body: "2" })).status).toBe(200);
  });

  test("lists come in pages", async () => {
    for (let i = 0; i < 5; i++) await call("PUT", `${keys}/page/${i}`, { body: String(i) });
    const first = await call("GET", `${keys}?prefix=page/&limit=3`);
    expect(first.json).toMatchObject({
      more: true,
      keys: [{ key: "page/0", value: "0", version: 1 }, { key: "page/1" }, { key: "page/2" }],
    });
    const rest = await call("GET", `${keys}?prefix=page/&limit=3&after=page/2`);
    expect(rest.json).toMatchObject({ more: false, keys: [{ key: "page/3" }, { key: "page/4" }] });
  });
});

describe("transactions", () => {
  test("do one branch or the other", async () => {
    const transfer = {
      compare: [{ key: "tx/a", target: "exists", exists: false }],
      then: [
        { kind: "put", key: "tx/a", value: "1" },
        { kind: "get", key: "tx/a" },
      ],
      else: [
        { kind: "get", key: "tx/a" },
        { kind: "delete", keyBase64: "dHgvYQ==" },
        { kind: "get", key: "tx/nothing" },
      ],
    };
    const first = await call("POST", "/v1/keyspaces/default/transactions", json(transfer));
    expect(first.json).toMatchObject({
      succeeded: true,
      results: [
        { kind: "put", previousRevision: 0 },
        { kind: "get", found: true, value: "1" },
      ],
    });
    const second = await call("POST", "/v1/keyspaces/default/transactions", json(transfer));
    expect(second.json).toMatchObject({
      succeeded: false,
      results: [{ found: true, value: "1" }, { kind: "delete", deleted: true }, { found: false }],
    });
  });
});

describe("keyspaces", () => {
  test("have contracts, which their reads follow", async () => {
    const made = await call("POST", "/v1/keyspaces", json({ name: "relaxed", contract: "ReadConsistency: eventual" }));
    expect(made).toMatchObject({ status: 201, json: { name: "relaxed", engine: "raft", shards: 1, replicas: 1 } });
    const listed = await call("GET", "/v1/keyspaces");
    expect((listed.json["keyspaces"] as { name: string }[]).map(({ name }) => name).sort()).toEqual([
      "default",
      "relaxed",
    ]);
    expect((await call("GET", "/v1/keyspaces/relaxed/keys")).json["consistency"]).toBe("Eventual");
    expect((await call("GET", "/v1/counters/relaxed")).json["consistency"]).toBe("Eventual");
    expect((await call("GET", "/v1/keyspaces/relaxed/keys?consistency=linearizable")).json["consistency"]).toBe(
      "Linearizable",
    );
    const change = (body: object) => call("PUT", "/v1/keyspaces/relaxed/contract", { ...json(body), method: "PUT" });
    expect((await change({ contract: "causal", expectedVersion: 1 })).json).toMatchObject({
      name: "relaxed",
      contract: parseContract("causal").text,
    });
    expect((await call("GET", "/v1/keyspaces/relaxed/keys")).json["consistency"]).toBe("Causal");
    expect((await change({ contract: "session", expectedVersion: 1 })).json).toMatchObject({ code: "conflict" });
    expect((await change({ contract: "linear" })).json).toMatchObject({
      code: "bad-consistency",
    });
    const again = await call("POST", "/v1/keyspaces", json({ name: "relaxed", contract: "" }));
    expect(again.json).toMatchObject({ code: "exists" });
  });
});

describe("watches", () => {
  test("tell changes, resume, heed credit, and end with a reason", async () => {
    const controller = new AbortController();
    const response = await fetch(`http://${api.address}/v1/keyspaces/default/watch?prefix=w/`, {
      signal: controller.signal,
    });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (part: string): Promise<void> => {
      while (!text.includes(part)) text += (await reader.read()).value ?? part;
    };
    await until("id: ");
    const [sink] = host.watchers;
    expect(host.credits.get(sink!)).toBe(8);
    sink!.onEvents(
      [
        { kind: "put", key: Buffer.from("w/a"), value: Buffer.from("1"), revision: 70 },
        { kind: "delete", key: Buffer.from("w/b"), value: new Uint8Array(0), revision: 70 },
      ],
      72,
    );
    await until("id: 72");
    // Only the last event of revision 70 carries its id: who resumes behind it has seen both.
    expect(text).toContain(
      'event: put\ndata: {"key":"w/a","value":"1","revision":70}\n\nid: 70\nevent: delete\ndata: {"key":"w/b","revision":70}\n\n',
    );
    expect(host.credits.get(sink!)).toBe(9);
    sink!.onFailure(failure("compacted", "revision 1 is gone; the lowest is 60"));
    await until("compacted");
    expect(text).toContain("event: error\ndata: {");
    expect((await reader.read()).done).toBe(true);
    expect(host.watchers.size).toBe(0);
  });

  test("who breaks off is forgotten", async () => {
    const controller = new AbortController();
    const response = await fetch(`http://${api.address}/v1/keyspaces/default/watch`, { signal: controller.signal });
    expect(response.status).toBe(200);
    expect(host.watchers.size).toBe(1);
    controller.abort();
    await expect.poll(() => host.watchers.size).toBe(0);
  });
});

describe("the cluster", () => {
  test("is shown, with who cannot be reached", async () => {
    const own = await call("GET", "/v1/cluster?view=own");
    expect(own.json).toMatchObject({
      clusterId: "test-cluster",
      leader: 1,
      term: 3,
      nodes: [{ nodeId: 1, reachable: true }],
    });
    const alone = testHost({
      members: [...host.config.members, { id: 2, http: "127.0.0.1:9", peer: "127.0.0.1:9", native: "127.0.0.1:9" }],
    });
    const other = await openApi(alone, { logger: silentLogger, version: "1" });
    const all = (await (await fetch(`http://${other.address}/v1/cluster`)).json()) as { nodes: object[] };
    await other.close();
    expect(all.nodes[1]).toMatchObject({
      nodeId: 2,
      reachable: false,
      error: expect.stringContaining("ECONNREFUSED") as string,
    });
  });

  test("takes faults where they are allowed", async () => {
    const done = await call("POST", "/v1/cluster/faults", json({ kind: "partition", nodes: [[1], [2, 3]] }));
    expect(done.json).toEqual({ active: [{ id: 1, kind: "partition" }] });
    expect(injected.at(-1)).toEqual({ kind: "partition", nodes: [[1], [2, 3]] });
    const strict = await openApi(testHost({ allowFaults: false }), { logger: silentLogger, version: "1" });
    const refused = await fetch(`http://${strict.address}/v1/cluster/faults`, {
      method: "POST",
      ...json({ kind: "heal" }),
    });
    await strict.close();
    expect(await refused.json()).toMatchObject({ status: 403, code: "faults-not-allowed" });
  });

  test("hands leadership over", async () => {
    expect((await call("POST", "/v1/cluster/transfer", json({ to: 1 }))).json).toEqual({ done: true });
    expect((await call("POST", "/v1/cluster/transfer")).json).toEqual({ done: true });
    expect((await call("POST", "/v1/cluster/members", json({ voters: [1] }))).json).toMatchObject({
      code: "unavailable",
    });
  });
});

describe("health", () => {
  test("says ready only where requests would be served", async () => {
    expect(await call("GET", "/healthz")).toMatchObject({ status: 200, json: { status: "ok" } });
    expect(await call("GET", "/readyz")).toMatchObject({ status: 200, json: { status: "ok", reasons: [] } });
    host.leader = undefined;
    expect(await call("GET", "/readyz")).toMatchObject({ status: 503, json: { reasons: ["group 0 knows no leader"] } });
    host.fails = { ok: false, failure: failure("deadline", "") };
    expect(await call("GET", "/healthz")).toMatchObject({ status: 503, json: { status: "failing" } });
  });

  test("metrics count requests, leaders and reads", async () => {
    for (const leader of [1, 2]) {
      host.emit({
        type: "raft",
        group: 0,
        fact: { type: "roleChanged", role: "follower", term: leader, leader, reason: "" },
      });
    }
    host.emit({ type: "readServed", path: "local", count: 3 });
    await call("GET", "/v1/counters/metered");
    await call("GET", "/v1/counters/metered?consistency=sometimes");
    const { text } = await call("GET", "/metrics");
    for (const expected of [
      'cohort_raft_term{group="0",node="1"} 3',
      'cohort_leader_changes_total{group="0",node="1"} 2',
      'cohort_reads_total{path="local",node="1"} 3',
      'cohort_request_duration_seconds_count{node="1",method="GET",route="/v1/counters/:name",outcome="ok"}',
      'route="/v1/counters/:name",outcome="bad-consistency"',
      "process_resident_memory_bytes",
    ]) {
      expect(text.includes(expected), expected).toBe(true);
    }
  });
});

test("the OpenAPI document lists every route", async () => {
  const { json: document } = await call("GET", "/openapi.json");
  const paths = Object.keys(document["paths"] as object).sort();
  expect(paths).toEqual([
    "/counter/increment",
    "/counter/value",
    "/healthz",
    "/metrics",
    "/readyz",
    "/v1/barriers/{name}",
    "/v1/cluster",
    "/v1/cluster/faults",
    "/v1/cluster/members",
    "/v1/cluster/transfer",
    "/v1/counters/{name}",
    "/v1/counters/{name}/increment",
    "/v1/keyspaces",
    "/v1/keyspaces/{keyspace}/contract",
    "/v1/keyspaces/{keyspace}/keys",
    "/v1/keyspaces/{keyspace}/keys/{*}",
    "/v1/keyspaces/{keyspace}/shards",
    "/v1/keyspaces/{keyspace}/transactions",
    "/v1/keyspaces/{keyspace}/transactions/{id}",
    "/v1/keyspaces/{keyspace}/watch",
    "/v1/locks/{name}",
    "/v1/locks/{name}/keep-alive",
  ]);
});

describe("what is wrong is said", () => {
  test.each(wrongRequests({ clusterId: "test-cluster", maxValueBytes: 65_536 }).map((wrong, i) => [i, wrong] as const))(
    "%i $1.method $1.path",
    (_, wrong) => expectProblem(`http://${api.address}`, wrong),
  );

  test("pages on loopback may call", async () => {
    for (const origin of ["http://127.0.0.1:7070", "http://localhost:7070", "http://[::1]:7070"]) {
      expect((await call("POST", "/counter/increment", { headers: { origin } })).status).toBe(200);
    }
  });

  test("failures of the node are passed on as they are", async () => {
    host.fails = { ok: false, failure: failure("unavailable", "no majority", true) };
    const answer = await call("POST", "/counter/increment");
    expect(answer).toMatchObject({ status: 503, json: { code: "unavailable", detail: "no majority", definite: true } });
    expect(answer.headers.get("retry-after")).toBe("1");
  });

  test("the deadline of a request is handed on", async () => {
    const seen: number[] = [];
    const submit = host.submit.bind(host);
    host.submit = (body, options) => {
      seen.push(options.timeoutMs);
      return submit(body, options);
    };
    await call("GET", "/counter/value");
    await call("GET", "/counter/value?timeoutMs=250");
    await call("POST", "/counter/increment", { headers: { "cohort-timeout": "300" } });
    host.submit = submit;
    expect(seen).toEqual([5000, 250, 300]);
  });

  test.each([
    ["GARBAGE\r\n\r\n", /400 [\s\S]*"code":"bad-request"/],
    [`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /413 [\s\S]*"code":"too-large"/],
  ])("bytes that are no HTTP are answered: %#", async (bytes, expected) => {
    const { hostname, port } = new URL(`http://${api.address}`);
    const text = await new Promise<string>((resolve, reject) => {
      let got = "";
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      socket.on("data", (chunk) => (got += chunk.toString()));
      socket.on("close", () => resolve(got));
      socket.on("error", reject);
    });
    expect(text).toMatch(expected);
  });

  test("a body that lies about its length does not stall others", async () => {
    const { hostname, port } = new URL(`http://${api.address}`);
    const slow = httpRequest({
      hostname,
      port,
      method: "PUT",
      path: `${keys}/slow`,
      headers: { "content-length": 10 },
    });
    slow.on("error", () => undefined);
    slow.write("x");
    expect((await call("GET", "/counter/value")).status).toBe(200);
    slow.destroy();
  });
});

describe("locks", () => {
  const lock = "/v1/locks/printer";
  test("have one holder, whose token only grows", async () => {
    const first = await call("POST", lock, json({ ttlMs: 60_000, note: "me" }));
    expect(first).toMatchObject({ status: 200, json: { ttlMs: 60_000, consistency: "Linearizable" } });
    const token = first.json["token"] as number;
    expect(await call("POST", lock)).toMatchObject({ status: 409, json: { code: "not-granted", definite: true } });
    expect((await call("GET", lock)).json).toMatchObject({ permits: 1, holders: [{ token, note: "me" }], waiting: 0 });
    expect((await call("POST", `${lock}/keep-alive`, json({ token }))).status).toBe(200);
    expect(await call("DELETE", `${lock}?token=${token + 1}`)).toMatchObject({ json: { code: "not-holder" } });
    expect((await call("DELETE", `${lock}?token=${token}`)).status).toBe(200);
    expect(await call("POST", `${lock}/keep-alive`, json({ token }))).toMatchObject({ json: { code: "not-holder" } });
    const second = await call("POST", lock);
    expect(second.json["token"]).toBeGreaterThan(token);
    expect((await call("DELETE", lock, json({ token: second.json["token"] }))).status).toBe(200);
    expect(await call("DELETE", lock)).toMatchObject({ status: 400, json: { code: "bad-request" } });
  });

  test("are waited for in order, and given up", async () => {
    const held = await call("POST", "/v1/locks/queue", json({ ttlMs: 60_000 }));
    const waiting = call("POST", "/v1/locks/queue", json({ waitMs: 10_000 }));
    await expect.poll(async () => (await call("GET", "/v1/locks/queue")).json["waiting"]).toBe(1);
    expect((await call("POST", "/v1/locks/queue", json({ waitMs: 30 }))).json).toMatchObject({ code: "not-granted" });
    expect((await call("GET", "/v1/locks/queue")).json).toMatchObject({ waiting: 1 });
    await call("DELETE", `/v1/locks/queue?token=${String(held.json["token"])}`);
    expect((await waiting).json["token"]).toBeGreaterThan(held.json["token"] as number);
  });

  test("are asked for once by one idempotency key", async () => {
    const options = { method: "POST", headers: { "idempotency-key": "once" } };
    const first = await call("POST", "/v1/locks/once", options);
    expect((await call("POST", "/v1/locks/once", options)).json["token"]).toBe(first.json["token"]);
  });

  test("guard transactions by their token", async () => {
    const { token } = (await call("POST", "/v1/locks/guard", json({ ttlMs: 60_000 }))).json as { token: number };
    const guarded = (operand: number) =>
      call(
        "POST",
        "/v1/keyspaces/default/transactions",
        json({ compare: [{ key: "guard", target: "lock", operand }], then: [{ kind: "put", key: "g", value: "1" }] }),
      );
    expect((await guarded(token)).json).toMatchObject({ succeeded: true });
    expect((await guarded(token + 1)).json).toMatchObject({ succeeded: false });
  });

  test("as barriers open when all are there", async () => {
    const arrive = () => call("POST", "/v1/barriers/start", json({ participants: 2, waitMs: 5000 }));
    const alone = await call("POST", "/v1/barriers/start", json({ participants: 2, waitMs: 30 }));
    expect(alone).toMatchObject({ status: 409, json: { code: "not-granted" } });
    const both = await Promise.all([arrive(), arrive()]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
  });

  test.each([
    ["POST", "/v1/locks/x", { ttlMs: 0 }, /ttlMs/],
    ["POST", "/v1/locks/x", { waitMs: -1 }, /waitMs/],
    ["POST", "/v1/locks/x", { ttl: 5 }, /ttl/],
    ["POST", "/v1/locks/x/keep-alive", {}, /token/],
    ["DELETE", "/v1/locks/x", { token: 0 }, /token/],
    ["POST", "/v1/barriers/x", {}, /participants/],
  ])("%s %s %j is refused", async (method, path, body, detail) => {
    const { status, json: problem } = await call(method, path, json(body));
    expect(status).toBe(400);
    expect(problem["detail"]).toMatch(detail);
  });
});

describe("interactive transactions", () => {
  const base = "/v1/keyspaces/default/transactions";
  const begin = async (isolation?: string) => {
    const { status, json: begun } = await call(
      "POST",
      base,
      json({ begin: isolation === undefined ? {} : { isolation } }),
    );
    expect(status).toBe(201);
    return begun["id"] as string;
  };
  const run = (id: string, steps: object[], commit = false) => call("POST", `${base}/${id}`, json({ steps, commit }));

  test("read one snapshot, and write all at once", async () => {
    await call("PUT", `${keys}/it/a`, { body: "1" });
    const id = await begin();
    expect((await run(id, [{ kind: "get", key: "it/a" }])).json).toMatchObject({
      results: [{ found: true, value: "1" }],
      committed: false,
    });
    const steps = [
      { kind: "put", key: "it/b", value: "2" },
      { kind: "delete", key: "it/a" },
      { kind: "get", key: "it/a" },
      { kind: "list", prefix: "it/" },
    ];
    expect((await run(id, steps)).json).toMatchObject({
      results: [
        { kind: "put" },
        { kind: "delete" },
        { found: false },
        { keys: [{ key: "it/b", modRevision: 0 }], more: false },
      ],
    });
    expect((await call("GET", `${keys}/it/b`)).status).toBe(404);
    expect((await run(id, [], true)).json).toMatchObject({ committed: true, revision: expect.any(Number) as number });
    expect((await call("GET", `${keys}/it/b`)).text).toBe("2");
    expect(await run(id, [])).toMatchObject({ status: 409, json: { code: "transaction-ended" } });
  });

  test("conflict where what they read has changed, and leave nothing then", async () => {
    await call("PUT", `${keys}/it/c`, { body: "1" });
    const id = await begin();
    await run(id, [{ kind: "get", key: "it/c" }]);
    await call("PUT", `${keys}/it/c`, { body: "2" });
    const refused = await run(id, [{ kind: "put", key: "it/d", value: "3" }], true);
    expect(refused).toMatchObject({ status: 409, json: { code: "transaction-conflict", definite: true } });
    expect(refused.json["detail"]).toMatch(/changed at revision \d+, after its snapshot/);
    expect((await call("GET", `${keys}/it/d`)).status).toBe(404);
  });

  test("are aborted", async () => {
    const id = await begin("repeatable-read");
    await run(id, [{ kind: "put", key: "it/e", value: "1" }]);
    expect((await call("DELETE", `${base}/${id}`)).json).toEqual({ aborted: true });
    expect((await run(id, [], true)).json).toMatchObject({ code: "transaction-ended" });
  });

  test.each([
    [base, { begin: { isolation: "perfect" } }, 400, /isolation/],
    [base, { begin: {}, then: [] }, 400, /stands alone/],
    ["/v1/keyspaces/nowhere/transactions", { begin: {} }, 404, /no keyspace "nowhere"/],
    [`${base}/9-x`, {}, 404, /ask the node that began it/],
    [`${base}/1-x`, {}, 409, /no open transaction/],
  ])("%s %j is refused", async (path, body, status, detail) => {
    const refused = await call("POST", path, json(body));
    expect(refused.status).toBe(status);
    expect(refused.json["detail"]).toMatch(detail);
  });

  test.each([
    [{ kind: "put", key: "k" }, /needs "value"/],
    [{ kind: "get" }, /needs "key"/],
    [{ kind: "get", key: "k", limit: 3 }, /takes no "limit"/],
    [{ kind: "list", key: "k" }, /takes no "key"/],
  ])("the step %j is refused before any is done", async (step, detail) => {
    const id = await begin();
    const refused = await run(id, [{ kind: "put", key: "it/f", value: "1" }, step]);
    expect(refused).toMatchObject({ status: 400 });
    expect(refused.json["detail"]).toMatch(detail);
    expect((await run(id, [{ kind: "get", key: "it/f" }])).json).toMatchObject({ results: [{ found: false }] });
  });
});
