import { createMemo, createSignal, Match, onCleanup, onMount, Show, Switch, type JSX } from "solid-js";
import "./cluster.css";
import { Chart, lagLines, latencyLines, throughputLines } from "./charts.tsx";
import { Ask, beginTraffic, Counter } from "./counter.tsx";
import { Chosen, FaultBar } from "./faults.tsx";
import { connection, cursor, follow, hello, shown, tickAt } from "./feed.ts";
import { Picture, type Selection } from "./picture.tsx";
import { Shards } from "./shards.tsx";
import { Timeline } from "./timeline.tsx";

export function ClusterPage(): JSX.Element {
  const [selection, setSelection] = createSignal<Selection>();
  onMount(() => {
    beginTraffic();
    onCleanup(follow());
  });
  const ids = createMemo(() => shown()?.nodes.map(({ nodeId }) => nodeId) ?? [], undefined, {
    equals: (a, b) => a.join() === b.join(),
  });
  /** Only now can be changed, and only while someone listens. */
  const frozen = (): boolean => cursor() !== undefined || connection() !== "live";
  return (
    <>
      <div class="page-head">
        <h1>Cluster</h1>
        <p>
          <Switch fallback={<>no leader at the moment</>}>
            <Match when={shown() === undefined}>looking for it…</Match>
            <Match when={shown()?.leader !== undefined}>
              node <strong>{shown()!.leader}</strong> leads in term <strong data-testid="term">{shown()!.term}</strong>
            </Match>
          </Switch>
        </p>
        <span class="push" />
        <Show when={cursor() !== undefined}>
          <span class="chip wait">a moment of the past</span>
        </Show>
        <span
          class={`chip ${connection() === "live" ? "good" : connection() === "lost" ? "bad" : "wait"}`}
          role="status"
        >
          {connection() === "live" ? "live" : connection() === "lost" ? "disconnected" : "connecting"}
        </span>
        <Show when={hello()}>
          <span class="soft small mono">{hello()!.clusterId}</span>
        </Show>
      </div>
      <Show when={connection() === "lost"}>
        <p class="notice bad disconnected" role="alert">
          The supervisor does not answer. If it was stopped, start it again with <code>npm start</code>: the data is
          kept, and this page comes back by itself. What you see is the last that was known.
        </p>
      </Show>
      <Show when={shown()} fallback={<Waiting />}>
        {(tick) => (
          <div class="cluster-grid">
            <section class="card picture-card" aria-label="Picture of the cluster" data-tour="picture">
              <Picture
                tick={tick()}
                selection={selection()}
                flowing={!frozen() && tick().traffic.perSecond > 0}
                onSelect={setSelection}
              />
              <Show
                when={hello()?.faults !== false}
                fallback={<p class="soft small">This cluster was started without faults: it can be watched only.</p>}
              >
                <FaultBar tick={tick()} disabled={frozen()} />
              </Show>
              <Chosen tick={tick()} selection={selection()} disabled={frozen() || hello()?.faults === false} />
            </section>
            <div class="stack">
              <Counter tick={tick()} disabled={frozen()} />
              <Chart title="Throughput" unit="a second" lines={throughputLines} />
              <Ask tick={tickAt(undefined) ?? tick()} disabled={frozen()} />
            </div>
            <Shards tick={tick()} />
            <div class="wide">
              <Timeline />
            </div>
            <div class="charts wide">
              <Chart title="Latency" unit="milliseconds, demo traffic, last 5 s" lines={latencyLines} />
              <Chart title="Lag" unit="committed entries not applied yet" lines={lagLines(ids())} />
            </div>
          </div>
        )}
      </Show>
    </>
  );
}

function Waiting(): JSX.Element {
  return (
    <div class="empty" role="status">
      <strong>Looking for the cluster</strong>
      <p>
        It answers within a second when <code>npm start</code> runs. The <a href="/lab">Lab</a> works without it.
      </p>
    </div>
  );
}
