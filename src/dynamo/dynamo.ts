import {
  type LogIndex,
  type NodeId,
  type Random,
  type Reading,
  type WriteId,
  assert,
  unreachable,
} from "../base/index.ts";
import { HybridClock, type Actor } from "../clock/index.ts";
import type { Core, Effect, Event } from "../core/index.ts";
import { buildRing, ringOrder, ringOwners, type Ring } from "../placement/index.ts";
import { Operations } from "./operations.ts";
import { Shelf } from "./shelf.ts";
import { timestampOfState } from "./state.ts";
import { Synchronizer } from "./synchronizer.ts";
import { placeOf, ringPoint } from "./tree.ts";
import type { Command, DynamoConfig, DynamoProtocol, Fact, Message, Name, Output, Record, State } from "./types.ts";

type Effects = Effect<DynamoProtocol>[];

/** Opens this node's part of a keyspace. `recovered`: what the log has beyond the last checkpoint, in order. */
export function openDynamo(config: DynamoConfig, recovered: readonly Record[], random: Random): Dynamo {
  return new Dynamo(config, recovered, random);
}

/** One keyspace on one node: replica, coordinator of whatever is asked here, and keeper of what belongs to others. */
export class Dynamo implements Core<DynamoProtocol> {
  readonly config: DynamoConfig;
  readonly shelf: Shelf;
  /** Names this life, so that events of an earlier one that never became durable are not taken for this one's. */
  readonly actor: Actor;
  readonly clock = new HybridClock();
  readonly random: Random;
  readonly suspects = new Set<NodeId>();
  readonly #operations: Operations;
  readonly #synchronizer: Synchronizer;
  #ring: Ring;
  /** By partition, filled as needed. */
  #placement: { owners: NodeId[]; others: NodeId[] }[] = [];
  #now!: Reading;
  #effects!: Effects;
  #nextWrite: WriteId = 1;
  #lastIndex: LogIndex;
  #records: Record[] = [];
  #waiting: { write: WriteId; readonly run: () => void }[] = [];
  /** Checkpoints on their way to the log. */
  #checkpoints: { readonly write: WriteId; readonly index: LogIndex }[] = [];
  #storageFull = false;

  constructor(config: DynamoConfig, recovered: readonly Record[], random: Random) {
    this.config = config;
    this.random = random;
    this.actor = config.id * 2 ** 32 + random.u32();
    this.shelf = new Shelf(config.rows, recovered, config.bugs);
    this.#lastIndex = recovered.reduce((last, { index }) => Math.max(last, index), 0);
    this.#ring = buildRing(config.members);
    this.#operations = new Operations(this);
    this.#synchronizer = new Synchronizer(this);
  }

  get now(): Reading {
    return this.#now;
  }

  /** The last row that was handed to the log: what a checkpoint of this moment covers. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get storageFull(): boolean {
    return this.#storageFull;
  }

  get members(): readonly NodeId[] {
    return this.#ring.members.map(({ node }) => node);
  }

  planted(bug: string): boolean {
    return this.config.bugs !== undefined && this.config.bugs.has(bug);
  }

  get wakeAt(): number | undefined {
    const { wakeAt } = this.#operations;
    return Math.min(wakeAt ?? Number.POSITIVE_INFINITY, this.#synchronizer.wakeAt);
  }

  check(): void {
    this.#operations.check();
    for (const { write } of this.#waiting)
      assert(write < this.#nextWrite, "whoever waits, waits for a write that left");
  }

  step(now: Reading, event: Event<DynamoProtocol>, effects: Effects): void {
    this.#now = now;
    this.#effects = effects;
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
        this.#operations.wake();
        this.#synchronizer.wake();
        break;
    }
    this.#flush();
  }

  #onMessage(from: NodeId, message: Message): void {
    if (this.suspects.delete(from)) this.#synchronizer.onBack(from);
    switch (message.type) {
      case "store":
        return this.#onStore(from, message);
      case "fetch": {
        const { id, name } = message;
        const answer = (): void => this.send(from, { type: "fetched", id, state: this.shelf.everything(name) });
        return this.whenDurable(name, answer);
      }
      case "stored":
        this.#synchronizer.onStored(from, message.id);
        return this.#operations.onStored(from, message.id);
      case "fetched":
        return this.#operations.onFetched(from, message.id, message.state);
      case "forward":
        return this.#operations.begin(
          { kind: "node", node: from, id: message.id },
          this.#now.mono + message.ttlMs,
          message.operation,
        );
      case "forwarded":
        return this.#operations.onForwarded(message.id, message.outcome);
      case "roots":
        return this.#synchronizer.onRoots(from, message.roots);
      case "alike":
        return this.#synchronizer.onAlike(from);
      case "leaves":
        return this.#synchronizer.onLeaves(from, message.partition, message.leaves);
      case "names":
        return this.#synchronizer.onNames(from, message.partition, message.leaf, message.names);
      case "want":
        return this.#synchronizer.onWant(from, message.names);
      default:
        return unreachable(message);
    }
  }

  #onStore(from: NodeId, { id, name, state, holdFor }: Extract<Message, { type: "store" }>): void {
    if (this.#storageFull) return;
    this.observe(state);
    if (holdFor !== 0 && holdFor !== this.config.id) this.shelf.hold(holdFor, name, state);
    // What nobody waits for is stored by those who are to have it only.
    else if (id === 0 && !this.owns(name) && this.shelf.get(name) === undefined) return;
    else this.shelf.merge(name, state);
    if (id !== 0) this.whenDurable(name, () => this.send(from, { type: "stored", id }));
  }

  #onCommand(command: Command): void {
    switch (command.type) {
      case "request":
        return this.#operations.begin({ kind: "client", id: command.id }, command.deadline, command.operation);
      case "cancel":
        return this.#operations.cancel(command.id);
      case "members":
        this.#ring = buildRing(command.members);
        this.#placement = [];
        return;
      case "suspect":
        return this.suspect(command.node);
      case "checkpointed":
        this.#records.push({ type: "checkpoint", index: command.index });
        return;
      case "storage":
        this.#storageFull = command.full;
        return;
      default:
        return unreachable(command);
    }
  }

  // ---- Durability ---------------------------------------------------------------------------------------

  /** Runs at once, or when everything that this replica knows of the name is durable. */
  whenDurable(name: Name, run: () => void): void {
    const write = this.shelf.pendingWrite(name);
    if (write === undefined || this.planted("answers-before-sync")) return run();
    this.#waiting.push({ write, run });
  }

  #onPersisted(write: WriteId): void {
    this.shelf.onPersisted(write);
    const ready = this.#waiting.filter((waiting) => waiting.write !== 0 && waiting.write <= write);
    this.#waiting = this.#waiting.filter((waiting) => waiting.write === 0 || waiting.write > write);
    for (const { run } of ready) run();
    for (const checkpoint of this.#checkpoints)
      if (checkpoint.write <= write)
        this.#effects.push({ kind: "output", output: { type: "truncate", index: checkpoint.index } });
    this.#checkpoints = this.#checkpoints.filter((checkpoint) => checkpoint.write > write);
  }

  #flush(): void {
    if (!this.shelf.dirty && this.#records.length === 0) return;
    const write = this.#nextWrite++;
    for (const record of this.#records) this.#checkpoints.push({ write, index: record.index });
    const records = this.#records;
    this.#records = [];
    const rows = this.shelf.take(write);
    if (rows.length > 0) records.push({ type: "rows", index: ++this.#lastIndex, rows });
    for (const waiting of this.#waiting) if (waiting.write === 0) waiting.write = write;
    this.#effects.push({ kind: "persist", write, records });
  }

  // ---- What the parts need ------------------------------------------------------------------------------

  send(to: NodeId, message: Message): void {
    this.#effects.push({ kind: "send", to, message });
  }

  output(output: Output): void {
    this.#effects.push({ kind: "output", output });
  }

  fact(fact: Fact): void {
    this.#effects.push({ kind: "fact", fact });
  }

  observe(state: State | undefined): void {
    this.clock.observe(timestampOfState(state));
  }

  suspect(node: NodeId): void {
    if (node === this.config.id || this.suspects.has(node)) return;
    this.suspects.add(node);
    this.fact({ type: "suspected", node });
  }

  /** How long ago a peer was last known to have all that was here; undefined: not since this life began. */
  lagMs(node: NodeId, now: Reading): number | undefined {
    const at = this.#synchronizer.alikeAt.get(node);
    return at === undefined ? undefined : Math.max(0, now.mono - at);
  }

  /** Those that are there, the one that lags least first. */
  preferred(nodes: readonly NodeId[]): NodeId[] {
    const lag = (node: NodeId): number => this.lagMs(node, this.#now) ?? Number.MAX_SAFE_INTEGER;
    // Differences within a round of comparing say nothing.
    const grade = (node: NodeId): number => Math.floor(lag(node) / (4 * this.config.antiEntropyMs));
    return nodes.filter((node) => !this.suspects.has(node)).sort((a, b) => grade(a) - grade(b));
  }

  /** The replicas of a name, and everyone else in the order in which they stand in. */
  placement(partition: number): { readonly owners: readonly NodeId[]; readonly others: readonly NodeId[] } {
    const known = this.#placement[partition];
    if (known) return known;
    const point = ringPoint(partition);
    const owners = ringOwners(this.#ring, point, this.config.n);
    const others = ringOrder(this.#ring, point)
      .map(({ node }) => node)
      .filter((node) => !owners.includes(node));
    return (this.#placement[partition] = { owners, others });
  }

  owners(name: Name): readonly NodeId[] {
    return this.placement(placeOf(name).partition).owners;
  }

  owns(name: Name): boolean {
    return this.owners(name).includes(this.config.id);
  }
}
