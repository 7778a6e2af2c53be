/** One moment: what happened, where every node stood, and what it changed. */
import { createMemo, For, Show, type JSX } from "solid-js";
import { inspected, setStep, step, stepBefore, timeOf } from "./lab.ts";
import type { NodeState, Run } from "./messages.ts";
import { nameOf } from "./places.ts";

const nearby = 14;

export function Moment(props: { readonly run: Run }): JSX.Element {
  const acting = (): number | undefined => props.run.stepLane[step() - 1];
  const around = createMemo(() => eventsAround(props.run, timeOf(props.run, step())));
  return (
    <section class="card stack" aria-label="The moment" data-testid="moment">
      <header>
        <h2>
          Event {step()}: {acting() === undefined ? "" : nameOf(acting()!)} at {timeOf(props.run, step()).toFixed(3)} ms
        </h2>
      </header>
      <Show when={inspected()} fallback={<p class="soft">Running up to here…</p>}>
        {(seen) => (
          <>
            <pre class="trace" aria-live="polite">
              {seen().lines || "nothing to tell"}
            </pre>
            <div class="states">
              <For each={seen().after}>
                {(state) => (
                  <State
                    state={state}
                    before={seen().before.find(({ node }) => node === state.node)}
                    acting={state.node === acting()}
                  />
                )}
              </For>
            </div>
          </>
        )}
      </Show>
      <details>
        <summary class="soft small">What happened around it, as a list</summary>
        <ul class="happenings">
          <For each={around()}>
            {({ at, text }) => (
              <li>
                <button type="button" onClick={() => setStep(stepBefore(props.run, at))}>
                  <span class="mono soft">{at.toFixed(3)} ms</span>
                  <span>{text}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
      </details>
    </section>
  );
}

function eventsAround(run: Run, at: number): readonly { readonly at: number; readonly text: string }[] {
  const found: { readonly at: number; readonly text: string }[] = [];
  for (const mark of run.marks)
    if (Math.abs(mark.at - at) < 100) found.push({ at: mark.at, text: `${nameOf(mark.lane)} ${mark.text}` });
  for (const note of run.notes) if (Math.abs(note.at - at) < 1000) found.push(note);
  const { messages, texts } = run;
  for (let index = 0; index < messages.gotAt.length; index++) {
    const got = messages.gotAt[index]!;
    if (Math.abs(got - at) < 10)
      found.push({
        at: got,
        text: `${nameOf(messages.from[index]!)} → ${nameOf(messages.to[index]!)}: ${texts[messages.text[index]!] ?? ""}`,
      });
  }
  found.sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at));
  return found.slice(0, nearby).sort((a, b) => a.at - b.at);
}

function State(props: {
  readonly state: NodeState;
  readonly before: NodeState | undefined;
  readonly acting: boolean;
}): JSX.Element {
  const group = (): NonNullable<NodeState["group"]> | undefined => props.state.group;
  const was = (): NodeState["group"] => props.before?.group;
  type Field = "role" | "term" | "leader" | "lastIndex" | "commitIndex" | "appliedIndex";
  const changed = (name: Field): boolean =>
    was() !== undefined && group() !== undefined && was()![name] !== group()![name];
  const line = (label: string, name: Field): JSX.Element => (
    <>
      <dt>{label}</dt>
      <dd>
        <Show when={changed(name)}>
          <span class="soft">{was()![name] ?? "none"} → </span>
        </Show>
        <span classList={{ changed: changed(name) }}>{group()![name] ?? "none"}</span>
      </dd>
    </>
  );
  return (
    <div class="state" classList={{ acting: props.acting, away: group() === undefined }}>
      <h3>
        node {props.state.node}
        {props.state.life === "up" ? "" : `, ${props.state.life}`}
      </h3>
      <Show when={group()} fallback={<p class="soft">no process runs here</p>}>
        {(shown) => (
          <>
            <dl>
              {line("role", "role")}
              {line("term", "term")}
              {line("leader", "leader")}
              {line("last", "lastIndex")}
              {line("committed", "commitIndex")}
              {line("applied", "appliedIndex")}
              <dt>voters</dt>
              <dd>
                {shown().outgoing.length > 0 ? `${shown().outgoing.join(",")} → ` : ""}
                {shown().voters.join(",")}
              </dd>
            </dl>
            <div class="log" role="img" aria-label={`terms of the last entries: ${shown().lastTerms.join(", ")}`}>
              <For each={shown().lastTerms}>
                {(term, place) => (
                  <span
                    classList={{
                      committed: shown().lastIndex - shown().lastTerms.length + 1 + place() <= shown().commitIndex,
                    }}
                  >
                    {term}
                  </span>
                )}
              </For>
            </div>
          </>
        )}
      </Show>
    </div>
  );
}
