import { createServer } from "node:net";
import { CommandError } from "../output.ts";

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
