/** What a tick means for the picture. */
import type { Tick } from "./feed.ts";

type Group = NonNullable<Tick["nodes"][number]["status"]>["groups"][number];

export type Condition =
  | "leader"
  | "follower"
  | "candidate"
  | "learner"
  | "down"
  | "paused"
  | "starting"
  | "unreachable";

export interface NodePicture {
  readonly id: number;
  readonly condition: Condition;
  readonly http: string;
  readonly pid: number | undefined;
  readonly restarts: number;
  /** The first group: it knows the members of the cluster, and its leader is what commands call the leader. */
  readonly group: Group | undefined;
  /** What this node is in each group that it is a member of, where there are several. */
  readonly shards: readonly Group[];
  /** Entries that this node is behind the longest known logs: of the group where it is most. */
  readonly lag: number;
  /** Of that log, how much is here: 0 to 1. */
  readonly share: number;
  readonly storageFull: boolean;
  readonly error: string | undefined;
}

export const words: Record<Condition, string> = {
  leader: "leader",
  follower: "follower",
  candidate: "candidate",
  learner: "learner",
  down: "down",
  paused: "paused",
  starting: "starting",
  unreachable: "no answer",
};

/** How far back the arc of a node reaches: what is behind more is shown as empty. */
const arcEntries = 200;

/** Nodes are asked one after the other: fewer entries than this are no delay, but the time between two questions. */
const noticeableLag = 20;

const pictures = new WeakMap<Tick, NodePicture[]>();

export function nodesOf(tick: Tick): NodePicture[] {
  let nodes = pictures.get(tick);
  if (nodes === undefined) {
    nodes = drawNodes(tick);
    pictures.set(tick, nodes);
  }
  return nodes;
}

function drawNodes(tick: Tick): NodePicture[] {
  const longest = longestLogs(tick);
  return tick.nodes.map(({ nodeId, http, status, error }) => {
    const process = tick.processes.find(({ node }) => node === nodeId);
    const groups = status?.groups ?? [];
    const group = groups[0];
    const lag = Math.max(0, ...groups.map((own) => longest.get(own.group)! - own.lastIndex));
    return {
      id: nodeId,
      condition: conditionOf(process?.state, group, tick.leader === nodeId),
      http,
      pid: process?.pid,
      restarts: process?.restarts ?? 0,
      group,
      shards: groups.length > 1 ? groups : [],
      lag: lag < noticeableLag ? 0 : lag,
      share: group === undefined ? 0 : Math.max(0, 1 - lag / arcEntries),
      storageFull: status?.storage.full ?? false,
      error,
    };
  });
}

/** The last index that any node has, by group. */
function longestLogs(tick: Tick): Map<number, number> {
  const longest = new Map<number, number>();
  for (const { status } of tick.nodes)
    for (const { group, lastIndex } of status?.groups ?? [])
      longest.set(group, Math.max(longest.get(group) ?? 0, lastIndex));
  return longest;
}

export type ShardRole = "leader" | "follower" | "candidate" | "learner" | "silent";

/** One group over all nodes. */
export interface ShardPicture {
  readonly group: number;
  readonly term: number;
  /** Undefined: none that a node knows of and that answers. */
  readonly leader: number | undefined;
  readonly commitIndex: number;
  /** By node; those that are no members are left out. `lag`: entries behind the longest log. */
  readonly members: ReadonlyMap<number, { readonly role: ShardRole; readonly lag: number }>;
}

/** Every group of the cluster, by number. A member that does not answer is silent. */
export function shardsOf(tick: Tick): ShardPicture[] {
  const longest = longestLogs(tick);
  const seen = new Map<number, { readonly node: number; readonly own: Group }[]>();
  for (const { nodeId, status } of tick.nodes)
    for (const own of status?.groups ?? [])
      seen.set(own.group, [...(seen.get(own.group) ?? []), { node: nodeId, own }]);
  return Array.from(seen, ([group, views]) => {
    const newest = views.reduce((best, view) => (view.own.term > best.own.term ? view : best));
    const { term, membership } = newest.own;
    const leader = views.find(({ own }) => own.role === "leader" && own.term === term)?.node;
    const members = new Map<number, { readonly role: ShardRole; readonly lag: number }>();
    for (const node of [...membership.voters, ...membership.outgoing, ...membership.learners].sort((a, b) => a - b)) {
      const view = views.find((candidate) => candidate.node === node)?.own;
      const lag = view === undefined ? 0 : longest.get(group)! - view.lastIndex;
      members.set(node, { role: roleOf(view, node === leader, node), lag: lag < noticeableLag ? 0 : lag });
    }
    return { group, term, leader, commitIndex: Math.max(...views.map(({ own }) => own.commitIndex)), members };
  }).sort((a, b) => a.group - b.group);
}

function roleOf(own: Group | undefined, leads: boolean, node: number): ShardRole {
  if (own === undefined) return "silent";
  if (leads) return "leader";
  if (own.membership.learners.includes(node)) return "learner";
  return own.role === "follower" ? "follower" : "candidate";
}

function conditionOf(state: string | undefined, group: Group | undefined, leads: boolean): Condition {
  if (state === "down" || state === "failed" || state === "stopped") return "down";
  if (state === "paused") return "paused";
  if (group === undefined) return state === "starting" ? "starting" : "unreachable";
  if (group.role === "leader") return leads ? "leader" : "candidate";
  if (group.role === "candidate" || group.role === "preCandidate") return "candidate";
  return group.membership.learners.length > 0 && group.membership.voters.length === 0 ? "learner" : "follower";
}

export interface LinkPicture {
  readonly from: number;
  readonly to: number;
  /** Every message is lost. */
  readonly cut: boolean;
  readonly delayMs: number;
  /** Share of messages lost, beside a cut. */
  readonly loss: number;
  /** Numbers of the faults that act on it alone, to mend it. */
  readonly faults: readonly number[];
}

type FaultView = Tick["faults"][number];

/** Every direction between two nodes, and what it suffers by the faults that are in force. */
export function linksOf(tick: Tick): LinkPicture[] {
  const ids = tick.nodes.map(({ nodeId }) => nodeId);
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => linkOf(tick.faults, from, to)));
}

function linkOf(faults: readonly FaultView[], from: number, to: number): LinkPicture {
  let cut = false;
  let delayMs = 0;
  let kept = 1;
  const own: number[] = [];
  for (const fault of faults) {
    if (fault.kind === "partition") {
      cut ||= parts(fault.groups, from, to, fault.oneWay);
      continue;
    }
    if (!touches(fault, from, to)) continue;
    if (fault.from !== undefined && fault.to !== undefined) own.push(fault.id);
    if (fault.kind === "delay") delayMs += fault.delayMs;
    else if (fault.kind === "drop") kept *= 1 - fault.rate;
    else if (!fault.oneWay || fault.from === from) cut = true;
  }
  if (kept === 0) cut = true;
  return { from, to, cut, delayMs, loss: cut ? 0 : 1 - kept, faults: own };
}

interface Ends {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

function touches(fault: Ends, a: number, b: number): boolean {
  const is = (wanted: number | undefined, node: number): boolean => wanted === undefined || wanted === node;
  return (is(fault.from, a) && is(fault.to, b)) || (is(fault.from, b) && is(fault.to, a));
}

function parts(groups: readonly (readonly number[])[], from: number, to: number, oneWay: boolean): boolean {
  const side = (node: number): number => groups.findIndex((group) => group.includes(node));
  return side(from) !== side(to) && (!oneWay || side(from) === 0);
}

function endsText({ from, to }: Ends): string {
  if (from === undefined) return "all links";
  return to === undefined ? `links of node ${from}` : `${from}–${to}`;
}

/** Such as `cut 1 → 2`, for a list of what is in force. */
export function faultText(fault: FaultView): string {
  switch (fault.kind) {
    case "partition":
      return `partition ${fault.groups.map((group) => group.join(", ")).join(fault.oneWay ? " ⇏ " : " ∥ ")}`;
    case "cut":
      return fault.oneWay ? `cut ${fault.from} → ${fault.to}` : `cut ${endsText(fault)}`;
    case "delay":
      return `${endsText(fault)} slower by ${fault.delayMs} ms`;
    case "drop":
      return `${endsText(fault)} loses ${Math.round(fault.rate * 100)} %`;
  }
}

/** What all groups have committed together. */
function committed(tick: Tick): number {
  const most = new Map<number, number>();
  for (const { status } of tick.nodes)
    for (const { group, commitIndex } of status?.groups ?? [])
      most.set(group, Math.max(most.get(group) ?? 0, commitIndex));
  let sum = 0;
  for (const index of most.values()) sum += index;
  return sum;
}

/** Longer than this without a word, nothing is known of the time between. */
export const gapMs = 1500;

/** Commits a second between two ticks some time apart. */
export function commitsPerSecond(before: Tick | undefined, after: Tick | undefined): number | undefined {
  if (before === undefined || after === undefined || after.at <= before.at) return undefined;
  if (after.at - before.at > 2 * gapMs) return undefined;
  const first = committed(before);
  return first === 0 ? undefined : Math.max(0, ((committed(after) - first) * 1000) / (after.at - before.at));
}
