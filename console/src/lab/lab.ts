/** The simulator's worker, and the run that is shown. */
import { batch, createSignal } from "solid-js";
import type { Catalogue, Inspected, Order, Report, Run } from "./messages.ts";

const [catalogue, setCatalogue] = createSignal<Catalogue>();
const [run, setRun] = createSignal<Run>();
const [progress, setProgress] = createSignal<string>();
const [trouble, setTrouble] = createSignal<string>();
const [inspected, setInspected] = createSignal<Inspected>();
/** The event that is looked at, from 1; 0: the beginning. */
const [step, setStepOnly] = createSignal(0);
/** What the diagram shows, milliseconds. */
const [view, setView] = createSignal<readonly [number, number]>([0, 1000]);

export { catalogue, inspected, progress, run, setTrouble, setView, step, trouble, view };

let worker: Worker | undefined;
let inspecting = false;
let wanted: number | undefined;

function start(): Worker {
  const started = new Worker(new URL("worker.ts", import.meta.url), { type: "module", name: "simulator" });
  started.addEventListener("message", ({ data }: MessageEvent<Report>) => take(data));
  started.addEventListener("error", (event) => {
    setProgress(undefined);
    setTrouble(`The simulator stopped: ${event.message || "it could not be loaded"}. Load the page anew.`);
  });
  return started;
}

function order(what: Order): void {
  worker ??= start();
  worker.postMessage(what);
}

export function openLab(): void {
  if (catalogue() === undefined) order({ kind: "list" });
}

export function begin(what: Extract<Order, { kind: "run" | "replay" }>): void {
  batch(() => {
    setTrouble(undefined);
    setProgress("Running…");
  });
  inspecting = false;
  order(what);
}

/** Ends what the worker is at: it cannot be talked to while it searches. */
export function cancel(): void {
  worker?.terminate();
  worker = undefined;
  inspecting = false;
  setProgress(undefined);
}

function take(report: Report): void {
  switch (report.kind) {
    case "catalogue":
      return void setCatalogue(report.catalogue);
    case "progress":
      return void setProgress(report.text);
    case "nothing":
    case "failed":
      inspecting = false;
      return batch(() => {
        setProgress(undefined);
        setTrouble(report.text);
      });
    case "run":
      return batch(() => {
        setProgress(undefined);
        setInspected(undefined);
        setRun(report.run);
        openAt(report.run);
      });
    case "inspected":
      inspecting = false;
      setInspected(report.inspected);
      if (wanted !== undefined && wanted !== report.inspected.step) inspect(wanted);
  }
}

const firstLookMs = 900;

/** A run that fails opens at the violation. */
function openAt(shown: Run): void {
  const { failure, simulatedMs } = shown;
  if (failure === undefined) {
    setView([0, Math.min(firstLookMs, simulatedMs)]);
    setStep(1);
    return;
  }
  const before = Math.min(failure.atMs, 260);
  setView([failure.atMs - before, Math.min(simulatedMs, failure.atMs + 40)]);
  setStep(stepBefore(shown, failure.atMs));
}

/** The last event at or before a moment. */
export function stepBefore(shown: Run, at: number): number {
  let low = 0;
  let high = shown.stepAt.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown.stepAt[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function timeOf(shown: Run, at: number): number {
  return at === 0 ? 0 : (shown.stepAt[at - 1] ?? shown.simulatedMs);
}

export function setStep(next: number): void {
  const shown = run();
  if (shown === undefined) return;
  const kept = Math.max(1, Math.min(shown.steps, Math.round(next)));
  setStepOnly(kept);
  keepInView(timeOf(shown, kept));
  inspect(kept);
}

function inspect(at: number): void {
  wanted = at;
  if (inspecting) return;
  inspecting = true;
  order({ kind: "inspect", step: at });
}

function keepInView(at: number): void {
  const [from, to] = view();
  if (at >= from && at <= to) return;
  const span = to - from;
  setView([at - span * 0.7, at + span * 0.3]);
}

const leastSpanMs = 0.5;

/** Zooms around a moment; `factor` above 1 shows more. */
export function zoom(around: number, factor: number): void {
  const shown = run();
  if (shown === undefined) return;
  const [from, to] = view();
  const span = Math.min(shown.simulatedMs, Math.max(leastSpanMs, (to - from) * factor));
  const share = (around - from) / (to - from);
  pan(around - share * span, span);
}

export function pan(from: number, span: number): void {
  const end = run()?.simulatedMs ?? 0;
  const kept = Math.max(-span * 0.05, Math.min(from, end - span * 0.9));
  setView([kept, kept + span]);
}
