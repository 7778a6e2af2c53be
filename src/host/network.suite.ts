/** What tests of sockets share. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { FrameReader } from "../base/index.ts";
import type { Logger } from "./logger.ts";

/** Below the ports that the system gives to outgoing connections, which may take one between its choice and its use. */
const firstPort = 10_000;
const portsOfProcess = 100;
let taken = 0;

/** A port of this process alone, as long as fewer than 70 test processes run at once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + portsOfProcess * (process.pid % 70) + (taken++ % portsOfProcess);
    const server = createServer();
    const opened = once(server, "listening").catch(() => undefined);
    server.listen(port, "127.0.0.1");
    if ((await opened) === undefined) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

export function recordingLogger(lines: string[]): Logger {
  const line = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { debug: line, info: line, warn: line, error: line };
}

export interface RawConnection {
  readonly socket: Socket;
  /** What came back. */
  readonly frames: Uint8Array[];
  readonly closed: Promise<unknown>;
}

/** A bare connection to a port that speaks frames. */
export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => socket.destroy());
  const frames: Uint8Array[] = [];
  const reader = new FrameReader(1e7);
  socket.on("data", (chunk: Buffer) => reader.feed(new Uint8Array(chunk), (frame) => frames.push(frame.slice())));
  const closed = once(socket, "close");
  await once(socket, "connect");
  return { socket, frames, closed };
}
