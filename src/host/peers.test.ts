import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { ByteReader, equalBytes, FrameWriter, seededRandom, utf8, type NodeId } from "../base/index.ts";
import type { NodeMessage } from "../node/index.ts";
import { crc32c } from "../wal/crc32c.ts";
import { peerFrames, peerVersions, readHello, writeHello, type PeerHello } from "./peer-protocol.ts";
import { openPeers, type Peers, type PeersOptions } from "./peers.ts";
import { freePort, rawConnection, recordingLogger, type RawConnection } from "./network.suite.ts";

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0).reverse()) undo();
});

interface Node {
  readonly peers: Peers;
  readonly received: NodeMessage[];
  readonly suspected: NodeId[];
  readonly log: string[];
}

async function open(
  nodeId: NodeId,
  ports: ReadonlyMap<NodeId, number>,
  more: Partial<PeersOptions> = {},
): Promise<Node> {
  const node = { received: [] as NodeMessage[], suspected: [] as NodeId[], log: [] as string[] };
  const others = [...ports].filter(([id]) => id !== nodeId);
  const peers = await openPeers({
    clusterId: "test",
    nodeId,
    lifeId: `life-${nodeId}`,
    listen: `127.0.0.1:${ports.get(nodeId)}`,
    peers: others.map(([id, port]) => ({ id, address: `127.0.0.1:${port}` })),
    logger: recordingLogger(node.log),
    random: seededRandom(nodeId),
    crc32c,
    onMessage: (_, message) => void node.received.push(message),
    onSuspect: (peer) => void node.suspected.push(peer),
    ...more,
  });
  cleanup.push(() => peers.close());
  return { peers, ...node };
}

async function twoPorts(): Promise<Map<NodeId, number>> {
  return new Map([
    [1, await freePort()],
    [2, await freePort()],
  ]);
}

const note = (id: number): NodeMessage => ({ type: "raft", group: 0, message: { type: "readRequest", term: 1, id } });
const idOf = (message: NodeMessage): number =>
  message.type === "raft" && message.message.type === "readRequest" ? message.message.id : -1;
const connected = (node: Node): Promise<void> =>
  vi.waitFor(() => expect(node.peers.links()[0]!.connected).toBe(true), { timeout: 3000, interval: 5 });
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 3000, interval: 5 });

async function raw(port: number): Promise<RawConnection> {
  const connection = await rawConnection(port);
  cleanup.push(() => connection.socket.destroy());
  return connection;
}

function frame(...bytes: number[]): Uint8Array {
  const writer = new FrameWriter();
  writer.begin().raw(Uint8Array.from(bytes));
  writer.end();
  return writer.take();
}

function helloFrame(hello: Partial<PeerHello>): Uint8Array {
  const writer = new FrameWriter();
  writeHello(writer.begin(), {
    versions: peerVersions,
    clusterId: "test",
    nodeId: 2,
    expects: 1,
    lifeId: "raw",
    ...hello,
  });
  writer.end();
  return writer.take();
}

test("messages arrive in order, in both directions", async () => {
  const ports = await twoPorts();
  const [one, two] = [await open(1, ports), await open(2, ports)];
  await Promise.all([connected(one), connected(two)]);
  const ids = Array.from({ length: 500 }, (_, i) => i);
  for (const id of ids) one.peers.send(2, note(id));
  two.peers.send(1, note(7));
  await until(() => expect(two.received.map(idOf)).toEqual(ids));
  await until(() => expect(one.received.map(idOf)).toEqual([7]));
});

test("a message longer than any chunk arrives whole, and does not share memory with the socket", async () => {
  const ports = await twoPorts();
  const [one, two] = [await open(1, ports), await open(2, ports)];
  await connected(one);
  const data = new Uint8Array(3_000_000).map((_, i) => i * 7);
  const entries = [{ index: 1, term: 1, timestamp: 1, kind: "command", data }] as const;
  one.peers.send(2, {
    type: "raft",
    group: 0,
    message: {
      type: "append",
      term: 1,
      round: 1,
      previous: { index: 0, term: 0 },
      entries,
      commit: 0,
      closed: undefined,
    },
  });
  await until(() => expect(two.received).toHaveLength(1));
  const [received] = two.received;
  const append = received?.type === "raft" ? received.message : undefined;
  expect(append?.type === "append" && equalBytes(append.entries[0]!.data, data)).toBe(true);
});

test("a peer that restarts is back within a tenth of a second or so, and its loss is told", async () => {
  const ports = await twoPorts();
  const one = await open(1, ports);
  let two = await open(2, ports);
  await connected(one);
  two.peers.close();
  await until(() => expect(one.suspected).toContain(2));
  await sleep(700); // the retries have slowed down by now
  two = await open(2, ports);
  const from = performance.now();
  await connected(one);
  expect(performance.now() - from).toBeLessThan(150);
  one.peers.send(2, note(1));
  await until(() => expect(two.received.map(idOf)).toEqual([1]));
});

test("a node of another cluster is refused on both sides, with a clear line", async () => {
  const ports = await twoPorts();
  const one = await open(1, ports);
  const two = await open(2, ports, { clusterId: "other" });
  await until(() =>
    expect(one.log.join("\n")).toMatch(/node 2 is of cluster \\"other\\", the other side of \\"test\\"/),
  );
  await until(() => expect(two.log.join("\n")).toMatch(/cluster \\"test\\"/));
  expect(one.peers.links()[0]!.connected).toBe(false);
});

test.each<[name: string, hello: Partial<PeerHello>, reason: RegExp]>([
  [
    "a version from the future",
    { versions: { min: 8, max: 9 } },
    /versions 8 to 9 against versions 1 to 2.*run compatible versions/,
  ],
  ["another cluster", { clusterId: "other" }, /cluster/],
  ["an unknown node", { nodeId: 9 }, /node 9 is not among the members/],
  ["a wrong address", { expects: 3 }, /this is node 1, not node 3: correct the peer addresses/],
])("a hello with %s gets an error frame and is closed", async (_, hello, reason) => {
  const ports = await twoPorts();
  const one = await open(1, ports);
  const { socket, frames, closed } = await raw(ports.get(1)!);
  socket.write(helloFrame(hello));
  await closed;
  const answer = readHello(frames[0]!);
  expect("detail" in answer ? answer.detail : answer).toMatch(reason);
  await until(() => expect(one.log.join("\n")).toMatch(/refused a connection/));
});

test.each<[name: string, bytes: Uint8Array]>([
  ["an HTTP request", utf8("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  ["an endless frame", Uint8Array.of(0xff, 0xff, 0xff, 0x7f)],
  ["an empty frame", frame()],
  ["a frame that is no hello", frame(77, 1, 2, 3)],
])("%s instead of a hello is refused", async (_, bytes) => {
  const ports = await twoPorts();
  const one = await open(1, ports);
  const { socket, frames, closed } = await raw(ports.get(1)!);
  socket.write(bytes);
  await closed;
  expect(frames[0]![0]).toBe(peerFrames.error);
  const two = await open(2, ports);
  await connected(two);
  expect(one.log.filter((line) => line.startsWith("refused"))).toHaveLength(1);
});

test("malformed and damaged messages close the connection, and nothing else", async () => {
  const ports = await twoPorts();
  const one = await open(1, ports);
  for (const bytes of [frame(99), frame(peerFrames.message, 0, 0, 0, 0, 1, 2, 3), frame(peerFrames.message, 1)]) {
    const { socket, frames, closed } = await raw(ports.get(1)!);
    socket.write(helloFrame({}));
    await until(() => expect(frames).toHaveLength(1));
    socket.write(bytes);
    await closed;
    expect(new ByteReader(frames[1]!).u8()).toBe(peerFrames.error);
  }
  expect(one.received).toEqual([]);
  await until(() => expect(one.suspected).toEqual([2, 2, 2]));
});

test("a peer that does not read costs bounded memory, and the link recovers", async () => {
  const ports = await twoPorts();
  const stalled: Socket[] = [];
  const server = createServer((socket) => {
    stalled.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(helloFrame({}));
      socket.pause();
    });
  });
  server.listen(ports.get(2), "127.0.0.1");
  await once(server, "listening");
  cleanup.push(
    () => server.close(),
    () => stalled.forEach((socket) => socket.destroy()),
  );
  const one = await open(1, ports, { maxQueuedBytes: 1e6 });
  await connected(one);
  const data = new Uint8Array(100_000);
  const entries = [{ index: 1, term: 1, timestamp: 1, kind: "command", data }] as const;
  for (let i = 0; i < 400; i++) {
    one.peers.send(2, {
      type: "raft",
      group: 0,
      message: {
        type: "append",
        term: 1,
        round: i,
        previous: { index: 0, term: 0 },
        entries,
        commit: 0,
        closed: undefined,
      },
    });
    if (i % 50 === 0) await sleep(1);
  }
  expect(one.peers.links()[0]!.queuedBytes).toBeLessThan(1.2e6);
  expect(one.log.filter((line) => line.includes("too slowly"))).toHaveLength(1);
  stalled[0]!.resume();
  await until(() => expect(one.peers.links()[0]!.queuedBytes).toBe(0));
  expect(one.log.some((line) => line.startsWith("the peer takes messages again"))).toBe(true);
});

test("link faults block, delay in order, and drop", async () => {
  const ports = await twoPorts();
  const [one, two] = [await open(1, ports), await open(2, ports)];
  await Promise.all([connected(one), connected(two)]);
  const none = { peer: 2, blockIn: false, blockOut: false, delayMs: 0, jitterMs: 0, drop: 0 };
  one.peers.setFault({ ...none, blockOut: true });
  one.peers.send(2, note(1));
  two.peers.send(1, note(2));
  await until(() => expect(one.received.map(idOf)).toEqual([2]));
  one.peers.setFault({ ...none, blockIn: true });
  two.peers.send(1, note(3));
  one.peers.send(2, note(4));
  await until(() => expect(two.received.map(idOf)).toEqual([4]));
  one.peers.setFault({ ...none, delayMs: 40, jitterMs: 30 });
  const from = performance.now();
  for (let id = 10; id < 30; id++) one.peers.send(2, note(id));
  await until(() => expect(two.received.map(idOf)).toEqual([4, ...Array.from({ length: 20 }, (_, i) => 10 + i)]));
  expect(performance.now() - from).toBeGreaterThan(38);
  one.peers.setFault({ ...none, drop: 0.5 });
  for (let id = 100; id < 300; id++) one.peers.send(2, note(id));
  one.peers.clearFaults();
  one.peers.send(2, note(999));
  await until(() => expect(two.received.map(idOf)).toContain(999));
  const passed = two.received.map(idOf).filter((id) => id >= 100 && id < 300).length;
  expect(passed).toBeGreaterThan(50);
  expect(passed).toBeLessThan(150);
  expect(one.received.map(idOf)).toEqual([2]);
  expect(one.peers.links()[0]!.fault).toBeUndefined();
});

test("a port in use is an error that names the port and the way out", async () => {
  const ports = await twoPorts();
  await open(1, ports);
  await expect(open(1, ports)).rejects.toThrow(new RegExp(`port ${ports.get(1)} .*in use.*COHORT_PORT_BASE`));
});
