/** What travels from the supervisor to a page of the console. The page imports these types and nothing else. */
import type { NodeView } from "../cluster-view.ts";
import type { NetworkFault } from "../faults.ts";

/** How the demo traffic of the console fares, over the last seconds. Milliseconds. */
export interface TrafficSample {
  /** Operations a second that are wanted; 0: off. */
  readonly wanted: number;
  readonly perSecond: number;
  /** Acknowledged increments since the supervisor started. */
  readonly increments: number;
  readonly failed: number;
  /** Sent and not answered yet. */
  readonly open: number;
  /** The counter as the last answer had it. */
  readonly value: number | undefined;
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  readonly lastError: string | undefined;
}

export interface ProcessSample {
  readonly node: number;
  /** `starting`, `recovered`, `ready`, `paused`, `down`, `failed`, `stopped`. */
  readonly state: string;
  readonly pid?: number | undefined;
  readonly restarts: number;
}

export type ActiveFaultView = { readonly id: number } & NetworkFault;

/** The cluster at one moment. `at`: milliseconds since 1970, as the supervisor's clock shows. */
export interface Tick {
  readonly type: "tick";
  readonly at: number;
  readonly leader?: number | undefined;
  readonly term: number;
  readonly nodes: readonly NodeView[];
  readonly processes: readonly ProcessSample[];
  readonly faults: readonly ActiveFaultView[];
  readonly traffic: TrafficSample;
}

/** Something that happened, for the timeline. */
export interface Happening {
  readonly type: "event";
  readonly at: number;
  readonly kind: "leader" | "node" | "fault" | "healed";
  readonly node?: number | undefined;
  readonly term?: number | undefined;
  readonly text: string;
}

/** The first message of every connection. */
export interface Hello {
  readonly type: "hello";
  readonly clusterId: string;
  readonly version: string;
  /** Whether faults may be injected from the page. */
  readonly faults: boolean;
  /** Milliseconds between two ticks. */
  readonly tickMs: number;
}

export type FeedMessage = Hello | Tick | Happening;
