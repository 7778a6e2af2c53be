import { createEffect, createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import "./history.css";
import type { JudgeOrder, JudgeReport, Judged, ModelName, PropertyName } from "./messages.ts";
import { CyclePicture, Picture } from "./picture.tsx";
import { record } from "./record.ts";
import { samples } from "./samples.ts";

const models: readonly ModelName[] = [
  "register",
  "cas-register",
  "kv",
  "counter",
  "set",
  "queue",
  "stack",
  "mutex",
  "list-append",
  "rw-register",
  "bank",
];
const recordMs = 2500;
const recordable = ["linearizable", "session", "eventual"] as const;

export function HistoryPage(): JSX.Element {
  const [text, setText] = createSignal(samples[0]!.text.trim());
  const [model, setModel] = createSignal<ModelName>();
  const [property, setProperty] = createSignal<PropertyName>();
  const [judged, setJudged] = createSignal<Judged>();
  const [busy, setBusy] = createSignal<string>();
  const [trouble, setTrouble] = createSignal<string>();
  let worker: Worker | undefined;
  onCleanup(() => worker?.terminate());

  const judge = (): void => {
    worker?.terminate();
    worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module", name: "checker" });
    worker.addEventListener("message", ({ data }: MessageEvent<JudgeReport>) => {
      setBusy(undefined);
      if (data.kind === "judged") setJudged(data.judged);
      else setTrouble(data.text);
    });
    worker.addEventListener("error", () => {
      setBusy(undefined);
      setTrouble("The checker could not be loaded. Load the page anew.");
    });
    setBusy("Looking for an order…");
    setTrouble(undefined);
    setJudged(undefined);
    const order: JudgeOrder = { text: text(), model: model(), property: property() };
    worker.postMessage(order);
  };
  const take = (next: string): void => {
    setText(next.trim());
    setModel(undefined);
    setProperty(undefined);
    judge();
  };
  const recordNow = async (consistency: string): Promise<void> => {
    setBusy(`Recording ${recordMs / 1000} s of the live cluster…`);
    setTrouble(undefined);
    try {
      const cluster = (await (await fetch("/v1/cluster")).json()) as { readonly nodes: readonly unknown[] };
      take(await record(consistency, cluster.nodes.length, recordMs));
    } catch (error) {
      setBusy(undefined);
      setTrouble(error instanceof Error ? error.message : String(error));
    }
  };
  createEffect(() => {
    model();
    property();
    judge();
  });
  return (
    <>
      <div class="page-head">
        <h1>History</h1>
        <p>What clients saw, and whether an order exists that explains it.</p>
      </div>
      <div class="stack">
        <section class="card stack" aria-label="Which history" data-tour="load">
          <div class="row">
            <label class="field">
              example
              <select onChange={(event) => take(samples[Number(event.currentTarget.value)]!.text)}>
                <For each={samples}>{({ title }, index) => <option value={index()}>{title}</option>}</For>
              </select>
            </label>
            <label class="b">
              Open a file
              <input
                class="sr-only"
                type="file"
                onChange={(event) => void event.currentTarget.files?.[0]?.text().then(take)}
              />
            </label>
            <span class="soft small">or record the live cluster, with reads that are</span>
            <For each={recordable}>
              {(consistency) => (
                <button
                  class="b"
                  type="button"
                  disabled={busy() !== undefined}
                  onClick={() => void recordNow(consistency)}
                >
                  {consistency}
                </button>
              )}
            </For>
          </div>
          <label class="field">
            history: JSON lines, Jepsen's EDN or log, Porcupine's key-value logs, AWDIT, Plume
            <textarea
              class="history-text"
              spellcheck={false}
              value={text()}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <div class="row">
            <label class="field">
              model
              <select onChange={(event) => setModel((event.currentTarget.value || undefined) as ModelName | undefined)}>
                <option value="" selected={model() === undefined}>
                  as it looks{judged() === undefined ? "" : `: ${judged()!.model}`}
                </option>
                <For each={models}>
                  {(name) => (
                    <option value={name} selected={model() === name}>
                      {name}
                    </option>
                  )}
                </For>
              </select>
            </label>
            <label class="field">
              must be
              <select
                onChange={(event) => setProperty((event.currentTarget.value || undefined) as PropertyName | undefined)}
              >
                <option value="" selected={property() === undefined}>
                  the strongest{judged() === undefined ? "" : `: ${judged()!.property}`}
                </option>
                <For each={judged()?.properties ?? []}>
                  {(name) => (
                    <option value={name} selected={property() === name}>
                      {name}
                    </option>
                  )}
                </For>
              </select>
            </label>
            <button class="b primary" type="button" onClick={judge}>
              Judge
            </button>
          </div>
        </section>
        <Show when={busy()}>
          <p class="notice" role="status">
            {busy()}
          </p>
        </Show>
        <Show when={trouble()}>
          <p class="notice bad" role="alert">
            {trouble()}
          </p>
        </Show>
        <Show when={judged()}>{(shown) => <Result judged={shown()} />}</Show>
      </div>
    </>
  );
}

function Result(props: { readonly judged: Judged }): JSX.Element {
  const [attempt, setAttempt] = createSignal(0);
  const verdict = () => props.judged.verdict;
  const witness = () => {
    const given = verdict();
    return given.verdict === "broken" ? given.witness : undefined;
  };
  const order = () => {
    const given = witness();
    return given?.kind === "order" ? given : undefined;
  };
  const cycle = () => {
    const given = witness();
    return given?.kind === "cycle" ? given : undefined;
  };
  const headline = (): string => {
    const given = verdict();
    if (given.verdict === "holds") return `✓ Holds: ${props.judged.property}`;
    if (given.verdict === "undecided") return `? Undecided: ${given.reason}`;
    return `✕ Broken: ${given.witness.anomaly}`;
  };
  return (
    <section
      class="card stack verdict"
      classList={{ broken: verdict().verdict === "broken" }}
      aria-label="Verdict"
      data-testid="judgement"
      data-tour="verdict"
    >
      <h2>{headline()}</h2>
      <Show when={witness()}>{(given) => <p>{given().summary}.</p>}</Show>
      <Show when={verdict().verdict === "holds" && props.judged.orders.length > 0}>
        <p class="soft">The line goes through the operations in an order in which they may have taken effect.</p>
      </Show>
      <Show when={order()}>
        {(given) => (
          <>
            <div class="attempts" role="group" aria-label="Attempts at an order">
              <For each={given().deadEnds}>
                {(_, index) => (
                  <button
                    class="b"
                    type="button"
                    aria-pressed={attempt() === index()}
                    onClick={() => setAttempt(index())}
                  >
                    attempt {index() + 1}
                  </button>
                )}
              </For>
            </div>
            <p>
              After {given().deadEnds[attempt()]?.order.length ?? 0} operations the object holds{" "}
              <code>{given().deadEnds[attempt()]?.state}</code>: {given().deadEnds[attempt()]?.reason}
            </p>
          </>
        )}
      </Show>
      <Show when={cycle()} fallback={<Picture judged={props.judged} attempt={attempt()} />}>
        {(given) => <CyclePicture cycle={given()} />}
      </Show>
      <div class="facts">
        <span>
          <strong>{props.judged.count.toLocaleString("en")}</strong> operations
        </span>
        <span>
          format <strong>{props.judged.format}</strong>, model <strong>{props.judged.model}</strong>
        </span>
        <span>
          judged in <strong>{props.judged.tookMs.toFixed(0)} ms</strong>
        </span>
        <Show when={props.judged.count > props.judged.bars.length}>
          <span>the picture shows the first {props.judged.bars.length}</span>
        </Show>
      </div>
      <details>
        <summary class="soft small">In words</summary>
        <pre class="words">{props.judged.words}</pre>
      </details>
    </section>
  );
}
