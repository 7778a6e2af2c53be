/** How the rooms above (`api/`, `cli/`) see one running node. */
import type { NodeId } from "../base/index.ts";
import type { Failure } from "../contract/index.ts";
import type { ClockErrorSourceName } from "./clock-error.ts";
import type { GroupStatus, NodeFact, RingStatus, Outcome, RequestBody, WatchEvent } from "../node/index.ts";

/** One member of the cluster as everyone's configuration names it. */
export interface MemberAddress {
  readonly id: NodeId;
  /** `host:port` of each surface. */
  readonly http: string;
  readonly peer: string;
  readonly native: string;
}

/** The configuration of one node, as `cohort node --config FILE` reads it (JSON). Durations in milliseconds. */
export interface HostConfig {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly dataDirectory: string;
  readonly members: readonly MemberAddress[];
  readonly learners: readonly NodeId[];
  readonly allowFaults: boolean;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error";
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly leases: boolean;
  /** Bound on the error of this machine's wall clock against true time. */
  readonly clockErrorMs: number;
  /** Where a better bound is asked for; left out: nowhere. */
  readonly clockErrorSource?: ClockErrorSourceName;
  readonly segmentSizeBytes: number;
  readonly maxValueBytes: number;
  readonly maxKeyBytes: number;
}

/** What the network between nodes suffers, as injected by `cohort fault`; applies to messages this node sends to and takes from `peer`. */
export interface LinkFault {
  readonly peer: NodeId;
  readonly blockIn: boolean;
  readonly blockOut: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Share of messages dropped, 0 to 1. */
  readonly drop: number;
}

export interface SubmitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface WatchHandle {
  /** The watcher took `count` batches and can take as many more. */
  credit(count: number): void;
  close(): void;
}

export interface WatchSink {
  onEvents(events: readonly WatchEvent[], revision: number): void;
  onFailure(failure: Failure): void;
}

export interface NodeStatus {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly groups: readonly GroupStatus[];
  /** The keyspaces without a leader. */
  readonly quorums: readonly RingStatus[];
  readonly links: readonly {
    readonly peer: NodeId;
    readonly connected: boolean;
    readonly queuedBytes: number;
    readonly fault: LinkFault | undefined;
  }[];
  readonly storage: { readonly full: boolean; readonly detail: string | undefined };
}

export interface Host {
  readonly config: HostConfig;
  /** Answers by the time-out, always; never rejects: what went wrong is in the outcome. */
  submit(body: RequestBody, options: SubmitOptions): Promise<Outcome>;
  watch(
    options: { readonly keyspace: string; readonly prefix: Uint8Array; readonly from: number },
    sink: WatchSink,
  ): WatchHandle;
  transferLeadership(to: NodeId | undefined, timeoutMs: number): Promise<Outcome>;
  changeMembership(voters: readonly NodeId[], learners: readonly NodeId[], timeoutMs: number): Promise<Outcome>;
  status(): NodeStatus;
  /** Sees every fact of the node, in order; returns how to stop. */
  onFact(watcher: (fact: NodeFact) => void): () => void;
  setLinkFault(fault: LinkFault): void;
  clearLinkFaults(): void;
  /** Stops cleanly: leadership is handed over, sockets closed, the log synced, the checkpoint made durable. */
  close(): Promise<void>;
}
