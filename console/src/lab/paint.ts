/** Draws what is in the window, and nothing else: the lists are in order of time, so that is found by halves. */
import { colour } from "../shell/theme.ts";
import { stepBefore } from "./lab.ts";
import type { Layout, Row } from "./layout.ts";
import type { Run } from "./messages.ts";

type Paint = CanvasRenderingContext2D;
type Window = readonly [from: number, to: number];

/** Above this many in the window, routine is left out, then messages are drawn by sample. */
const mostMessages = 3000;
/** No message of the simulator is under way for longer, but for those that overtake. */
const longestFlightMs = 400;
const kindColours = ["follow", "candidate", "info", "info", "soft", "soft", "line", "soft"];
const routineKind = 6;

export function paint(canvas: HTMLCanvasElement, run: Run, layout: Layout, window: Window, at: number): void {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const { height } = layout;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  context.font = "12px 'IBM Plex Sans', sans-serif";
  const scene = new Scene(context, run, layout, window, width);
  scene.grid();
  context.save();
  context.beginPath();
  context.rect(layout.left, 0, width - layout.left, height);
  context.clip();
  scene.lights();
  scene.faults();
  scene.bands();
  scene.bars();
  scene.messages();
  scene.steps();
  scene.marks();
  scene.leaders();
  scene.cursor(at);
  context.restore();
  scene.labels();
}

class Scene {
  readonly #paint: Paint;
  readonly #run: Run;
  readonly #layout: Layout;
  readonly #from: number;
  readonly #to: number;
  readonly #width: number;
  readonly #scale: number;

  constructor(context: Paint, run: Run, layout: Layout, [from, to]: Window, width: number) {
    this.#paint = context;
    this.#run = run;
    this.#layout = layout;
    this.#from = from;
    this.#to = to;
    this.#width = width;
    this.#scale = (width - layout.left) / (to - from);
  }

  #x(at: number): number {
    return this.#layout.left + (at - this.#from) * this.#scale;
  }

  #fill(name: string): void {
    this.#paint.fillStyle = colour(name);
  }

  #bar(from: number, to: number, y: number, height: number): void {
    const x1 = Math.max(this.#layout.left, this.#x(from));
    const x2 = Math.min(this.#width, this.#x(to));
    if (x2 >= x1) this.#paint.fillRect(x1, y, Math.max(1.5, x2 - x1), height);
  }

  grid(): void {
    const { axis, left } = this.#layout;
    const every = roundStep((this.#to - this.#from) / Math.max(2, (this.#width - left) / 110));
    this.#paint.strokeStyle = colour("grid");
    this.#paint.lineWidth = 1;
    this.#fill("soft");
    this.#paint.textAlign = "center";
    for (let at = Math.ceil(this.#from / every) * every; at <= this.#to; at += every) {
      const x = Math.round(this.#x(at)) + 0.5;
      this.#paint.beginPath();
      this.#paint.moveTo(x, 0);
      this.#paint.lineTo(x, axis.y);
      this.#paint.stroke();
      this.#paint.fillText(`${Number(at.toFixed(3))} ms`, x, axis.y + 12);
    }
  }

  /** A mark where it was tested; green up to where it broke, and red from there. */
  lights(): void {
    this.#run.lights.forEach(({ tested, brokenAt }, place) => {
      const row = this.#layout.lights[place]!;
      const y = row.y + row.height / 2;
      this.#fill("grid");
      this.#bar(this.#from, this.#to, y - 2, 4);
      this.#fill("good");
      let last = -10;
      for (let index = lower(tested, this.#from); index < tested.length && tested[index]! <= this.#to; index++) {
        const x = this.#x(tested[index]!);
        if (x - last < 2) continue;
        this.#paint.fillRect(x - 1, y - 4, 2, 8);
        last = x;
      }
      if (brokenAt === undefined) return;
      this.#fill("bad");
      this.#bar(brokenAt, Math.max(this.#to, brokenAt + 1), y - 5, 10);
      this.#cross(this.#x(brokenAt), y);
    });
  }

  #cross(x: number, y: number): void {
    this.#paint.strokeStyle = colour("bad");
    this.#paint.lineWidth = 2.5;
    this.#paint.beginPath();
    this.#paint.moveTo(x - 5, y - 5);
    this.#paint.lineTo(x + 5, y + 5);
    this.#paint.moveTo(x + 5, y - 5);
    this.#paint.lineTo(x - 5, y + 5);
    this.#paint.stroke();
  }

  faults(): void {
    const { faults, faultLevel, levels } = this.#layout;
    const height = faults.height / Math.max(1, levels);
    this.#run.faults.forEach(({ from, to, text }, place) => {
      if (to < this.#from || from > this.#to) return;
      const y = faults.y + faultLevel[place]! * height;
      this.#fill("bad-fill");
      this.#bar(from, to, y + 1, height - 2);
      this.#fill("bad");
      this.#paint.fillRect(this.#x(from), y + 1, 2, height - 2);
      this.#paint.save();
      this.#paint.beginPath();
      this.#paint.rect(
        Math.max(this.#layout.left, this.#x(from)),
        y,
        Math.max(0, this.#x(to) - Math.max(this.#layout.left, this.#x(from))),
        height,
      );
      this.#paint.clip();
      this.#paint.textAlign = "left";
      this.#paint.font = "11px 'IBM Plex Sans', sans-serif";
      this.#paint.fillText(
        text.replace(/^at [\d.]+ ms: /, ""),
        Math.max(this.#layout.left, this.#x(from)) + 6,
        y + height / 2,
      );
      this.#paint.restore();
    });
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
  }

  bands(): void {
    for (const [, row] of this.#layout.lanes) {
      this.#fill("line");
      this.#paint.fillRect(this.#layout.left, row.y + row.height / 2 - 0.5, this.#width, 1);
    }
    for (const { lane, kind, from, to } of this.#run.bands) {
      const row = this.#layout.lanes.get(lane);
      if (row === undefined || to < this.#from || from > this.#to) continue;
      const y = row.y + row.height / 2;
      if (kind === "leads") {
        this.#fill("lead-fill");
        this.#bar(from, to, y - 4, 8);
      } else this.#hatched(Math.max(this.#layout.left, this.#x(from)), Math.min(this.#width, this.#x(to)), y - 8, 16);
    }
  }

  /** Who leads which term: above everything else. */
  leaders(): void {
    this.#paint.font = "600 12px 'IBM Plex Sans', sans-serif";
    this.#paint.textAlign = "left";
    for (const { lane, kind, from, to, text } of this.#run.bands) {
      const row = this.#layout.lanes.get(lane);
      if (kind !== "leads" || row === undefined || to < this.#from || from > this.#to) continue;
      const words = `♛ ${text}`;
      const x = Math.max(this.#layout.left + 4, this.#x(from) + 2);
      this.#fill("paper");
      this.#paint.fillRect(x - 3, row.y + 1, this.#paint.measureText(words).width + 6, 16);
      this.#fill("lead");
      this.#paint.fillText(words, x, row.y + 9);
    }
  }

  #hatched(from: number, to: number, y: number, height: number): void {
    this.#paint.save();
    this.#paint.beginPath();
    this.#paint.rect(from, y, Math.max(1.5, to - from), height);
    this.#paint.clip();
    this.#fill("bad-fill");
    this.#paint.fillRect(from, y, to - from, height);
    this.#paint.strokeStyle = colour("bad");
    this.#paint.lineWidth = 1;
    this.#paint.beginPath();
    for (let x = from - height; x < to; x += 7) {
      this.#paint.moveTo(x, y + height);
      this.#paint.lineTo(x + height, y);
    }
    this.#paint.stroke();
    this.#paint.restore();
  }

  bars(): void {
    this.#paint.font = "11px 'IBM Plex Sans', sans-serif";
    this.#paint.textAlign = "left";
    for (const { lane, from, to, tone, text } of this.#run.bars) {
      const row = this.#layout.lanes.get(lane);
      if (row === undefined || to < this.#from || from > this.#to) continue;
      this.#fill(tone === "bad" ? "bad-fill" : "follow-fill");
      this.#bar(from, to, row.y + 4, row.height - 8);
      this.#fill(tone === "bad" ? "bad" : tone === "good" ? "good" : "soft");
      this.#bar(from, to, row.y + row.height - 6, 2);
      const x = Math.max(this.#layout.left, this.#x(from));
      if (this.#x(to) - x > 50) {
        this.#fill("ink");
        this.#paint.save();
        this.#paint.beginPath();
        this.#paint.rect(x, row.y, this.#x(to) - x, row.height);
        this.#paint.clip();
        this.#paint.fillText(text, x + 4, row.y + row.height / 2);
        this.#paint.restore();
      }
    }
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
  }

  messages(): void {
    const { messages, kinds, texts } = this.#run;
    const first = lower(messages.sentAt, this.#from - longestFlightMs);
    const end = lower(messages.sentAt, this.#to + 1e-9);
    const count = end - first;
    const withRoutine = count <= mostMessages;
    const every = Math.max(1, Math.ceil(count / (mostMessages * 2)));
    const few = count < 260;
    for (let kind = kinds.length - 1; kind >= 0; kind--) {
      if (kind === routineKind && !withRoutine) continue;
      this.#paint.strokeStyle = colour(kindColours[kind] ?? "soft");
      this.#paint.lineWidth = few ? 1.6 : 1;
      this.#paint.globalAlpha = few ? 1 : count < mostMessages ? 0.75 : 0.4;
      this.#paint.beginPath();
      for (let index = first; index < end; index += kind === 0 ? every : 1)
        if (messages.kind[index] === kind) this.#message(index, few);
      this.#paint.stroke();
    }
    this.#paint.globalAlpha = 1;
    if (count > 45) return;
    this.#fill("ink");
    this.#paint.textAlign = "left";
    this.#paint.font = "10.5px 'IBM Plex Mono', monospace";
    for (let index = first; index < end; index++) {
      const ends = this.#ends(index);
      if (ends !== undefined)
        this.#paint.fillText(texts[messages.text[index]!] ?? "", (ends.x1 + ends.x2) / 2 + 5, (ends.y1 + ends.y2) / 2);
    }
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
  }

  #ends(
    index: number,
  ):
    | { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number; readonly lost: boolean }
    | undefined {
    return endsOf(this.#run, this.#layout, index, (at) => this.#x(at));
  }

  #message(index: number, few: boolean): void {
    const ends = this.#ends(index);
    if (ends === undefined) return;
    const { x1, y1, x2, y2, lost } = ends;
    if (Math.max(x1, x2) < this.#layout.left) return;
    if (!lost) {
      this.#paint.moveTo(x1, y1);
      this.#paint.lineTo(x2, y2);
    } else {
      // Half the way, in pieces, and a cross.
      for (let part = 0; part < 5; part += 2) {
        this.#paint.moveTo(x1 + ((x2 - x1) * part) / 5, y1 + ((y2 - y1) * part) / 5);
        this.#paint.lineTo(x1 + ((x2 - x1) * (part + 1)) / 5, y1 + ((y2 - y1) * (part + 1)) / 5);
      }
      this.#paint.moveTo(x2 - 3, y2 - 3);
      this.#paint.lineTo(x2 + 3, y2 + 3);
      this.#paint.moveTo(x2 + 3, y2 - 3);
      this.#paint.lineTo(x2 - 3, y2 + 3);
    }
    if (!few || lost) return;
    const angle = Math.atan2(y2 - y1, x2 - x1);
    for (const side of [-0.4, 0.4]) {
      this.#paint.moveTo(x2, y2);
      this.#paint.lineTo(x2 - 7 * Math.cos(angle + side), y2 - 7 * Math.sin(angle + side));
    }
  }

  /** Every event of a core is a dot, where there is room for dots. */
  steps(): void {
    const first = stepBefore(this.#run, this.#from);
    const end = stepBefore(this.#run, this.#to);
    if (end - first > 1500) return;
    this.#fill("soft");
    for (let index = first; index < end; index++) {
      const row = this.#layout.lanes.get(this.#run.stepLane[index]!);
      if (row !== undefined)
        this.#paint.fillRect(this.#x(this.#run.stepAt[index]!) - 1.5, row.y + row.height / 2 - 1.5, 3, 3);
    }
  }

  marks(): void {
    const { marks } = this.#run;
    const first = lowerBy(marks, this.#from);
    const end = lowerBy(marks, this.#to);
    const withText = end - first < 50;
    this.#paint.textAlign = "left";
    this.#paint.font = "10.5px 'IBM Plex Sans', sans-serif";
    for (let index = first; index < end; index++) {
      const { at, lane, tone, text } = marks[index]!;
      const row = this.#layout.lanes.get(lane);
      if (row === undefined) continue;
      const x = this.#x(at);
      const y = row.y + row.height / 2;
      this.#fill(tone === "good" ? "good" : tone === "bad" ? "bad" : "ink");
      this.#paint.beginPath();
      if (tone === "good") this.#paint.arc(x, y, 4, 0, 7);
      else this.#paint.rect(x - 3, y - 3, 6, 6);
      this.#paint.fill();
      if (withText) this.#paint.fillText(text, x + 6, y + (tone === "good" ? 14 : -12));
    }
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
    const { failure } = this.#run;
    if (failure === undefined || failure.atMs < this.#from || failure.atMs > this.#to) return;
    this.#fill("bad");
    this.#paint.fillRect(this.#x(failure.atMs) - 1, 0, 2, this.#layout.height - 22);
  }

  cursor(at: number): void {
    const x = this.#x(at);
    this.#fill("lead");
    this.#paint.fillRect(x - 1, 0, 2, this.#layout.height);
    this.#paint.beginPath();
    this.#paint.moveTo(x - 6, this.#layout.height);
    this.#paint.lineTo(x + 6, this.#layout.height);
    this.#paint.lineTo(x, this.#layout.height - 9);
    this.#paint.fill();
  }

  labels(): void {
    const { lights, faults, lanes, left } = this.#layout;
    const text = (words: string, row: Row, name: string): void => {
      this.#fill(name);
      this.#paint.fillText(words, 2, row.y + row.height / 2, left - 10);
    };
    this.#paint.textAlign = "left";
    this.#paint.font = "11px 'IBM Plex Sans', sans-serif";
    this.#run.lights.forEach(({ clause, brokenAt, tested }, place) =>
      text(
        `${brokenAt === undefined ? (tested.length === 0 ? "·" : "✓") : "✕"} ${clause}`,
        lights[place]!,
        brokenAt === undefined ? "soft" : "bad",
      ),
    );
    text("faults", faults, "soft");
    for (const [lane, row] of lanes) {
      this.#paint.font = lane > 0 ? "600 13px 'IBM Plex Sans', sans-serif" : "11px 'IBM Plex Sans', sans-serif";
      text(lane > 0 ? `node ${lane}` : `client ${-1 - lane}`, row, lane > 0 ? "ink" : "soft");
    }
  }
}

type Ends = {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly lost: boolean;
};

function endsOf({ messages }: Run, { lanes }: Layout, index: number, x: (at: number) => number): Ends | undefined {
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
  const end = lower(messages.sentAt, at + near / scale);
  for (let index = lower(messages.sentAt, at - longestFlightMs); index < end; index++) {
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

export function nameOf(lane: number): string {
  return lane > 0 ? `node ${lane}` : `client ${-1 - lane}`;
}

function toSegment({ x1, y1, x2, y2 }: Ends, x: number, y: number): number {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const share = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length));
  return Math.hypot(x - x1 - share * (x2 - x1), y - y1 - share * (y2 - y1));
}

/** The first place whose number is not below a limit. */
function lower(sorted: ArrayLike<number>, limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lowerBy(sorted: readonly { readonly at: number }[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.at < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1) * power;
}
