import { ByteReader, ByteWriter, type LogIndex, type NodeId } from "../base/index.ts";
import type { Membership } from "./types.ts";

export function isVoter(membership: Membership, node: NodeId): boolean {
  return membership.voters.includes(node) || membership.outgoing.includes(node);
}

export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** Everyone who receives the log, each once, in order of id. */
export function everyone(membership: Membership): NodeId[] {
  return [...new Set([...membership.voters, ...membership.outgoing, ...membership.learners])].sort((a, b) => a - b);
}

/** The joint configuration that leads from `old` to new voters (thesis, 4.3). */
export function jointMembership(old: Membership, voters: readonly NodeId[], learners: readonly NodeId[]): Membership {
  return { voters: [...voters], outgoing: [...old.voters], learners: [...learners] };
}

export function leaveJoint(membership: Membership): Membership {
  return { ...membership, outgoing: [] };
}

/** Why a membership cannot be moved to, or undefined where it can. */
export function membershipProblem(voters: readonly NodeId[], learners: readonly NodeId[]): string | undefined {
  if (voters.length === 0) return "a group needs at least one voter";
  const all = [...voters, ...learners];
  if (new Set(all).size !== all.length) return "a node is named twice";
  if (all.some((node) => !Number.isSafeInteger(node) || node < 1)) return "node ids are whole numbers from 1";
  return undefined;
}

export function writeMembership(writer: ByteWriter, membership: Membership): void {
  for (const nodes of [membership.voters, membership.outgoing, membership.learners]) {
    writer.uint(nodes.length);
    for (const node of nodes) writer.uint(node);
  }
}

export function readMembership(reader: ByteReader): Membership {
  const nodes = (): NodeId[] => {
    const list: NodeId[] = [];
    for (let count = reader.uint(); count > 0; count--) list.push(reader.uint());
    return list;
  };
  return { voters: nodes(), outgoing: nodes(), learners: nodes() };
}

export function encodeMembership(membership: Membership): Uint8Array {
  const writer = new ByteWriter(32);
  writeMembership(writer, membership);
  return writer.finish();
}

export function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new ByteReader(bytes);
  const membership = readMembership(reader);
  reader.end();
  return membership;
}

/**
 * The memberships that the log still distinguishes. The newest one counts as soon as it is appended,
 * committed or not (thesis, 4.1); a truncation brings the one before it back.
 */
export class MembershipHistory {
  /** In order of index; the first is the one in force at the base of the log. */
  #steps: { readonly index: LogIndex; readonly membership: Membership }[];

  constructor(index: LogIndex, membership: Membership) {
    this.#steps = [{ index, membership }];
  }

  get current(): Membership {
    return this.#steps.at(-1)!.membership;
  }

  /** Where the current membership was appended. */
  get currentIndex(): LogIndex {
    return this.#steps.at(-1)!.index;
  }

  /** The membership in force at `index`. */
  at(index: LogIndex): Membership {
    let found = this.#steps[0]!.membership;
    for (const step of this.#steps) if (step.index <= index) found = step.membership;
    return found;
  }

  append(index: LogIndex, membership: Membership): void {
    this.#steps.push({ index, membership });
  }

  /** Whether the current membership changed. */
  truncateFrom(index: LogIndex): boolean {
    const before = this.#steps.length;
    // The first one belongs to the base of the log, which is committed and never truncated.
    this.#steps = this.#steps.filter((step, place) => place === 0 || step.index < index);
    return this.#steps.length !== before;
  }

  reset(index: LogIndex, membership: Membership): void {
    this.#steps = [{ index, membership }];
  }

  compactTo(index: LogIndex): void {
    const base = { index, membership: this.at(index) };
    this.#steps = [base, ...this.#steps.filter((step) => step.index > index)];
  }
}
