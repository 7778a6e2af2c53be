import type { ProcessId } from "../history/index.ts";
import type { Shown, Verdict, Witness } from "./verdict.ts";
import { verdictText } from "./text.ts";

/** More operations than these are not drawn: a page stays small however long the history is. */
const mostBars = 160;
const laneHeight = 34;
const left = 90;
const columnWidth = 26;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const sameShown = (a: Shown, b: Shown): boolean => a.line === b.line && a.process === b.process;

interface Bar {
  readonly shown: Shown;
  readonly lane: number;
  readonly from: number;
  readonly to: number;
}

/** Moments become evenly spaced columns, so that a long wait takes no room; processes become lanes. */
function layOut(operations: readonly Shown[]): {
  readonly bars: Bar[];
  readonly lanes: readonly ProcessId[];
  readonly columns: number;
} {
  const moments = [...new Set(operations.flatMap(({ call, ret }) => (ret === undefined ? [call] : [call, ret])))].sort(
    (a, b) => a - b,
  );
  const column = new Map(moments.map((moment, at) => [moment, at]));
  const lanes = [...new Set(operations.map((operation) => operation.process))].sort((a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1,
  );
  const bars = operations.map((shown) => ({
    shown,
    lane: lanes.indexOf(shown.process),
    from: column.get(shown.call) ?? 0,
    to: shown.ret === undefined ? moments.length : (column.get(shown.ret) ?? 0),
  }));
  return { bars, lanes, columns: moments.length + 1 };
}

function barSvg({ shown, lane, from, to }: Bar, kind: string, label: string): string {
  const x = left + from * columnWidth;
  const width = Math.max(columnWidth * 0.8, (to - from) * columnWidth - 4);
  const y = lane * laneHeight + 6;
  const room = Math.max(2, Math.floor(width / 6.4));
  const text = shown.text.length > room ? `${shown.text.slice(0, room - 1)}…` : shown.text;
  const lines = shown.retLine === undefined ? `line ${shown.line}, no answer` : `lines ${shown.line}–${shown.retLine}`;
  const number = label === "" ? "" : `<text class="n" x="${x + width - 4}" y="${y - 1}">${label}</text>`;
  return `<g class="${kind}${shown.ret === undefined ? " open" : ""}"><title>process ${escape(String(shown.process))}: ${escape(shown.text)} (${lines})</title><rect x="${x}" y="${y}" width="${width}" height="20" rx="3"/><text x="${x + 4}" y="${y + 14}">${escape(text)}</text>${number}</g>`;
}

function drawing(witness: Witness): string {
  const own = witness.operations;
  const others = witness.context.filter((shown) => !own.some((other) => sameShown(other, shown)));
  const { bars, lanes, columns } = layOut([...own, ...others].slice(0, mostBars));
  const stuck = witness.kind === "order" ? witness.stuck : -1;
  const deepest = witness.kind === "order" ? (witness.deadEnds[0]?.order ?? []) : [];
  const drawn = bars.map((bar, at) => {
    const step = deepest.indexOf(at);
    const kind = at === stuck ? "stuck" : at < own.length ? "own" : "other";
    return barSvg(
      bar,
      kind,
      at === stuck
        ? "✗"
        : step >= 0
          ? String(step + 1)
          : at < own.length && witness.kind !== "order"
            ? `#${at + 1}`
            : "",
    );
  });
  const names = lanes.map(
    (lane, at) =>
      `<text class="lane" x="4" y="${at * laneHeight + 20}">process ${escape(String(lane).slice(0, 8))}</text><line x1="0" x2="${left + columns * columnWidth}" y1="${(at + 1) * laneHeight}" y2="${(at + 1) * laneHeight}"/>`,
  );
  const width = left + columns * columnWidth + 20;
  const height = lanes.length * laneHeight + 10;
  return `<div class="scroll"><svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Operations by process, from left to right in real time">${names.join("")}${arrows(witness, bars)}${drawn.join("")}</svg></div>`;
}

/** Arrows between the transactions of a circle. */
function arrows(witness: Witness, bars: readonly Bar[]): string {
  if (witness.kind !== "cycle") return "";
  const centre = ({ from, to, lane }: Bar): readonly [number, number] => [
    left + ((from + to) / 2) * columnWidth,
    lane * laneHeight + 16,
  ];
  const paths = witness.steps.map(({ from, relation }, at) => {
    const a = bars[from];
    const b = bars[witness.steps[(at + 1) % witness.steps.length]?.from ?? from];
    if (a === undefined || b === undefined) return "";
    const [x1, y1] = centre(a);
    const [x2, y2] = centre(b);
    const bend = y1 === y2 ? 24 : 0;
    const sideways = x1 === x2 ? 24 : 0;
    return `<path d="M${x1} ${y1} Q${(x1 + x2) / 2 + sideways} ${(y1 + y2) / 2 + bend} ${x2} ${y2}" marker-end="url(#tip)"/><text class="relation" x="${(x1 + x2) / 2 + sideways / 2}" y="${(y1 + y2) / 2 + bend / 2}">${escape(relation)}</text>`;
  });
  return `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>${paths.join("")}`;
}

const style = `:root{color-scheme:light dark;--own:#2563eb;--other:#8a8f98;--bad:#c2261c;--ink:#1b1d21;--paper:#fff;--soft:#e6e8ec}
@media(prefers-color-scheme:dark){:root{--own:#6ea0ff;--other:#80868f;--bad:#ff7a70;--ink:#e8eaee;--paper:#16181c;--soft:#2c3037}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.4rem}.broken{color:var(--bad)}.scroll{overflow-x:auto;border:1px solid var(--soft);border-radius:6px}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,monospace}
svg text{font:11px ui-monospace,monospace;fill:var(--ink)}svg line{stroke:var(--soft)}svg path{fill:none;stroke:var(--bad);stroke-width:1.5}
svg marker path{fill:var(--bad);stroke:none}rect{fill-opacity:.18;stroke-width:1.3}.own rect{fill:var(--own);stroke:var(--own)}
.other rect{fill:var(--other);stroke:var(--other);opacity:.6}.other text{opacity:.7}.stuck rect{fill:var(--bad);stroke:var(--bad)}
.open rect{stroke-dasharray:4 3}svg .n{text-anchor:end;font-weight:bold}svg .relation{fill:var(--bad)}`;

/**
 * A page that stands for itself: the verdict in words, and around the witness the operations as bars, one lane a
 * process, with the order as far as it came and where it got stuck, or the circle.
 */
export function verdictPage(verdict: Verdict, subject: string): string {
  const picture = verdict.verdict === "broken" ? drawing(verdict.witness) : "";
  const legend =
    verdict.verdict === "broken"
      ? "<p>Bars run from call to return, left to right in real time; dashed: no answer. Numbers tell the order as far as it came. Grey: what went on around.</p>"
      : "";
  const text = escape(verdictText(verdict, subject));
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${verdict.verdict}: ${escape(subject)}</title><style>${style}</style></head><body><h1 class="${verdict.verdict}">${verdict.verdict}: ${escape(subject)}</h1>${picture}${legend}<pre>${text}</pre></body></html>\n`;
}
