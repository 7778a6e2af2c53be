import { InvariantError, must, seededRandom, type NodeId, type Random } from "../base/index.ts";
import type { ConnectionHandlers } from "../client/index.ts";
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
import { LibraryClient, type LibraryClientWorld } from "./library-client.ts";
import { endpointOf, NativePorts, type PortWorld, type WatchOutput, type WatchWish } from "./native-ports.ts";
import { TraceDigest } from "./digest.ts";
import { ClusterInvariants } from "./invariants.ts";
import { Machine, type Surroundings } from "./machine.ts";
import { endOf, Network, type End, type NetworkOptions } from "./network.ts";
import { ClientProcess } from "./process.ts";
import { EventQueue } from "./queue.ts";
import type { Moment } from "./plan.ts";
import { markFact } from "./marks.ts";
import { nodeSettings } from "./settings.ts";
import { labelOf, operationText, outcomeText } from "./label.ts";
import type { MessageKind, Timeline } from "./timeline.ts";
import { describeEvent, describeFact, mixEvent } from "./trace.ts";
import { Turn } from "./turn.ts";

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
export class World implements Surroundings, ClientWorld, LibraryClientWorld, PortWorld {
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
  readonly #watches = new Map<number, (output: WatchOutput) => void>();
  #nextRequest = 1;
  readonly #turn = new Turn();
  /** Something has run that may have settled promises. */
  #unsettled = false;
  #problem: { readonly error: unknown } | undefined;
  readonly #processes: Random;

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
    this.#processes = this.fork(4);
    this.clients = options.clients.map((mode, id) =>
      mode === "library"
        ? new LibraryClient({ id, endpoints, operationTimeoutMs, contract, keyspace }, this)
        : new SimClient(
            { id, mode, operationTimeoutMs, attemptTimeoutMs, contract, bugs, home: options.homes?.[id], keyspace },
            this,
            random.fork(),
          ),
    );
  }

  ask(machine: Machine, ttlMs: number, body: RequestBody, done: (outcome: Outcome) => void): number {
    const id = this.newRequestId();
    this.#own.set(id, done);
    machine.command({ type: "request", id, deadline: machine.reading().mono + ttlMs, body });
    return id;
  }

  watch(machine: Machine, what: WatchWish, told: (output: WatchOutput) => void): number {
    const id = this.newRequestId();
    this.#watches.set(id, told);
    machine.command({ type: "watch", id, ...what });
    return id;
  }

  unwatch(machine: Machine, id: number): void {
    if (this.#watches.delete(id)) machine.command({ type: "unwatch", id });
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
  async run(time: number, done?: () => boolean): Promise<void> {
    while (this.#unsettled || this.#next(time)) {
      if (this.#unsettled) await this.#settle();
      if (done?.()) return;
    }
    this.#arrive(time);
  }

  /** As `run`, at once: in a world without clients that are the library, which make promises. */
  runUntil(time: number, done?: () => boolean): void {
    while (this.#next(time)) if (done?.()) return;
    this.#arrive(time);
  }

  #next(time: number): boolean {
    if (this.#queue.nextAt > time || this.steps >= this.stopAtStep) return false;
    const next = this.#queue.pop()!;
    this.now = next.at;
    next.run();
    return true;
  }

  #arrive(time: number): void {
    if (this.steps < this.stopAtStep) this.now = Math.max(this.now, time);
  }

  async #settle(): Promise<void> {
    this.#unsettled = false;
    await this.#turn.end();
    if (this.#problem !== undefined) throw this.#problem.error;
  }

  /** Nothing runs here any more. */
  close(): void {
    this.#turn.close();
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
    if (output.type === "watchEvents" || output.type === "watchFailed") this.#watches.get(output.id)?.(output);
    if (output.type !== "reply") return;
    const request = this.#requests.get(output.id);
    const own = this.#own.get(output.id);
    if (this.#own.delete(output.id)) own?.(output.outcome);
    if (!request) return;
    this.#requests.delete(output.id);
    const { client, attempt } = request;
    const text = output.outcome.ok ? "ok" : output.outcome.failure.code;
    const arrived = this.#sent(from, endOf(client.id), { kind: "reply", text });
    this.clientMessages++;
    this.network.send(from, endOf(client.id), () => {
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
    for (const client of this.clients) if (client instanceof LibraryClient) client.resume();
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
    // What no session protects must not be repeated by the network: TCP does not.
    const arrived = this.#sent(endOf(client.id), to, { kind: "request", text: body.type });
    const deliver = (): void => {
      arrived?.();
      // One that comes again is another request to the node: it has names of its own for what it is asked.
      const id = this.newRequestId();
      this.#requests.set(id, { client, attempt });
      const machine = this.machine(to);
      machine.command({ type: "request", id, deadline: machine.reading().mono + ttlMs, body });
    };
    this.clientMessages++;
    this.network.send(endOf(client.id), to, deliver, client.mode === "bare");
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

  newProcess(client: number, onRan: () => void): ClientProcess {
    const world = {
      now: () => this.now,
      after: (delayMs: number, run: () => void) => this.after(delayMs, run),
      connect: (endpoint: string, handlers: ConnectionHandlers) =>
        this.#ports.connect(endOf(client), endpoint, handlers),
      onRan: () => {
        this.#unsettled = true;
        onRan();
      },
    };
    return new ClientProcess(world, this.#processes.fork());
  }

  fail(error: unknown): void {
    this.#problem ??= { error };
    this.#unsettled = true;
  }

  onChange(client: number, revision: number): void {
    this.count("changes seen");
    this.digest.number(this.now).word(client).number(revision);
  }

  onInvoke(client: WorkClient, operation: WorkOperation): void {
    const { timeline } = this.options;
    timeline?.add({ kind: "asks", at: this.now, lane: endOf(client.id), operation, text: operationText(operation) });
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

/** One seed out of three numbers. */
export function mix(seed: number, one: End, other: End): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  for (const part of [one, other]) mixed = Math.imul((mixed ^ part ^ (mixed >>> 15)) + 0x7f4a7c15, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
