/** Finding one's way in lists that are in order of time, and on the canvas. */
import { countWhile } from "../../../src/base/index.ts";
import type { Layout } from "./layout.ts";
import type { Run } from "./messages.ts";

export type Window = readonly [from: number, to: number];

export function nameOf(lane: number): string {
  return lane > 0 ? `node ${lane}` : `client ${-1 - lane}`;
}

/** The first place that is not before a moment. */
export function lowerBy(sorted: readonly { readonly at: number }[], limit: number): number {
  return countWhile(sorted.length, (place) => sorted[place]!.at < limit);
}

export interface Ends {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly lost: boolean;
}

/** A message as a line; one that was lost ends half the way. Undefined: its lanes are not shown. */
export function endsOf(
  { messages }: Run,
  { lanes }: Layout,
  index: number,
  x: (at: number) => number,
): Ends | undefined {
  const from = lanes.get(messages.from[index]!);
  const to = lanes.get(messages.to[index]!);
  if (from === undefined || to === undefined) return undefined;
  const sent = messages.sentAt[index]!;
  const got = messages.gotAt[index]!;
  const y1 = from.y + from.height / 2;
  const y2 = to.y + to.height / 2;
  if (!Number.isNaN(got)) return { x1: x(sent), y1, x2: x(got), y2, lost: false };
  return { x1: x(sent), y1, x2: x(sent + 0.6), y2: y1 + (y2 - y1) * 0.45, lost: true };
}

/** 1, 2 or 5 times a power of ten. */
export function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1) * power;
}
