/** What is under the pointer. */
import { countBelow } from "../../../src/base/index.ts";
import { stepBefore } from "./lab.ts";
import type { Layout } from "./layout.ts";
import type { Run } from "./messages.ts";
import { endsOf, lowerBy, nameOf, type Ends, type Window } from "./places.ts";

export interface Hit {
  readonly step: number;
  readonly text: string | undefined;
}

const near = 7;

/** What is under the pointer: a message, a mark, a bar, a fault, or just a moment of a lane. */
export function hit(
  run: Run,
  layout: Layout,
  [from, to]: Window,
  width: number,
  px: number,
  py: number,
): Hit | undefined {
  if (px < layout.left) return undefined;
  const scale = (width - layout.left) / (to - from);
  const x = (at: number): number => layout.left + (at - from) * scale;
  const at = from + (px - layout.left) / scale;
  const step = Math.max(1, stepBefore(run, at + near / scale / 2));
  const { messages, texts } = run;
  let best: { readonly distance: number; readonly hit: Hit } | undefined;
  const consider = (distance: number, text: string, when: number): void => {
    if (distance < (best?.distance ?? near))
      best = { distance, hit: { step: Math.max(1, stepBefore(run, when)), text } };
  };
  for (
    let index = lowerBy(run.marks, at - near / scale);
    index < run.marks.length && run.marks[index]!.at <= at + near / scale;
    index++
  ) {
    const mark = run.marks[index]!;
    const row = layout.lanes.get(mark.lane);
    if (row !== undefined)
      consider(
        Math.hypot(x(mark.at) - px, row.y + row.height / 2 - py) * 0.8,
        `${nameOf(mark.lane)} ${mark.text}, ${mark.at.toFixed(3)} ms`,
        mark.at,
      );
  }
  const end = countBelow(messages.sentAt, at + near / scale);
  for (let index = countBelow(messages.sentAt, at - messages.longestMs); index < end; index++) {
    const ends = endsOf(run, layout, index, x);
    if (ends === undefined) continue;
    const got = messages.gotAt[index]!;
    const fate = Number.isNaN(got) ? "lost" : `arrived ${got.toFixed(3)} ms`;
    const words = `${nameOf(messages.from[index]!)} → ${nameOf(messages.to[index]!)}: ${texts[messages.text[index]!] ?? ""}; sent ${messages.sentAt[index]!.toFixed(3)} ms, ${fate}`;
    consider(toSegment(ends, px, py), words, Number.isNaN(got) ? messages.sentAt[index]! : got);
  }
  if (best !== undefined) return best.hit;
  for (const bar of run.bars) {
    const row = layout.lanes.get(bar.lane);
    if (row !== undefined && at >= bar.from && at <= bar.to && py >= row.y && py <= row.y + row.height)
      return { step, text: `${nameOf(bar.lane)}: ${bar.text}` };
  }
  if (py >= layout.faults.y && py <= layout.faults.y + layout.faults.height) {
    const active = run.faults.filter((fault) => at >= fault.from && at <= fault.to).map(({ text }) => text);
    return { step, text: active.length > 0 ? active.join("; ") : undefined };
  }
  return { step, text: undefined };
}

function toSegment({ x1, y1, x2, y2 }: Ends, x: number, y: number): number {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const share = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length));
  return Math.hypot(x - x1 - share * (x2 - x1), y - y1 - share * (y2 - y1));
}
