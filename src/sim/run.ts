import { InvariantError, type NodeId } from "../base/index.ts";
import { parseContract, readContractOf } from "../contract/index.ts";
import {
  checkContract,
  checkRecords,
  countObjectives,
  type Complaint,
  type OperationRecord,
  type PlannedOperation,
} from "../workload/index.ts";
import { comeTogether, lastReads, makeKeyspaces } from "./quorums.ts";
import { scheduleFaults, type Fired } from "./faults.ts";
import { LibraryClient } from "./library-client.ts";
import type { Plan } from "./plan.ts";
import { defaultBudget, type Budget, type Scenario } from "./scenario.ts";
import { Timeline } from "./timeline.ts";
import { checkShards, shardsSettled } from "./shards.ts";
import { shardedKeyspace, World, type WorldOptions } from "./world.ts";

/** What went wrong in a run. */
export interface SimFailure {
  /** The invariant or the clause of the contract that broke. */
  readonly clause: string;
  readonly detail: string;
  readonly step: number;
  readonly atMs: number;
}

export interface RunResult {
  readonly failure: SimFailure | undefined;
  readonly digest: string;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly fired: Fired;
  /** What happened, by name. */
  readonly counts: ReadonlyMap<string, number>;
  readonly records: readonly OperationRecord[];
  /** Where every node stands in the end. */
  readonly state: string;
  readonly nodes: readonly NodeState[];
}

export interface RunOptions {
  readonly onLine?: (line: string) => void;
  readonly stopAtStep?: number;
  /** Told after each event of a core where every node stands then; this costs as much as the run itself. */
  readonly onStepped?: (step: number, nodes: readonly NodeState[]) => void;
  /** Takes what a space-time diagram needs; `timelineOf` makes one. */
  readonly timeline?: Timeline;
}

/** An empty diagram for the nodes and clients of a plan. `whole`: it forgets nothing, and has every event of a core. */
export function timelineOf(plan: Plan, whole = false): Timeline {
  const nodes = Array.from({ length: plan.nodes }, (_, i) => i + 1);
  // The last client is the probe of the recovery.
  return new Timeline(
    nodes,
    Array.from({ length: plan.clients.length + 1 }, (_, i) => -1 - i),
    whole,
  );
}

const defaultWorld = {
  raft: { maxAppendBytes: 2048, retainedLogBytes: 2048, clockDrift: 0.1 },
  checkpointIntervalMs: 400,
  checkpointBytes: 64 * 1024,
  segmentSizeBytes: 16 * 1024,
  network: { minDelayMs: 0.2, maxDelayMs: 2 },
  disk: { minMs: 0.1, maxMs: 1 },
  clockErrorMs: 5,
  operationTimeoutMs: 2500,
  attemptTimeoutMs: 700,
} as const;

/** How long a healed cluster may take to come to rest. */
const settleMs = 6000;

export function worldOptions(scenario: Scenario, plan: Plan): WorldOptions {
  const { world } = scenario;
  return {
    ...defaultWorld,
    ...world,
    raft: { ...defaultWorld.raft, ...world?.raft },
    seed: plan.seed,
    nodes: plan.nodes,
    voters: Array.from({ length: plan.members }, (_, i) => i + 1),
    // One more client: it probes whether the cluster has recovered.
    clients: [...plan.clients, "idempotent"],
    ...(scenario.quorums?.keys !== undefined && { keyspace: scenario.quorums.keys }),
    ...(plan.contract !== undefined && { contract: readContractOf(parseContract(plan.contract)) }),
    bugs: new Set(plan.bugs),
  };
}

/** Runs a plan to its end, or to the first thing that must not happen. */
export async function runPlan(scenario: Scenario, plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const { onLine, onStepped, stopAtStep, timeline } = options;
  const world = new World({
    ...worldOptions(scenario, plan),
    ...(onLine ? { onLine } : {}),
    ...(onStepped ? { onStepped: () => onStepped(world.steps, nodesOf(world)) } : {}),
    ...(timeline ? { timeline } : {}),
  });
  if (stopAtStep !== undefined) world.stopAtStep = stopAtStep;
  const fired: Fired = new Map();
  let failure: SimFailure | undefined;
  try {
    await play(world, scenario, plan, fired);
  } catch (error) {
    failure = failureOf(error, world);
    world.note(`fails: ${failure.clause}`);
  } finally {
    world.close();
  }
  return {
    failure,
    digest: world.digest.value,
    steps: world.steps,
    simulatedMs: world.now,
    fired,
    counts: countsOf(world),
    records: world.records,
    state: stateOf(world),
    nodes: nodesOf(world),
  };
}

/** The history of a run that went to its end breaks the contract. */
class BrokenContract extends Error {
  override readonly name = "BrokenContract";
  readonly complaint: Complaint;

  constructor(complaint: Complaint) {
    super(complaint.detail);
    this.complaint = complaint;
  }
}

/** Anything that is thrown ends a run; an invariant says its name before a colon. */
function failureOf(error: unknown, world: World): SimFailure {
  const place = { step: world.steps, atMs: world.now };
  if (error instanceof BrokenContract) return { ...error.complaint, step: world.steps };
  if (error instanceof InvariantError) {
    const [clause = "invariant", ...rest] = error.message.split(": ");
    return rest.length > 0 && clause.length < 40
      ? { clause, detail: rest.join(": "), ...place }
      : { clause: "invariant", detail: error.message, ...place };
  }
  return {
    clause: "program error",
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    ...place,
  };
}

async function play(world: World, scenario: Scenario, plan: Plan, fired: Fired): Promise<void> {
  const budget = { ...defaultBudget, ...scenario.budget };
  world.mostSteps = budget.events;
  for (const machine of world.machines.values()) machine.start();
  const { shards } = world.options;
  if (shards !== undefined) {
    const keyspace = { name: shardedKeyspace, engine: "raft", shards, replicas: plan.members, contract: "" } as const;
    world.insist({ kind: "createKeyspace", keyspace, nodes: world.options.voters });
  }
  const { quorums } = scenario;
  if (quorums !== undefined) await makeKeyspaces(world, quorums.keyspaces);
  // Plans count from when the keyspaces are there.
  const from = world.now;
  for (const planned of plan.operations) world.at(from + planned.at, () => world.clients[planned.client]!.run(planned));
  scheduleFaults(
    world,
    plan.faults.map((fault) => ({ ...fault, at: from + fault.at })),
    fired,
  );
  await world.run(from + plan.durationMs);
  if (world.steps >= world.stopAtStep) return;
  checkMessages(world, budget);
  await recover(world, plan, budget.recoveryMs, quorums !== undefined);
  if (world.steps >= world.stopAtStep) return;
  for (const client of world.clients) client.abandon();
  const [complaint] =
    plan.contract === undefined ? checkRecords(judged(world), quorums?.promise) : judge(world, plan.contract);
  if (complaint) throw new BrokenContract(complaint);
}

function checkMessages(world: World, { messagesPerOperation }: Budget): void {
  const most = (messagesPerOperation ?? Infinity) * world.records.length;
  const { sent } = world.network.counts;
  // What clients and nodes say to each other is not counted.
  const between = sent - world.clientMessages;
  if (between > most)
    throw new InvariantError(
      `budget: ${between} messages between nodes for ${world.records.length} operations, and ${most} are allowed`,
    );
}

/** The counter of group 0 that shows whether there is a leader, where the workload has none. */
const probedCounter = "probe";

function judged({ records }: World): readonly OperationRecord[] {
  return records.filter(({ operation }) => !("counter" in operation) || operation.counter !== probedCounter);
}

/** Counts what became of each clause; those that are broken. */
function judge(world: World, text: string): Complaint[] {
  const contract = parseContract(text);
  const verdicts = checkContract(world.records, contract);
  const count = (name: string, by: number): void => void world.counts.set(name, (world.counts.get(name) ?? 0) + by);
  for (const { clause, verdict, claimed, degraded } of verdicts) {
    count(`${clause}: claimed`, claimed);
    count(`${clause}: degraded`, degraded);
    count(`${clause}: ${verdict}`, 1);
  }
  for (const [name, by] of countObjectives(world.records, contract)) count(name, by);
  return verdicts.filter(({ verdict }) => verdict === "broken");
}

/** The faults end, a core of the cluster comes back: now it must make progress. */
async function recover(world: World, plan: Plan, livenessMs: number, isLeaderless: boolean): Promise<void> {
  world.heal();
  for (const machine of world.machines.values()) {
    if (machine.broken)
      throw new InvariantError(`recovery: node ${machine.id} refuses its disk: ${machine.broken.message}`);
    if (plan.leftDown.includes(machine.id)) machine.crash(false);
    else machine.start();
    // What nobody has read yet is read now.
    machine.scrub();
  }
  const probe = world.clients.at(-1)!;
  const up = [...world.machines.values()].filter((machine) => !plan.leftDown.includes(machine.id));
  const deadline = world.now + livenessMs;
  const idle = (): boolean => world.clients.every((client) => !client.busy);
  await world.run(Math.min(deadline, world.now + settleMs), idle);
  const first = world.records.length;
  const counters = new Set<string>(["c0"]);
  for (const { operation } of plan.operations) if ("counter" in operation) counters.add(operation.counter);
  if (isLeaderless) {
    await comeTogether(world, up, deadline);
    for (const operation of lastReads(plan)) probe.run(probeOf(operation));
  }
  for (const counter of isLeaderless ? [probedCounter] : counters) {
    probe.run(probeOf({ kind: "increment", counter, by: 1 }));
    probe.run(probeOf({ kind: "readCounter", counter, consistency: "linearizable", boundMs: 0 }));
  }
  const keys = new Set<string>();
  for (const { operation } of plan.operations) if (operation.kind === "put") keys.add(operation.key);
  // A value of its own: half a number is nobody else's.
  if (world.options.shards !== undefined)
    for (const key of keys) probe.run(probeOf({ kind: "put", key, value: plan.operations.length + 0.5, bytes: 1 }));
  await world.run(deadline, idle);
  if (world.steps >= world.stopAtStep) return;
  const unanswered = world.records.slice(first).find((record) => record.client === probe.id && record.outcome !== "ok");
  if (!idle() || unanswered)
    throw new InvariantError(
      `liveness: a healed cluster does not answer: ${unanswered?.note ?? "nothing came back"}; ${stateOf(world)}`,
    );
  for (const client of world.clients) if (client instanceof LibraryClient) client.retire();
  const settled = (): boolean => {
    const leader = world.leader()?.core?.replicas.get(0)?.raft;
    if (!leader || leader.commitIndex !== leader.lastIndex) return false;
    const { voters, learners, outgoing } = leader.membership;
    // Leases and waits are short here, and must all end.
    if (world.leader()?.core?.replicas.get(0)?.store.nextDeadline !== undefined) return false;
    if (outgoing.length > 0) return false;
    const isThere = up.every((machine) => {
      if (!voters.includes(machine.id) && !learners.includes(machine.id)) return true;
      const replica = machine.core?.replicas.get(0);
      return (
        replica !== undefined &&
        !machine.rejoining &&
        replica.raft.appliedIndex === leader.lastIndex &&
        replica.store.applied.index === leader.lastIndex
      );
    });
    return isThere && shardsSettled(up);
  };
  await world.run(deadline + settleMs, settled);
  if (world.steps >= world.stopAtStep) return;
  if (!settled()) throw new InvariantError(`liveness: replicas do not come together: ${stateOf(world)}`);
  for (const machine of up) if (machine.up) world.invariants.compareState(machine);
  checkShards(up);
  await checkWatches(world);
}

/** Every watch has every change, once and in order: as the leader remembers them. */
async function checkWatches(world: World): Promise<void> {
  const store = world.leader()?.core?.replicas.get(0)?.store;
  const watchers = world.clients.flatMap((client) =>
    client instanceof LibraryClient ? client.watchers.map((watcher) => ({ watcher, client })) : [],
  );
  if (store === undefined || watchers.length === 0) return;
  const due = watchers.map(({ watcher }) => watcher.due(store));
  await world.run(world.now + settleMs, () => watchers.every(({ watcher }, i) => watcher.seen.length >= due[i]!));
  if (world.steps >= world.stopAtStep) return;
  for (const { watcher, client } of watchers) watcher.check(store, `client ${client.id}`);
}

function probeOf(operation: PlannedOperation["operation"]): PlannedOperation {
  return { at: 0, client: 0, operation };
}

/** Where one node stands. */
export interface NodeState {
  readonly node: NodeId;
  /** `down`: it has no process; `broken`: it refuses its disk. */
  readonly life: "up" | "paused" | "down" | "broken";
  readonly group?: {
    readonly role: string;
    readonly term: number;
    readonly leader: NodeId | undefined;
    readonly firstIndex: number;
    readonly lastIndex: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    readonly voters: readonly NodeId[];
    readonly outgoing: readonly NodeId[];
    /** Terms of the last entries of the log, in order. */
    readonly lastTerms: readonly number[];
  };
}

const shownEntries = 12;

function nodesOf(world: World): NodeState[] {
  return Array.from(world.machines.values(), ({ id, core, broken, paused }): NodeState => {
    const raft = core?.replicas.get(0)?.raft;
    if (!raft) return { node: id, life: broken ? "broken" : "down" };
    const { role, term, leader, commitIndex, appliedIndex, firstIndex, lastIndex, membership } = raft;
    const { voters, outgoing } = membership;
    const lastTerms: number[] = [];
    for (let index = Math.max(firstIndex, lastIndex - shownEntries + 1); index <= lastIndex; index++)
      lastTerms.push(raft.termAt(index) ?? 0);
    const place = { role, term, leader, firstIndex, lastIndex, commitIndex, appliedIndex, voters, outgoing, lastTerms };
    return { node: id, life: paused ? "paused" : "up", group: place };
  });
}

/** Where every node stands, in one line. */
function stateOf(world: World): string {
  const nodes = nodesOf(world).map(({ node, life, group }) => {
    if (!group) return `node ${node} ${life}`;
    const { role, term, leader, commitIndex, appliedIndex, firstIndex, lastIndex, voters, outgoing } = group;
    const members = `voters ${voters.join(",")}${outgoing.length > 0 ? ` from ${outgoing.join(",")}` : ""}`;
    return `node ${node} ${role} of term ${term} (leader ${leader ?? "none"}), log ${firstIndex}–${lastIndex}, committed ${commitIndex}, applied ${appliedIndex}, ${members}`;
  });
  return nodes.join("; ");
}

function countsOf(world: World): ReadonlyMap<string, number> {
  const counts = new Map(world.counts);
  for (const [name, value] of Object.entries(world.network.counts))
    if (value > 0) counts.set(`messages ${name}`, value);
  for (const { outcome } of world.records)
    counts.set(`operations ${outcome}`, (counts.get(`operations ${outcome}`) ?? 0) + 1);
  return counts;
}
