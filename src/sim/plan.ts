import type { NodeId } from "../base/index.ts";
import type { PlannedOperation, RetryMode } from "../workload/index.ts";

/** Whom a fault hits: a node by its id, or whoever leads (or follows) when its time comes. */
export type Target = NodeId | "leader" | "follower";

/** Moments at which a crash is most telling: facts of a node. */
export type Moment = "voted" | "leader" | "appended" | "truncated" | "membership" | "compacted" | "snapshotInstalled";

export const shardChanges = ["split", "merge", "move"] as const;

export const clientTroubles = ["pause", "kill", "cut"] as const;

/** A fault of a schedule. It begins at `at`; those that last are over `forMs` later. Milliseconds. */
export type Fault = { readonly at: number } & (
  | { readonly kind: "crash"; readonly target: Target; readonly power: boolean; readonly forMs: number }
  /** The next node to which `moment` happens, once `at` has come, crashes `afterMs` later: faults like the worst moments. */
  | {
      readonly kind: "crashAt";
      readonly moment: Moment;
      readonly afterMs: number;
      readonly power: boolean;
      readonly forMs: number;
    }
  /** The power of all nodes goes at once. */
  | { readonly kind: "powerLoss"; readonly forMs: number }
  | { readonly kind: "pause"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "slow"; readonly target: Target; readonly stepMs: number; readonly forMs: number }
  /** One node, alone. `inbound`, `outbound`: which directions are cut. */
  | {
      readonly kind: "isolate";
      readonly target: Target;
      readonly inbound: boolean;
      readonly outbound: boolean;
      readonly forMs: number;
    }
  /** Directed links that are cut; `flapMs`: they come and go. */
  | {
      readonly kind: "partition";
      readonly shape: string;
      readonly cut: readonly (readonly [NodeId, NodeId])[];
      readonly flapMs: number;
      readonly forMs: number;
    }
  | {
      readonly kind: "weather";
      readonly drop: number;
      readonly duplicate: number;
      readonly corrupt: number;
      readonly reorder: number;
      readonly delayMs: number;
      readonly forMs: number;
    }
  | { readonly kind: "slowDisk"; readonly target: Target; readonly delayMs: number; readonly forMs: number }
  | { readonly kind: "diskFull"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "syncError"; readonly target: Target }
  /** The disk changes what was durable, or does not give it back. `place`: where, from 0 to 1. Never with a majority's copies in doubt. */
  | {
      readonly kind: "damage";
      readonly target: Target;
      readonly what: Damage;
      readonly place: number;
      readonly forMs: number;
    }
  | { readonly kind: "clockRate"; readonly node: NodeId; readonly rate: number; readonly forMs: number }
  | { readonly kind: "clockOffset"; readonly node: NodeId; readonly offsetMs: number; readonly forMs: number }
  /** A minority with the leader in it is cut off from all others. */
  | { readonly kind: "minority"; readonly forMs: number }
  /** The claim of a clock is a lie: its node is off by more than it admits. */
  | { readonly kind: "clockLie"; readonly node: NodeId; readonly offsetMs: number; readonly forMs: number }
  /** A node is stopped, and comes back as another version of the program. */
  | { readonly kind: "upgrade"; readonly target: Target; readonly to: number; readonly forMs: number }
  /** Of a client that is the library: its process stands still, or is killed and begins anew; or it reaches no node. */
  | {
      readonly kind: "client";
      readonly client: number;
      readonly how: (typeof clientTroubles)[number];
      readonly forMs: number;
    }
  | { readonly kind: "reconfigure"; readonly how: Reconfiguration }
  | { readonly kind: "transfer"; /** 0: whoever is most advanced. */ readonly to: NodeId }
  /** A change of the map of shards; `pick`, `to`: which shard, and where to, as shares of those there are. */
  | {
      readonly kind: "shards";
      readonly change: (typeof shardChanges)[number];
      readonly pick: number;
      readonly to: number;
    }
  | { readonly kind: "membership"; readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] }
);

/** What becomes of the members that there are when it happens; the number of voters stays. */
export type Reconfiguration = "removeLeader" | "addLearner" | "promoteLearner";

export type FaultKind = Fault["kind"];

/** bit: a bit of the log. row: a row of the applied state. misdirected: a write of the log lands on earlier ones. unreadable: a file of the log, until the disk is replaced. */
export type Damage = "bit" | "row" | "misdirected" | "unreadable";

/** Everything that a run does on purpose. The rest (delays, time-outs) follows from the seed. */
export interface Plan {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  /** The first of them that the cluster begins with. */
  readonly members: number;
  readonly durationMs: number;
  readonly clients: readonly RetryMode[];
  readonly faults: readonly Fault[];
  readonly operations: readonly PlannedOperation[];
  /** Nodes that stay down while the rest must make progress in the end. */
  readonly leftDown: readonly NodeId[];
  /** What `promised` reads ask for, and are judged by: the text of a contract. */
  readonly contract?: string;
  /** Planted mistakes. */
  readonly bugs: readonly string[];
}
