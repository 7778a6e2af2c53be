import { must, type GroupId, type NodeId, type Random, type Reading, type WriteId } from "../base/index.ts";
import type { RequestBody } from "../contract/index.ts";
import type { Effect, Event } from "../core/index.ts";
import { openDynamo, type Dynamo, type DynamoProtocol, type Message, type Rows } from "../dynamo/index.ts";
import { everyone, type Membership } from "../raft/index.ts";
import { Overlay, type KeyspaceRow } from "../store/index.ts";
import { firstRingGroup } from "./codec.ts";
import type { Replica, Sink } from "./replica.ts";
import type { Origin } from "./requests.ts";
import { RingPolicy } from "./ring-policy.ts";
import { RingRequests, targetOf } from "./ring-requests.ts";
import type { JobError, NodeConfig, NodeRecord, RingStatus } from "./types.ts";

/** The group of a keyspace without a leader in the log of the node. */
export function ringGroup(keyspace: number): GroupId {
  return firstRingGroup + keyspace;
}

/** One keyspace without a leader, as this node has it. */
export interface Ring {
  readonly core: Dynamo;
  policy: RingPolicy;
}

/**
 * The keyspaces without a leader of one node, a core each: which there are is in the store of group 0. Their rows rest
 * in an engine of their own, behind one delta, and become durable there together.
 */
export class Rings {
  readonly #config: NodeConfig;
  readonly #random: Random;
  readonly #overlay: Overlay;
  readonly #rings = new Map<number, Ring>();
  readonly #byName = new Map<string, Ring>();
  /** What the log had of keyspaces that the store does not know yet. */
  readonly #recovered = new Map<GroupId, NodeRecord[]>();
  readonly requests: RingRequests;
  #changes = -1;
  #membership: Membership | undefined;
  #checkpointAt: number | undefined;
  #checkpoint: { readonly job: number; readonly indexes: ReadonlyMap<number, number> } | undefined;
  #nextJob = 1;
  #storageFull = false;
  readonly #suspects = new Set<NodeId>();
  #now!: Reading;
  #sink!: Sink;

  constructor(config: NodeConfig, recovered: readonly NodeRecord[], random: Random) {
    this.#config = config;
    this.#random = random;
    this.#overlay = new Overlay(config.rings);
    this.requests = new RingRequests(this);
    for (const record of recovered) {
      const known = this.#recovered.get(record.group);
      if (known) known.push(record);
      else this.#recovered.set(record.group, [record]);
    }
  }

  get now(): Reading {
    return this.#now;
  }

  get sink(): Sink {
    return this.#sink;
  }

  get wakeAt(): number | undefined {
    let at: number | undefined = this.#checkpoint ? undefined : this.#checkpointAt;
    for (const { core } of this.#rings.values()) {
      const { wakeAt } = core;
      if (wakeAt !== undefined && (at === undefined || wakeAt < at)) at = wakeAt;
    }
    return at;
  }

  /** Every keyspace's core by the keyspace's id, for checkers. */
  get cores(): ReadonlyMap<number, Dynamo> {
    return new Map([...this.#rings].map(([id, { core }]) => [id, core]));
  }

  /** Sets time and sink for what follows, and looks for keyspaces that came, changed or went. */
  enter(now: Reading, sink: Sink, home: Replica): void {
    this.#now = now;
    this.#sink = sink;
    const { membership } = home.raft;
    if (home.store.keyspaceChanges === this.#changes && membership === this.#membership) return;
    this.#changes = home.store.keyspaceChanges;
    if (membership !== this.#membership) this.#onMembership(membership);
    this.#reconcile(home.store.keyspaces());
  }

  check(): void {
    for (const { core } of this.#rings.values()) core.check();
  }

  // ---- Which keyspaces there are ------------------------------------------------------------------------

  #onMembership(membership: Membership): void {
    this.#membership = membership;
    for (const ring of this.#rings.values())
      this.drive(ring, { kind: "command", command: { type: "members", members: this.#members() } });
  }

  #members(): { readonly node: NodeId }[] {
    return everyone(must(this.#membership, "a membership")).map((node) => ({ node }));
  }

  #reconcile(rows: readonly KeyspaceRow[]): void {
    const wanted = rows.filter(({ engine }) => engine === "dynamo").sort((a, b) => a.id - b.id);
    this.#byName.clear();
    for (const row of wanted) {
      const policy = new RingPolicy(row);
      let ring = this.#rings.get(row.id);
      if (ring) ring.policy = policy;
      else {
        ring = this.#open(row, policy);
        this.#rings.set(row.id, ring);
      }
      this.#byName.set(row.name, ring);
    }
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, ring] of this.#rings) if (!ids.has(id)) this.#drop(id, ring);
  }

  #open(row: KeyspaceRow, policy: RingPolicy): Ring {
    const { id, bugs, dynamo } = this.#config;
    const group = ringGroup(row.id);
    const recovered = (this.#recovered.get(group) ?? []).flatMap((record) => ("rows" in record ? [record.rows] : []));
    this.#recovered.delete(group);
    const { conflicts, sloppy } = policy.definition;
    const config = {
      ...dynamo,
      id,
      n: row.replicas,
      conflicts,
      sloppy,
      members: this.#members(),
      rows: this.#rowsOf(row.id),
      ...(bugs && { bugs }),
    };
    const ring = { core: openDynamo(config, recovered, this.#random.fork()), policy };
    if (this.#storageFull) this.drive(ring, { kind: "command", command: { type: "storage", full: true } });
    for (const node of this.#suspects) this.drive(ring, { kind: "command", command: { type: "suspect", node } });
    return ring;
  }

  /** Its rows go with the next checkpoint; ids are never reused. */
  #drop(id: number, ring: Ring): void {
    this.#rings.delete(id);
    this.requests.onDropped(ring);
    const prefix = prefixOf(id);
    const keys = [...this.#overlay.keys("current", { from: prefix, to: prefixOf(id + 1) })];
    for (const key of keys) this.#overlay.delete("current", key);
    this.#checkpointAt ??= this.#now.mono;
  }

  #rowsOf(keyspace: number): Rows {
    const prefix = prefixOf(keyspace);
    const overlay = this.#overlay;
    const changed = (): void => void (this.#checkpointAt ??= this.#now.mono + this.#config.checkpointIntervalMs);
    return {
      get: (key) => overlay.get("current", prefix + key),
      put: (key, row) => {
        overlay.put("current", prefix + key, row);
        changed();
      },
      delete: (key) => {
        overlay.delete("current", prefix + key);
        changed();
      },
      *range(start) {
        const from = prefix + start;
        for (const [key, row] of overlay.range("current", { from, to: endOf(from) }))
          yield [key.slice(prefix.length), row];
      },
    };
  }

  // ---- Events -------------------------------------------------------------------------------------------

  /** Takes a request, where it is about a keyspace without a leader. */
  request(origin: Origin, deadline: number, body: RequestBody): boolean {
    if (this.#byName.size === 0) return false;
    const target = targetOf(body);
    const ring = target === undefined ? undefined : this.#byName.get(target.keyspace);
    if (ring === undefined || target === undefined) return false;
    this.requests.begin(origin, deadline, ring, target);
    return true;
  }

  message(from: NodeId, id: number, message: Message): void {
    const ring = this.#rings.get(id);
    // One that is not known here yet, or no more: whoever waits asks again.
    if (ring) this.drive(ring, { kind: "message", from, message });
  }

  persisted(group: GroupId, write: WriteId): void {
    const ring = this.#rings.get(group - firstRingGroup);
    if (ring) this.drive(ring, { kind: "persisted", write });
  }

  suspect(node: NodeId): void {
    for (const ring of this.#rings.values()) this.drive(ring, { kind: "command", command: { type: "suspect", node } });
  }

  setStorageFull(full: boolean): void {
    this.#storageFull = full;
    for (const ring of this.#rings.values()) this.drive(ring, { kind: "command", command: { type: "storage", full } });
  }

  wake(): void {
    const { mono } = this.#now;
    for (const ring of this.#rings.values())
      if (ring.core.wakeAt !== undefined && ring.core.wakeAt <= mono) this.drive(ring, { kind: "wake" });
    const due = (this.#checkpointAt ?? Infinity) <= mono || this.#overlay.bytes >= this.#config.checkpointBytes;
    if (due && !this.#checkpoint) this.#startCheckpoint();
  }

  /** Steps a core and acts on what comes out. */
  drive(ring: Ring, event: Event<DynamoProtocol>): void {
    const effects: Effect<DynamoProtocol>[] = [];
    ring.core.step(this.#now, event, effects);
    const { id } = ring.policy.row;
    const group = ringGroup(id);
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          this.#sink.send(effect.to, { type: "ring", ring: id, message: effect.message });
          break;
        case "persist":
          this.#sink.persist(
            group,
            effect.write,
            effect.records.map((rows) => ({ group, rows })),
          );
          break;
        case "output":
          if (effect.output.type === "reply") this.requests.onReply(ring, effect.output.id, effect.output.outcome);
          else this.#sink.output({ type: "truncateLog", group, index: effect.output.index });
          break;
        case "fact":
          this.#sink.fact({ type: "ring", ring: id, fact: effect.fact });
      }
    }
  }

  // ---- Checkpoints ----------------------------------------------------------------------------------------

  #startCheckpoint(): void {
    this.#checkpointAt = undefined;
    const job = this.#nextJob++;
    this.#checkpoint = { job, indexes: new Map([...this.#rings].map(([id, { core }]) => [id, core.lastIndex])) };
    this.#sink.output({ type: "job", group: firstRingGroup, job, run: (done) => this.#overlay.commit(done) });
  }

  jobDone(job: number, error: JobError | undefined): void {
    const checkpoint = must(this.#checkpoint, "a checkpoint under way");
    if (checkpoint.job !== job) return;
    this.#checkpoint = undefined;
    if (error) {
      this.#checkpointAt = this.#now.mono + this.#config.checkpointIntervalMs;
      this.#sink.fact({ type: "checkpointFailed", group: firstRingGroup, index: 0, error });
      return;
    }
    if (this.#overlay.bytes > 0) this.#checkpointAt ??= this.#now.mono + this.#config.checkpointIntervalMs;
    for (const [id, index] of checkpoint.indexes) {
      const ring = this.#rings.get(id);
      if (ring && index > 0) this.drive(ring, { kind: "command", command: { type: "checkpointed", index } });
    }
  }

  // ---- A look inside --------------------------------------------------------------------------------------

  status(now: Reading): RingStatus[] {
    return [...this.#rings.values()].map(({ core, policy }) => ({
      keyspace: policy.row.name,
      ring: policy.row.id,
      n: policy.plan.n,
      r: policy.plan.r,
      w: policy.plan.w,
      names: core.shelf.count,
      peers: core.members
        .filter((node) => node !== this.#config.id)
        .map((node) => ({
          node,
          suspected: core.suspects.has(node),
          hints: core.shelf.holding.get(node)?.size ?? 0,
          lagMs: core.lagMs(node, now),
        })),
    }));
  }
}

/** Keys of all keyspaces share a table: eight bytes, then the key. */
function prefixOf(keyspace: number): string {
  return keyspace.toString(16).padStart(8, "0");
}

/** The first key behind all that begin so. */
function endOf(prefix: string): string {
  let end = prefix;
  while (end.endsWith("ÿ")) end = end.slice(0, -1);
  return end.slice(0, -1) + String.fromCharCode(end.charCodeAt(end.length - 1) + 1);
}
