/** Where everything listens. One base moves all of it. */
import type { NodeId } from "../base/index.ts";
import { UsageError } from "./output.ts";

export const maxNodes = 9;

export interface NodePorts {
  readonly http: number;
  readonly peer: number;
  readonly native: number;
}

/** Ports of node `node` (from 1): HTTP 710i, peers 730i, native clients 740i with the default base of 7000. */
export function portsOf(base: number, node: NodeId): NodePorts {
  return { http: base + 100 + node, peer: base + 300 + node, native: base + 400 + node };
}

export function consolePort(base: number): number {
  return base + 70;
}

/** The base port from `COHORT_PORT_BASE`. Throws a UsageError where that is no usable number. */
export function portBase(environment: Readonly<Record<string, string | undefined>> = process.env): number {
  const text = environment["COHORT_PORT_BASE"];
  if (text === undefined || text === "") return 7000;
  const base = Number(text);
  if (!Number.isInteger(base) || base < 1000 || base > 65_000) {
    throw new UsageError(`COHORT_PORT_BASE is "${text}"; it must be a whole number from 1000 to 65000`);
  }
  return base;
}
