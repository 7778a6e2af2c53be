/** Messages: arrows where there is room for them, from afar how many each node sent and got. */
import { countBelow } from "../../../src/base/index.ts";
import { colour } from "../shell/theme.ts";
import type { Layout } from "./layout.ts";
import type { Run } from "./messages.ts";
import type { Paint } from "./paint.ts";
import { endsOf, type Window } from "./places.ts";

/** Above so many in the window, nobody can tell one from the other. */
const mostArrows = 1200;
const mostRare = 500;
const fewArrows = 260;
const mostTexts = 45;
/** As wide as one place of the density is, in pixels. */
const placeWidth = 3;

const kindColours = ["follow", "candidate", "info", "info", "soft", "soft", "line", "soft"];
/** Kinds that are rare and tell much: votes and snapshots. While they are few they are arrows from any distance. */
const rareKinds: ReadonlySet<number> = new Set([1, 2]);
/** What the density tells apart: votes and snapshots, appends, reads and requests, the rest. */
const densityOf = [1, 0, 0, 2, 2, 2, 3, 3];
const densityColours = ["candidate", "follow", "info", "line"];

/** Places in the list of messages of those that a window may show. */
function shownIn({ messages }: Run, [from, to]: Window): readonly [first: number, end: number] {
  return [countBelow(messages.sentAt, from - messages.longestMs), countBelow(messages.sentAt, to + 1e-9)];
}

/** Whether the window holds more than can be drawn one by one. */
export function isDense(run: Run, window: Window): boolean {
  const [first, end] = shownIn(run, window);
  return end - first > mostArrows;
}

export class Arrows {
  readonly #paint: Paint;
  readonly #run: Run;
  readonly #layout: Layout;
  readonly #window: Window;
  readonly #width: number;
  readonly #scale: number;

  constructor(context: Paint, run: Run, layout: Layout, window: Window, width: number) {
    this.#paint = context;
    this.#run = run;
    this.#layout = layout;
    this.#window = window;
    this.#width = width;
    this.#scale = (width - layout.left) / (window[1] - window[0]);
  }

  draw(): void {
    const [first, end] = shownIn(this.#run, this.#window);
    const dense = end - first > mostArrows;
    if (dense) this.#density(first, end);
    this.#arrows(first, end, dense);
    if (end - first <= mostTexts) this.#texts(first, end);
  }

  #x(at: number): number {
    return this.#layout.left + (at - this.#window[0]) * this.#scale;
  }

  #arrows(first: number, end: number, dense: boolean): void {
    const { messages, kinds } = this.#run;
    const few = end - first < fewArrows;
    this.#paint.globalAlpha = few ? 1 : 0.75;
    this.#paint.lineWidth = few ? 1.6 : 1;
    const counts = dense ? this.#countsByKind(first, end) : [];
    for (let kind = kinds.length - 1; kind >= 0; kind--) {
      if (dense && (!rareKinds.has(kind) || counts[kind]! > mostRare)) continue;
      this.#paint.strokeStyle = colour(kindColours[kind] ?? "soft");
      this.#paint.beginPath();
      // Those that fall on the same pixels are one.
      const drawn = new Map<number, number>();
      for (let index = first; index < end; index++) {
        if (messages.kind[index] !== kind) continue;
        if (!few) {
          const pair = messages.from[index]! * 256 + messages.to[index]!;
          const pixel = Math.round(this.#x(messages.sentAt[index]!));
          if (drawn.get(pair) === pixel) continue;
          drawn.set(pair, pixel);
        }
        this.#arrow(index, few);
      }
      this.#paint.stroke();
    }
    this.#paint.globalAlpha = 1;
  }

  #countsByKind(first: number, end: number): number[] {
    const counts = this.#run.kinds.map(() => 0);
    for (let index = first; index < end; index++) counts[this.#run.messages.kind[index]!]!++;
    return counts;
  }

  #arrow(index: number, few: boolean): void {
    const ends = endsOf(this.#run, this.#layout, index, (at) => this.#x(at));
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

  #texts(first: number, end: number): void {
    const { messages, texts } = this.#run;
    this.#paint.fillStyle = colour("ink");
    this.#paint.textAlign = "left";
    this.#paint.font = "10.5px 'IBM Plex Mono', monospace";
    for (let index = first; index < end; index++) {
      const ends = endsOf(this.#run, this.#layout, index, (at) => this.#x(at));
      if (ends !== undefined)
        this.#paint.fillText(texts[messages.text[index]!] ?? "", (ends.x1 + ends.x2) / 2 + 5, (ends.y1 + ends.y2) / 2);
    }
    this.#paint.font = "12px 'IBM Plex Sans', sans-serif";
  }

  /** On the lane of each node, stripes as high as the root of how many messages it sent and got there. */
  #density(first: number, end: number): void {
    const { messages, nodes } = this.#run;
    const { left, lanes } = this.#layout;
    const places = Math.ceil((this.#width - left) / placeWidth);
    const classes = densityColours.length;
    const counts = new Uint32Array((nodes + 1) * places * classes);
    const add = (node: number, at: number, kind: number): void => {
      const place = Math.floor(((at - this.#window[0]) * this.#scale) / placeWidth);
      if (node > 0 && place >= 0 && place < places) counts[(node * places + place) * classes + densityOf[kind]!]!++;
    };
    for (let index = first; index < end; index++) {
      const kind = messages.kind[index]!;
      add(messages.from[index]!, messages.sentAt[index]!, kind);
      // NaN, of what never arrived, is at no place.
      add(messages.to[index]!, messages.gotAt[index]!, kind);
    }
    let most = 1;
    for (let place = 0; place < counts.length; place += classes)
      most = Math.max(most, sumOf(counts, place, place + classes));
    for (let kind = 0; kind < classes; kind++) {
      this.#paint.fillStyle = colour(densityColours[kind]!);
      for (const [lane, { y, height }] of lanes) {
        if (lane <= 0) continue;
        for (let place = 0; place < places; place++) {
          const at = (lane * places + place) * classes;
          if (counts[at + kind] === 0) continue;
          // Drawn over each other, the most first: a stripe is as high as its class and those that come after it.
          const count = sumOf(counts, at + kind, at + classes);
          const tall = Math.max(2, Math.sqrt(count / most) * (height - 22));
          this.#paint.fillRect(left + place * placeWidth, y + height / 2 - tall / 2, placeWidth - 0.5, tall);
        }
      }
    }
  }
}

function sumOf(counts: Uint32Array, from: number, to: number): number {
  let sum = 0;
  for (let place = from; place < to; place++) sum += counts[place]!;
  return sum;
}
