import { createEffect, onCleanup, onMount, type JSX } from "solid-js";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { oncePerFrame } from "../shell/frames.ts";
import { colour, theme } from "../shell/theme.ts";
import { cursor, ticks, version, type Tick } from "./feed.ts";
import { commitsPerSecond, gapMs } from "./model.ts";

/** A minute, and no more: what is older is in the timeline. */
const windowMs = 60_000;
const rateOverTicks = 4;

export interface Line {
  readonly label: string;
  /** Name of a colour of the style sheet. */
  readonly colour: string;
  readonly dash?: readonly number[];
  readonly value: (tick: Tick, index: number) => number | undefined;
}

export const throughputLines: readonly Line[] = [
  { label: "commits/s", colour: "lead", value: (tick, index) => commitsPerSecond(ticks[index - rateOverTicks], tick) },
  {
    label: "answers/s to demo traffic",
    colour: "info",
    dash: [5, 3],
    value: (tick) => (tick.traffic.wanted > 0 ? tick.traffic.perSecond : undefined),
  },
];

export const latencyLines: readonly Line[] = [
  { label: "p50 ms", colour: "good", value: (tick) => tick.traffic.p50 },
  { label: "p95 ms", colour: "info", dash: [6, 3], value: (tick) => tick.traffic.p95 },
  { label: "p99 ms", colour: "bad", dash: [2, 3], value: (tick) => tick.traffic.p99 },
];

const dashes: readonly (readonly number[])[] = [
  [],
  [6, 3],
  [2, 3],
  [8, 3, 2, 3],
  [1, 2],
  [10, 4],
  [4, 4],
  [12, 3],
  [3, 6],
];
const lagColours = ["info", "bad", "good", "lead", "candidate", "soft"];

/** Of each node, how many committed entries it has not applied yet, of all its groups. */
export function lagLines(nodes: readonly number[]): Line[] {
  return nodes.map((id, place) => ({
    label: `node ${id}`,
    colour: lagColours[place % lagColours.length]!,
    dash: dashes[place % dashes.length]!,
    value: (tick) => {
      const own = tick.nodes.find(({ nodeId }) => nodeId === id)?.status?.groups;
      return own?.reduce(
        (sum, { group, appliedIndex }) => sum + Math.max(0, committedBy(tick, group) - appliedIndex),
        0,
      );
    },
  }));
}

/** The highest index of a group that any node knows to be committed. */
function committedBy(tick: Tick, group: number): number {
  let most = 0;
  for (const { status } of tick.nodes)
    for (const view of status?.groups ?? []) if (view.group === group) most = Math.max(most, view.commitIndex);
  return most;
}

export function Chart(props: {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}): JSX.Element {
  let host!: HTMLDivElement;
  let plot: uPlot | undefined;

  const data = (): uPlot.AlignedData => {
    const end = cursor() ?? ticks.at(-1)?.at ?? 0;
    const from = ticks.findIndex(({ at }) => at >= end - windowMs);
    let to = ticks.length;
    while (to > 0 && ticks[to - 1]!.at > end) to--;
    const times: number[] = [];
    const values: (number | null)[][] = props.lines.map(() => []);
    for (let index = from; index !== -1 && index < to; index++) {
      const tick = ticks[index]!;
      const before = ticks[index - 1];
      // A point without values: the line is interrupted where nothing is known.
      if (times.length > 0 && before !== undefined && tick.at - before.at > gapMs) {
        times.push((before.at + 1) / 1000);
        for (const list of values) list.push(null);
      }
      times.push(tick.at / 1000);
      for (const [place, line] of props.lines.entries()) values[place]!.push(line.value(tick, index) ?? null);
    }
    return [times, ...values];
  };

  const draw = (): void => {
    plot?.destroy();
    const axis = {
      stroke: colour("soft"),
      grid: { stroke: colour("grid"), width: 1 },
      ticks: { show: false },
      font: "11px IBM Plex Mono",
    };
    const options: uPlot.Options = {
      width: Math.max(120, host.clientWidth),
      height: host.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 4, 0, 0],
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.15)] } },
      axes: [
        {
          ...axis,
          space: 70,
          values: (_, at) => at.map((seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8)),
        },
        { ...axis, size: 44, space: 32 },
      ],
      series: [
        {},
        ...props.lines.map((line) => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 2,
          dash: [...(line.dash ?? [])],
          points: { show: false },
        })),
      ],
    };
    plot = new uPlot(options, data(), host);
  };

  onMount(() => {
    const observer = new ResizeObserver(() =>
      plot?.setSize({ width: Math.max(120, host.clientWidth), height: host.clientHeight }),
    );
    observer.observe(host);
    onCleanup(() => {
      observer.disconnect();
      plot?.destroy();
    });
  });
  // The first size is known once the page is laid out.
  const drawAnew = oncePerFrame(draw);
  const redraw = oncePerFrame(() => plot?.setData(data()));
  createEffect(() => {
    theme();
    void props.lines.length;
    drawAnew();
  });
  createEffect(() => {
    version();
    cursor();
    redraw();
  });
  const latest = (line: Line): string => {
    version();
    const index = ticks.length - 1;
    const value = ticks[index] === undefined ? undefined : line.value(ticks[index], index);
    return value === undefined ? "–" : value >= 100 ? value.toFixed(0) : value.toFixed(value % 1 === 0 ? 0 : 1);
  };
  return (
    <section class="card" aria-label={`${props.title}, ${props.unit}`}>
      <header>
        <h2>{props.title}</h2>
        <span class="soft small">{props.unit}</span>
      </header>
      <div class="chart-host" ref={host} aria-hidden="true" />
      <div class="row small legend">
        {props.lines.map((line) => (
          <span class="legend-item">
            <Swatch line={line} /> {line.label} <strong class="mono">{latest(line)}</strong>
          </span>
        ))}
      </div>
    </section>
  );
}

function Swatch(props: { readonly line: Line }): JSX.Element {
  return (
    <svg width="26" height="8" aria-hidden="true">
      <line
        x1="0"
        x2="26"
        y1="4"
        y2="4"
        stroke={`var(--${props.line.colour})`}
        stroke-width="2.5"
        stroke-dasharray={(props.line.dash ?? []).join(" ")}
      />
    </svg>
  );
}
