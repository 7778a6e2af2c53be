/** What all commands that talk to a cluster share: where it is, how long to wait, and how answers are shown. */
import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import { parseDurationMs, type Kept } from "../../contract/index.ts";
import { paint, UsageError } from "../output.ts";
import { portBase, portsOf } from "../ports.ts";

export interface ClientFlags {
  readonly endpoints: string | undefined;
  readonly timeout: string;
  readonly json?: true;
}

export interface ReadFlags extends ClientFlags {
  readonly consistency: string | undefined;
  readonly at: string | undefined;
  readonly r: string | undefined;
}

export function withClientFlags(command: Command): Command {
  return command
    .option("--endpoints <list>", "native ports of some nodes, host:port,… (default: the local cluster)")
    .option("--timeout <duration>", "give up after this long", "5s")
    .option("--json", "one JSON document on standard output");
}

export function withReadFlags(command: Command): Command {
  return withClientFlags(command)
    .option(
      "--consistency <guarantees>",
      "linearizable, session, monotonic, bounded(100ms), eventual, … (default: what the contract says)",
    )
    .option("--r <n>", "in a keyspace without a leader: how many replicas have to answer")
    .option("--at <endpoint>", "ask this node (host:port), or any, instead of the leader");
}

/** Connects, runs, closes. */
export async function withClient<T>(flags: ClientFlags, run: (client: Client) => Promise<T>): Promise<T> {
  const { connect } = await import("../../client/index.ts");
  const client = connect({
    endpoints: endpointsOf(flags.endpoints),
    timeoutMs: durationOf(flags.timeout, "--timeout"),
  });
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

export function readSettings({ consistency, at, r }: ReadFlags): {
  consistency?: string;
  prefer?: string;
  r?: number;
} {
  return {
    ...(consistency !== undefined && { consistency }),
    ...(at !== undefined && { prefer: at }),
    ...(r !== undefined && { r: integerOf(r, "--r") }),
  };
}

function endpointsOf(list: string | undefined): string[] {
  if (list !== undefined) return list.split(",").map((endpoint) => endpoint.trim());
  const base = portBase();
  return [1, 2, 3].map((node) => `127.0.0.1:${portsOf(base, node).native}`);
}

export function durationOf(text: string, flag: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0)
    throw new UsageError(`${flag} is "${text}"; write a duration such as 500ms, 5s or 2m`);
  return ms;
}

export function integerOf(text: string, what: string): number {
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw new UsageError(`${what} is "${text}"; it has to be a whole number`);
  return Number(text);
}

/** `kept` as one dim line for people. */
export function keptLine({ guarantee, position, stalenessMs, degraded }: Kept): string {
  const staleness = stalenessMs === undefined || stalenessMs === 0 ? "" : `, at most ${Math.ceil(stalenessMs)} ms old`;
  return paint("dim", `${guarantee}, position ${position}${staleness}${degraded ? ", degraded" : ""}`);
}

/** Bytes for JSON: text where they are UTF-8, else base64 under another name. */
export function jsonBytes(bytes: Uint8Array, name: string): Record<string, string> {
  const text = asText(bytes);
  return text === undefined ? { [`${name}Base64`]: Buffer.from(bytes).toString("base64") } : { [name]: text };
}

/** Bytes for people: UTF-8 as it is, else base64 and said so. */
export function shown(bytes: Uint8Array): string {
  return asText(bytes) ?? `base64:${Buffer.from(bytes).toString("base64")}`;
}

function asText(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : undefined;
}
