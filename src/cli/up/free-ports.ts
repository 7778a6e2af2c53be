import { createServer } from "node:net";
import { CommandError } from "../output.ts";
import { portsOf } from "../ports.ts";

/** Throws a CommandError that names the first port on loopback that someone else listens on. */
export async function checkPorts(ports: readonly { readonly port: number; readonly use: string }[]): Promise<void> {
  const taken = await Promise.all(ports.map(async (entry) => ((await isFree(entry.port)) ? undefined : entry)));
  const first = taken.find((entry) => entry !== undefined);
  if (first !== undefined) {
    throw new CommandError(
      `port ${first.port} (${first.use}) is in use`,
      `Stop what listens there, or move every port, for example: COHORT_PORT_BASE=${first.port < 17_000 ? 17_000 : 27_000} npm start`,
    );
  }
}

/** Below what the system gives to outgoing connections, and above what people usually choose. */
const firstBase = 18_500;
const lastBase = 29_500;
const stepBetweenBases = 1000;

/** A base such that every port of so many nodes is free now. Throws a CommandError where there is none. */
export async function freePortBase(nodes: number): Promise<number> {
  for (let base = lastBase; base >= firstBase; base -= stepBetweenBases) {
    const ports = Array.from({ length: nodes }, (_, i) => portsOf(base, i + 1)).flatMap(({ http, peer, native }) => [
      http,
      peer,
      native,
    ]);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new CommandError(
    `no ports are free for ${nodes} nodes from ${firstBase} to ${lastBase}`,
    "Stop other clusters, or say where to begin, for example: COHORT_PORT_BASE=40000",
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
