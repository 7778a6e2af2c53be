import { axisOf, escapeText, tickText, type Axis, type Scale } from "./axis.ts";

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** `points`: marks alone, for what was measured. `steps`: holds its value until the next point. */
  readonly as?: "line" | "points" | "steps";
}

export interface LineChart {
  readonly kind: "lines";
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** A value for each pair of a row and a column, from 0 to 1. */
export interface HeatMap {
  readonly kind: "heat";
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  readonly xLabel: string;
  readonly yLabel: string;
  /** By row, then column: how dark, and what is written. */
  readonly cells: readonly (readonly { readonly share: number; readonly text: string }[])[];
}

export type Chart = LineChart | HeatMap;

const width = 720;
const height = 420;
const frame = { left: 72, right: 24, top: 84, bottom: 58 };

/** Colours that differ in lightness too (Okabe and Ito, 2008), darker ones on light pages, lighter ones on dark. */
const style = `
  svg { --ink: #1b1f24; --faint: #57606a; --grid: #d8dee4; --page: #ffffff; --heat: 33, 102, 172;
        --s0: #0060a8; --s1: #b34a00; --s2: #00734f; --s3: #9b2f76; --s4: #6e5b00; --s5: #444c56; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --faint: #9da7b3; --grid: #30363d; --page: #0d1117; --heat: 110, 175, 240;
          --s0: #6cb6ff; --s1: #f69d50; --s2: #57d9a3; --s3: #f0a3d0; --s4: #e3c74b; --s5: #b0bac5; }
  }
  text { font: 13px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--ink); }
  .title { font-size: 16px; font-weight: 600; }
  .tick { fill: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
  .grid { stroke: var(--grid); stroke-width: 1; }
  .axis { stroke: var(--faint); stroke-width: 1; }
  .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }`;

const dashes = ["", "7 4", "2 4", "10 4 2 4", "4 3", "1 3"];

/** The chart as a whole SVG document. */
export function chartSvg(chart: Chart): string {
  const [body, label, tall] = chart.kind === "lines" ? lines(chart) : heat(chart);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}" width="${width}" height="${tall}" role="img" aria-label="${escapeText(label)}">
<style>${style}
</style>
<rect width="${width}" height="${tall}" fill="var(--page)"/>
<text class="title" x="${frame.left}" y="30">${escapeText(chart.title)}</text>
${body}
</svg>
`;
}

function lines({ title, x, y, series }: LineChart): [string, string, number] {
  const legend = legendOf(series);
  const top = frame.top + legend.extra;
  const tall = height + legend.extra;
  const all = series.flatMap(({ points }) => points);
  const across = axisOf(
    x,
    all.map(([at]) => at),
    frame.left,
    width - frame.right,
  );
  const up = axisOf(
    y,
    all.map(([, value]) => value),
    tall - frame.bottom,
    top,
  );
  const parts = [
    ...up.ticks.map(
      (tick) =>
        `<line class="grid" x1="${frame.left}" x2="${width - frame.right}" y1="${round(up.at(tick))}" y2="${round(up.at(tick))}"/><text class="tick" x="${frame.left - 8}" y="${round(up.at(tick) + 4)}" text-anchor="end">${tickText(tick, y)}</text>`,
    ),
    ...across.ticks.map(
      (tick) =>
        `<line class="grid" x1="${round(across.at(tick))}" x2="${round(across.at(tick))}" y1="${top}" y2="${tall - frame.bottom}"/><text class="tick" x="${round(across.at(tick))}" y="${tall - frame.bottom + 18}" text-anchor="middle">${tickText(tick, x)}</text>`,
    ),
    `<line class="axis" x1="${frame.left}" x2="${width - frame.right}" y1="${tall - frame.bottom}" y2="${tall - frame.bottom}"/>`,
    `<text x="${(frame.left + width - frame.right) / 2}" y="${tall - 16}" text-anchor="middle">${escapeText(x.label)}</text>`,
    `<text x="${frame.left}" y="${top - 12}" text-anchor="start" class="tick">${escapeText(y.label)}</text>`,
    ...series.map((one, i) => drawSeries(one, i, across, up)),
    legend.text,
  ];
  return [parts.join("\n"), `${title}. ${y.label} by ${x.label}: ${series.map(({ name }) => name).join(", ")}`, tall];
}

function drawSeries({ points, as = "line" }: Series, i: number, across: Scale, up: Scale): string {
  const colour = `var(--s${i % 6})`;
  const places = points
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
    .map(([x, y]) => [round(across.at(x)), round(up.at(y))] as const);
  if (as === "points") return places.map(([x, y]) => mark(i, x, y, colour)).join("");
  const path = places
    .map(([x, y], at) => (at === 0 ? `M${x} ${y}` : as === "steps" ? `H${x}V${y}` : `L${x} ${y}`))
    .join("");
  const dash = dashes[i % dashes.length]!;
  return `<path class="line" d="${path}" stroke="${colour}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}/>`;
}

/** Marks differ in form, so that colour is never the only difference. */
function mark(i: number, x: number, y: number, colour: string): string {
  const form = i % 3;
  if (form === 0) return `<circle cx="${x}" cy="${y}" r="4" fill="${colour}"/>`;
  if (form === 1) return `<rect x="${x - 4}" y="${y - 4}" width="8" height="8" fill="${colour}"/>`;
  return `<path d="M${x} ${y - 5}l5 9h-10z" fill="${colour}"/>`;
}

/** Names above the chart, in rows. */
function legendOf(series: readonly Series[]): { readonly text: string; readonly extra: number } {
  let x = frame.left;
  let y = 50;
  const parts: string[] = [];
  for (const [i, { name, as }] of series.entries()) {
    const needed = 44 + name.length * 7.2;
    if (x > frame.left && x + needed > width - frame.right) {
      x = frame.left;
      y += 20;
    }
    const colour = `var(--s${i % 6})`;
    const dash = dashes[i % dashes.length]!;
    parts.push(
      as === "points"
        ? mark(i, x + 13, y - 4, colour)
        : `<line x1="${x}" x2="${x + 26}" y1="${y - 4}" y2="${y - 4}" class="line" stroke="${colour}"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}/>`,
      `<text x="${x + 32}" y="${y}">${escapeText(name)}</text>`,
    );
    x += needed;
  }
  return { text: parts.join("\n"), extra: y - 50 };
}

function heat({ title, columns, rows, xLabel, yLabel, cells }: HeatMap): [string, string, number] {
  const left = 110;
  const cellWidth = (width - left - frame.right) / columns.length;
  const cellHeight = 44;
  const top = 92;
  const tall = top + rows.length * cellHeight + 28;
  const parts = [
    `<text class="tick" x="${left + (columns.length * cellWidth) / 2}" y="58" text-anchor="middle">${escapeText(xLabel)}</text>`,
    `<text class="tick" x="${left - 12}" y="${top - 12}" text-anchor="end">${escapeText(yLabel)}</text>`,
    ...columns.map(
      (name, c) =>
        `<text x="${round(left + (c + 0.5) * cellWidth)}" y="${top - 12}" text-anchor="middle">${escapeText(name)}</text>`,
    ),
    ...rows.flatMap((name, r) => [
      `<text x="${left - 12}" y="${top + r * cellHeight + 27}" text-anchor="end">${escapeText(name)}</text>`,
      ...(cells[r] ?? []).map(({ share, text }, c) => {
        const x = round(left + c * cellWidth);
        // Text stays readable because the darkest cell is still far from the colour of the ink.
        return `<rect x="${x}" y="${top + r * cellHeight}" width="${round(cellWidth - 3)}" height="${cellHeight - 3}" rx="4" fill="rgba(var(--heat), ${(0.06 + 0.4 * share).toFixed(2)})"/><text x="${round(x + (cellWidth - 3) / 2)}" y="${top + r * cellHeight + 27}" text-anchor="middle">${escapeText(text)}</text>`;
      }),
    ]),
  ];
  return [parts.join("\n"), `${title}. ${yLabel} by ${xLabel}`, tall];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
