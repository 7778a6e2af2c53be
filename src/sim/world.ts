import { InvariantError, must, seededRandom, type NodeId, type Random } from "../base/index.ts";
import type { World as LibraryWorld } from "../client/index.ts";
import type { ReadContract } from "../contract/index.ts";
import type { Outcome, RequestBody } from "../contract/index.ts";
import { encodeCommand, errorCodeOf, type Operation } from "../store/index.ts";
import type { Event } from "../core/index.ts";
import {
  messageVersions,
  versionOf,
  type NodeConfig,
  type NodeFact,
  type NodeMessage,
  type NodeOutput,
  type NodeProtocol,
} from "../node/index.ts";
import type { WalFact } from "../wal/index.ts";
import type { OperationRecord, RetryMode, WorkOperation } from "../workload/index.ts";
import { SimClient, type ClientWorld, type WorkClient } from "./client.ts";
import { LibraryClient } from "./library-client.ts";
import { endpointOf, NativePorts, type PortWorld } from "./native-ports.ts";
import { TraceDigest } from "./digest.ts";
import { ClusterInvariants } from "./invariants.ts";
import { Machine, type Surroundings } from "./machine.ts";
import { Network, type End, type NetworkOptions } from "./network.ts";
import { EventQueue } from "./queue.ts";
import type { Moment } from "./plan.ts";
import { nodeSettings } from "./settings.ts";
import { labelOf, operationText, outcomeText } from "./label.ts";
import type { MessageKind, Timeline } from "./timeline.ts";
import { describeEvent, describeFact, mixEvent } from "./trace.ts";

/** The setup of a world: what a scenario chooses beside workload and faults. */
export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  /** The members that the cluster begins with; the other nodes run and wait to be added. */
  readonly voters: readonly NodeId[];
  readonly raft: Partial<NodeConfig["raft"]>;
  readonly checkpointIntervalMs: number;
  readonly checkpointBytes: number;
  readonly segmentSizeBytes: number;
  readonly network: NetworkOptions;
  readonly disk: { readonly minMs: number; readonly maxMs: number; readonly draw?: (random: Random) => number };
  readonly clockErrorMs: number;
  /** Every wall clock is off by up to this from the beginning. */
  readonly clockSkewMs?: number;
  readonly clients: readonly RetryMode[];
  /** The node that each client asks first; without: one by chance. */
  readonly homes?: readonly NodeId[];
  readonly operationTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  /** The keys that clients use are in a keyspace of so many shards, made at the beginning. */
  readonly shards?: number;
  /** The version of the program that all nodes begin with; without: this one. */
  readonly firstVersion?: number;
  /** Where the keys of the workload are; without: in the default keyspace. */
  readonly keyspace?: string;
  /** What `promised` reads ask for. */
  readonly contract?: ReadContract | undefined;
  readonly bugs: ReadonlySet<string>;
  /** Takes each line of the trace, for people. */
  readonly onLine?: (line: string) => void;
  /** Told after each event of a core. */
  readonly onStepped?: () => void;
  /** Takes what a space-time diagram needs. */
  readonly timeline?: Timeline;
}

/** Of the keys of clients, where it has several shards. */
export const shardedKeyspace = "sharded";
const insistMs = 300;

/** How long a process that died by itself stays away. */
const selfRestartMs = 200;

/**
 * A cluster, its clients, its networks, disks and clocks, in virtual time and from one seed. One event at a time
 * happens; after each, the invariants are looked at. The same options make the same trace, byte for byte.
 */
export class World implements Surroundings, ClientWorld, PortWorld {
  now = 0;
  /** Events of cores so far: the unit of `--until`. */
  steps = 0;
  readonly machines = new Map<NodeId, Machine>();
  readonly clients: readonly WorkClient[];
  readonly nodes: readonly NodeId[];
  readonly network: Network;
  readonly records: OperationRecord[] = [];
  readonly digest = new TraceDigest();
  readonly invariants = new ClusterInvariants();
  /** What happened, by name, for reports. */
  readonly counts = new Map<string, number>();
  readonly options: WorldOptions;
  /** Faults that wait for a moment. */
  readonly armed: { readonly moment: Moment; readonly run: (machine: Machine) => void }[] = [];
  /** The time of faults is over. */
  healed = false;
  /** A run that takes more goes in circles. */
  mostSteps = Number.POSITIVE_INFINITY;
  /** Of the messages sent, those that clients sent or got. */
  clientMessages = 0;
  /** Stops the run when so many steps are done. */
  stopAtStep = Number.POSITIVE_INFINITY;
  readonly #ports: NativePorts = new NativePorts(this);
  readonly #queue = new EventQueue();
  readonly #requests = new Map<number, { client: SimClient; attempt: number }>();
  /** Who waits for answers to requests of nobody's. */
  readonly #own = new Map<number, (outcome: Outcome) => void>();
  #nextRequest = 1;

  constructor(options: WorldOptions) {
    this.options = options;
    const random = seededRandom(options.seed);
    const networkSeed = random.u32();
    this.network = new Network(this, options.network, (from, to) => seededRandom(mix(networkSeed, from, to)));
    this.nodes = Array.from({ length: options.nodes }, (_, i) => i + 1);
    const settings = nodeSettings(options);
    const { segmentSizeBytes, disk, clockErrorMs } = options;
    const machine = {
      version: options.firstVersion ?? messageVersions.max,
      settings,
      segmentSizeBytes,
      diskMinMs: disk.minMs,
      diskMaxMs: disk.maxMs,
      ...(disk.draw ? { diskOf: disk.draw } : {}),
      clockErrorMs,
    };
    for (const id of this.nodes)
      this.machines.set(id, new Machine({ id, ...machine }, this, seededRandom(mix(random.u32(), id, 0))));
    if (options.clockSkewMs !== undefined) {
      const skews = this.fork(3);
      for (const { clock } of this.machines.values())
        clock.offsetMs = skews.below(2 * options.clockSkewMs) - options.clockSkewMs;
    }
    const { operationTimeoutMs, attemptTimeoutMs, contract, bugs } = options;
    const keyspace = options.shards === undefined ? options.keyspace : shardedKeyspace;
    const endpoints = this.nodes.map(endpointOf);
    this.clients = options.clients.map((mode, id) =>
      mode === "library"
        ? new LibraryClient(
            { id, endpoints, operationTimeoutMs, contract, keyspace },
            this,
            this.#libraryWorld(-1 - id, random.fork()),
          )
        : new SimClient(
            { id, mode, operationTimeoutMs, attemptTimeoutMs, contract, bugs, home: options.homes?.[id], keyspace },
            this,
            random.fork(),
          ),
    );
  }

  /** The world as the client library sees it from one end. */
  #libraryWorld(client: End, random: Random): LibraryWorld {
    return {
      now: () => this.now,
      after: (delayMs, run) => this.after(delayMs, run),
      soon: (run) => this.after(0, run),
      random,
      transport: { connect: (endpoint, handlers) => this.#ports.connect(client, endpoint, handlers) },
    };
  }

  ask(machine: Machine, ttlMs: number, body: RequestBody, done: (outcome: Outcome) => void): number {
    const id = this.newRequestId();
    this.#own.set(id, done);
    machine.command({ type: "request", id, deadline: machine.reading().mono + ttlMs, body });
    return id;
  }

  machine(id: NodeId): Machine {
    return must(this.machines.get(id), `node ${id}`);
  }

  /** Random numbers of their own for a purpose. */
  fork(purpose: number): Random {
    return seededRandom(mix(this.options.seed, purpose, 77));
  }

  /** The leader of the highest term among the nodes that run. */
  leader(): Machine | undefined {
    let best: Machine | undefined;
    let bestTerm = -1;
    for (const machine of this.machines.values()) {
      const raft = machine.core?.replicas.get(0)?.raft;
      if (raft?.role === "leader" && raft.term > bestTerm) {
        best = machine;
        bestTerm = raft.term;
      }
    }
    return best;
  }

  // ---- Time --------------------------------------------------------------------------------------------

  at(time: number, run: () => void): void {
    this.#queue.push(Math.max(time, this.now), run);
  }

  after(delayMs: number, run: () => void): void {
    this.#queue.push(this.now + Math.max(0, delayMs), run);
  }

  /** Runs until the virtual time, or until `done` says that it is enough (looked at after every event). */
  runUntil(time: number, done?: () => boolean): void {
    const queue = this.#queue;
    while (queue.nextAt <= time && this.steps < this.stopAtStep) {
      const next = queue.pop()!;
      this.now = next.at;
      next.run();
      if (done?.()) return;
    }
    if (this.steps < this.stopAtStep) this.now = Math.max(this.now, time);
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  /** A line of the trace about something that is not an event of a core. */
  note(text: string): void {
    this.digest.number(this.now).text(text);
    this.options.timeline?.add({ kind: "note", at: this.now, text });
    this.options.onLine?.(`${this.now.toFixed(3).padStart(11)}      ${text}`);
  }

  // ---- Surroundings of machines ------------------------------------------------------------------------

  send(from: NodeId, to: NodeId, message: NodeMessage): void {
    if (this.options.firstVersion !== undefined && !this.#understood(from, to, message)) return;
    const arrived = this.options.timeline && this.#sent(from, to, labelOf(message));
    this.network.sendMessage(from, to, message, (received) => {
      arrived?.();
      this.machines.get(to)?.receive({ kind: "message", from, message: received });
    });
  }

  /** As a connection between two versions does it: what the other side cannot know is not sent. */
  #understood(from: NodeId, to: NodeId, message: NodeMessage): boolean {
    const [ours, theirs] = [this.machine(from).version, this.machine(to).version];
    if (ours !== theirs) this.count("messages between versions");
    if (versionOf(message) <= Math.min(ours, theirs)) return true;
    this.count("messages too new");
    return false;
  }

  /** Draws a message; what is returned draws its arrival. */
  #sent(from: End, to: End, label: { readonly kind: MessageKind; readonly text: string }): (() => void) | undefined {
    const arrived = this.options.timeline?.sent(this.now, { from, to, ...label });
    return arrived && (() => arrived(this.now));
  }

  reply(from: NodeId, output: NodeOutput): void {
    if (output.type !== "reply") return;
    const request = this.#requests.get(output.id);
    const own = this.#own.get(output.id);
    if (this.#own.delete(output.id)) own?.(output.outcome);
    if (!request) return;
    this.#requests.delete(output.id);
    const { client, attempt } = request;
    const text = output.outcome.ok ? "ok" : output.outcome.failure.code;
    const arrived = this.#sent(from, -1 - client.id, { kind: "reply", text });
    this.clientMessages++;
    this.network.send(from, -1 - client.id, () => {
      arrived?.();
      client.onReply(attempt, output.outcome);
    });
  }

  onEvent(machine: Machine, event: Event<NodeProtocol>): void {
    this.steps++;
    if (this.steps > this.mostSteps) throw new InvariantError(`budget: more than ${this.mostSteps} events`);
    mixEvent(this.digest, this.now, machine.id, event);
    this.options.timeline?.steps?.push({ at: this.now, lane: machine.id });
    this.options.onLine?.(`${this.now.toFixed(3).padStart(11)} #${this.steps} ${describeEvent(machine.id, event)}`);
  }

  onFact(machine: Machine, fact: NodeFact): void {
    this.invariants.onFact(machine, fact);
    if (this.armed.length > 0) this.#trigger(machine, fact);
    if (fact.type === "raft") {
      const { type } = fact.fact;
      if (type === "roleChanged" && fact.group === 0) this.#ports.onLeader(machine.id, fact.fact.leader);
      if (type === "roleChanged" && fact.fact.role === "leader") this.count("leaders");
      else if (
        type === "snapshotInstalled" ||
        type === "truncated" ||
        type === "compacted" ||
        type === "quiesced" ||
        type === "rejoined"
      )
        this.count(type);
    } else if (fact.type === "ring") this.count(fact.fact.type);
    else if (fact.type === "readServed") this.count(`reads ${fact.path}`, fact.count);
    else if (fact.type === "restoreFailed" || fact.type === "checkpointFailed") this.count(fact.type);
    if (this.options.timeline) markFact(this.options.timeline, this.now, machine.id, fact);
    if (this.options.onLine) {
      const text = describeFact(fact);
      if (text !== undefined)
        this.options.onLine(`${this.now.toFixed(3).padStart(11)}      node ${machine.id} ${text}`);
    }
  }

  #trigger(machine: Machine, fact: NodeFact): void {
    if (fact.type !== "raft") return;
    const { type } = fact.fact;
    // A candidate's vote for itself tells little.
    if (fact.fact.type === "voted" && fact.fact.candidate === machine.id) return;
    const moment = type === "roleChanged" ? fact.fact.role : type;
    const place = this.armed.findIndex((armed) => armed.moment === moment);
    if (place >= 0) this.armed.splice(place, 1)[0]!.run(machine);
  }

  onWalFact(_: Machine, fact: WalFact): void {
    if (fact.kind !== "synced" && fact.kind !== "opened") this.count(`log ${fact.kind}`);
  }

  onStepped(): void {
    this.options.onStepped?.();
    this.invariants.onStepped();
  }

  onLife(machine: Machine): void {
    if (!machine.up) this.#ports.onDown(machine.id);
    this.options.timeline?.add({ kind: machine.up ? "up" : "down", at: this.now, lane: machine.id });
  }

  onDamage(machine: Machine, what: string): void {
    this.count("damage found");
    this.note(`node ${machine.id} finds damage: ${what.split(". ")[0]}`);
  }

  onDeath(machine: Machine, reason: string): void {
    this.count("deaths");
    this.note(`node ${machine.id} dies: ${reason}`);
    if (!machine.broken) this.after(selfRestartMs, () => machine.start());
  }

  /** A name for a request that no other request has. */
  newRequestId(): number {
    return this.#nextRequest++;
  }

  /** Ends all faults. Nodes that are down stay so until someone starts them. */
  heal(): void {
    this.healed = true;
    this.network.heal();
    for (const machine of this.machines.values()) {
      machine.resume();
      machine.version = messageVersions.max;
      machine.slowMs = 0;
      machine.diskDelayMs = 0;
      if (machine.diskFull) machine.setDiskFull(false);
      // Its operator acts: another disk, or the version that can rejoin.
      if (machine.broken && machine.suspect) machine.beginAnew(false);
      machine.clock.setRate(this.now, 1);
      // A clock that was wrong from the beginning stays so.
      if (this.options.clockSkewMs === undefined) machine.clock.offsetMs = 0;
    }
    this.note("all faults end");
  }

  // ---- Surroundings of clients -------------------------------------------------------------------------

  request(client: SimClient, to: NodeId, attempt: number, ttlMs: number, body: RequestBody): void {
    const id = this.newRequestId();
    this.#requests.set(id, { client, attempt });
    // What no session protects must not be repeated by the network: TCP does not.
    const arrived = this.#sent(-1 - client.id, to, { kind: "request", text: body.type });
    const deliver = (): void => {
      arrived?.();
      const machine = this.machine(to);
      machine.command({ type: "request", id, deadline: machine.reading().mono + ttlMs, body });
    };
    this.clientMessages++;
    this.network.send(-1 - client.id, to, deliver, client.mode === "bare");
  }

  /** Has the leader of group 0 do something, again and again until it is done. */
  insist(operation: Operation): void {
    const machine = this.leader();
    let answered = false;
    if (machine !== undefined) this.askOnce(machine, operation, (done) => (answered = done));
    this.after(insistMs, () => answered || this.insist(operation));
  }

  /** Has a node do something once; `then` hears whether it was done, or nothing. */
  askOnce(machine: Machine, operation: Operation, then: (done: boolean) => void): void {
    const command = encodeCommand({ envelope: { kind: "none" }, operation });
    const isDone = (outcome: Outcome): boolean => outcome.ok && errorCodeOf(outcome.result) === undefined;
    this.ask(machine, insistMs, { type: "write", command }, (outcome) => then(isDone(outcome)));
  }

  onInvoke(client: WorkClient, operation: WorkOperation): void {
    const { timeline } = this.options;
    timeline?.add({ kind: "asks", at: this.now, lane: -1 - client.id, operation, text: operationText(operation) });
  }

  onRecord(record: OperationRecord): void {
    const { operation, outcome } = record;
    const tone = outcome === "ok" ? "good" : outcome === "fail" ? "bad" : "plain";
    this.options.timeline?.add({ kind: "answered", at: this.now, operation, tone, text: outcomeText(record) });
    this.records.push(record);
    this.digest
      .number(this.now)
      .word(record.client)
      .text(record.outcome)
      .number(record.value ?? -1);
    this.options.onLine?.(
      `${this.now.toFixed(3).padStart(11)}      client ${record.client}: ${JSON.stringify(record.operation)} ${record.outcome} ${record.value ?? ""} (${record.note})`,
    );
  }
}

function factText(fact: Extract<NodeFact, { type: "raft" }>["fact"]): string | undefined {
  switch (fact.type) {
    case "voted":
      return `votes for ${fact.candidate} in t${fact.term}`;
    case "appended":
      return `appends ${fact.first === fact.last ? fact.last : `${fact.first}–${fact.last}`}`;
    case "truncated":
      return `cuts its log from ${fact.from}`;
    case "snapshotInstalled":
      return `has the snapshot at ${fact.index}`;
    case "membership": {
      const { voters, outgoing } = fact.membership;
      return `voters ${voters.join(",")}${outgoing.length > 0 ? ` from ${outgoing.join(",")}` : ""}`;
    }
    default:
      return undefined;
  }
}

/** The facts that a diagram shows. */
export function markFact(timeline: Timeline, at: number, lane: NodeId, fact: NodeFact): void {
  if (fact.type === "applied") timeline.add({ kind: "mark", at, lane, tone: "good", text: `applied ${fact.index}` });
  if (fact.type !== "raft") return;
  const raft = fact.fact;
  if (raft.type === "roleChanged") {
    const text = `${raft.role} t${raft.term}`;
    timeline.add({ kind: raft.role === "leader" ? "leads" : "follows", at, lane, text });
    return;
  }
  const text = factText(raft);
  if (text !== undefined) timeline.add({ kind: "mark", at, lane, tone: "plain", text });
}

/** One seed out of three numbers. */
export function mix(seed: number, one: End, other: End): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  for (const part of [one, other]) mixed = Math.imul((mixed ^ part ^ (mixed >>> 15)) + 0x7f4a7c15, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
