/** Everything that can be done to the cluster, beside its picture. */
import { createMemo, createSignal, For, Match, Show, Switch, type JSX } from "solid-js";
import { inject, type FaultRequest } from "./ask.ts";
import type { Tick } from "./feed.ts";
import { faultText, linksOf, nodesOf, words } from "./model.ts";
import type { Selection } from "./picture.tsx";

const [refusal, setRefusal] = createSignal<string>();

export function hurt(fault: FaultRequest): void {
  inject(fault).then(
    () => setRefusal(undefined),
    (error: unknown) => setRefusal(error instanceof Error ? error.message : String(error)),
  );
}

/** The few faults that matter most, without choosing anything first. */
export function FaultBar(props: { readonly tick: Tick; readonly disabled: boolean }): JSX.Element {
  const others = (): number[] => props.tick.nodes.map(({ nodeId }) => nodeId).filter((id) => id !== props.tick.leader);
  const hurts = (): boolean =>
    props.tick.faults.length > 0 || props.tick.processes.some(({ state }) => state === "paused" || state === "down");
  return (
    <div class="stack">
      <div class="fault-bar" role="group" aria-label="Faults" data-tour="faults">
        <button
          class="b danger"
          type="button"
          disabled={props.disabled || props.tick.leader === undefined}
          onClick={() => hurt({ kind: "kill", node: "leader" })}
        >
          Kill the leader
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled || props.tick.leader === undefined}
          onClick={() => hurt({ kind: "pause", node: "leader", forMs: 5000 })}
        >
          Pause it for 5 s
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled || props.tick.leader === undefined || others().length === 0}
          onClick={() => hurt({ kind: "partition", nodes: [[props.tick.leader!], others()] })}
        >
          Cut it off
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "delay", delayMs: 40, jitterMs: 20 })}
        >
          Slow every link
        </button>
        <button
          class="b"
          classList={{ primary: hurts() }}
          type="button"
          disabled={props.disabled || !hurts()}
          onClick={() => hurt({ kind: "heal" })}
        >
          Heal everything
        </button>
      </div>
      <Show when={props.tick.faults.length > 0}>
        <ul class="in-force" aria-label="Faults in force">
          <For each={props.tick.faults}>
            {(fault) => (
              <li>
                {faultText(fault)}
                <button type="button" disabled={props.disabled} onClick={() => hurt({ kind: "heal", fault: fault.id })}>
                  mend<span class="sr-only"> {faultText(fault)}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <Show when={refusal()}>
        <p class="notice bad" role="alert">
          {refusal()}
        </p>
      </Show>
    </div>
  );
}

/** What was chosen in the picture: its numbers, and what can be done to it. */
export function Chosen(props: {
  readonly tick: Tick;
  readonly selection: Selection;
  readonly disabled: boolean;
}): JSX.Element {
  return (
    <Switch
      fallback={
        <p class="soft small chosen">Choose a node or a link in the picture: its numbers and its faults are here.</p>
      }
    >
      <Match when={props.selection !== undefined && "node" in props.selection && props.selection.node}>
        {(id) => <ChosenNode tick={props.tick} id={id()} disabled={props.disabled} />}
      </Match>
      <Match when={props.selection !== undefined && "link" in props.selection && props.selection.link}>
        {(ends) => <ChosenLink tick={props.tick} ends={ends()} disabled={props.disabled} />}
      </Match>
    </Switch>
  );
}

function ChosenNode(props: { readonly tick: Tick; readonly id: number; readonly disabled: boolean }): JSX.Element {
  const node = createMemo(() => nodesOf(props.tick).find(({ id }) => id === props.id));
  const others = (): number[] => props.tick.nodes.map(({ nodeId }) => nodeId).filter((id) => id !== props.id);
  const runs = (): boolean => node()?.pid !== undefined;
  const stands = (): boolean => node()?.condition === "paused" || node()?.condition === "down";
  return (
    <Show when={node()}>
      {(shown) => (
        <section class="chosen" aria-label={`Node ${props.id}`}>
          <div class="row">
            <h2>
              Node {props.id}, {words[shown().condition]}
            </h2>
            <span class="soft small mono">{shown().http}</span>
          </div>
          <dl class="numbers">
            <Number label="term" value={shown().group?.term} />
            <Number
              label="log"
              value={
                shown().group === undefined ? undefined : `${shown().group!.firstIndex}–${shown().group!.lastIndex}`
              }
            />
            <Number label="durable" value={shown().group?.durableIndex} />
            <Number label="committed" value={shown().group?.commitIndex} />
            <Number label="applied" value={shown().group?.appliedIndex} />
            <Number label="behind" value={shown().lag} />
            <Number
              label="at most old"
              value={
                shown().group?.stalenessMs === undefined ? undefined : `${Math.round(shown().group!.stalenessMs!)} ms`
              }
            />
            <Number label="process" value={shown().pid} />
            <Number label="restarts" value={shown().restarts} />
          </dl>
          <div class="fault-bar" role="group" aria-label={`Faults of node ${props.id}`}>
            <button
              class="b danger"
              type="button"
              disabled={props.disabled || !runs()}
              onClick={() => hurt({ kind: "kill", node: props.id })}
            >
              Kill node {props.id}
            </button>
            <button
              class="b"
              type="button"
              disabled={props.disabled || !runs()}
              onClick={() => hurt({ kind: "kill", node: props.id, forMs: 10_000 })}
            >
              Kill, back after 10 s
            </button>
            <Show
              when={stands()}
              fallback={
                <button
                  class="b"
                  type="button"
                  disabled={props.disabled || !runs()}
                  onClick={() => hurt({ kind: "pause", node: props.id })}
                >
                  Pause
                </button>
              }
            >
              <button
                class="b primary"
                type="button"
                disabled={props.disabled}
                onClick={() => hurt({ kind: "resume", node: props.id })}
              >
                Let it go on
              </button>
            </Show>
            <button
              class="b"
              type="button"
              disabled={props.disabled || others().length === 0}
              onClick={() => hurt({ kind: "partition", nodes: [[props.id], others()] })}
            >
              Cut it off
            </button>
            <button
              class="b"
              type="button"
              disabled={props.disabled || others().length === 0}
              onClick={() => hurt({ kind: "partition", nodes: [[props.id], others()], oneWay: true })}
            >
              Lose what it says
            </button>
          </div>
        </section>
      )}
    </Show>
  );
}

function ChosenLink(props: {
  readonly tick: Tick;
  readonly ends: readonly [number, number];
  readonly disabled: boolean;
}): JSX.Element {
  const own = createMemo(() => {
    const [a, b] = props.ends;
    const both = linksOf(props.tick).filter(({ from, to }) => (from === a && to === b) || (from === b && to === a));
    return [...new Set(both.flatMap(({ faults }) => faults))];
  });
  const from = (): number => props.ends[0];
  const to = (): number => props.ends[1];
  return (
    <section class="chosen" aria-label={`Link ${from()}–${to()}`}>
      <h2>
        Link {from()}–{to()}
      </h2>
      <div class="fault-bar" role="group" aria-label={`Faults of the link ${from()}–${to()}`}>
        <button
          class="b danger"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "cut", from: from(), to: to() })}
        >
          Cut both ways
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "cut", from: from(), to: to(), oneWay: true })}
        >
          Cut {from()} → {to()}
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "cut", from: to(), to: from(), oneWay: true })}
        >
          Cut {to()} → {from()}
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "delay", from: from(), to: to(), delayMs: 100, jitterMs: 20 })}
        >
          Slower by 100 ms
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "drop", from: from(), to: to(), rate: 0.3 })}
        >
          Lose 30 %
        </button>
        <button
          class="b"
          classList={{ primary: own().length > 0 }}
          type="button"
          disabled={props.disabled || own().length === 0}
          onClick={() => {
            for (const fault of own()) hurt({ kind: "heal", fault });
          }}
        >
          Mend
        </button>
      </div>
    </section>
  );
}

function Number(props: { readonly label: string; readonly value: string | number | undefined }): JSX.Element {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd>{props.value ?? "–"}</dd>
    </div>
  );
}
