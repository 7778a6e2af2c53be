/** Predictions as curves: what share of operations is done after how long, and what each contract trades for what. */
import { For, Show, type JSX } from "solid-js";
import type { Alternative, Measured, Price } from "./messages.ts";

const width = 560;
const height = 300;
const box = { left: 54, right: 14, top: 14, bottom: 40 };

/** Logarithmic: from `least` to `most` onto pixels. */
function logScale(least: number, most: number, from: number, to: number): (value: number) => number {
  const low = Math.log10(least);
  const high = Math.log10(most);
  return (value) => from + ((Math.log10(Math.max(value, least)) - low) / (high - low)) * (to - from);
}

function powers(least: number, most: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    const value = 10 ** power;
    if (value >= least * 0.999 && value <= most * 1.001) found.push(value);
  }
  return found;
}

function msText(ms: number): string {
  return ms >= 1000 ? `${Number((ms / 1000).toPrecision(3))} s` : `${Number(ms.toPrecision(2))} ms`;
}

function curveOf({ p50Ms, p95Ms, p99Ms, p999Ms }: Price["reads"]): readonly (readonly [number, number])[] {
  return [
    [0.5, p50Ms],
    [0.95, p95Ms],
    [0.99, p99Ms],
    [0.999, p999Ms],
  ];
}

export function LatencyChart(props: { readonly price: Price; readonly measured: Measured | undefined }): JSX.Element {
  const curves = () => [
    { name: "reads, predicted", class: "reads", points: curveOf(props.price.reads) },
    { name: "writes, predicted", class: "writes", points: curveOf(props.price.writes) },
    ...(props.measured === undefined
      ? []
      : [
          { name: "reads, simulated", class: "reads simulated", points: props.measured.reads },
          { name: "writes, simulated", class: "writes simulated", points: props.measured.writes },
        ]),
  ];
  const all = () => curves().flatMap(({ points }) => points.map(([, ms]) => Math.max(ms, 0.01)));
  const least = () => 10 ** Math.floor(Math.log10(Math.min(...all())));
  const most = () => 10 ** Math.ceil(Math.log10(Math.max(...all()) * 1.01));
  const x = (ms: number): number => logScale(least(), most(), box.left, width - box.right)(ms);
  /** Nines: each of them is as far from the next. */
  const y = (share: number): number =>
    height - box.bottom - (Math.min(3, -Math.log10(1 - share)) / 3) * (height - box.bottom - box.top);
  return (
    <svg
      class="curves"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`Latency: half of the reads within ${msText(props.price.reads.p50Ms)}, 99 of 100 within ${msText(props.price.reads.p99Ms)}; writes ${msText(props.price.writes.p50Ms)} and ${msText(props.price.writes.p99Ms)}`}
    >
      <For each={powers(least(), most())}>
        {(ms) => (
          <>
            <line class="grid" x1={x(ms)} x2={x(ms)} y1={box.top} y2={height - box.bottom} />
            <text class="tick" x={x(ms)} y={height - box.bottom + 16} text-anchor="middle">
              {msText(ms)}
            </text>
          </>
        )}
      </For>
      <For each={[0.5, 0.9, 0.99, 0.999]}>
        {(share) => (
          <>
            <line class="grid" x1={box.left} x2={width - box.right} y1={y(share)} y2={y(share)} />
            <text class="tick" x={box.left - 6} y={y(share) + 4} text-anchor="end">
              {share * 100} %
            </text>
          </>
        )}
      </For>
      <For each={curves()}>
        {({ points, class: name }) => (
          <>
            <polyline class={`curve ${name}`} points={points.map(([share, ms]) => `${x(ms)},${y(share)}`).join(" ")} />
            <For each={points}>
              {([share, ms]) => (
                <circle class={`dot ${name}`} cx={x(ms)} cy={y(share)} r={name.includes("simulated") ? 2.5 : 4} />
              )}
            </For>
          </>
        )}
      </For>
      <For each={curves()}>
        {({ name, class: kind }, place) => (
          <g transform={`translate(${box.left + 10} ${box.top + 12 + place() * 17})`}>
            <line class={`curve ${kind}`} x1="0" x2="24" y1="0" y2="0" />
            <text class="tick" x="30" y="4">
              {name}
            </text>
          </g>
        )}
      </For>
      <text class="tick" x={width / 2} y={height - 6} text-anchor="middle">
        share of operations done within this time
      </text>
    </svg>
  );
}

/** Contracts that cost the same are one point with all their names. */
function merged(choices: readonly Alternative[]): Alternative[] {
  const groups: { label: string; price: Price }[] = [];
  for (const { label, price } of choices) {
    const near = (a: number, b: number): boolean => Math.abs(Math.log(Math.max(a, 0.05) / Math.max(b, 0.05))) < 0.12;
    const same = groups.find(
      (group) =>
        near(group.price.reads.p99Ms, price.reads.p99Ms) &&
        near(group.price.staleness.proved.p99Ms, price.staleness.proved.p99Ms),
    );
    if (same === undefined) groups.push({ label, price });
    else {
      same.label = `${same.label}, ${label}`;
      same.price = price;
    }
  }
  return groups;
}

/** Latency against age: lower left is better, and what goes on in a partition is drawn round. */
export function TradeOff(props: { readonly price: Price; readonly alternatives: readonly Alternative[] }): JSX.Element {
  const all = () => merged([...props.alternatives, { label: "yours", price: props.price }]);
  const ageOf = (price: Price): number => Math.max(0.1, price.staleness.proved.p99Ms);
  const bounds = (values: readonly number[]): [number, number] => [
    Math.min(...values) / 1.8,
    Math.max(...values) * 2.4,
  ];
  const xs = () => bounds(all().map(({ price }) => Math.max(0.05, price.reads.p99Ms)));
  const ys = () => bounds(all().map(({ price }) => ageOf(price)));
  const x = (ms: number): number => logScale(...xs(), box.left, width - box.right)(ms);
  const y = (ms: number): number => logScale(...ys(), height - box.bottom, box.top)(ms);
  return (
    <svg
      class="curves"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`Trade-off: ${all()
        .map(({ label, price }) => `${label}: reads ${msText(price.reads.p99Ms)}, at most ${msText(ageOf(price))} old`)
        .join("; ")}`}
    >
      <For each={powers(...xs())}>
        {(ms) => (
          <>
            <line class="grid" x1={x(ms)} x2={x(ms)} y1={box.top} y2={height - box.bottom} />
            <text class="tick" x={x(ms)} y={height - box.bottom + 16} text-anchor="middle">
              {msText(ms)}
            </text>
          </>
        )}
      </For>
      <For each={powers(...ys())}>
        {(ms) => (
          <>
            <line class="grid" x1={box.left} x2={width - box.right} y1={y(ms)} y2={y(ms)} />
            <text class="tick" x={box.left - 6} y={y(ms) + 4} text-anchor="end">
              {msText(ms)}
            </text>
          </>
        )}
      </For>
      <For each={all()}>
        {({ label, price }) => {
          const own = label.includes("yours");
          const at = { x: x(Math.max(0.05, price.reads.p99Ms)), y: y(ageOf(price)) };
          return (
            <g class="choice" classList={{ own }}>
              <Show
                when={price.availability.degraded > 0}
                fallback={<rect x={at.x - 6} y={at.y - 6} width="12" height="12" />}
              >
                <circle cx={at.x} cy={at.y} r={own ? 9 : 6} />
              </Show>
              <text
                class="tick"
                x={at.x > width / 2 ? at.x - 13 : at.x + 13}
                y={at.y + 4}
                text-anchor={at.x > width / 2 ? "end" : "start"}
              >
                {label}
              </text>
            </g>
          );
        }}
      </For>
      <text class="tick" x={width / 2} y={height - 6} text-anchor="middle">
        99 of 100 reads within → · ↑ how old answers may be · ○ goes on in a partition, □ is refused
      </text>
    </svg>
  );
}
