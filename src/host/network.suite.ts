/** What tests of sockets share. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { FrameReader } from "../base/index.ts";
import type { Logger } from "./logger.ts";

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
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
