import { fail } from "../contract/index.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, with IPv6 hosts in brackets. Throws a CohortError (`bad-request`) that shows the form. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw fail("bad-request", `"${text}" is not an address; write host:port, for example 127.0.0.1:7301`);
  }
  return { host, port };
}
