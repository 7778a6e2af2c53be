/** The space-time diagram (Lamport, 1978) on a canvas: lanes are processes, arrows messages, bands what lasts. */
import { createEffect, createMemo, createSignal, onCleanup, onMount, Show, type JSX } from "solid-js";
import { oncePerFrame } from "../shell/frames.ts";
import { theme } from "../shell/theme.ts";
import { isDense } from "./arrows.ts";
import { layOut, type Layout } from "./layout.ts";
import { pan, run, setStep, setView, step, timeOf, view, zoom } from "./lab.ts";
import type { Run } from "./messages.ts";
import { hit, type Hit } from "./hit.ts";
import { paintCursor, paintScene } from "./paint.ts";

export function Diagram(props: { readonly run: Run; readonly clients: boolean }): JSX.Element {
  let canvas!: HTMLCanvasElement;
  let above!: HTMLCanvasElement;
  const [width, setWidth] = createSignal(900);
  const [hover, setHover] = createSignal<{ readonly x: number; readonly y: number; readonly hit: Hit }>();
  const layout = createMemo((): Layout => layOut(props.run, props.clients, width()));
  let dragged: { readonly x: number; readonly from: number; moved: boolean } | undefined;

  onMount(() => {
    const observer = new ResizeObserver(() => setWidth(canvas.clientWidth));
    observer.observe(canvas);
    canvas.addEventListener("wheel", onWheel, { passive: false });
    onCleanup(() => observer.disconnect());
  });
  const drawScene = oncePerFrame(() => paintScene(canvas, props.run, layout(), view()));
  const drawCursor = oncePerFrame(() => paintCursor(above, layout(), view(), timeOf(props.run, step())));
  createEffect(() => {
    theme();
    layout();
    view();
    drawScene();
  });
  createEffect(() => {
    theme();
    layout();
    view();
    step();
    drawCursor();
  });

  const timeAt = (x: number): number => {
    const { left } = layout();
    const [from, to] = view();
    return from + ((x - left) / (width() - left)) * (to - from);
  };
  const onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const [from, to] = view();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      pan(from + ((event.deltaX + event.deltaY) * (to - from)) / width(), to - from);
    else zoom(timeAt(event.offsetX), Math.exp(event.deltaY * 0.0016));
  };
  const onMove = (event: PointerEvent): void => {
    if (dragged === undefined) {
      const found = hit(props.run, layout(), view(), width(), event.offsetX, event.offsetY);
      setHover(found?.text === undefined ? undefined : { x: event.offsetX, y: event.offsetY, hit: found });
      return;
    }
    const moved = event.offsetX - dragged.x;
    if (Math.abs(moved) > 3) dragged.moved = true;
    const [from, to] = view();
    if (dragged.moved) pan(dragged.from - (moved * (to - from)) / (width() - layout().left), to - from);
  };
  const onUp = (event: PointerEvent): void => {
    if (dragged !== undefined && !dragged.moved) {
      const found = hit(props.run, layout(), view(), width(), event.offsetX, event.offsetY);
      if (found !== undefined) setStep(found.step);
    }
    dragged = undefined;
  };
  const onKey = (event: KeyboardEvent): void => {
    const [from, to] = view();
    const span = to - from;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => (event.shiftKey ? pan(from - span / 5, span) : setStep(step() - 1)),
      ArrowRight: () => (event.shiftKey ? pan(from + span / 5, span) : setStep(step() + 1)),
      "+": () => zoom(timeOf(props.run, step()), 0.7),
      "-": () => zoom(timeOf(props.run, step()), 1.4),
      Home: () => setStep(1),
      End: () => setStep(props.run.steps),
      "0": () => setView([0, props.run.simulatedMs]),
    };
    const action = actions[event.key === "=" ? "+" : event.key];
    if (action === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  };
  return (
    <div class="diagram" data-tour="diagram">
      <canvas
        ref={canvas}
        tabindex="0"
        role="img"
        aria-label={`Space-time diagram of ${props.run.choice.scenario}, seed ${props.run.choice.seed}: ${props.run.nodes} nodes, ${props.run.steps} events. Arrow keys go from event to event, with Shift they move, plus and minus zoom, zero shows all.`}
        style={{ height: `${layout().height}px` }}
        onPointerDown={(event) => {
          canvas.setPointerCapture(event.pointerId);
          dragged = { x: event.offsetX, from: view()[0], moved: false };
        }}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerLeave={() => setHover(undefined)}
        onKeyDown={onKey}
      />
      <canvas class="above" ref={above} aria-hidden="true" style={{ height: `${layout().height}px` }} />
      <Show when={hover()}>
        {(over) => (
          <div class="tip" style={{ left: `${Math.min(over().x + 14, width() - 260)}px`, top: `${over().y + 14}px` }}>
            {over().hit.text}
          </div>
        )}
      </Show>
    </div>
  );
}

/** Where the window is in the whole run. */
export function Overview(): JSX.Element {
  return (
    <Show when={run()}>
      {(shown) => (
        <div class="row overview">
          <label class="field grow">
            <span>
              event {step().toLocaleString("en")} of {shown().steps.toLocaleString("en")},{" "}
              {timeOf(shown(), step()).toFixed(2)} ms
              {isDense(shown(), view()) ? "; from here the lanes show how many messages: zoom in for each of them" : ""}
            </span>
            <input
              type="range"
              min={1}
              max={shown().steps}
              value={step()}
              onInput={(event) => setStep(Number(event.currentTarget.value))}
            />
          </label>
          <div class="row" role="group" aria-label="Zoom">
            <button
              class="b quiet"
              type="button"
              aria-label="Closer"
              onClick={() => zoom(timeOf(shown(), step()), 0.6)}
            >
              +
            </button>
            <button
              class="b quiet"
              type="button"
              aria-label="Farther"
              onClick={() => zoom(timeOf(shown(), step()), 1.7)}
            >
              −
            </button>
            <button class="b quiet" type="button" onClick={() => setView([0, shown().simulatedMs])}>
              All
            </button>
          </div>
        </div>
      )}
    </Show>
  );
}
