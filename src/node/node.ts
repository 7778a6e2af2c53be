import { must, type GroupId, type NodeId, type Random, type Reading, type WriteId } from "../base/index.ts";
import { failure } from "../contract/index.ts";
import type { Core, Effect, Event } from "../core/index.ts";
import { unreachable } from "../base/index.ts";
import type { ShardedKeyspace } from "../store/index.ts";
import { firstRingGroup } from "./codec.ts";
import { LeaderSpread } from "./leader-spread.ts";
import { OwnSession } from "./own-session.ts";
import { Replica, type Sink } from "./replica.ts";
import type { PendingRead, PendingWrite } from "./requests.ts";
import { Rings } from "./rings.ts";
import { Router } from "./router.ts";
import { ShardController } from "./shard-controller.ts";
import { Transactor } from "./transactor.ts";
import { Wakes } from "./wakes.ts";
import type {
  ForwardedRequest,
  GroupStatus,
  NodeCommand,
  NodeConfig,
  NodeMessage,
  NodeProtocol,
  NodeRecord,
  Outcome,
  ReplicaConfig,
  RequestBody,
  RingStatus,
} from "./types.ts";

type Effects = Effect<NodeProtocol>[];
type ReadBody = Extract<RequestBody, { type: "read" }>;

export interface NodeCore extends Core<NodeProtocol> {
  /** A look at every group, in order of id. */
  groups(now: Reading): GroupStatus[];
  /** A look at every keyspace without a leader. */
  quorums(now: Reading): RingStatus[];
  /** Every group's replica, for checkers. */
  readonly replicas: ReadonlyMap<number, Replica>;
  /** The keyspaces without a leader. */
  readonly rings: Rings;
}

/** Opens a node on what it recovered: group 0, and the groups of shards that the map gives it. */
export function openNode(config: NodeConfig, recovered: readonly NodeRecord[], random: Random): NodeCore {
  return new Node(config, recovered, random);
}

/** How many groups of shards are opened at once, and when the next ones are, milliseconds. */
const openedAtOnce = 16;
const openEveryMs = 50;
/** How long opening the node's own session may take before it is tried again, milliseconds. */
const sessionMs = 5000;

/**
 * A core made of cores: it routes requests and messages to its groups, and gathers what they want written
 * in a turn into one write.
 */
class Node implements NodeCore, Sink {
  readonly replicas = new Map<number, Replica>();
  readonly rings: Rings;
  #effects!: Effects;
  /** What the groups want written by the end of this step. */
  #records: NodeRecord[] = [];
  #parts: { group: number; write: WriteId }[] = [];
  #nextWrite: WriteId = 1;
  /** Writes under way, oldest first, each with the groups' own writes in it. */
  readonly #writes: { write: WriteId; parts: { group: number; write: WriteId }[] }[] = [];

  readonly #config: NodeConfig;
  readonly #random: Random;
  readonly #home: Replica;
  readonly #session: OwnSession;
  readonly #router: Router;
  readonly transactor: Transactor;
  readonly #controller: ShardController;
  readonly #spread: LeaderSpread;
  /** Of groups that have no replica here, or none yet. */
  readonly #recovered = new Map<GroupId, NodeRecord[]>();
  /** When replicas of shards want to be woken. Group 0 is asked: it is nearly always awake. */
  readonly #wakes = new Wakes();
  /** Replicas of shards that something happened to in this step. */
  readonly #touched = new Set<Replica>();
  /** Groups that are opened now may have been here before the disk lost what they had promised. */
  #isRejoining: boolean;
  /** A group has rejoined in this step. */
  #rejoined = false;
  /** The map by which replicas were opened. */
  #mapVersion = -1;
  /** When more of them are opened. */
  #openAt: number | undefined;
  #now!: Reading;
  #hasTime = false;

  constructor(config: NodeConfig, recovered: readonly NodeRecord[], random: Random) {
    this.#config = config;
    this.#random = random;
    this.#isRejoining = config.raft.rejoining === true;
    const isRing = ({ group }: NodeRecord): boolean => group >= firstRingGroup;
    for (const record of recovered) {
      if (isRing(record)) continue;
      const records = this.#recovered.get(record.group);
      if (records === undefined) this.#recovered.set(record.group, [record]);
      else records.push(record);
    }
    const submit = (reply: (outcome: Outcome) => void, command: Uint8Array): void =>
      this.#replica(0).requestSelf(reply, this.#now.mono + sessionMs, command);
    this.#session = new OwnSession(`node-${config.id}`, submit, (session) =>
      this.fact({ type: "sessionOpened", session }),
    );
    this.#home = this.#open(0, config);
    this.replicas.set(0, this.#home);
    this.transactor = new Transactor(this, random.u32());
    this.#router = new Router(this);
    this.#controller = new ShardController(this);
    this.#spread = new LeaderSpread(this);
    this.#openShards();
    // Its own random numbers, so that what else there is stays as it was.
    this.rings = new Rings(config, recovered.filter(isRing), random.fork());
  }

  get id(): NodeId {
    return this.#config.id;
  }

  /** The time of this step. */
  get now(): Reading {
    return this.#now;
  }

  step(now: Reading, event: Event<NodeProtocol>, effects: Effects): void {
    this.#effects = effects;
    this.#now = now;
    this.#hasTime = true;
    switch (event.kind) {
      case "message":
        this.#onMessage(event.from, event.message);
        break;
      case "command":
        this.#onCommand(event.command);
        break;
      case "persisted":
        this.#onPersisted(event.write);
        break;
      case "wake":
        this.#onWake(now);
        break;
    }
    this.#endStep();
    this.#flush(effects);
  }

  get wakeAt(): number | undefined {
    let at = this.#home.wakeAt;
    for (const other of [
      this.#wakes.earliest,
      this.#router.wakeAt,
      this.#controller.wakeAt,
      this.#spread.wakeAt,
      this.#openAt,
      this.transactor.coordinator.wakeAt,
      this.rings.wakeAt,
    ])
      if (other !== undefined && (at === undefined || other < at)) at = other;
    return at;
  }

  #onWake(now: Reading): void {
    const { wakeAt } = this.#home;
    if (wakeAt !== undefined && wakeAt <= now.mono) this.#replica(0).wake();
    for (const group of this.#wakes.takeDue(now.mono)) this.#replica(group).wake();
    this.#atRings().wake();
  }

  #endStep(): void {
    const isDue = this.#openAt === undefined || this.#openAt <= this.#now.mono;
    if (isDue && (this.#openAt !== undefined || this.#home.store.shards.version !== this.#mapVersion))
      this.#openShards();
    // Group 0 may have told only now which other groups this node had promised something to.
    if (this.#rejoined && this.#openAt === undefined) this.#afterRejoin();
    this.#atRings();
    this.transactor.coordinator.flush(this.#touched);
    this.#router.flush();
    this.#controller.flush();
    this.#spread.flush(this.#home.store.shards);
    if (this.#touched.size === 0) return;
    for (const replica of this.#touched) this.#wakes.set(replica.group, replica.wakeAt);
    this.#touched.clear();
  }

  check(): void {
    for (const replica of this.replicas.values()) replica.check();
    this.rings.check();
  }

  groups(now: Reading): GroupStatus[] {
    return [...this.replicas.values()].map((replica) => replica.status(now));
  }

  #afterRejoin(): void {
    this.#rejoined = false;
    for (const { raft } of this.replicas.values()) if (raft.rejoining) return;
    this.#isRejoining = false;
    this.output({ type: "rejoined" });
  }

  quorums(now: Reading): RingStatus[] {
    return this.rings.status(now);
  }

  /** The keyspaces without a leader, as of this step. */
  #atRings(): Rings {
    this.rings.enter(this.#now, this, this.#home);
    return this.rings;
  }

  // ---- Groups ------------------------------------------------------------------------------------------

  #open(group: GroupId, config: ReplicaConfig): Replica {
    const records = this.#recovered.get(group) ?? [];
    this.#recovered.delete(group);
    return new Replica(group, config, this.#session, records, this.#random.fork());
  }

  /** Opens the replicas that the map gives this node, some at a time: each begins with an election. */
  #openShards(): void {
    const { shards } = this.#home.store;
    this.#mapVersion = shards.version;
    this.#openAt = undefined;
    const { openShard, shardQuiesceMs, ...config } = this.#config;
    let left = openedAtOnce;
    for (const { group, replicas } of shards.groups()) {
      if (this.replicas.has(group) || !replicas.includes(this.id) || openShard === undefined) continue;
      if (left-- === 0) {
        // Before the first step there is no time yet.
        this.#openAt = this.#hasTime ? this.#now.mono + openEveryMs : 0;
        return;
      }
      const replica = this.#open(group, {
        ...config,
        bootstrap: { voters: replicas, outgoing: [], learners: [] },
        raft: { ...config.raft, rejoining: this.#isRejoining, quiesceAfterMs: shardQuiesceMs },
        store: openShard(group),
      });
      this.replicas.set(group, replica);
      this.#touched.add(replica);
      // Before the first step there is no time yet: it is due as soon as there is.
      this.#wakes.set(group, replica.wakeAt);
    }
  }

  #replica(group: GroupId): Replica {
    return must(this.replica(group), `group ${group}`);
  }

  /** The replica of a group, entered for this step; undefined: there is none here. */
  replica(group: GroupId): Replica | undefined {
    const replica = group === 0 ? this.#home : this.replicas.get(group);
    if (replica === undefined) return undefined;
    replica.enter(this.#now, this);
    if (group !== 0) this.#touched.add(replica);
    return replica;
  }

  #onMessage(from: NodeId, message: NodeMessage): void {
    if (message.type === "ring") return this.#atRings().message(from, message.ring, message.message);
    // A message for a group that is not here is late or early: Raft copes with its loss, requests are sent again.
    const replica = this.replica(message.group);
    switch (message.type) {
      case "raft":
        return replica?.drive({ kind: "message", from, message: message.message });
      case "forward":
        return replica?.forwarded(from, this.#withoutLeaderless(from, message.group, message.requests));
      case "forwarded":
        return replica?.replies(message.replies);
      default:
        return unreachable(message);
    }
  }

  /** Of what another node forwarded, which perhaps does not know of a keyspace without a leader yet: the rest. */
  #withoutLeaderless(from: NodeId, group: GroupId, requests: readonly ForwardedRequest[]): readonly ForwardedRequest[] {
    if (group !== 0) return requests;
    const rings = this.#atRings();
    const { mono } = this.#now;
    return requests.filter(
      ({ id, ttlMs, body }) => !rings.request({ kind: "node", node: from, id }, mono + ttlMs, body),
    );
  }

  #onCommand(command: NodeCommand): void {
    switch (command.type) {
      case "request":
        if (this.#atRings().request({ kind: "client", id: command.id }, command.deadline, command.body)) return;
        return this.#router.request(command.id, command.deadline, command.body);
      case "cancel":
        if (this.#atRings().requests.cancel(command.id)) return;
        if (!this.#router.cancel(command.id)) this.#replica(0).cancel(command.id);
        return;
      case "watch":
        return this.#watch(command);
      case "watchCredit":
        return this.#replica(0).watchCredit(command.id, command.credit);
      case "unwatch":
        return this.#replica(0).unwatch(command.id);
      case "transfer":
        return this.#replica(0).transfer(command.id, command.deadline, command.to);
      case "changeMembership":
        return this.#replica(0).changeMembership(command.id, command.deadline, command.voters, command.learners);
      case "jobDone":
        if (command.group === firstRingGroup) return this.#atRings().jobDone(command.job, command.error);
        return this.#replica(command.group).jobDone(command.job, command.error);
      case "storage":
        for (const group of this.replicas.keys()) this.#replica(group).setStorageFull(command.full);
        return this.#atRings().setStorageFull(command.full);
      case "suspect":
        for (const group of this.replicas.keys()) {
          this.#replica(group).drive({ kind: "command", command: { type: "suspect", node: command.node } });
        }
        return this.#atRings().suspect(command.node);
      default:
        return unreachable(command);
    }
  }

  #watch({ id, keyspace, prefix, from }: Extract<NodeCommand, { type: "watch" }>): void {
    const home = this.#replica(0);
    if (home.store.shards.find(keyspace) === undefined) return home.watch(id, keyspace, prefix, from);
    const detail = `watches of "${keyspace}", whose shards have no order of changes among them`;
    this.output({ type: "watchFailed", id, failure: failure("unsupported", detail) });
  }

  #onPersisted(write: WriteId): void {
    while (this.#writes.length > 0 && this.#writes[0]!.write <= write) {
      for (const { group, write: part } of this.#writes.shift()!.parts) {
        if (group >= firstRingGroup) this.#atRings().persisted(group, part);
        else this.#replica(group).drive({ kind: "persisted", write: part });
      }
    }
  }

  #flush(effects: Effects): void {
    if (this.#records.length === 0) return;
    const write = this.#nextWrite++;
    this.#writes.push({ write, parts: this.#parts });
    effects.push({ kind: "persist", write, records: this.#records });
    this.#records = [];
    this.#parts = [];
  }

  // ---- Sink: what replicas want done -------------------------------------------------------------------

  send(to: NodeId, message: NodeMessage): void {
    this.#effects.push({ kind: "send", to, message });
  }

  persist(group: number, write: WriteId, records: readonly NodeRecord[]): void {
    this.#parts.push({ group, write });
    this.#records.push(...records);
  }

  output(output: NodeProtocol["Output"]): void {
    if (output.type === "reply" && this.#router.holdsBack(output)) return;
    if (output.type === "reply") this.#router.replied(output.id);
    this.#effects.push({ kind: "output", output });
  }

  // ---- What transactions over several groups need --------------------------------------------------------

  *leaders(): Generator<Replica> {
    for (const replica of this.replicas.values()) if (replica.raft.role === "leader") yield replica;
  }

  read(group: GroupId, body: ReadBody, deadline: number, reply: (outcome: Outcome) => void): void {
    const replica = this.replica(group);
    if (replica !== undefined) return replica.request({ kind: "self", reply }, deadline, body);
    const detail = `node ${this.id} has no replica of group ${group}`;
    reply({ ok: false, failure: failure("unavailable", detail, true) });
  }

  shardedKeyspace(name: string): ShardedKeyspace | undefined {
    return this.#home.store.shards.find(name);
  }

  epochOf(group: GroupId): number {
    return this.replicas.get(group)?.store.shardEpoch ?? 0;
  }

  planted(bug: string): boolean {
    return this.#config.bugs?.has(bug) === true;
  }

  moved(pending: PendingWrite | PendingRead): void {
    this.#router.moved(pending);
  }

  rejoined(): void {
    this.#rejoined = true;
  }

  fact(fact: NodeProtocol["Fact"]): void {
    if (fact.type === "raft" && fact.fact.type === "roleChanged") {
      if (fact.group === 0) this.#controller.onLeadership();
      else this.#spread.onLeadership();
    }
    this.#effects.push({ kind: "fact", fact });
  }
}
