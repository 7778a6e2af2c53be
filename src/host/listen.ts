import type { Server } from "node:net";
import type { Address } from "./address.ts";
import { StartupError } from "./startup-error.ts";

/** Starts listening; resolves to the port. Rejects with a StartupError. */
export function listen(server: Server, { host, port }: Address, surface: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, { host, port }, surface));
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function listenError(error: NodeJS.ErrnoException, { host, port }: Address, surface: string): StartupError {
  const what = `cannot listen on ${host}:${port} for ${surface}: ${error.message}`;
  const options = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return new StartupError(
        "address-in-use",
        `port ${port} (for ${surface}) is in use by another process`,
        "Stop that process, or choose other ports: COHORT_PORT_BASE moves all of them.",
        options,
      );
    case "EACCES":
      return new StartupError(
        "address-refused",
        what,
        "Choose a port from 1024: COHORT_PORT_BASE moves all of them.",
        options,
      );
    default:
      return new StartupError(
        "address-refused",
        what,
        "Correct the address in the configuration of the node: it must be one of this machine.",
        options,
      );
  }
}
