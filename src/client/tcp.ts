import { seededRandom } from "../base/index.ts";
import { createClient, type Client } from "./client.ts";
import type { ClientOptions } from "./types.ts";
import type { Connection, ConnectionHandlers, World } from "./world.ts";

/**
 * A client over TCP. Nothing is connected before the first call, and nothing needs to be awaited.
 * Throws a CohortError (`bad-request`) where an endpoint is not `host:port`.
 */
export function connect(options: ClientOptions): Client {
  return createClient(tcpWorld(), options);
}

/** The real world. */
function tcpWorld(): World {
  return {
    now: () => performance.now(),
    after: (delayMs, run) => void setTimeout(run, delayMs),
    soon: (run) => void setImmediate(run),
    random: seededRandom(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)),
    transport: { connect: connectTcp },
  };
}

function connectTcp(endpoint: string, handlers: ConnectionHandlers): Connection {
  const colon = endpoint.lastIndexOf(":");
  const host = endpoint.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  // Not imported: in a browser this room is used with other worlds.
  const socket = process
    .getBuiltinModule("node:net")
    .connect({ host, port: Number(endpoint.slice(colon + 1)), noDelay: true });
  let reason: string | undefined;
  socket.on("connect", handlers.onOpen);
  // A plain view: methods of Buffer differ from those of Uint8Array in what they share.
  socket.on("data", (chunk: Buffer) => handlers.onData(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)));
  socket.on("end", () => (reason ??= "closed by the other side"));
  socket.on("error", (error) => (reason ??= error.message));
  socket.on("close", () => handlers.onClose(reason ?? "closed"));
  return {
    send(bytes) {
      if (socket.writable) socket.write(bytes);
    },
    close: () => void socket.end(),
    destroy(why) {
      reason ??= why;
      socket.destroy();
    },
  };
}
