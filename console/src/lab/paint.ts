/**
 * Draws what is in the window, and nothing else: the lists are in order of time, so that is found by halves. Two
 * canvases: the scene changes with the window, the cursor above it with every step.
 */
import { countBelow } from "../../../src/base/index.ts";
import { colour } from "../shell/theme.ts";
import { Arrows, isDense } from "./arrows.ts";
import { stepBefore } from "./lab.ts";
import type { Layout, Row } from "./layout.ts";
import type { Run } from "./messages.ts";
import { lowerBy, roundStep, type Window } from "./places.ts";

export type Paint = CanvasRenderingContext2D;

/** Above so many in the window there is room for neither dots nor words. */
const mostDots = 800;
const mostWords = 50;
const mostMarks = 600;

/** A canvas of the right size, empty. */
function begin(canvas: HTMLCanvasElement, height: number): Paint {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const [pixelsX, pixelsY] = [Math.round(width * ratio), Math.round(height * ratio)];
  // Setting a size anew costs as much as drawing, even where it is the same.
  if (canvas.width !== pixelsX) canvas.width = pixelsX;
  if (canvas.height !== pixelsY) canvas.height = pixelsY;
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  context.font = "12px 'IBM Plex Sans', sans-serif";
  return context;
}

export function paintScene(canvas: HTMLCanvasElement, run: Run, layout: Layout, window: Window): void {
  const context = begin(canvas, layout.height);
  const width = canvas.clientWidth;
  const scene = new Scene(context, run, layout, window, width);
  scene.grid();
  context.save();
  context.beginPath();
  context.rect(layout.left, 0, width - layout.left, layout.height);
  context.clip();
  scene.lights();
  scene.faults();
  scene.bands();
  scene.bars();
  new Arrows(context, run, layout, window, width).draw();
  scene.steps();
  scene.marks();
  scene.leaders();
  context.restore();
  scene.labels();
}

export function paintCursor(canvas: HTMLCanvasElement, layout: Layout, [from, to]: Window, at: number): void {
  const { left, height } = layout;
  const context = begin(canvas, height);
  const x = left + ((at - from) * (canvas.clientWidth - left)) / (to - from);
  if (x < left - 1) return;
  context.fillStyle = colour("lead");
  context.fillRect(x - 1, 0, 2, height);
  context.beginPath();
  context.moveTo(x - 6, height);
  context.lineTo(x + 6, height);
  context.lineTo(x, height - 9);
  context.fill();
}

class Scene {
  readonly #paint: Paint;
  readonly #run: Run;
  readonly #layout: Layout;
  readonly #from: number;
  readonly #to: number;
  readonly #width: number;
  readonly #scale: number;
  /** A line where arrows are, and a ground behind the density, which would hide a line. */
  readonly #ledHeight: number;

  constructor(context: Paint, run: Run, layout: Layout, [from, to]: Window, width: number) {
    this.#paint = context;
    this.#run = run;
    this.#layout = layout;
    this.#from = from;
    this.#to = to;
    this.#width = width;
    this.#scale = (width - layout.left) / (to - from);
    this.#ledHeight = isDense(run, [from, to]) ? 40 : 8;
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
      this.#paint.fillText(every >= 1000 ? `${at / 1000} s` : `${Number(at.toFixed(3))} ms`, x, axis.y + 12);
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
      for (let index = countBelow(tested, this.#from); index < tested.length && tested[index]! <= this.#to; index++) {
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
      if ((to - from) * this.#scale < 30) return;
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
        this.#bar(from, to, y - this.#ledHeight / 2, this.#ledHeight);
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
      const x = Math.max(this.#layout.left + 4, this.#x(from) + 2);
      const room = Math.min(this.#width, this.#x(to)) - x;
      // From afar there is room for a crown, or for nothing.
      const words = room > 60 || this.#x(to) >= this.#width ? `♛ ${text}` : "♛";
      if (room < 12) continue;
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

  /** What clients asked, and how long it took. */
  bars(): void {
    const { bars, longestBarMs } = this.#run;
    this.#paint.font = "11px 'IBM Plex Sans', sans-serif";
    this.#paint.textAlign = "left";
    const ends = new Map<number, number>();
    const first = countBelow(this.#run.barFrom, this.#from - longestBarMs);
    for (let index = first; index < bars.length && bars[index]!.from <= this.#to; index++) {
      const { lane, from, to, tone, text } = bars[index]!;
      const row = this.#layout.lanes.get(lane);
      if (row === undefined || to < this.#from) continue;
      const x = Math.max(this.#layout.left, this.#x(from));
      const end = this.#x(to);
      // From afar many fall on one pixel; what failed is seen in any case.
      if (tone !== "bad" && end - (ends.get(lane) ?? -9) < 2) continue;
      ends.set(lane, end);
      this.#fill(tone === "bad" ? "bad-fill" : "follow-fill");
      this.#bar(from, to, row.y + 4, row.height - 8);
      this.#fill(tone === "bad" ? "bad" : tone === "good" ? "good" : "soft");
      this.#bar(from, to, row.y + row.height - 6, 2);
      if (end - x <= 50) continue;
      this.#fill("ink");
      this.#paint.save();
      this.#paint.beginPath();
      this.#paint.rect(x, row.y, end - x, row.height);
      this.#paint.clip();
      this.#paint.fillText(text, x + 4, row.y + row.height / 2);
      this.#paint.restore();
    }
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
  }

  /** Every event of a core is a dot, where there is room for dots. */
  steps(): void {
    const first = stepBefore(this.#run, this.#from);
    const end = stepBefore(this.#run, this.#to);
    if (end - first > mostDots) return;
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
    const many = end - first > mostMarks;
    const withText = end - first < mostWords;
    this.#paint.textAlign = "left";
    this.#paint.font = "10.5px 'IBM Plex Sans', sans-serif";
    // From afar what went well is seen in the lights.
    for (const tone of many ? (["bad"] as const) : (["plain", "good", "bad"] as const)) {
      this.#fill(tone === "plain" ? "ink" : tone);
      this.#paint.beginPath();
      for (let index = first; index < end; index++) {
        const mark = marks[index]!;
        if (mark.tone !== tone) continue;
        const x = this.#x(mark.at);
        const row = this.#layout.lanes.get(mark.lane);
        if (row === undefined) continue;
        const y = row.y + row.height / 2;
        if (tone === "good") {
          this.#paint.moveTo(x + 4, y);
          this.#paint.arc(x, y, 4, 0, 7);
        } else this.#paint.rect(x - 3, y - 3, 6, 6);
        if (withText) this.#paint.fillText(mark.text, x + 6, y + (tone === "good" ? 14 : -12));
      }
      this.#paint.fill();
    }
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
    const { failure } = this.#run;
    if (failure === undefined || failure.atMs < this.#from || failure.atMs > this.#to) return;
    this.#fill("bad");
    this.#paint.fillRect(this.#x(failure.atMs) - 1, 0, 2, this.#layout.height - 22);
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
