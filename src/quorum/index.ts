/**
 * Counting only: who is a majority of whom. No messages, no state, no time.
 * A joint configuration (Ongaro's thesis, section 4.3) needs a majority of each half.
 */
import type { NodeId } from "../base/index.ts";

/** How many of `size` make a majority. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** Voters of a group; `outgoing` is empty unless a membership change is under way. */
export interface Voters {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
}

/** Whether the nodes for which `has` is true form a quorum. */
export function isQuorum(group: Voters, has: (node: NodeId) => boolean): boolean {
  return hasMajority(group.voters, has) && (group.outgoing.length === 0 || hasMajority(group.outgoing, has));
}

function hasMajority(nodes: readonly NodeId[], has: (node: NodeId) => boolean): boolean {
  let count = 0;
  for (const node of nodes) if (has(node)) count++;
  return count >= majority(nodes.length);
}

/**
 * The highest value that a quorum has reached: the value at rank `majority` from the top, for each half
 * of a joint configuration, the lower of the two.
 */
export function quorumValue(group: Voters, valueOf: (node: NodeId) => number): number {
  const incoming = majorityValue(group.voters, valueOf);
  return group.outgoing.length === 0 ? incoming : Math.min(incoming, majorityValue(group.outgoing, valueOf));
}

function majorityValue(nodes: readonly NodeId[], valueOf: (node: NodeId) => number): number {
  // Three voters are the common case by far, and this runs for every acknowledgement.
  if (nodes.length === 3) return median(valueOf(nodes[0]!), valueOf(nodes[1]!), valueOf(nodes[2]!));
  const values = nodes.map(valueOf).sort((a, b) => b - a);
  return values[majority(nodes.length) - 1]!;
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

export type VoteResult = "won" | "lost" | "pending";

/** What the votes so far decide. `voteOf` is undefined for a node that has not answered. */
export function voteResult(group: Voters, voteOf: (node: NodeId) => boolean | undefined): VoteResult {
  if (isQuorum(group, (node) => voteOf(node) === true)) return "won";
  if (!isQuorum(group, (node) => voteOf(node) !== false)) return "lost";
  return "pending";
}
