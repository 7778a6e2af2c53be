import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show, untrack, type JSX } from "solid-js";
import "./lab.css";
import { page, parameters, setParameters } from "../shell/route.ts";
import { reducedMotion } from "../shell/theme.ts";
import { Diagram, Overview } from "./diagram.tsx";
import {
  begin,
  cancel,
  catalogue,
  openLab,
  progress,
  run,
  setStep,
  setTrouble,
  step,
  stepBefore,
  timeOf,
  trouble,
} from "./lab.ts";
import { packed, unpacked } from "./link.ts";
import type { Choice, Light, Run } from "./messages.ts";
import { Moment } from "./moment.tsx";

const searchSeeds = 300;
const mostNodes = 9;
/** Some hundred thousand events: more is for `cohort sim`. */
const mostSeconds = 300;

function choiceOf(given: URLSearchParams): Choice {
  const seed = Number(given.get("seed") ?? "1");
  const nodes = Number(given.get("nodes") ?? "0");
  const seconds = Number(given.get("seconds") ?? "0");
  return {
    scenario: given.get("scenario") ?? "elections",
    seed: Number.isInteger(seed) && seed >= 0 ? seed : 1,
    nodes: Number.isInteger(nodes) && nodes > 0 && nodes <= mostNodes ? nodes : undefined,
    seconds: seconds > 0 && seconds <= mostSeconds ? seconds : undefined,
    plant: given.get("plant") ?? undefined,
  };
}

export function LabPage(): JSX.Element {
  const [choice, setChoice] = createSignal(choiceOf(parameters()));
  const [clients, setClients] = createSignal(true);
  /** What the link said last, so that writing it is no news. */
  let linked = "";

  const play = (next: Choice, search = 0, shrink = true): void => {
    setChoice(next);
    setParameters({ ...next });
    linked = parameters().toString();
    begin({ kind: "run", choice: next, search, shrink });
  };
  onMount(openLab);
  // A link opens its run; a search ends at another seed, which the link then says.
  createEffect(() => {
    const given = parameters();
    if (given.toString() === linked && linked !== "") return;
    linked = given.toString();
    const replay = given.get("replay");
    if (replay !== null)
      unpacked(replay).then(
        (text) => begin({ kind: "replay", text }),
        (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)),
      );
    else untrack(() => (given.has("scenario") || run() === undefined ? play(choiceOf(given)) : undefined));
  });
  createEffect(() => {
    const shown = run();
    if (shown === undefined) return;
    setChoice(shown.choice);
    const link = (values: Readonly<Record<string, string | number | undefined>>): void => {
      setParameters(values);
      linked = untrack(parameters).toString();
    };
    if (!shown.replayed) return link({ ...shown.choice });
    void packed(shown.file).then((replay) => run() === shown && page() === "lab" && link({ replay }));
  });
  return (
    <>
      <div class="page-head">
        <h1>Lab</h1>
        <p>The servers' own code, in this tab, in simulated time.</p>
      </div>
      <div class="lab-grid">
        <Chooser choice={choice()} onChoice={play} />
        <Show when={progress()}>
          <p class="notice row" role="status">
            <span>{progress()}</span>
            <button class="b" type="button" onClick={cancel}>
              Stop
            </button>
            <Show when={progress()!.includes("small")}>
              <button
                class="b"
                type="button"
                onClick={() => {
                  cancel();
                  play(choice(), 0, false);
                }}
              >
                Show it as it is
              </button>
            </Show>
          </p>
        </Show>
        <Show when={trouble()}>
          <p class="notice bad" role="alert">
            {trouble()}
          </p>
        </Show>
        <Show when={run()} fallback={<p class="empty">Choose a scenario and a seed, and run it.</p>}>
          {(shown) => (
            <>
              <Verdict run={shown()} />
              <section class="card" aria-label="Space-time diagram">
                <Player run={shown()} />
                <Lights lights={shown().lights} />
                <Diagram run={shown()} clients={clients()} />
                <Overview />
                <label class="row small soft">
                  <input
                    type="checkbox"
                    checked={clients()}
                    onChange={(event) => setClients(event.currentTarget.checked)}
                  />{" "}
                  show clients
                </label>
              </section>
              <Moment run={shown()} />
            </>
          )}
        </Show>
      </div>
    </>
  );
}

function lengths(chosen: number | undefined): number[] {
  return [...new Set([5, 60, 200, ...(chosen === undefined ? [] : [chosen])])].sort((a, b) => a - b);
}

function Chooser(props: {
  readonly choice: Choice;
  readonly onChoice: (choice: Choice, search?: number) => void;
}): JSX.Element {
  const [file, setFile] = createSignal<string>();
  const scenario = createMemo(() => catalogue()?.scenarios.find(({ name }) => name === props.choice.scenario));
  const [seed, setSeed] = createSignal(String(props.choice.seed));
  createEffect(() => setSeed(String(props.choice.seed)));
  const wanted = (): Choice => ({ ...props.choice, seed: Math.max(0, Math.floor(Number(seed()) || 0)) });
  const open = (given: File | undefined): void => {
    if (given === undefined) return;
    setFile(given.name);
    void given.text().then((text) => begin({ kind: "replay", text }));
  };
  return (
    <form
      class="card lab-bar"
      aria-label="Which run"
      data-tour="choose"
      onSubmit={(event) => {
        event.preventDefault();
        props.onChoice(wanted());
      }}
    >
      <label class="field">
        scenario
        <select
          onChange={(event) =>
            props.onChoice({
              ...wanted(),
              scenario: event.currentTarget.value,
              nodes: undefined,
              seconds: undefined,
              plant: undefined,
            })
          }
        >
          <For each={catalogue()?.scenarios ?? [{ name: props.choice.scenario, title: "", nodes: [] }]}>
            {({ name, title }) => (
              <option value={name} selected={name === props.choice.scenario} title={title}>
                {name}
              </option>
            )}
          </For>
        </select>
      </label>
      <label class="field">
        seed
        <input type="number" min="0" step="1" value={seed()} onInput={(event) => setSeed(event.currentTarget.value)} />
      </label>
      <label class="field">
        nodes
        <select
          onChange={(event) => props.onChoice({ ...wanted(), nodes: Number(event.currentTarget.value) || undefined })}
        >
          <option value="" selected={props.choice.nodes === undefined}>
            by the seed
          </option>
          <For each={[1, 3, 5, 7]}>
            {(count) => (
              <option value={count} selected={props.choice.nodes === count}>
                {count}
              </option>
            )}
          </For>
        </select>
      </label>
      <label class="field">
        faults go on for
        <select
          onChange={(event) => props.onChoice({ ...wanted(), seconds: Number(event.currentTarget.value) || undefined })}
        >
          <option value="" selected={props.choice.seconds === undefined}>
            its own time
          </option>
          <For each={lengths(props.choice.seconds)}>
            {(seconds) => (
              <option value={seconds} selected={props.choice.seconds === seconds}>
                {seconds} s
              </option>
            )}
          </For>
        </select>
      </label>
      <button class="b primary" type="submit">
        Run
      </button>
      <button class="b" type="button" onClick={() => props.onChoice({ ...wanted(), seed: wanted().seed + 1 })}>
        Next seed
      </button>
      <label class="field" data-tour="plant">
        plant a mistake, and find it
        <select
          onChange={(event) => {
            const mistake = catalogue()?.mistakes.find(({ name }) => name === event.currentTarget.value);
            if (mistake === undefined) props.onChoice({ ...wanted(), plant: undefined });
            else
              props.onChoice(
                { scenario: mistake.scenario, seed: 1, nodes: undefined, seconds: undefined, plant: mistake.name },
                searchSeeds,
              );
          }}
        >
          <option value="" selected={props.choice.plant === undefined}>
            none: the code as it is
          </option>
          <For each={catalogue()?.mistakes ?? []}>
            {({ name, title }) => (
              <option value={name} selected={name === props.choice.plant}>
                {title}
              </option>
            )}
          </For>
        </select>
      </label>
      <label class="b">
        {file() ?? "Open a replay file"}
        <input
          class="sr-only"
          type="file"
          aria-label="Open a replay file"
          accept=".json,application/json"
          onChange={(event) => open(event.currentTarget.files?.[0])}
        />
      </label>
      <p class="soft small grow">{scenario()?.title}</p>
    </form>
  );
}

function Verdict(props: { readonly run: Run }): JSX.Element {
  const [copied, setCopied] = createSignal(false);
  createEffect(() => {
    void props.run;
    setCopied(false);
  });
  const save = (): void => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([props.run.file], { type: "application/json" }));
    link.download = `${props.run.choice.scenario}-${props.run.choice.seed}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <section
      class="card verdict"
      classList={{ broken: props.run.failure !== undefined }}
      aria-label="Verdict"
      data-testid="verdict"
    >
      <h2>
        <Show when={props.run.failure} fallback={<>✓ Everything held</>}>
          ✕ Broken: {props.run.failure!.clause}
        </Show>
      </h2>
      <Show when={props.run.failure}>
        {(failure) => (
          <>
            <p>{props.run.explanation}</p>
            <Show when={props.run.mistakes.length > 0}>
              <p class="soft">Planted: {props.run.mistakes.join("; ")}.</p>
            </Show>
            <pre tabindex="0" aria-label="What was found">
              {failure().detail}
            </pre>
            <ol class="story" aria-label="How it came to that">
              <For each={props.run.story}>
                {({ at, text }) => (
                  <li>
                    <button type="button" onClick={() => setStep(stepBefore(props.run, at))}>
                      <span class="mono soft">{at.toFixed(1)} ms</span> {text}
                    </button>
                  </li>
                )}
              </For>
            </ol>
            <Show when={props.run.shrunk}>
              {(small) => (
                <p class="soft small">
                  Made small: {small().from} faults and operations became {small().to}, after {small().runs} runs.
                </p>
              )}
            </Show>
          </>
        )}
      </Show>
      <div class="facts">
        <span>
          digest <strong data-testid="digest">{props.run.digest}</strong>
          <Show when={props.run.drawn}>
            {(drawn) => (
              <>
                {" "}
                (of seed {props.run.choice.seed} before it was made small:{" "}
                <strong data-testid="digest-drawn">{drawn().digest}</strong>)
              </>
            )}
          </Show>
        </span>
        <span>
          <strong data-testid="steps">{props.run.stepsInAll.toLocaleString("en")}</strong> events
          {props.run.steps < props.run.stepsInAll ? `, the first ${props.run.steps.toLocaleString("en")} drawn` : ""}
        </span>
        <span>
          <strong>{(props.run.simulatedMs / 1000).toFixed(2)}</strong> s simulated
        </span>
        <span>
          <strong data-testid="rate">{Math.round(props.run.eventsPerSecond).toLocaleString("en")}</strong> events/s in
          this tab
        </span>
        <span>
          <strong>{props.run.nodes}</strong> nodes, <strong>{props.run.faults.length}</strong> faults,{" "}
          <strong>{props.run.operations}</strong> operations
        </span>
      </div>
      <div class="row">
        <Show when={props.run.failure}>
          {(failure) => (
            <button class="b" type="button" onClick={() => setStep(stepBefore(props.run, failure().atMs))}>
              To the violation
            </button>
          )}
        </Show>
        <Show
          when={parameters().size > 0}
          fallback={<span class="soft small">This schedule is too long for a link: save it as a file.</span>}
        >
          <button
            class="b quiet"
            type="button"
            onClick={() => void navigator.clipboard.writeText(location.href).then(() => setCopied(true))}
          >
            {copied() ? "Copied" : "Copy the link"}
          </button>
        </Show>
        <button class="b quiet" type="button" onClick={save}>
          Save as a replay file
        </button>
      </div>
    </section>
  );
}

const speeds = [5, 25, 100, 500, 2500] as const;

function Player(props: { readonly run: Run }): JSX.Element {
  const [playing, setPlaying] = createSignal(false);
  const [speed, setSpeed] = createSignal<number>(25);
  createEffect(() => {
    if (!playing()) return;
    let at = timeOf(props.run, untrack(step));
    let before = performance.now();
    let frame = 0;
    const turn = (now: number): void => {
      at += ((now - before) / 1000) * speed();
      before = now;
      const next = stepBefore(props.run, at);
      if (next !== step()) setStep(next);
      if (next >= props.run.steps) setPlaying(false);
      else frame = requestAnimationFrame(turn);
    };
    frame = requestAnimationFrame(turn);
    onCleanup(() => cancelAnimationFrame(frame));
  });
  createEffect(() => {
    void props.run;
    setPlaying(false);
  });
  return (
    <div class="row" role="group" aria-label="Playback">
      <button class="b" type="button" disabled={step() <= 1} onClick={() => setStep(step() - 1)}>
        ◂ Back
      </button>
      <button class="b primary" type="button" aria-pressed={playing()} onClick={() => setPlaying(!playing())}>
        {playing() ? "Pause" : "Play"}
      </button>
      <button class="b" type="button" disabled={step() >= props.run.steps} onClick={() => setStep(step() + 1)}>
        Step ▸
      </button>
      <label class="row small soft">
        speed
        <select onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
          <For each={speeds}>
            {(ms) => (
              <option value={ms} selected={ms === speed()}>
                {ms} ms a second
              </option>
            )}
          </For>
        </select>
      </label>
      <Show when={reducedMotion()}>
        <span class="soft small">You asked for less motion: step with the arrow keys.</span>
      </Show>
    </div>
  );
}

function Lights(props: { readonly lights: readonly Light[] }): JSX.Element {
  return (
    <ul class="lights" aria-label="Invariants and clauses of the contract" data-tour="lights">
      <For each={props.lights}>
        {({ clause, tested, brokenAt }) => (
          <li class={`chip ${brokenAt !== undefined ? "bad" : tested.length === 0 ? "" : "good"}`}>
            {clause}{" "}
            {brokenAt !== undefined
              ? `✕ broken at ${brokenAt.toFixed(1)} ms`
              : tested.length === 0
                ? "not tested"
                : `✓ ${tested.length.toLocaleString("en")}`}
          </li>
        )}
      </For>
    </ul>
  );
}
