/** The cluster as a picture: nodes on a circle, two lanes a link, one for each direction. Everything can be chosen. */
import { createMemo, Index, Show, type JSX } from "solid-js";
import { linksOf, nodesOf, words, type LinkPicture, type NodePicture } from "./model.ts";
import type { Tick } from "./feed.ts";

export type Selection = { readonly node: number } | { readonly link: readonly [number, number] } | undefined;

const width = 640;
const height = 430;
const radius = 46;
const arcRadius = 56;

interface Point {
  readonly x: number;
  readonly y: number;
}

function placeOf(index: number, count: number): Point {
  if (count === 1) return { x: width / 2, y: height / 2 };
  const angle = -Math.PI / 2 + (2 * Math.PI * index) / count;
  const flat = count === 2 ? 0 : 1;
  return {
    x: width / 2 + Math.cos(angle + (1 - flat) * (Math.PI / 2)) * 215,
    y: height / 2 + 16 + Math.sin(angle + (1 - flat) * (Math.PI / 2)) * (count === 3 ? 158 : 145),
  };
}

/** A lane from the rim of one node to the rim of another, a little to the right of the straight line. */
function lane(from: Point, to: Point): { readonly path: string; readonly middle: Point } {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const ux = (to.x - from.x) / length;
  const uy = (to.y - from.y) / length;
  const side = 9;
  const gap = arcRadius + 8;
  const x1 = from.x + ux * gap - uy * side;
  const y1 = from.y + uy * gap + ux * side;
  const x2 = to.x - ux * gap - uy * side;
  const y2 = to.y - uy * gap + ux * side;
  return {
    path: `M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}`,
    middle: { x: (x1 + x2) / 2, y: (y1 + y2) / 2 },
  };
}

export function Picture(props: {
  readonly tick: Tick;
  readonly selection: Selection;
  readonly flowing: boolean;
  readonly onSelect: (selection: Selection) => void;
}): JSX.Element {
  const nodes = createMemo(() => nodesOf(props.tick));
  const links = createMemo(() => linksOf(props.tick));
  const places = createMemo(() => new Map(nodes().map(({ id }, index) => [id, placeOf(index, nodes().length)])));
  const pairs = createMemo(() => links().filter(({ from, to }) => from < to));
  const back = (link: LinkPicture): LinkPicture =>
    links().find(({ from, to }) => from === link.to && to === link.from) ?? link;
  const carries = (link: LinkPicture): boolean => {
    const works = (id: number): boolean => {
      const condition = nodes().find((node) => node.id === id)?.condition;
      return condition === "leader" || condition === "follower";
    };
    return (
      props.flowing &&
      !link.cut &&
      works(link.from) &&
      works(link.to) &&
      (props.tick.leader === link.from || props.tick.leader === link.to)
    );
  };
  const isSelected = (link: LinkPicture): boolean =>
    props.selection !== undefined &&
    "link" in props.selection &&
    props.selection.link[0] === link.from &&
    props.selection.link[1] === link.to;
  return (
    <svg class="picture" viewBox={`0 0 ${width} ${height}`} role="group" aria-label={summaryOf(nodes(), links())}>
      <defs>
        <pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="7" height="7" class="hatch-ground" />
          <line x1="0" y1="0" x2="0" y2="7" class="hatch-line" />
        </pattern>
      </defs>
      <Index each={pairs()}>
        {(pair) => (
          <g
            class="link"
            classList={{ selected: isSelected(pair()) }}
            role="button"
            tabindex="0"
            aria-label={`Link ${pair().from}–${pair().to}: ${linkText(pair(), back(pair()))}`}
            aria-pressed={isSelected(pair())}
            onClick={() => props.onSelect({ link: [pair().from, pair().to] })}
            onKeyDown={(event) => pressed(event) && props.onSelect({ link: [pair().from, pair().to] })}
          >
            <path class="touch" d={lane(places().get(pair().from)!, places().get(pair().to)!).path} />
            <Lane link={pair()} places={places()} flowing={carries(pair())} leads={props.tick.leader === pair().from} />
            <Lane
              link={back(pair())}
              places={places()}
              flowing={carries(back(pair()))}
              leads={props.tick.leader === pair().to}
            />
            <LinkLabel link={pair()} back={back(pair())} places={places()} />
          </g>
        )}
      </Index>
      <Index each={nodes()}>
        {(node) => (
          <Node
            node={node()}
            place={places().get(node().id)!}
            selected={props.selection !== undefined && "node" in props.selection && props.selection.node === node().id}
            onSelect={() => props.onSelect({ node: node().id })}
          />
        )}
      </Index>
    </svg>
  );
}

function pressed(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" && event.key !== " ") return false;
  event.preventDefault();
  return true;
}

function linkText(one: LinkPicture, other: LinkPicture): string {
  const parts: string[] = [];
  if (one.cut && other.cut) parts.push("cut both ways");
  else if (one.cut) parts.push(`cut from ${one.from} to ${one.to}`);
  else if (other.cut) parts.push(`cut from ${other.from} to ${other.to}`);
  if (one.delayMs > 0) parts.push(`${one.delayMs} ms slower`);
  if (one.loss > 0) parts.push(`loses ${Math.round(one.loss * 100)} %`);
  return parts.length === 0 ? "works" : parts.join(", ");
}

function summaryOf(nodes: readonly NodePicture[], links: readonly LinkPicture[]): string {
  const cut = links.filter((link) => link.cut).map(({ from, to }) => `${from} to ${to}`);
  return `${nodes.map(({ id, condition }) => `node ${id} ${words[condition]}`).join(", ")}${cut.length > 0 ? `; cut: ${cut.join(", ")}` : ""}`;
}

function Lane(props: {
  readonly link: LinkPicture;
  readonly places: ReadonlyMap<number, Point>;
  readonly flowing: boolean;
  readonly leads: boolean;
}): JSX.Element {
  const drawn = createMemo(() => lane(props.places.get(props.link.from)!, props.places.get(props.link.to)!));
  return (
    <>
      <path
        class="lane"
        classList={{ cut: props.link.cut, slow: props.link.delayMs > 0, lossy: props.link.loss > 0 }}
        d={drawn().path}
      />
      <Show when={props.flowing}>
        <path class="flow" classList={{ entries: props.leads, slow: props.link.delayMs > 0 }} d={drawn().path} />
      </Show>
      <Show when={props.link.cut}>
        <path class="cross" d={`M${drawn().middle.x - 5} ${drawn().middle.y - 5}l10 10m0 -10l-10 10`} />
      </Show>
    </>
  );
}

function LinkLabel(props: {
  readonly link: LinkPicture;
  readonly back: LinkPicture;
  readonly places: ReadonlyMap<number, Point>;
}): JSX.Element {
  const text = (): string => {
    const { delayMs, loss } = props.link;
    return [delayMs > 0 ? `+${delayMs} ms` : "", loss > 0 ? `−${Math.round(loss * 100)} %` : ""]
      .filter((part) => part !== "")
      .join(" ");
  };
  /** Of a monospaced text of 11 pixels. */
  const width = (): number => text().length * 6.7 + 18;
  const middle = (): Point => {
    const a = props.places.get(props.link.from)!;
    const b = props.places.get(props.link.to)!;
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  return (
    <Show when={text() !== ""}>
      <g class="link-label">
        <rect x={middle().x - width() / 2} y={middle().y - 30} width={width()} height="18" rx="9" />
        <text x={middle().x} y={middle().y - 17}>
          {text()}
        </text>
      </g>
    </Show>
  );
}

function Node(props: {
  readonly node: NodePicture;
  readonly place: Point;
  readonly selected: boolean;
  readonly onSelect: () => void;
}): JSX.Element {
  const circumference = 2 * Math.PI * arcRadius;
  /** Of how many groups it is a leader, where there are several. */
  const led = (): string => {
    const { shards } = props.node;
    return shards.length === 0
      ? ""
      : `leads ${shards.filter(({ role }) => role === "leader").length} of ${shards.length}`;
  };
  /** It begins with what is to be read in the picture, so that who speaks it reaches it. */
  const label = (): string => {
    const { id, condition, group, lag } = props.node;
    const seen = `Node ${id} ${words[condition]}${group === undefined ? "" : ` #${group.appliedIndex}`}`;
    return `${seen}${lag > 0 ? ` ${lag} behind` : ""}${led() === "" ? "" : ` ${led()}`}${group === undefined ? "" : `, term ${group.term}`}`;
  };
  return (
    <g
      class={`node ${props.node.condition}`}
      classList={{ selected: props.selected }}
      transform={`translate(${props.place.x.toFixed(1)} ${props.place.y.toFixed(1)})`}
      role="button"
      tabindex="0"
      aria-label={label()}
      aria-pressed={props.selected}
      data-node={props.node.id}
      data-condition={props.node.condition}
      onClick={() => props.onSelect()}
      onKeyDown={(event) => pressed(event) && props.onSelect()}
    >
      <circle class="halo" r={arcRadius + 6} />
      <circle class="track" r={arcRadius} />
      <circle
        class="arc"
        r={arcRadius}
        stroke-dasharray={`${(circumference * props.node.share).toFixed(1)} ${circumference.toFixed(1)}`}
        transform="rotate(-90)"
      />
      <circle class="body" r={radius} />
      <Show when={props.node.condition === "leader"}>
        <path class="crown" d="M-13 -60l5 -14 8 9 8 -9 5 14z" />
      </Show>
      <text class="name" y="-8">
        {`${props.node.id} `}
      </text>
      <text class="role" y="11">
        {`${words[props.node.condition]} `}
      </text>
      <text class="index" y="27">
        {props.node.group === undefined ? "" : `#${props.node.group.appliedIndex} `}
      </text>
      <Show when={props.node.lag > 0}>
        <text class="lag" y={arcRadius + 20}>
          {`${props.node.lag} behind `}
        </text>
      </Show>
      <Show when={led() !== ""}>
        <text class="shards-led" y={arcRadius + (props.node.lag > 0 ? 36 : 20)}>
          {`${led()} `}
        </text>
      </Show>
    </g>
  );
}
