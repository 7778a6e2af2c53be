import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../host/index.ts";
import { newHttpServer, type App } from "../http.ts";
import { addPages, Feed, keepToOwnPages, type Happening } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "cohort-console-"));
let app: App;
let feed: Feed;
let base: string;
const counts: number[] = [];

beforeEach(async () => {
  mkdirSync(join(directory, "assets"), { recursive: true });
  writeFileSync(join(directory, "index.html"), "<!doctype html><title>pages</title>");
  writeFileSync(join(directory, "assets/a-1.js"), "export {};");
  app = await newHttpServer({
    title: "t",
    description: "d",
    version: "1",
    logger: silentLogger,
    maxBodyBytes: 1024,
    host: "127.0.0.1",
  });
  keepToOwnPages(app);
  counts.length = 0;
  const hello = { type: "hello", clusterId: "c", version: "1", faults: true, tickMs: 250 } as const;
  feed = new Feed(hello, "epoch", (count) => counts.push(count));
  feed.addRoute(app);
  addPages(app, () => directory);
  base = await app.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

const event = (at: number, text = "x"): Happening => ({ type: "event", at, kind: "leader", text });

/** Asks with headers that `fetch` does not let one set. */
async function status(path: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${base}${path}`, { method, headers }, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("pages and assets, under a strict policy", async () => {
  for (const path of ["/", "/lab", "/history", "/design"]) {
    const response = await fetch(base + path);
    expect(await response.text()).toContain("<title>pages</title>");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  }
  const asset = await fetch(`${base}/assets/a-1.js`);
  expect(asset.headers.get("content-type")).toMatch(/javascript/);
  expect(asset.headers.get("cache-control")).toMatch(/immutable/);
  for (const path of ["/assets/nothing.js", "/assets/..%2f..%2fpackage.json", "/assets/../index.html/x"])
    expect((await fetch(base + path)).status).toBe(404);
});

test.each<[string, Record<string, string>, number, string?]>([
  ["/", { host: "evil.example:7070" }, 403],
  ["/console/feed", { host: "evil.example" }, 403],
  ["/console/feed", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" }, 403],
  ["/console/feed", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }, 403],
  ["/console/feed", { "sec-fetch-site": "same-origin" }, 200],
  ["/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }, 200],
  ["/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }, 403],
  ["/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 403, "POST"],
  ["/", { origin: "https://evil.example" }, 403, "POST"],
  ["/", {}, 200],
])("%s with %j: %i", async (path, headers, wanted, method) => {
  expect(await status(path, headers, method)).toBe(wanted);
});

async function read(headers: Record<string, string>, until: string): Promise<string> {
  const response = await fetch(`${base}/console/feed`, { headers });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.includes(until)) break;
  }
  return text;
}

test("a page that comes back gets what it missed, once", async () => {
  feed.publish(event(1, "first"));
  const first = await read({}, "first");
  const id = /id: (.*)/.exec(first)![1]!;
  feed.publish(event(2, "second"));
  const second = await read({ "last-event-id": id }, "second");
  expect(second).toContain('"type":"hello"');
  expect(second).not.toContain("first");
  await expect.poll(() => counts).toEqual([1, 0, 1, 0]);
});

test("a page that does not read is passed over, and catches up", async () => {
  const waiting: Socket[] = [];
  app.server.on("connection", (open: Socket) => waiting.push(open));
  const { port } = new URL(base);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write("GET /console/feed HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
  await expect.poll(() => counts).toEqual([1]);
  socket.pause();
  const text = "x".repeat(50_000);
  for (let at = 1; at <= 4000; at++) {
    feed.publish(event(at, text));
    if (at % 500 === 0) await sleep(1);
  }
  // 200 MB were told: for the page waits what the system did not take, one event at most.
  expect(Math.max(...waiting.map((open) => open.writableLength))).toBeLessThan(200_000);
  let tail = "";
  socket.on("data", (chunk) => (tail = (tail + chunk.toString()).slice(-60_000)));
  socket.resume();
  await expect.poll(() => tail.includes('"at":4000'), { timeout: 5000 }).toBe(true);
  socket.destroy();
});
