/** What an axis shows. */
export interface Axis {
  readonly label: string;
  readonly scale?: "linear" | "log";
  /** Where it begins and ends; what is left out follows from the data. */
  readonly from?: number;
  readonly to?: number;
  /** Shares are shown as percent. */
  readonly as?: "number" | "percent";
}

/** From values to places in the picture. */
export interface Scale {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

export function axisOf(axis: Axis, values: readonly number[], start: number, end: number): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && (axis.scale !== "log" || value > 0));
  let low = axis.from ?? Math.min(...finite, axis.scale === "log" ? Infinity : 0);
  let high = axis.to ?? Math.max(...finite);
  if (!Number.isFinite(low)) low = axis.scale === "log" ? 0.1 : 0;
  if (!Number.isFinite(high) || high <= low) high = axis.scale === "log" ? low * 10 : low + 1;
  return axis.scale === "log" ? logScale(low, high, start, end) : linearScale(axis, low, high, start, end);
}

function linearScale({ to }: Axis, low: number, high: number, start: number, end: number): Scale {
  const step = niceStep((high - low) / 5);
  const top = to ?? Math.ceil(high / step - 1e-9) * step;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= top * (1 + 1e-9) + 1e-12; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return { ticks, at: (value) => start + ((value - low) / (top - low)) * (end - start) };
}

function logScale(low: number, high: number, start: number, end: number): Scale {
  const [from, to] = [Math.log10(low), Math.log10(high)];
  const ticks: number[] = [];
  const steps = to - from > 2.5 ? [1] : [1, 2, 5];
  for (let decade = Math.floor(from); decade <= Math.ceil(to); decade++)
    for (const step of steps) {
      const tick = step * 10 ** decade;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(Number(tick.toPrecision(6)));
    }
  const at = (value: number): number =>
    start + ((Math.log10(Math.max(value, low)) - from) / (to - from)) * (end - start);
  return { ticks, at };
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * (rough / power <= 1 ? 1 : rough / power <= 2 ? 2 : rough / power <= 5 ? 5 : 10);
}

export function tickText(value: number, { as }: Axis): string {
  if (as === "percent") return `${Number((100 * value).toPrecision(6))} %`;
  if (value >= 10_000) return `${Number((value / 1000).toPrecision(6))}k`;
  return `${Number(value.toPrecision(6))}`;
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
