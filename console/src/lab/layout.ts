import type { Run } from "./messages.ts";

export interface Row {
  readonly y: number;
  readonly height: number;
}

/** Where everything is on the canvas, from top to bottom: lights, faults, nodes, clients. */
export interface Layout {
  readonly left: number;
  readonly lights: readonly Row[];
  readonly faults: Row;
  /** Which of the rows for faults each one has. */
  readonly faultLevel: readonly number[];
  readonly levels: number;
  readonly lanes: ReadonlyMap<number, Row>;
  readonly axis: Row;
  readonly height: number;
}

const lightHeight = 14;
const faultHeight = 15;
const clientHeight = 26;
const narrow = 620;

export function layOut(run: Run, clients: boolean, width: number): Layout {
  const left = width < narrow ? 84 : 142;
  let y = 6;
  const take = (height: number): Row => {
    const row = { y, height };
    y += height;
    return row;
  };
  const lights = run.lights.map(() => take(lightHeight));
  y += 8;
  const { levels, faultLevel } = levelsOf(run);
  const faults = take(Math.max(1, levels) * faultHeight);
  y += 10;
  const lanes = new Map<number, Row>();
  const nodeHeight = run.nodes <= 3 ? 76 : run.nodes <= 5 ? 58 : 46;
  for (let node = 1; node <= run.nodes; node++) lanes.set(node, take(nodeHeight));
  if (clients) {
    y += 6;
    for (const client of run.clients) lanes.set(client, take(clientHeight));
  }
  const axis = take(22);
  return { left, lights, faults, faultLevel, levels, lanes, axis, height: y };
}

/** Faults that overlap get rows of their own, up to a few. */
function levelsOf(run: Run): { levels: number; faultLevel: number[] } {
  const most = 4;
  const ends: number[] = [];
  const faultLevel = run.faults.map(({ from, to }) => {
    let level = ends.findIndex((end) => end <= from);
    if (level === -1) level = ends.length < most ? ends.length : most - 1;
    ends[level] = to;
    return level;
  });
  return { levels: ends.length, faultLevel };
}
