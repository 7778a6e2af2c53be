/** Everything that happened lately, as lanes in time: who led, how every node fared, commits, faults. It can be scrubbed. */
import { createEffect, createMemo, For, onCleanup, onMount, Show, type JSX } from "solid-js";
import { oncePerFrame } from "../shell/frames.ts";
import { colour, theme } from "../shell/theme.ts";
import { cursor, events, setCursor, ticks, version, type Happening, type Tick } from "./feed.ts";
import { commitsPerSecond, gapMs, nodesOf, type Condition } from "./model.ts";

const spanMs = 120_000;
const leastMs = 30_000;
const laneHeight = 15;
const left = 64;

const marks: Record<Happening["kind"], string> = { leader: "♛", node: "●", fault: "✕", healed: "✓" };
const tones: Record<Happening["kind"], string> = { leader: "lead", node: "soft", fault: "bad", healed: "good" };

export function Timeline(): JSX.Element {
  let canvas!: HTMLCanvasElement;
  const last = (): number => (version(), ticks.at(-1)?.at ?? Date.now());
  const first = (): number => (version(), Math.min(ticks[0]?.at ?? last(), last() - 1000));
  /** What the lanes show: the last two minutes, or those around the chosen moment. */
  const range = createMemo((): readonly [number, number] => {
    const at = cursor();
    const end = at === undefined ? last() : Math.min(last(), Math.max(at + spanMs / 2, first() + spanMs));
    return [Math.max(end - spanMs, Math.min(first(), end - leastMs)), end];
  });
  const redraw = oncePerFrame(() => draw(canvas, range(), cursor()));
  createEffect(() => {
    version();
    theme();
    cursor();
    redraw();
  });
  onMount(() => {
    const observer = new ResizeObserver(redraw);
    observer.observe(canvas);
    onCleanup(() => observer.disconnect());
  });
  const pointAt = (event: PointerEvent): void => {
    const box = canvas.getBoundingClientRect();
    const [from, to] = range();
    const share = (event.clientX - box.left - left) / (box.width - left);
    if (share >= 0 && share <= 1) setCursor(Math.min(from + share * (to - from), last()));
  };
  const recent = createMemo(() => (version(), events.slice(-40).reverse()));
  return (
    <section
      class="card"
      classList={{ past: cursor() !== undefined }}
      aria-labelledby="timeline-title"
      data-tour="timeline"
    >
      <header>
        <h2 id="timeline-title">Timeline</h2>
        <span class="soft small">
          {cursor() === undefined ? "now" : `${((last() - cursor()!) / 1000).toFixed(1)} s ago`}
        </span>
        <span class="push" />
        <button
          class="b"
          classList={{ primary: cursor() !== undefined }}
          type="button"
          disabled={cursor() === undefined}
          onClick={() => setCursor(undefined)}
        >
          Live
        </button>
      </header>
      <div class="timeline">
        <canvas
          ref={canvas}
          aria-hidden="true"
          onPointerDown={(event) => {
            canvas.setPointerCapture(event.pointerId);
            pointAt(event);
          }}
          onPointerMove={(event) => event.buttons === 1 && pointAt(event)}
        />
        <input
          type="range"
          aria-label="Moment that is shown"
          aria-valuetext={cursor() === undefined ? "now" : `${((last() - cursor()!) / 1000).toFixed(1)} seconds ago`}
          min={first()}
          max={last()}
          step={250}
          value={cursor() ?? last()}
          onInput={(event) => {
            const at = Number(event.currentTarget.value);
            setCursor(at >= last() - 300 ? undefined : at);
          }}
        />
      </div>
      <Show
        when={recent().length > 0}
        fallback={<p class="soft small">Elections, faults and restarts will be listed here.</p>}
      >
        <ul class="happenings" aria-label="What happened, newest first">
          <For each={recent()}>
            {(event) => (
              <li>
                <button type="button" onClick={() => setCursor(event.at)}>
                  <span class="mono soft">{new Date(event.at).toTimeString().slice(0, 8)}</span>
                  <span aria-hidden="true">{marks[event.kind]}</span>
                  <span>{event.text}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </section>
  );
}

function draw(canvas: HTMLCanvasElement, [from, to]: readonly [number, number], at: number | undefined): void {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0) return;
  if (canvas.width !== Math.round(width * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const paint = canvas.getContext("2d")!;
  paint.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint.clearRect(0, 0, width, height);
  const x = (time: number): number => left + ((time - from) / (to - from)) * (width - left);
  paint.font = "11px 'IBM Plex Sans', sans-serif";
  paint.textBaseline = "middle";
  const visible = ticks.filter((tick) => tick.at >= from - 1000 && tick.at <= to);
  drawSeconds(paint, from, to, x, height);
  drawCommits(paint, visible, x, 36);
  const ids = visible.at(-1)?.nodes.map(({ nodeId }) => nodeId) ?? [];
  const step = Math.min(laneHeight + 4, (height - 58) / Math.max(1, ids.length));
  drawNodes(paint, visible, ids, x, 44, step);
  for (const event of events) {
    if (event.at < from || event.at > to) continue;
    paint.fillStyle = colour(tones[event.kind]);
    paint.textAlign = "center";
    paint.fillText(marks[event.kind], x(event.at), height - 8);
  }
  paint.textAlign = "left";
  paint.fillStyle = colour("soft");
  paint.fillText("commits/s", 0, 26);
  paint.fillText("events", 0, height - 8);
  const cursorX = x(at ?? to) - (at === undefined ? 1 : 0);
  paint.strokeStyle = colour(at === undefined ? "soft" : "lead");
  paint.lineWidth = 2;
  paint.beginPath();
  paint.moveTo(cursorX, 0);
  paint.lineTo(cursorX, height);
  paint.stroke();
}

type X = (time: number) => number;

function drawSeconds(paint: CanvasRenderingContext2D, from: number, to: number, x: X, height: number): void {
  paint.strokeStyle = colour("grid");
  paint.lineWidth = 1;
  paint.beginPath();
  for (let time = Math.ceil(from / 10_000) * 10_000; time <= to; time += 10_000) {
    paint.moveTo(x(time), 0);
    paint.lineTo(x(time), height);
  }
  paint.stroke();
}

function drawCommits(paint: CanvasRenderingContext2D, visible: readonly Tick[], x: X, base: number): void {
  const rates = visible.map((tick, place) => commitsPerSecond(visible[place - 4], tick) ?? 0);
  const most = Math.max(10, ...rates);
  paint.fillStyle = colour("follow-fill");
  paint.strokeStyle = colour("follow");
  paint.lineWidth = 1.5;
  for (const [first, end] of stretches(visible)) {
    paint.beginPath();
    paint.moveTo(x(visible[first]!.at), base);
    for (let place = first; place < end; place++)
      paint.lineTo(x(visible[place]!.at), base - (rates[place]! / most) * 30);
    paint.stroke();
    paint.lineTo(x(visible[end - 1]!.at), base);
    paint.fill();
  }
}

/** Runs of ticks without a gap between them: what was between is not known, and not drawn. */
function stretches(visible: readonly Tick[]): (readonly [first: number, end: number])[] {
  const found: [number, number][] = [];
  for (const [place, { at }] of visible.entries()) {
    const last = found.at(-1);
    if (last !== undefined && at - visible[place - 1]!.at <= gapMs) last[1] = place + 1;
    else found.push([place, place + 1]);
  }
  return found;
}

/** A lane a node: thick and crowned while it leads, thin while it follows, hatched while it is away. */
function drawNodes(
  paint: CanvasRenderingContext2D,
  visible: readonly Tick[],
  ids: readonly number[],
  x: X,
  top: number,
  step: number,
): void {
  const pictures = visible.map((tick) => nodesOf(tick));
  ids.forEach((id, place) => {
    const y = top + place * step + step / 2;
    paint.fillStyle = colour("soft");
    paint.textAlign = "left";
    paint.fillText(`node ${id}`, 0, y);
    const conditionAt = (index: number): Condition =>
      pictures[index]?.find((node) => node.id === id)?.condition ?? "unreachable";
    for (const [first, end] of stretches(visible)) {
      let begin = first;
      for (let index = first + 1; index <= end; index++) {
        if (index < end && conditionAt(index) === conditionAt(begin)) continue;
        const x1 = Math.max(left, x(visible[begin]!.at));
        const x2 = Math.max(x1 + 1, x(visible[Math.min(index, end - 1)]!.at));
        drawCondition(paint, conditionAt(begin), x1, x2, y, step);
        begin = index;
      }
    }
  });
}

function drawCondition(
  paint: CanvasRenderingContext2D,
  condition: Condition,
  x1: number,
  x2: number,
  y: number,
  step: number,
): void {
  const thick = condition === "leader" ? step - 4 : condition === "follower" ? 4 : step - 8;
  const name = { leader: "lead-fill", follower: "follow", candidate: "candidate" }[condition as string] ?? "bad";
  paint.fillStyle = colour(name);
  if (name === "bad") stripes(paint, x1, x2, y, thick);
  else paint.fillRect(x1, y - thick / 2, x2 - x1, thick);
}

function stripes(paint: CanvasRenderingContext2D, from: number, to: number, y: number, thick: number): void {
  for (let at = from; at < to; at += 5) paint.fillRect(at, y - thick / 2, Math.min(2, to - at), thick);
}
