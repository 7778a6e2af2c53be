/** The counter that goes on, and questions to one node at a time. */
import { createSignal, For, Show, type JSX } from "solid-js";
import { operate, setTraffic, type OperationAnswer } from "./ask.ts";
import type { Tick } from "./feed.ts";

const remembered = "cohort.traffic";
export const gentle = 20;
const rates = [0, gentle, 100, 400] as const;

/** A newcomer sees something move at once; who turned it off is not asked again. */
export function beginTraffic(): void {
  const wanted = Number(localStorage.getItem(remembered) ?? gentle);
  if (wanted > 0) void setTraffic(wanted).catch(() => undefined);
}

export function Counter(props: { readonly tick: Tick; readonly disabled: boolean }): JSX.Element {
  const choose = (rate: number): void => {
    localStorage.setItem(remembered, String(rate));
    void setTraffic(rate).catch(() => undefined);
  };
  const traffic = (): Tick["traffic"] => props.tick.traffic;
  const health = (): "good" | "wait" | "bad" =>
    traffic().wanted === 0 ? "wait" : traffic().perSecond === 0 ? "bad" : "good";
  return (
    <section class="card" aria-labelledby="counter-title" data-tour="counter">
      <header>
        <h2 id="counter-title">The counter goes on</h2>
        <span class="push" />
        <span class={`chip ${health()}`}>
          {traffic().wanted === 0
            ? "off"
            : traffic().perSecond === 0
              ? "waiting for a leader"
              : `${traffic().perSecond} answers/s`}
        </span>
      </header>
      <p class="big-number" data-testid="counter-value">
        {traffic().value?.toLocaleString("en") ?? "–"}
      </p>
      <p class="soft small">
        counter <code>console</code>: {traffic().increments.toLocaleString("en")} increments acknowledged,{" "}
        {traffic().failed} failed, {traffic().open} under way
      </p>
      <Show when={traffic().lastError}>
        <p class="small">last error: {traffic().lastError}</p>
      </Show>
      <div class="row ask-buttons" role="group" aria-label="Demo traffic, operations a second">
        <span class="soft small">Demo traffic</span>
        <For each={rates}>
          {(rate) => (
            <button
              class="b"
              type="button"
              aria-pressed={traffic().wanted === rate}
              disabled={props.disabled}
              onClick={() => choose(rate)}
            >
              {rate === 0 ? "off" : `${rate}/s`}
            </button>
          )}
        </For>
      </div>
    </section>
  );
}

const choices: readonly { readonly name: string; readonly text: string }[] = [
  { name: "linearizable", text: "Linearizable: the newest, proven" },
  { name: "session", text: "Session: at least what I have seen" },
  { name: "monotonic", text: "Monotonic: never back in time" },
  { name: "bounded(200ms)", text: "Bounded: at most 200 ms old" },
  { name: "eventual", text: "Eventual: whatever is here, now" },
  { name: "linearizable; PartitionBehavior: AvailabilityPreferred", text: "Linearizable, or older if cut off" },
];

interface Asked {
  readonly number: number;
  readonly what: string;
  readonly answer: OperationAnswer;
}

const mostAnswers = 12;

export function Ask(props: { readonly tick: Tick; readonly disabled: boolean }): JSX.Element {
  const [node, setNode] = createSignal(1);
  const [consistency, setConsistency] = createSignal(choices[0]!.name);
  const [asked, setAsked] = createSignal<readonly Asked[]>([]);
  const [waiting, setWaiting] = createSignal(0);
  const [refusal, setRefusal] = createSignal<string>();
  let session: string | undefined;
  let number = 0;

  const ask = async (kind: "increment" | "read"): Promise<void> => {
    const to = node();
    const wanted = consistency();
    setWaiting((before) => before + 1);
    try {
      const answer = await operate({
        node: to,
        kind,
        counter: "console",
        ...(kind === "read" ? { consistency: wanted } : {}),
        ...(session === undefined ? {} : { session }),
      });
      session = answer.session ?? session;
      setRefusal(undefined);
      setAsked((before) =>
        [
          { number: ++number, what: kind === "read" ? `read, ${wanted.split(";")[0]}` : "increment", answer },
          ...before,
        ].slice(0, mostAnswers),
      );
    } catch (error) {
      setRefusal(error instanceof Error ? error.message : String(error));
    } finally {
      setWaiting((before) => before - 1);
    }
  };
  return (
    <section class="card" aria-labelledby="ask-title" data-tour="ask">
      <header>
        <h2 id="ask-title">Ask a node</h2>
        <span class="push" />
        <Show when={waiting() > 0}>
          <span class="chip wait">{waiting()} under way</span>
        </Show>
      </header>
      <div class="row">
        <label class="field">
          node
          <select onChange={(event) => setNode(Number(event.currentTarget.value))}>
            <For each={props.tick.nodes.map(({ nodeId }) => nodeId)}>
              {(id) => (
                <option value={id} selected={id === node()}>
                  node {id}
                </option>
              )}
            </For>
          </select>
        </label>
        <label class="field">
          consistency of the read
          <select onChange={(event) => setConsistency(event.currentTarget.value)}>
            <For each={choices}>{({ name, text }) => <option value={name}>{text}</option>}</For>
          </select>
        </label>
      </div>
      <div class="row ask-buttons">
        <button class="b primary" type="button" disabled={props.disabled} onClick={() => void ask("read")}>
          Read
        </button>
        <button class="b" type="button" disabled={props.disabled} onClick={() => void ask("increment")}>
          Increment
        </button>
      </div>
      <Show when={refusal()}>
        <p class="notice bad" role="alert">
          {refusal()}
        </p>
      </Show>
      <Show
        when={asked().length > 0}
        fallback={<p class="soft small">Answers, and which guarantee each of them kept, appear here.</p>}
      >
        {/* Long lists scroll, so the keyboard has to reach them. */}
        <ul class="answers" aria-live="polite" aria-label="Answers" tabindex="0">
          <For each={asked()}>{(entry) => <Answer entry={entry} />}</For>
        </ul>
      </Show>
    </section>
  );
}

function Answer(props: { readonly entry: Asked }): JSX.Element {
  const { what, answer } = props.entry;
  return (
    <li classList={{ no: !answer.ok }}>
      <strong class="mono">{answer.ok ? answer.value : "no"}</strong>
      <span>
        {what} at node {answer.node}
      </span>
      <span class="mono soft">{answer.ms.toFixed(1)} ms</span>
      <span class="kept">{answer.ok ? keptText(answer.kept ?? "") : problemText(answer)}</span>
    </li>
  );
}

/** `MonotonicRead; position=57; staleness-ms=12; degraded=false` in words. */
function keptText(kept: string): string {
  const [guarantee = "", ...rest] = kept.split(";").map((part) => part.trim());
  const field = (name: string): string | undefined =>
    rest.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
  const parts = [`kept: ${guarantee}`];
  if (field("position") !== undefined) parts.push(`as of entry ${field("position")}`);
  if (field("staleness-ms") !== undefined) parts.push(`at most ${field("staleness-ms")} ms old`);
  if (field("degraded") === "true") parts.push("less than was asked for (degraded)");
  return parts.join(" · ");
}

function problemText({ problem }: OperationAnswer): string {
  if (problem === undefined) return "";
  return `${problem.detail} (${problem.code}); ${problem.definite === true ? "it certainly did not happen" : "it may have happened"}`;
}
