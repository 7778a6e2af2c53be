import { once } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { FrameWriter, utf8 } from "../base/index.ts";
import { parseReadContract, type RequestBody } from "../contract/index.ts";
import { decodeResult, encodeCommand, type Operation } from "../store/index.ts";
import { readNodeFrame, writeClientFrame, type ClientFrame, type NodeFrame } from "../wire/index.ts";
import { leaderOf, stopCluster, testCluster, type TestNode } from "./cluster.suite.ts";
import { rawConnection, type RawConnection } from "./network.suite.ts";

let nodes: TestNode[] = [];
let sockets: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of sockets) socket.destroy();
  sockets = [];
  await stopCluster(nodes);
  nodes = [];
});

interface Session {
  readonly connection: RawConnection;
  send(...frames: ClientFrame[]): void;
  /** What the node said, in order. */
  heard(): NodeFrame[];
  replies(): Extract<NodeFrame, { kind: "reply" }>[];
}

async function dial(node: TestNode): Promise<Session> {
  const { native } = node.config.members[node.config.nodeId - 1]!;
  const connection = await rawConnection(Number(native.split(":")[1]));
  sockets.push(connection);
  const heard = (): NodeFrame[] => connection.frames.map(readNodeFrame);
  const send = (...frames: ClientFrame[]): void => {
    const writer = new FrameWriter();
    for (const frame of frames) {
      writeClientFrame(writer.begin(), frame);
      writer.end();
    }
    connection.socket.write(writer.take());
  };
  return { connection, send, heard, replies: () => heard().filter((frame) => frame.kind === "reply") };
}

const hello: ClientFrame = { kind: "hello", min: 1, max: 1, clusterId: "" };

function write(operation: Operation): RequestBody {
  return { type: "write", command: encodeCommand({ envelope: { kind: "none" }, operation }) };
}

const increment = write({ kind: "increment", counter: "n", by: 1 });
const put = (value: Uint8Array): RequestBody => write({ kind: "put", keyspace: "default", key: utf8("k"), value });
const get: RequestBody = {
  type: "read",
  query: { type: "get", keyspace: "default", key: utf8("k"), revision: undefined },
  contract: parseReadContract("linearizable"),
  position: 0,
};

test("pipelined requests are each answered once, also those that came with the hello", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const session = await dial(nodes[0]!);
  const ids = Array.from({ length: 300 }, (_, i) => i + 1);
  session.send(hello, ...ids.map((id): ClientFrame => ({ kind: "request", id, ttlMs: 3000, body: increment })));
  await vi.waitFor(() => expect(session.replies()).toHaveLength(300));
  expect(session.heard()[0]).toMatchObject({
    kind: "welcome",
    version: 1,
    clusterId: "test",
    nodeId: 1,
    leader: nodes[0]!.config.members[0]!.native,
  });
  expect(
    session
      .replies()
      .map(({ id }) => id)
      .sort((a, b) => a - b),
  ).toEqual(ids);
  const values = session.replies().map(({ outcome }) => {
    const result = outcome.ok ? decodeResult(outcome.result) : undefined;
    return result?.kind === "counter" ? result.value : undefined;
  });
  expect(new Set(values)).toEqual(new Set(ids));
});

test("clients hear who leads, and when that changes", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  const other = nodes.find((node) => node !== leader)!;
  const session = await dial(other);
  session.send(hello);
  const address = (node: TestNode): string => node.config.members[node.config.nodeId - 1]!.native;
  await vi.waitFor(() => expect(session.heard()).toMatchObject([{ kind: "welcome", leader: address(leader) }]));
  await leader.host!.transferLeadership(other.config.nodeId, 2000);
  await vi.waitFor(() => expect(session.heard().at(-1)).toEqual({ kind: "leader", leader: address(other) }));
});

test.each<[name: string, frames: ClientFrame[], code: string, detail: RegExp]>([
  [
    "another cluster",
    [{ ...hello, clusterId: "other" }],
    "wrong-cluster",
    /of cluster "test", the client expects "other"/,
  ],
  ["a version from the future", [{ ...hello, min: 7, max: 9 }], "protocol", /versions 7 to 9/],
  ["a request before the hello", [{ kind: "ping" }], "protocol", /before the hello/],
  ["a second hello", [hello, hello], "protocol", /second hello/],
  [
    "a request id that is in use",
    [hello, { kind: "request", id: 1, ttlMs: 9, body: get }, { kind: "request", id: 1, ttlMs: 9, body: get }],
    "protocol",
    /two requests with id 1/,
  ],
])("%s is refused with a reason", async (_, frames, code, detail) => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const session = await dial(nodes[0]!);
  session.send(...frames);
  await session.connection.closed;
  const refused = session.heard().find((frame) => frame.kind === "refused");
  expect(refused).toMatchObject({ failure: { code } });
  expect(refused?.failure.detail).toMatch(detail);
  expect(nodes[0]!.log.some((line) => line.startsWith("refused a native client"))).toBe(true);
});

test("garbage, endless frames and silence end the connection, and others go on", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  for (const bytes of [
    utf8("GET / HTTP/1.1\r\n\r\n"),
    Uint8Array.of(255, 255, 255, 127),
    Uint8Array.of(1, 0, 0, 0, 99),
  ]) {
    const session = await dial(nodes[0]!);
    session.connection.socket.write(bytes);
    await session.connection.closed;
  }
  const session = await dial(nodes[0]!);
  session.send(hello, { kind: "request", id: 1, ttlMs: 1000, body: increment });
  await vi.waitFor(() => expect(session.replies()).toMatchObject([{ outcome: { ok: true } }]));
});

test("a command that is too large is answered, and the connection goes on", async () => {
  nodes = await testCluster(1, { maxValueBytes: 1000 });
  await leaderOf(nodes);
  const session = await dial(nodes[0]!);
  session.send(
    hello,
    { kind: "request", id: 1, ttlMs: 1000, body: put(new Uint8Array(20_000)) },
    { kind: "request", id: 2, ttlMs: 1000, body: put(new Uint8Array(900)) },
  );
  await vi.waitFor(() => expect(session.replies()).toHaveLength(2));
  expect(session.replies().find(({ id }) => id === 1)).toMatchObject({
    outcome: { failure: { code: "too-large", definite: true } },
  });
  expect(session.replies().find(({ id }) => id === 2)).toMatchObject({ outcome: { ok: true } });
});

test("a cancelled request has no reply, and its id may be used again", async () => {
  nodes = await testCluster(2);
  await leaderOf(nodes);
  await nodes[1]!.host!.close();
  nodes[1]!.host = undefined;
  const session = await dial(nodes[0]!);
  const request: ClientFrame = { kind: "request", id: 1, ttlMs: 60_000, body: increment };
  session.send(hello, request, { kind: "cancel", id: 1 }, { ...request, ttlMs: 100 }, { kind: "ping" });
  await vi.waitFor(() => expect(session.heard().some(({ kind }) => kind === "pong")).toBe(true));
  await vi.waitFor(() => expect(session.replies()).toHaveLength(1), { timeout: 3000 });
});

test("a client that takes no answers is not read from, and costs bounded memory", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const greedy = await dial(nodes[0]!);
  greedy.send(hello, { kind: "request", id: 1, ttlMs: 5000, body: put(new Uint8Array(100_000)) });
  await vi.waitFor(() => expect(greedy.replies()).toHaveLength(1));
  greedy.connection.socket.pause();
  for (let id = 2; id < 2000; id++) greedy.send({ kind: "request", id, ttlMs: 60_000, body: get });
  const polite = await dial(nodes[0]!);
  polite.send(hello, { kind: "request", id: 1, ttlMs: 5000, body: get });
  await vi.waitFor(() => expect(polite.replies()).toHaveLength(1));
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(150e6);
  greedy.connection.socket.resume();
  await vi.waitFor(() => expect(greedy.connection.frames.length).toBeGreaterThanOrEqual(2000), { timeout: 10_000 });
});

test("a watch tells changes as far as its credit goes", async () => {
  nodes = await testCluster(1);
  await leaderOf(nodes);
  const session = await dial(nodes[0]!);
  session.send(hello, { kind: "watch", id: 1, keyspace: "default", prefix: utf8(""), from: 1 });
  const events = (): number => session.heard().filter(({ kind }) => kind === "events").length;
  for (let i = 0; i < 12; i++) {
    session.send({ kind: "request", id: 10 + i, ttlMs: 1000, body: put(utf8(`${i}`)) });
    await vi.waitFor(() => expect(session.replies()).toHaveLength(i + 1));
  }
  expect(events()).toBe(8);
  session.send({ kind: "credit", id: 1, count: 1 });
  await vi.waitFor(() => expect(events()).toBe(9));
  session.send({ kind: "unwatch", id: 1 }, { kind: "credit", id: 1, count: 9 }, { kind: "ping" });
  await vi.waitFor(() => expect(session.heard().at(-1)).toEqual({ kind: "pong" }));
  expect(events()).toBe(9);
});

test("a node that stops tells its clients first, answers what it has, and takes nothing new", async () => {
  nodes = await testCluster(3);
  const leader = await leaderOf(nodes);
  const session = await dial(leader);
  session.send(hello, { kind: "request", id: 1, ttlMs: 2000, body: increment });
  await vi.waitFor(() => expect(session.heard().length).toBeGreaterThan(0));
  const closing = leader.host!.close();
  await vi.waitFor(() => expect(session.heard().some(({ kind }) => kind === "closing")).toBe(true));
  session.send({ kind: "request", id: 2, ttlMs: 2000, body: increment });
  await closing;
  if (!session.connection.socket.closed) await once(session.connection.socket, "close");
  expect(session.replies().find(({ id }) => id === 1)).toMatchObject({ outcome: { ok: true } });
  const second = session.replies().find(({ id }) => id === 2);
  if (second !== undefined)
    expect(second).toMatchObject({ outcome: { failure: { code: "shutting-down", definite: true } } });
});
