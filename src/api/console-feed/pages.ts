import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";
import { fail } from "../../contract/index.ts";
import type { App } from "../http.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".json": "application/json",
};

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Refuses what does not come from this console's own pages or from a program on this machine: a name of another site
 * that resolves to here, and any request that a page of another site makes, also a mere look.
 */
export function keepToOwnPages(app: App): void {
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers({
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    done(isForeign(request) ? fail("forbidden-origin", "from another site or under another name") : undefined);
  });
}

function isForeign({ headers, method }: FastifyRequest): boolean {
  const { host } = headers;
  if (host !== undefined && !(URL.canParse(`http://${host}`) && loopback.has(new URL(`http://${host}`).hostname)))
    return true;
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return false;
  // Another site may link here; other servers on this machine are other sites.
  return !(method === "GET" && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document");
}

const waiting = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<meta name="viewport" content="width=device-width"><title>Cohort</title>
<h1>The console is being built</h1><p>This happens once after an installation or a change, and takes a few seconds. The page comes by itself.</p></html>`;

const views = ["/", "/lab", "/history", "/design"];

/** Serves the files of a built console. `directory` answers where they are, or undefined while they are being made. */
export function addPages(app: App, directory: () => string | undefined): void {
  let known: string | undefined;
  let files = new Map<string, Buffer>();
  const file = (path: string): Buffer | undefined => {
    const from = directory();
    if (from !== known) {
      known = from;
      files = from === undefined ? new Map<string, Buffer>() : readAll(from);
    }
    return files.get(path);
  };
  const page = (_: FastifyRequest, reply: FastifyReply): FastifyReply =>
    reply
      .header("content-type", types[".html"])
      .header("cache-control", "no-cache")
      .send(file("index.html") ?? waiting);
  for (const view of views) app.get(view, { schema: { hide: true } }, page);
  app.get("/assets/*", { schema: { hide: true } }, (request, reply) => {
    const path = request.url.slice(1).split("?", 1)[0]!;
    const body = file(path);
    if (body === undefined) throw fail("unknown-route", `GET /${path}`);
    // Names of assets contain a hash of what is in them.
    return reply
      .header("content-type", types[extname(path)] ?? "application/octet-stream")
      .header("cache-control", "public, max-age=31536000, immutable")
      .send(body);
  });
}

/** Every file by its path with `/`. A console is small: it is held in memory. */
function readAll(directory: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(directory, path).split(sep).join("/"), readFileSync(path));
  }
  return files;
}
