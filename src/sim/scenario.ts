import type { QuorumWishes } from "../contract/index.ts";
import type { Promised, WorkloadOptions } from "../workload/index.ts";
import type { clientTroubles, Damage, FaultKind, Moment, Reconfiguration } from "./plan.ts";
import type { WorldOptions } from "./world.ts";

/** A range from which a value is drawn for each occurrence. */
export type Range = readonly [least: number, most: number];

interface Rated {
  /** Mean number of occurrences a simulated minute; each seed draws its own rate around it. */
  readonly perMinute: number;
}
interface Lasting extends Rated {
  readonly forMs: Range;
}
/** Who is hit, by share. What is left over goes to a node drawn by chance. */
interface Targeted {
  readonly leader?: number;
  readonly follower?: number;
}

/** A kind of fault with its rates, as scenarios write it down. */
export type FaultSpec =
  | (Lasting &
      Targeted & { readonly kind: "crash"; /** Share of crashes that are power losses. */ readonly power: number })
  | (Lasting & {
      readonly kind: "crashAt";
      readonly moments: readonly Moment[];
      readonly afterMs: Range;
      readonly power: number;
    })
  | (Lasting & { readonly kind: "powerLoss" })
  | (Lasting & Targeted & { readonly kind: "pause" })
  | (Lasting & Targeted & { readonly kind: "slow"; readonly stepMs: Range })
  | (Lasting &
      Targeted & {
        readonly kind: "isolate";
        /** Share of isolations that cut one direction only. */ readonly oneWay: number;
      })
  | (Lasting & { readonly kind: "partition"; readonly shapes: readonly PartitionShape[] })
  | (Lasting & {
      readonly kind: "weather";
      readonly drop: Range;
      readonly duplicate: Range;
      readonly corrupt: Range;
      readonly reorder: Range;
      readonly delayMs: Range;
    })
  | (Lasting & Targeted & { readonly kind: "slowDisk"; readonly delayMs: Range })
  | (Lasting & Targeted & { readonly kind: "diskFull" })
  | (Rated & Targeted & { readonly kind: "syncError" })
  | (Lasting & Targeted & { readonly kind: "damage"; readonly what: readonly Damage[] })
  | (Lasting & { readonly kind: "clockRate"; readonly rate: Range })
  | (Lasting & { readonly kind: "clockOffset"; readonly offsetMs: Range })
  | (Lasting & { readonly kind: "minority" })
  | (Lasting & { readonly kind: "clockLie"; readonly offsetMs: Range })
  | (Lasting & Targeted & { readonly kind: "upgrade"; readonly to: readonly number[] })
  | (Lasting & { readonly kind: "client"; readonly how: readonly (typeof clientTroubles)[number][] })
  | (Rated & { readonly kind: "reconfigure"; readonly how: readonly Reconfiguration[] })
  | (Rated & { readonly kind: "transfer" })
  | (Rated & { readonly kind: "shards" })
  | (Rated & { readonly kind: "membership" });

/** halves: two sides. ring: each node reaches its neighbours only, so that majorities overlap. bridge: two halves and one node that reaches both. */
export type PartitionShape = "halves" | "oneWay" | "ring" | "bridge" | "flapping";

/** What a run may take at most; what is left out is as generous as `defaultBudget`. */
export interface Budget {
  /** Events of cores: a run that takes more goes in circles. */
  readonly events?: number;
  /** Messages between nodes for each operation of a client, heartbeats too. */
  readonly messagesPerOperation?: number;
  /** Until a healed cluster answers, milliseconds. */
  readonly recoveryMs?: number;
}

export const defaultBudget = { events: 2_000_000, recoveryMs: 15_000 } as const;

export interface QuorumKeyspace extends QuorumWishes {
  readonly name: string;
}

/** A story to be told with many seeds: setup, workload, faults. As data, so that it can be listed, shown and shrunk. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Sizes of the cluster; each seed draws one. */
  readonly nodes: readonly number[];
  /** Nodes beyond the first members, to be added. */
  readonly spares?: number;
  readonly durationMs: number;
  readonly world?: Partial<Omit<WorldOptions, "seed" | "nodes" | "voters" | "clients" | "bugs" | "onLine">>;
  readonly workload?: Partial<WorkloadOptions>;
  readonly faults: readonly FaultSpec[];
  /** Texts of contracts: each seed draws one, which all reads are promised and judged by. */
  readonly contracts?: readonly string[];
  /** Clients are the client library, over connections that carry bytes. */
  readonly library?: boolean;
  readonly budget?: Budget;
  /** What a campaign must have seen beside its faults, by the names of counts: else it does not show what it says. */
  readonly shows?: readonly string[];
  /** The clause that its runs are expected to break: a demonstration of what a promise rests on. Every failure of another kind counts. */
  readonly breaks?: string;
  /** Keyspaces without a leader, made before anything else, and what is promised of them. */
  readonly quorums?: {
    readonly keyspaces: readonly QuorumKeyspace[];
    /** Where the keys of the workload are. Counters are in the keyspace of their name, where there is one. */
    readonly keys?: string;
    readonly promise: Exclude<Promised, "log">;
  };
  /** Whether a minority may stay away when the cluster must recover. */
  readonly leavesDown?: boolean;
}

/** The kinds of faults that a scenario declares: each must fire in a campaign. */
export function declaredKinds(scenario: Scenario): FaultKind[] {
  return [...new Set(scenario.faults.map((fault) => fault.kind))];
}
