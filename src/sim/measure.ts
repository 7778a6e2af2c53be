/** Measuring instead of breaking: a cluster with given delays and disks, its clients at given nodes. */
import type { NodeId, Random } from "../base/index.ts";
import type { OperationRecord, PlannedOperation } from "../workload/index.ts";
import { World } from "./world.ts";

export interface Measurement {
  readonly seed: number;
  readonly nodes: number;
  /** Who leads from the start on; undefined: whoever wins the first election. */
  readonly leader: NodeId | undefined;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly clockErrorMs: number;
  /** One-way delay of one message; clients are -1, -2, … in the order of `clients`. */
  readonly delayOf: (from: number, to: number, random: Random) => number;
  /** How long a batch of the log takes to become durable. */
  readonly diskOf: (random: Random) => number;
  readonly clients: readonly { readonly home: NodeId; readonly operations: readonly PlannedOperation[] }[];
  /** Processes that end, and start again after a while. */
  readonly outages: readonly { readonly nodes: readonly NodeId[]; readonly at: number; readonly forMs: number }[];
  readonly durationMs: number;
  readonly attemptTimeoutMs: number;
  readonly operationTimeoutMs: number;
}

/** How long a cluster may take to elect its first leader, in election time-outs. */
const settleTimeouts = 8;

/** Times of operations and outages count from when the cluster has settled, and so do those of the records. */
export function measure(measurement: Measurement): OperationRecord[] {
  const { seed, nodes, leader, heartbeatMs, electionTimeoutMs, clockErrorMs, delayOf, diskOf } = measurement;
  const world = new World({
    seed,
    nodes,
    voters: Array.from({ length: nodes }, (_, i) => i + 1),
    raft: { heartbeatMs, electionTimeoutMs },
    checkpointIntervalMs: 5000,
    checkpointBytes: 2 ** 20,
    segmentSizeBytes: 2 ** 18,
    network: { minDelayMs: 0, maxDelayMs: 0, delayOf },
    disk: { minMs: 0.05, maxMs: 0.05, draw: diskOf },
    clockErrorMs,
    clients: measurement.clients.map(() => "idempotent" as const),
    homes: measurement.clients.map(({ home }) => home),
    operationTimeoutMs: measurement.operationTimeoutMs,
    attemptTimeoutMs: measurement.attemptTimeoutMs,
    bugs: new Set(),
  });
  for (const machine of world.machines.values()) machine.start();
  settle(world, leader, electionTimeoutMs);
  const start = world.now;
  for (const [client, { operations }] of measurement.clients.entries())
    for (const planned of operations)
      world.at(start + planned.at, () => world.clients[client]!.run({ ...planned, client }));
  for (const { nodes: down, at, forMs } of measurement.outages) {
    for (const node of down) world.at(start + at, () => world.machine(node).crash(false));
    for (const node of down) world.at(start + at + forMs, () => world.machine(node).start());
  }
  world.runUntil(start + measurement.durationMs);
  return world.records.map((record) => ({
    ...record,
    invokedAt: record.invokedAt - start,
    completedAt: record.completedAt - start,
  }));
}

function settle(world: World, leader: NodeId | undefined, electionTimeoutMs: number): void {
  for (let i = 0; i < settleTimeouts; i++) {
    world.runUntil(world.now + electionTimeoutMs);
    const leads = world.leader();
    if (leads === undefined) continue;
    if (leader === undefined || leads.id === leader) break;
    const id = world.newRequestId();
    const deadline = leads.reading().mono + 10 * electionTimeoutMs;
    leads.command({ type: "transfer", id, deadline, to: leader });
  }
  const leads = world.leader()?.id;
  if (leads === undefined || (leader !== undefined && leads !== leader))
    throw new RangeError(
      `node ${leader ?? "any"} does not come to lead (${leads ?? "nobody"} does): raise electionTimeoutMs above the round trips`,
    );
  // A few heartbeats more, so that followers know what is closed.
  world.runUntil(world.now + electionTimeoutMs);
}
