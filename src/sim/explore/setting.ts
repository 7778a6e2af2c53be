import type { NodeId } from "../../base/index.ts";
import type { RetryMode, WorkOperation } from "../../workload/index.ts";
import { nodeSettings, type NodeSettings } from "../settings.ts";
import type { Scenario } from "../scenario.ts";
import { worldOptions } from "../run.ts";
import { drawPlan } from "../swarm.ts";

/** A small world to be searched through: few nodes, few operations, and the kinds of faults that a scenario has. */
export interface Setting {
  readonly scenario: string;
  readonly nodes: readonly NodeId[];
  readonly voters: readonly NodeId[];
  readonly settings: NodeSettings;
  /** What each client does, one thing after the other. */
  readonly clients: readonly (readonly WorkOperation[])[];
  readonly mode: RetryMode;
  readonly bugs: readonly string[];
  /** Messages overtake each other, or never arrive. */
  readonly unordered: boolean;
  /** So many of these may happen on one path, together: timers, retries, and the faults of the scenario. */
  readonly disturbances: number;
  readonly may: {
    readonly crash: boolean;
    readonly repeat: boolean;
    readonly retry: boolean;
    readonly transfer: boolean;
    readonly membership: boolean;
  };
}

/** No timer of state that becomes durable by itself disturbs the search. */
const never = 1e9;

export interface SettingOptions {
  readonly nodes: number;
  /** In all, over two clients. */
  readonly operations: number;
  readonly disturbances: number;
  readonly bugs: readonly string[];
}

/** The small world that is searched for a scenario. */
export function settingOf(
  scenario: Scenario,
  { nodes: count, operations, disturbances, bugs }: SettingOptions,
): Setting {
  const kinds = new Set(scenario.faults.map(({ kind }) => kind));
  const has = (...some: readonly string[]): boolean => scenario.faults.some(({ kind }) => some.includes(kind));
  const spares = kinds.has("membership") ? 1 : 0;
  const nodes = Array.from({ length: count + spares }, (_, i) => i + 1);
  const voters = nodes.slice(0, count);
  const plan = { ...drawPlan(scenario, 1, bugs), nodes: nodes.length, members: count };
  const settings = nodeSettings(worldOptions(scenario, plan));
  return {
    scenario: scenario.name,
    nodes,
    voters,
    // Clocks tell nothing here, so leases, which rely on them, cannot be looked at; campaigns do that.
    settings: { ...settings, raft: { ...settings.raft, leases: false }, checkpointIntervalMs: never },
    clients: operationsOf(scenario, operations),
    mode: "idempotent",
    bugs,
    unordered: has("weather", "isolate", "partition"),
    disturbances,
    may: {
      crash: has("crash", "crashAt", "powerLoss"),
      repeat: has("weather"),
      retry: has("weather", "isolate", "partition", "crash", "crashAt", "powerLoss"),
      transfer: has("transfer"),
      membership: has("membership"),
    },
  };
}

/** Increments and reads in turn: the first writes, the second reads, and so on. */
function operationsOf(scenario: Scenario, count: number): WorkOperation[][] {
  const consistency = scenario.workload?.reads?.[0] ?? "linearizable";
  const boundMs = scenario.workload?.boundMs ?? 300;
  const clients: WorkOperation[][] = [[], []];
  const increment = { kind: "increment", counter: "c0", by: 1 } as const;
  const read = { kind: "readCounter", counter: "c0", consistency, boundMs } as const;
  // A session is one client's; the other guarantees are between clients.
  const order =
    consistency === "session"
      ? ([
          [0, increment],
          [0, read],
          [1, increment],
          [1, read],
        ] as const)
      : ([
          [0, increment],
          [1, read],
          [0, read],
          [1, increment],
        ] as const);
  for (let i = 0; i < count; i++) {
    const [client, operation] = order[i % order.length]!;
    clients[client]!.push({ ...operation });
  }
  return clients;
}
