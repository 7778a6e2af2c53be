/** A space-time diagram: time runs down, every node and client is a line, every message an arrow between two. */
import type { End } from "./network.ts";
import type { Timeline, TimelineMessage, TimelineMoment, Tone } from "./timeline.ts";

/** More rows than this nobody reads; the last ones explain a failure. */
const mostRows = 500;
/** And more heartbeats than this tell nothing. */
const mostRoutine = 120;
const rowHeight = 15;
const left = 84;
const top = 46;
const nodeWidth = 210;
const clientWidth = 150;

export interface Diagram {
  /** An `<svg>` element. */
  readonly svg: string;
  /** What it leaves out, for people; empty: nothing. */
  readonly omitted: string;
}

/** The end of a timeline as a drawing, or what came before `untilMs`. Heartbeats are left out where they would crowd the rest out. */
export function drawDiagram(timeline: Timeline, untilMs = Number.POSITIVE_INFINITY): Diagram {
  const all = timeline.moments.filter(({ at }) => at <= untilMs);
  const quiet = all.length > mostRows || all.filter(isRoutine).length > mostRoutine;
  const telling = quiet ? all.filter((moment) => !isRoutine(moment)) : all;
  const moments = telling.slice(-mostRows);
  const earlier = telling.length - moments.length + timeline.forgotten;
  const omitted = [
    ...(quiet ? ["heartbeats and what answers them"] : []),
    ...(earlier > 0 ? [`${earlier} earlier moments`] : []),
  ].join(", and ");
  return { svg: new Drawing(timeline, all, moments).svg(), omitted };
}

function isRoutine(moment: TimelineMoment): boolean {
  return (moment.kind === "sent" || moment.kind === "received") && moment.message.kind === "routine";
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

class Drawing {
  readonly #moments: readonly TimelineMoment[];
  readonly #before: readonly TimelineMoment[];
  readonly #nodes: readonly End[];
  readonly #clients: readonly End[];
  readonly #unit: Timeline["unit"];
  readonly #rows: number[] = [];
  readonly #height: number;
  readonly #parts: string[] = [];

  constructor(timeline: Timeline, all: readonly TimelineMoment[], moments: readonly TimelineMoment[]) {
    this.#unit = timeline.unit;
    this.#moments = moments;
    this.#before = moments.length === 0 ? [] : all.slice(0, all.indexOf(moments[0]!));
    const present = new Set(moments.flatMap(lanesOf));
    this.#nodes = timeline.nodes;
    this.#clients = timeline.clients.filter((client) => present.has(client));
    this.#layOut();
    this.#height = top + ((this.#rows.at(-1) ?? 0) + 2) * rowHeight;
  }

  /** Each moment has a row of its own, but what one node sends at one time shares one. */
  #layOut(): void {
    let row = 0;
    let previous: TimelineMoment | undefined;
    for (const moment of this.#moments) {
      const together =
        previous?.kind === "sent" &&
        moment.kind === "sent" &&
        previous.at === moment.at &&
        previous.message.from === moment.message.from;
      if (previous !== undefined && !together) row++;
      this.#rows.push(row);
      previous = moment;
    }
  }

  #x(lane: End): number {
    if (lane > 0) return left + this.#clients.length * clientWidth + (this.#nodes.indexOf(lane) + 0.5) * nodeWidth;
    return left + (this.#clients.indexOf(lane) + 0.5) * clientWidth;
  }

  #y(place: number): number {
    return top + (this.#rows[place] ?? 0) * rowHeight + rowHeight / 2;
  }

  svg(): string {
    const width = left + this.#clients.length * clientWidth + this.#nodes.length * nodeWidth + 20;
    this.#heads();
    this.#times();
    this.#lifes();
    this.#operations();
    this.#messages();
    this.#marks(width);
    return `<svg width="${width}" height="${this.#height}" viewBox="0 0 ${width} ${this.#height}" role="img" aria-label="Space-time diagram: time runs down, one line for each node and client"><defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>${this.#parts.join("")}</svg>`;
  }

  #heads(): void {
    for (const lane of [...this.#clients, ...this.#nodes])
      this.#parts.push(
        `<text class="head" x="${this.#x(lane)}" y="22">${lane > 0 ? `node ${lane}` : `client ${-1 - lane}`}</text>`,
      );
  }

  #times(): void {
    let shown = "";
    this.#moments.forEach(({ at }, place) => {
      const text = this.#unit === "ms" ? `${at.toFixed(1)} ms` : `step ${at}`;
      if (text === shown) return;
      shown = text;
      this.#parts.push(`<text class="time" x="${left - 16}" y="${this.#y(place) + 4}">${text}</text>`);
    });
  }

  /** A line while a process lives, a band while it leads. */
  #lifes(): void {
    const bottom = this.#height - rowHeight;
    for (const client of this.#clients) this.#line("client", client, top - 14, bottom);
    for (const node of this.#nodes) {
      const before = this.#before.filter((moment) => "lane" in moment && moment.lane === node);
      let up = before.findLast(({ kind }) => kind === "up" || kind === "down")?.kind !== "down";
      let leads =
        before.findLast(({ kind }) => kind === "leads" || kind === "follows" || kind === "down")?.kind === "leads";
      let from = top - 14;
      const end = (y: number): void => {
        if (up) this.#line("up", node, from, y);
        else this.#line("down", node, from, y);
        if (leads) this.#line("leads", node, from, y);
        from = y;
      };
      this.#moments.forEach((moment, place) => {
        if (!("lane" in moment) || moment.lane !== node) return;
        const { kind } = moment;
        if (kind !== "up" && kind !== "down" && kind !== "leads" && kind !== "follows") return;
        end(this.#y(place));
        if (kind === "up" || kind === "down") up = kind === "up";
        leads = kind === "leads";
      });
      end(bottom);
    }
  }

  #line(kind: string, lane: End, from: number, to: number): void {
    const x = this.#x(lane);
    this.#parts.push(`<line class="${kind}" x1="${x}" x2="${x}" y1="${from}" y2="${to}"/>`);
  }

  /** Bars from question to answer on the lines of clients. */
  #operations(): void {
    const open = new Map<object, { readonly place: number; readonly lane: End; readonly text: string }>();
    const bar = (lane: End, from: number, to: number, tone: Tone | "open", text: string): void => {
      const x = this.#x(lane) - 62;
      const height = Math.max(16, to - from);
      this.#parts.push(
        `<g class="operation ${tone}"><title>${escapeText(text)}</title><rect x="${x}" y="${from - 7}" width="124" height="${height}" rx="3"/></g><text class="name" x="${x + 5}" y="${from + 5}">${escapeText(short(text, 20))}</text>`,
      );
    };
    this.#moments.forEach((moment, place) => {
      if (moment.kind === "asks") open.set(moment.operation, { place, lane: moment.lane, text: moment.text });
      else if (moment.kind === "answered") {
        const begun = open.get(moment.operation);
        open.delete(moment.operation);
        if (begun) {
          const to = this.#y(place) + 8;
          bar(begun.lane, this.#y(begun.place), to, moment.tone, `${begun.text} ${moment.text}`);
          this.#parts.push(
            `<text class="name answer" x="${this.#x(begun.lane) - 57}" y="${Math.max(this.#y(begun.place) + 18, to - 2)}">${escapeText(moment.text)}</text>`,
          );
        }
      }
    });
    for (const { place, lane, text } of open.values())
      bar(lane, this.#y(place), this.#height - rowHeight, "open", `${text}: no answer`);
  }

  #messages(): void {
    const sent = new Map<TimelineMessage, number>();
    this.#moments.forEach((moment, place) => {
      if (moment.kind === "sent") {
        sent.set(moment.message, place);
        if (moment.message.lost) this.#lost(moment.message, place);
      } else if (moment.kind === "received") {
        const from = sent.get(moment.message);
        // What was sent above the diagram comes from its edge.
        this.#arrow(moment.message, from === undefined ? top - 10 : this.#y(from), this.#y(place));
      }
    });
  }

  #arrow({ from, to, kind, text }: TimelineMessage, y1: number, y2: number): void {
    const x1 = this.#x(from);
    const x2 = this.#x(to);
    const away = x2 > x1 ? -6 : 6;
    const anchor = x2 > x1 ? "end" : "start";
    this.#parts.push(
      `<g class="message ${kind}"><title>${escapeText(`${nameOf(from)} to ${nameOf(to)}: ${text}`)}</title><line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" marker-end="url(#tip)"/><text x="${x2 + away * 1.6}" y="${y2 - 3}" text-anchor="${anchor}">${escapeText(short(text, 30))}</text></g>`,
    );
  }

  #lost({ from, to, kind, text }: TimelineMessage, place: number): void {
    const x1 = this.#x(from);
    const x2 = x1 + (this.#x(to) - x1) * 0.3;
    const y = this.#y(place);
    this.#parts.push(
      `<g class="message lost ${kind}"><title>${escapeText(`${nameOf(from)} to ${nameOf(to)}: ${text}; it never arrived`)}</title><line x1="${x1}" y1="${y}" x2="${x2}" y2="${y + 9}"/><text class="cross" x="${x2}" y="${y + 13}">✗</text></g>`,
    );
  }

  #marks(width: number): void {
    this.#moments.forEach((moment, place) => {
      const y = this.#y(place);
      if (moment.kind === "note")
        this.#parts.push(
          `<line class="note" x1="${left - 10}" x2="${width - 10}" y1="${y}" y2="${y}"/><text class="note" x="${left - 4}" y="${y - 3}">${escapeText(moment.text)}</text>`,
        );
      else if (moment.kind === "mark") this.#mark(moment.lane, y, moment.tone, moment.text);
      else if (moment.kind === "leads") this.#mark(moment.lane, y, "good", moment.text);
      else if (moment.kind === "follows") this.#mark(moment.lane, y, "plain", moment.text);
      else if (moment.kind === "up") this.#mark(moment.lane, y, "plain", "starts");
      else if (moment.kind === "down") this.#mark(moment.lane, y, "bad", "stops");
    });
  }

  #mark(lane: End, y: number, tone: Tone, text: string): void {
    const x = this.#x(lane);
    this.#parts.push(
      `<g class="mark ${tone}"><title>${escapeText(`${nameOf(lane)}: ${text}`)}</title><circle cx="${x}" cy="${y}" r="3.5"/><text x="${x + 7}" y="${y + 4}">${escapeText(short(text, 26))}</text></g>`,
    );
  }
}

function nameOf(lane: End): string {
  return lane > 0 ? `node ${lane}` : `client ${-1 - lane}`;
}

function lanesOf(moment: TimelineMoment): End[] {
  if (moment.kind === "sent" || moment.kind === "received") return [moment.message.from, moment.message.to];
  return "lane" in moment ? [moment.lane] : [];
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Colours for light and dark. */
export const diagramStyle = `
.diagram{overflow-x:auto;border:1px solid var(--soft);border-radius:6px}
svg text{font:11px ui-monospace,monospace;fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .head{font-weight:bold;text-anchor:middle}svg .time{text-anchor:end;fill:var(--quiet)}
svg line.up{stroke:var(--quiet);stroke-width:1.5}svg line.down{stroke:var(--bad);stroke-width:1;stroke-dasharray:1 6}
svg line.client{stroke:var(--soft);stroke-width:1.5}svg line.leads{stroke:var(--good);stroke-width:7;stroke-opacity:.25}
.message line{stroke:var(--c);stroke-width:1.2}.message text{fill:var(--c)}.message:hover line{stroke-width:3}.message:hover text{font-weight:bold}
.message{--c:var(--quiet)}.append{--c:var(--own)}.vote{--c:var(--vote)}.snapshot{--c:var(--snap)}.read{--c:var(--good)}.routine{--c:var(--faint)}
.lost line{stroke-dasharray:4 3}.lost .cross{fill:var(--bad);text-anchor:middle}
.operation rect{fill:var(--quiet);fill-opacity:.14;stroke:var(--quiet)}.operation.good rect{fill:var(--good);stroke:var(--good)}
.operation.bad rect{fill:var(--bad);stroke:var(--bad)}.operation.open rect{stroke-dasharray:4 3}svg .answer{font-weight:bold}
.mark circle{fill:var(--quiet)}.mark.good circle{fill:var(--good)}.mark.bad circle{fill:var(--bad)}.mark.bad text{fill:var(--bad)}
svg line.note{stroke:var(--bad);stroke-opacity:.5}svg text.note{fill:var(--bad)}`;
