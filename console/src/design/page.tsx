import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show, type JSX } from "solid-js";
import oneRack from "../../../src/model/topologies/one-rack.json";
import threeRegions from "../../../src/model/topologies/three-regions.json";
import threeZones from "../../../src/model/topologies/three-zones.json";
import { explain, parse, readCatalogue, type Contract } from "../../../src/contract/index.ts";
import { parameters, setParameters } from "../shell/route.ts";
import "./design.css";
import { LatencyChart, TradeOff } from "./charts.tsx";
import { designDocument } from "./document.ts";
import { Editor } from "./editor.tsx";
import { Lattice } from "./lattice.tsx";
import type { Alternative, Measured, Price, PriceOrder, PriceReport, Topology } from "./messages.ts";
import { TopologyPicture } from "./topology.tsx";

const topologies = [oneRack, threeZones, threeRegions] as unknown as readonly Topology[];

const templates: readonly { readonly name: string; readonly text: string }[] = [
  {
    name: "Fresh enough, and always there",
    text: "ReadConsistency: MonotonicRead ∧ BoundedStaleness(100ms)\nWriteConsistency: Linearizable\nPartitionBehavior: AvailabilityPreferred\nLatency: reads p99 < 20ms",
  },
  {
    name: "A register that never lies",
    text: "ReadConsistency: Linearizable\nWriteConsistency: Linearizable\nPartitionBehavior: ConsistencyPreferred\nAvailability: 99.99% over 30d",
  },
  {
    name: "A shopping cart",
    text: "ReadConsistency: Session\nWriteConsistency: Linearizable\nPartitionBehavior: AvailabilityPreferred",
  },
  {
    name: "Likes",
    text: "ReadConsistency: Eventual\nWriteConsistency: Eventual\nPartitionBehavior: AvailabilityPreferred",
  },
  {
    name: "What CAP forbids",
    text: "ReadConsistency: Linearizable\nWriteConsistency: Linearizable\nPartitionBehavior: AvailabilityPreferred",
  },
];

const pauseMs = 250;

export function DesignPage(): JSX.Element {
  const [text, setText] = createSignal(parameters().get("contract") ?? templates[0]!.text);
  const [topology, setTopology] = createSignal<Topology>(
    topologies.find(({ name }) => name === parameters().get("topology")) ?? topologies[1]!,
  );
  const [price, setPrice] = createSignal<Price>();
  const [alternatives, setAlternatives] = createSignal<readonly Alternative[]>([]);
  const [measured, setMeasured] = createSignal<Measured>();
  const [trouble, setTrouble] = createSignal<string>();
  const parsed = createMemo(() => parse(text()));
  const contract = (): Contract | undefined => parsed().contract;
  let worker: Worker | undefined;
  let number = 0;
  onMount(() => {
    worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module", name: "model" });
    worker.addEventListener("message", ({ data }: MessageEvent<PriceReport>) => take(data));
    onCleanup(() => worker?.terminate());
  });
  const take = (report: PriceReport): void => {
    if (report.number !== number) return;
    if (report.kind === "priced") {
      setPrice(report.price);
      setAlternatives(report.alternatives);
    } else if (report.kind === "measured") setMeasured(report.measured);
    else setTrouble(report.text);
  };
  createEffect(() => {
    const known = contract();
    const place = topology();
    setParameters({ contract: text(), topology: place.name });
    if (known === undefined) return;
    const timer = setTimeout(() => {
      setMeasured(undefined);
      setTrouble(undefined);
      const order: PriceOrder = { number: ++number, contract: known.text, topology: place };
      worker?.postMessage(order);
    }, pauseMs);
    onCleanup(() => clearTimeout(timer));
  });
  return (
    <>
      <div class="page-head">
        <h1>Design</h1>
        <p>Write what must hold; see what it means and what it costs.</p>
      </div>
      <div class="design-grid">
        <section class="card stack" aria-label="Contract" data-tour="contract">
          <label class="field">
            begin with
            <select onChange={(event) => setText(templates[Number(event.currentTarget.value)]!.text)}>
              <For each={templates}>{({ name }, index) => <option value={index()}>{name}</option>}</For>
            </select>
          </label>
          <Editor text={text()} onChange={setText} />
          <Diagnostics parsed={parsed()} onTake={setText} />
        </section>
        <section class="card stack" aria-label="What it means" data-tour="meaning">
          <Lattice contract={contract()} />
          <Show when={contract()} fallback={<p class="soft">A contract with errors means nothing yet.</p>}>
            {(known) => <Meaning contract={known()} />}
          </Show>
        </section>
        <section class="card stack wide" aria-label="Where it runs" data-tour="topology">
          <div class="row" role="group" aria-label="Topology">
            <For each={topologies}>
              {(given) => (
                <button
                  class="b"
                  type="button"
                  aria-pressed={topology().name === given.name}
                  onClick={() => setTopology(given)}
                >
                  {given.title}
                </button>
              )}
            </For>
          </div>
          <TopologyPicture
            topology={topology()}
            onLead={(leader) => setTopology((before) => ({ ...before, leader }))}
          />
          <p class="soft small">Choose the node that leads. Arrows name where requests come from, and their share.</p>
        </section>
        <Show when={trouble()}>
          <p class="notice bad wide" role="alert">
            {trouble()}
          </p>
        </Show>
        <Show
          when={contract() === undefined ? undefined : price()}
          fallback={
            <p class="empty wide">
              {contract() === undefined ? "Prices appear once the contract has no errors." : "Predicting…"}
            </p>
          }
        >
          {(known) => (
            <>
              <section class="card" aria-label="Latency" data-tour="price">
                <header>
                  <h2>Latency, predicted and simulated</h2>
                </header>
                <LatencyChart price={known()} measured={measured()} />
                <p class="soft small">
                  <Show when={measured()} fallback="The simulated run is under way…">
                    {(run) => (
                      <>
                        Simulated: {run().operations} operations of the servers' code, with the delays, disks and
                        clients of this topology.
                      </>
                    )}
                  </Show>
                </p>
              </section>
              <section class="card" aria-label="Trade-off">
                <header>
                  <h2>What you trade</h2>
                </header>
                <TradeOff price={known()} alternatives={alternatives()} />
              </section>
              <Numbers price={known()} />
              <Takeaway contract={contract()!} topology={topology()} price={known()} />
            </>
          )}
        </Show>
      </div>
    </>
  );
}

function Diagnostics(props: {
  readonly parsed: ReturnType<typeof parse>;
  readonly onTake: (text: string) => void;
}): JSX.Element {
  return (
    <Show
      when={props.parsed.diagnostics.length > 0}
      fallback={<p class="small">✓ No contradiction: there is a system that keeps it.</p>}
    >
      <ul class="diagnostics" aria-live="polite">
        <For each={props.parsed.diagnostics}>
          {({ severity, line, column, message, suggestion, theorem, nearest }) => (
            <li class={severity}>
              <strong>
                {severity === "error" ? "✕" : "!"} {line}:{column}
              </strong>{" "}
              {message}
              {suggestion === undefined ? "" : `; write ${suggestion}`}
              <Show when={theorem}>
                {(why) => (
                  <p class="soft small">
                    {why().says} <cite>{why().source}</cite>
                  </p>
                )}
              </Show>
              <div class="row">
                <For each={nearest ?? []}>
                  {(possible) => (
                    <button class="b possible" type="button" onClick={() => props.onTake(possible)}>
                      {possible}
                    </button>
                  )}
                </For>
              </div>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function Meaning(props: { readonly contract: Contract }): JSX.Element {
  const meaning = createMemo(() => explain(props.contract));
  return (
    <>
      <div class="row">
        <span class="chip good">
          reads {meaning().cap.reads}, {meaning().pacelc.reads}
        </span>
        <span class="chip good">
          writes {meaning().cap.writes}, {meaning().pacelc.writes}
        </span>
        <span class="chip">kept by {meaning().engines.join(" or ") || "no engine here"}</span>
      </div>
      <div>
        <h2>When the network splits</h2>
        <ul class="plain">
          <For each={meaning().inPartition}>{(line) => <li>{line}</li>}</For>
        </ul>
      </div>
      <For each={props.contract.reads}>
        {({ guarantee }) => (
          <details>
            <summary>
              <strong>{guarantee}</strong>: {readCatalogue[guarantee].meaning}
            </summary>
            <p class="soft small">Costs: {readCatalogue[guarantee].cost}.</p>
            <p class="small">It rules out a {readCatalogue[guarantee].anomaly.name}:</p>
            <pre class="trace">{readCatalogue[guarantee].anomaly.history.join("\n")}</pre>
          </details>
        )}
      </For>
    </>
  );
}

function Numbers(props: { readonly price: Price }): JSX.Element {
  const ms = (value: number): string => `${Number(value.toPrecision(3))}`;
  const rows = () => [
    { name: "reads, ms", of: props.price.reads },
    { name: "writes, ms", of: props.price.writes },
    { name: "age an answer proves, ms", of: props.price.staleness.proved },
  ];
  const { availability } = props.price;
  return (
    <section class="card stack" aria-label="Numbers" data-testid="price">
      <table>
        <thead>
          <tr>
            <th scope="col">predicted</th>
            <th scope="col">half</th>
            <th scope="col">95 %</th>
            <th scope="col">99 %</th>
            <th scope="col">99.9 %</th>
          </tr>
        </thead>
        <tbody class="mono">
          <For each={rows()}>
            {({ name, of }) => (
              <tr>
                <th scope="row">{name}</th>
                <td>{ms(of.p50Ms)}</td>
                <td>{ms(of.p95Ms)}</td>
                <td>{ms(of.p99Ms)}</td>
                <td>{ms(of.p999Ms)}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <dl class="numbers">
        <div>
          <dt>reads available</dt>
          <dd>{(100 * availability.reads).toFixed(4)} %</dd>
        </div>
        <div>
          <dt>writes available</dt>
          <dd>{(100 * availability.writes).toFixed(4)} %</dd>
        </div>
        <div>
          <dt>answered nearby</dt>
          <dd>{(100 * props.price.staleness.local.value).toFixed(1)} %</dd>
        </div>
        <div>
          <dt>miss nothing</dt>
          <dd>{(100 * props.price.staleness.fresh.value).toFixed(1)} %</dd>
        </div>
      </dl>
      <For each={props.price.objectives}>
        {({ objective, predicted, kept }) => (
          <p class={`chip ${kept ? "good" : "bad"}`}>
            {kept ? "kept" : "missed"}: {objective}, predicted {Number(predicted.toPrecision(4))}
          </p>
        )}
      </For>
    </section>
  );
}

function save(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** A drawing that stands for itself: the colours of the page go into it. */
function standalone(drawing: SVGSVGElement): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const from = [drawing, ...drawing.querySelectorAll("*")];
  const to = [copy, ...copy.querySelectorAll("*")];
  for (const [place, element] of from.entries()) {
    const style = getComputedStyle(element);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size"])
      to[place]!.setAttribute(name, style.getPropertyValue(name));
  }
  return copy.outerHTML;
}

function Takeaway(props: {
  readonly contract: Contract;
  readonly topology: Topology;
  readonly price: Price;
}): JSX.Element {
  const drawings = (): void => {
    document
      .querySelectorAll<SVGSVGElement>("svg.curves")
      .forEach((drawing, place) =>
        save(place === 0 ? "latency.svg" : "trade-off.svg", "image/svg+xml", standalone(drawing)),
      );
  };
  return (
    <section class="card stack" aria-label="Take it away" data-tour="takeaway">
      <h2>Take it away</h2>
      <p class="soft small">
        The address of this page has the contract in it. The store enforces the same text, `cohort check` judges
        histories by it.
      </p>
      <div class="row">
        <button
          class="b primary"
          type="button"
          onClick={() =>
            save(
              "design.md",
              "text/markdown",
              designDocument(props.contract, explain(props.contract), props.topology, props.price),
            )
          }
        >
          Save design.md
        </button>
        <button class="b" type="button" onClick={drawings}>
          Save the drawings as SVG
        </button>
      </div>
    </section>
  );
}
