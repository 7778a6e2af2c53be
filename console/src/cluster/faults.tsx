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

const [delayMs, setDelayMs] = createSignal(100);
const [lossPercent, setLossPercent] = createSignal(30);
/** How long what is brought about lasts; undefined: until it is healed. */
const [forMs, setForMs] = createSignal<number>();
const durationsMs = [2000, 5000, 10_000, 30_000] as const;

function lasting(): { forMs?: number } {
  const ms = forMs();
  return ms === undefined ? {} : { forMs: ms };
}
const slow = (): FaultRequest => ({
  kind: "delay",
  delayMs: delayMs(),
  jitterMs: Math.round(delayMs() / 5),
  ...lasting(),
});
const lossy = (): FaultRequest => ({ kind: "drop", rate: lossPercent() / 100, ...lasting() });

/** A number that a field holds, within its bounds. */
function within(text: string, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(Number(text)) || least));
}

/** How much, how long, and partitions of any shape. */
function Amounts(props: { readonly tick: Tick; readonly disabled: boolean }): JSX.Element {
  const ids = createMemo(() => props.tick.nodes.map(({ nodeId }) => nodeId), undefined, {
    equals: (a, b) => a.join() === b.join(),
  });
  const [apart, setApart] = createSignal<readonly number[]>([]);
  const others = (): number[] => ids().filter((id) => !apart().includes(id));
  const mayPart = (): boolean => !props.disabled && apart().length > 0 && others().length > 0;
  const part = (oneWay: boolean): void =>
    hurt({ kind: "partition", nodes: [[...apart()], others()], ...(oneWay ? { oneWay } : {}), ...lasting() });
  return (
    <details>
      <summary class="small">More: partitions of any shape, how slow, how lossy, for how long</summary>
      <div class="amounts">
        <label class="field">
          slower by, ms
          <input
            type="number"
            min="1"
            max="60000"
            value={delayMs()}
            onChange={(event) => setDelayMs(within(event.currentTarget.value, 1, 60_000))}
          />
        </label>
        <label class="field">
          lost, %
          <input
            type="number"
            min="1"
            max="100"
            value={lossPercent()}
            onChange={(event) => setLossPercent(within(event.currentTarget.value, 1, 100))}
          />
        </label>
        <label class="field">
          for
          <select onChange={(event) => setForMs(Number(event.currentTarget.value) || undefined)}>
            <option value="">until it is healed</option>
            <For each={durationsMs}>{(ms) => <option value={ms}>{ms / 1000} s</option>}</For>
          </select>
        </label>
        <button class="b" type="button" disabled={props.disabled} onClick={() => hurt(slow())}>
          Every link slower by {delayMs()} ms
        </button>
        <button class="b" type="button" disabled={props.disabled} onClick={() => hurt(lossy())}>
          Every link loses {lossPercent()} %
        </button>
      </div>
      <div class="amounts">
        <fieldset class="nodes">
          <legend class="small soft">these nodes</legend>
          <For each={ids()}>
            {(id) => (
              <label class="row small">
                <input
                  type="checkbox"
                  checked={apart().includes(id)}
                  onChange={(event) =>
                    setApart((before) =>
                      event.currentTarget.checked ? [...before, id] : before.filter((node) => node !== id),
                    )
                  }
                />
                node {id}
              </label>
            )}
          </For>
        </fieldset>
        <button class="b danger" type="button" disabled={!mayPart()} onClick={() => part(false)}>
          Part from the others
        </button>
        <button class="b" type="button" disabled={!mayPart()} onClick={() => part(true)}>
          Lose what they say
        </button>
      </div>
    </details>
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
      <Amounts tick={props.tick} disabled={props.disabled} />
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
            <Figure label="term" value={shown().group?.term} />
            <Figure
              label="log"
              value={
                shown().group === undefined ? undefined : `${shown().group!.firstIndex}–${shown().group!.lastIndex}`
              }
            />
            <Figure label="durable" value={shown().group?.durableIndex} />
            <Figure label="committed" value={shown().group?.commitIndex} />
            <Figure label="applied" value={shown().group?.appliedIndex} />
            <Figure label="behind" value={shown().lag} />
            <Figure
              label="at most old"
              value={
                shown().group?.stalenessMs === undefined ? undefined : `${Math.round(shown().group!.stalenessMs!)} ms`
              }
            />
            <Figure label="process" value={shown().pid} />
            <Figure label="restarts" value={shown().restarts} />
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
          onClick={() => hurt({ kind: "cut", from: from(), to: to(), ...lasting() })}
        >
          Cut both ways
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "cut", from: from(), to: to(), oneWay: true, ...lasting() })}
        >
          Cut {from()} → {to()}
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ kind: "cut", from: to(), to: from(), oneWay: true, ...lasting() })}
        >
          Cut {to()} → {from()}
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ ...slow(), from: from(), to: to() })}
        >
          Slower by {delayMs()} ms
        </button>
        <button
          class="b"
          type="button"
          disabled={props.disabled}
          onClick={() => hurt({ ...lossy(), from: from(), to: to() })}
        >
          Lose {lossPercent()} %
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

function Figure(props: { readonly label: string; readonly value: string | number | undefined }): JSX.Element {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd>{props.value ?? "–"}</dd>
    </div>
  );
}
