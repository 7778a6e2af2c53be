/** Operations as bars, one lane a process, from left to right in real time; and what the verdict says about them. */
import { createMemo, For, Show, type JSX } from "solid-js";
import type { Bar, Judged, Verdict } from "./messages.ts";

const laneHeight = 40;
const left = 74;
const columnWidth = 46;
const textWidth = 7.6;

interface Placed extends Bar {
  readonly index: number;
  readonly x: number;
  readonly width: number;
  readonly y: number;
}

interface Scene {
  readonly bars: readonly Placed[];
  readonly lanes: readonly string[];
  readonly width: number;
  readonly height: number;
}

/** Moments become columns, as wide as the text of what begins there asks for. */
function scene(bars: readonly Bar[]): Scene {
  const lanes = [...new Set(bars.map(({ process }) => process))];
  const moments = [...new Set(bars.flatMap(({ call, ret }) => (ret === undefined ? [call] : [call, ret])))].sort(
    (a, b) => a - b,
  );
  const widths = new Map<number, number>(moments.map((moment) => [moment, columnWidth]));
  for (const { call, ret, text } of bars) {
    const between = ret === undefined ? 1 : moments.indexOf(ret) - moments.indexOf(call);
    const needed = ((text.length + 2) * textWidth + 16) / Math.max(1, between);
    if (needed > widths.get(call)!) widths.set(call, Math.min(needed, 240));
  }
  const xs = new Map<number, number>();
  let x = left;
  for (const moment of moments) {
    xs.set(moment, x);
    x += widths.get(moment)!;
  }
  const placed = bars.map((bar, index): Placed => {
    const from = xs.get(bar.call)!;
    const to = bar.ret === undefined ? x + 20 : xs.get(bar.ret)!;
    return {
      ...bar,
      index,
      x: from,
      width: Math.max(24, to - from - 5),
      y: 10 + lanes.indexOf(bar.process) * laneHeight,
    };
  });
  return { bars: placed, lanes, width: x + 30, height: 16 + lanes.length * laneHeight };
}

/** Moments at which operations of an order may have taken effect: as early as it goes, one after the other. */
function points(placed: readonly Placed[], order: readonly number[]): { readonly x: number; readonly y: number }[] {
  let x = 0;
  return order.flatMap((index) => {
    const bar = placed[index];
    if (bar === undefined) return [];
    x = Math.max(x + 7, bar.x + 8);
    return [{ x, y: bar.y + 13 }];
  });
}

export function Picture(props: { readonly judged: Judged; readonly attempt: number }): JSX.Element {
  const witness = () => (props.judged.verdict.verdict === "broken" ? props.judged.verdict.witness : undefined);
  const shown = createMemo(() => {
    const broken = witness();
    if (broken === undefined) return scene(props.judged.bars);
    return scene(
      broken.context.map(({ process, text, call, ret, line }) => ({
        process: String(process),
        text,
        call,
        ret,
        line,
        failed: false,
      })),
    );
  });
  /** Of the operations of the witness, their places among the bars. */
  const own = createMemo(() => {
    const broken = witness();
    return broken === undefined
      ? []
      : broken.operations.map((operation) =>
          shown().bars.findIndex(({ line, call }) => line === operation.line && call === operation.call),
        );
  });
  const stuck = (): number => {
    const broken = witness();
    return broken?.kind === "order" ? (own()[broken.stuck] ?? -1) : -1;
  };
  const orders = createMemo((): readonly (readonly number[])[] => {
    const broken = witness();
    if (broken === undefined) return props.judged.orders;
    if (broken.kind !== "order") return [];
    const end = broken.deadEnds[props.attempt];
    return end === undefined ? [] : [end.order.map((place) => own()[place] ?? -1)];
  });
  return (
    <div class="history-picture" tabindex="0" role="group" aria-label="Picture of the history; it scrolls">
      <svg
        width={shown().width}
        height={shown().height}
        role="img"
        aria-label={`${shown().bars.length} operations of ${shown().lanes.length} processes, from left to right in real time`}
      >
        <For each={shown().lanes}>
          {(name, place) => (
            <>
              <line
                class="lane-line"
                x1={left}
                x2={shown().width}
                y1={23 + place() * laneHeight}
                y2={23 + place() * laneHeight}
              />
              <text class="process" x="4" y={27 + place() * laneHeight}>
                {name}
              </text>
            </>
          )}
        </For>
        <For each={shown().bars}>
          {(bar) => (
            <g>
              <rect
                class="bar"
                classList={{
                  open: bar.ret === undefined,
                  stuck: bar.index === stuck(),
                  other: bar.failed || (witness() !== undefined && !own().includes(bar.index)),
                }}
                x={bar.x}
                y={bar.y}
                width={bar.width}
                height="26"
                rx="6"
              />
              <text x={bar.x + 8} y={bar.y + 17}>
                {bar.index === stuck() ? "✕ " : ""}
                {bar.text}
              </text>
              <title>{`${bar.text}, line ${bar.line}`}</title>
            </g>
          )}
        </For>
        <For each={orders()}>
          {(order) => {
            const through = points(shown().bars, order);
            return (
              <g>
                <polyline class="order" points={through.map(({ x, y }) => `${x},${y + 13}`).join(" ")} />
                <For each={through}>{({ x, y }) => <circle class="point" cx={x} cy={y + 13} r="4.5" />}</For>
              </g>
            );
          }}
        </For>
      </svg>
    </div>
  );
}

type Cycle = Extract<Extract<Verdict, { verdict: "broken" }>["witness"], { kind: "cycle" }>;

const ring = { width: 760, radius: 118, x: 380, y: 175 };

/** Transactions around a ring, each edge with its kind; the reasons are beside it. */
export function CyclePicture(props: { readonly cycle: Cycle }): JSX.Element {
  const place = (index: number) => {
    const angle = -Math.PI / 2 + (2 * Math.PI * index) / props.cycle.operations.length;
    return { x: ring.x + Math.cos(angle) * ring.radius * 1.7, y: ring.y + Math.sin(angle) * ring.radius };
  };
  const edge = (index: number) => {
    const step = props.cycle.steps[index]!;
    const next = props.cycle.steps[(index + 1) % props.cycle.steps.length]!;
    const a = place(step.from);
    const b = place(next.from);
    const length = Math.hypot(b.x - a.x, b.y - a.y);
    const bend = { x: (a.x + b.x) / 2 - ((b.y - a.y) / length) * 46, y: (a.y + b.y) / 2 + ((b.x - a.x) / length) * 46 };
    return {
      path: `M${a.x} ${a.y}Q${bend.x} ${bend.y} ${b.x} ${b.y}`,
      label: { x: (a.x + b.x + 2 * bend.x) / 4, y: (a.y + b.y + 2 * bend.y) / 4 },
      relation: step.relation,
    };
  };
  return (
    <div class="history-picture" tabindex="0" role="group" aria-label="The circle; it scrolls">
      <svg
        width={ring.width}
        height="350"
        role="img"
        aria-label={`A circle of ${props.cycle.operations.length} transactions: ${props.cycle.steps.map(({ relation }) => relation).join(", ")}`}
      >
        <defs>
          <marker id="edge-tip" viewBox="0 0 8 8" refX="16" refY="4" markerWidth="8" markerHeight="8" orient="auto">
            <path class="tip-mark" d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        <For each={props.cycle.steps}>
          {(_, index) => (
            <>
              <path class="edge" d={edge(index()).path} marker-end="url(#edge-tip)" />
              <text class="edge-label" text-anchor="middle" x={edge(index()).label.x} y={edge(index()).label.y}>
                {index() + 1}. {edge(index()).relation}
              </text>
            </>
          )}
        </For>
        <For each={props.cycle.operations}>
          {(operation, index) => {
            const width = () => Math.min(330, operation.text.length * textWidth + 20);
            return (
              <g transform={`translate(${place(index()).x} ${place(index()).y})`}>
                <rect class="bar" x={-width() / 2} y="-17" width={width()} height="34" rx="9" />
                <text text-anchor="middle" y="4">
                  {operation.text.slice(0, 44)}
                </text>
                <title>{`${operation.text}, line ${operation.line}`}</title>
              </g>
            );
          }}
        </For>
      </svg>
      <Show when={props.cycle.steps.length > 0}>
        <ol class="steps">
          <For each={props.cycle.steps}>
            {({ from, relation, explanation }) => (
              <li>
                <strong>{props.cycle.operations[from]?.text}</strong> <em>({relation})</em>: {explanation}
              </li>
            )}
          </For>
        </ol>
      </Show>
    </div>
  );
}
