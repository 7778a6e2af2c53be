/** Everything that happened lately, as lanes in time: who led, how every node fared, commits, faults. It can be scrubbed. */
import { createEffect, createMemo, For, onCleanup, onMount, Show, type JSX } from "solid-js";
import { colour, theme } from "../shell/theme.ts";
import { cursor, events, setCursor, ticks, version, type Happening, type Tick } from "./feed.ts";
import { commitsPerSecond, nodesOf } from "./model.ts";

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
  createEffect(() => {
    version();
    theme();
    draw(canvas, range(), cursor());
  });
  onMount(() => {
    const observer = new ResizeObserver(() => draw(canvas, range(), cursor()));
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
  paint.beginPath();
  visible.forEach((tick, place) => {
    const y = base - (rates[place]! / most) * 30;
    if (place === 0) paint.moveTo(x(tick.at), base);
    paint.lineTo(x(tick.at), y);
  });
  paint.stroke();
  if (visible.length > 0) paint.lineTo(x(visible.at(-1)!.at), base);
  paint.fill();
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
    let begin = 0;
    const conditionAt = (index: number): string =>
      pictures[index]?.find((node) => node.id === id)?.condition ?? "unreachable";
    for (let index = 1; index <= visible.length; index++) {
      if (index < visible.length && conditionAt(index) === conditionAt(begin)) continue;
      const condition = conditionAt(begin);
      const x1 = Math.max(left, x(visible[begin]!.at));
      const x2 = Math.max(x1 + 1, x(visible[Math.min(index, visible.length - 1)]!.at));
      const thick = condition === "leader" ? step - 4 : condition === "follower" ? 4 : step - 8;
      paint.fillStyle = colour(
        condition === "leader"
          ? "lead-fill"
          : condition === "follower"
            ? "follow"
            : condition === "candidate"
              ? "candidate"
              : "bad",
      );
      if (condition !== "leader" && condition !== "follower" && condition !== "candidate")
        stripes(paint, x1, x2, y, thick);
      else paint.fillRect(x1, y - thick / 2, x2 - x1, thick);
      begin = index;
    }
  });
}

function stripes(paint: CanvasRenderingContext2D, from: number, to: number, y: number, thick: number): void {
  for (let at = from; at < to; at += 5) paint.fillRect(at, y - thick / 2, Math.min(2, to - at), thick);
}
