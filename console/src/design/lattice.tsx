/** What implies what, with what the contract promises lit. */
import { For, type JSX } from "solid-js";
import { implies, type Contract, type PlainRead, type ReadName } from "../../../src/contract/index.ts";

const places: Readonly<Record<ReadName, readonly [x: number, y: number]>> = {
  Linearizable: [250, 24],
  Sequential: [170, 76],
  Causal: [170, 128],
  Session: [170, 180],
  MonotonicRead: [66, 242],
  ReadYourWrites: [201, 242],
  MonotonicWrite: [338, 242],
  WritesFollowReads: [485, 242],
  BoundedStaleness: [410, 110],
  Quorum: [530, 110],
  Eventual: [270, 306],
};

const edges: readonly (readonly [ReadName, ReadName])[] = [
  ["Linearizable", "Sequential"],
  ["Linearizable", "BoundedStaleness"],
  ["Sequential", "Causal"],
  ["Causal", "Session"],
  ["Session", "MonotonicRead"],
  ["Session", "ReadYourWrites"],
  ["Session", "MonotonicWrite"],
  ["Session", "WritesFollowReads"],
  ["MonotonicRead", "Eventual"],
  ["ReadYourWrites", "Eventual"],
  ["MonotonicWrite", "Eventual"],
  ["WritesFollowReads", "Eventual"],
  ["BoundedStaleness", "Eventual"],
  ["Quorum", "Eventual"],
];

export function Lattice(props: { readonly contract: Contract | undefined }): JSX.Element {
  const written = (name: ReadName): boolean =>
    props.contract?.reads.some(({ guarantee }) => guarantee === name) ?? false;
  const lit = (name: ReadName): boolean => {
    const { contract } = props;
    if (contract === undefined) return false;
    if (written(name)) return true;
    if (name === "Quorum") return false;
    if (name === "BoundedStaleness") return implies(contract.reads, { guarantee: "Linearizable" });
    return implies(contract.reads, { guarantee: name satisfies PlainRead });
  };
  const names = Object.keys(places) as ReadName[];
  const width = (name: string): number => name.length * 7.4 + 22;
  return (
    <svg
      class="lattice"
      viewBox="0 0 600 330"
      role="img"
      aria-label={`Of the lattice, kept: ${names.filter(lit).join(", ") || "nothing"}`}
    >
      <For each={edges}>
        {([from, to]) => (
          <line
            classList={{ lit: lit(from) && lit(to) }}
            x1={places[from][0]}
            y1={places[from][1]}
            x2={places[to][0]}
            y2={places[to][1]}
          />
        )}
      </For>
      <For each={names}>
        {(name) => (
          <g
            transform={`translate(${places[name][0]} ${places[name][1]})`}
            classList={{ lit: lit(name), written: written(name) }}
          >
            <rect x={-width(name) / 2} y="-14" width={width(name)} height="28" rx="14" />
            <text y="4">
              {lit(name) ? "✓ " : ""}
              {name}
            </text>
          </g>
        )}
      </For>
    </svg>
  );
}
