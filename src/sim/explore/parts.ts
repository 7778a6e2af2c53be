/** What a small world is made of. */
import type { NodeId, Reading } from "../../base/index.ts";
import type { RequestBody } from "../../contract/index.ts";
import type { NodeCore, NodeMessage, NodeRecord } from "../../node/index.ts";
import type { MemoryEngine } from "../../store/index.ts";
import type { Complaint, OperationRecord, WorkOperation } from "../../workload/index.ts";
import { epochMs } from "../clock.ts";
import type { TraceDigest } from "../digest.ts";

/** A node without a machine around it: its core, and what a restart would find. */
export interface SmallNode {
  readonly id: NodeId;
  core: NodeCore | undefined;
  life: number;
  engine: MemoryEngine;
  readonly durable: NodeRecord[];
  /** Writes under way, oldest first. */
  writes: { readonly write: number; readonly records: readonly NodeRecord[] }[];
  /** Engine work that its next step finds done. */
  work: (() => void)[];
  /** Everything that this node has seen, in order: nodes that have seen the same are in the same state. */
  readonly history: TraceDigest;
  /** Its own clock, which moves only when its timer is due: nobody knows how clocks of others go. */
  now: number;
  sent: number;
}

export interface Flying {
  readonly number: number;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: NodeMessage;
  /** Which of its sender's messages it is. */
  readonly place: number;
  readonly arrived: ((at: number) => void) | undefined;
}

export interface Caller {
  readonly client: number;
  readonly operations: readonly WorkOperation[];
  next: number;
  token: number;
  asked:
    | {
        readonly operation: WorkOperation;
        readonly body: RequestBody;
        readonly invokedAt: number;
        readonly token: number;
        readonly nodes: NodeId[];
      }
    | undefined;
}

export function readingOf({ now }: SmallNode): Reading {
  return { mono: now, wall: epochMs + now, error: 1 };
}

/** What clients saw breaks the contract. */
export class BrokenPath extends Error {
  override readonly name = "BrokenPath";
  readonly complaint: Complaint;

  constructor(complaint: Complaint) {
    super(complaint.detail);
    this.complaint = complaint;
  }
}

export function openRecord(
  client: number,
  { operation, invokedAt, token }: NonNullable<Caller["asked"]>,
): OperationRecord {
  return {
    client,
    operation,
    invokedAt,
    completedAt: Number.POSITIVE_INFINITY,
    outcome: "unknown",
    value: undefined,
    position: 0,
    stalenessMs: undefined,
    degraded: false,
    token,
    note: "",
  };
}
