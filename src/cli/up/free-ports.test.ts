import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { freePortBase } from "./free-ports.ts";

test("a base of which one port is taken is passed over", async () => {
  const base = await freePortBase(3);
  const server = createServer().listen(base + 302, "127.0.0.1");
  await once(server, "listening");
  expect(await freePortBase(3)).not.toBe(base);
  server.close();
});
