import type { NodeId } from "../base/index.ts";
import type { Dynamo } from "./dynamo.ts";
import { partitions } from "./tree.ts";
import type { Hashed, Name, State } from "./types.ts";

/** What one exchange carries at most, so that a replica that was away for long catches up beside other work. */
const maximumPartitions = 16;
const maximumLeaves = 32;
const maximumNames = 128;
const maximumHandovers = 64;
/** After an exchange that found something, the next comes sooner. */
const hurriedMs = 50;

/**
 * Brings replicas together that nobody reads: hash trees are compared with one peer after the other, and what is held
 * for others goes to them.
 *
 *     A ── roots ──▶ B ── leaves of what differs ──▶ A ── names and hashes ──▶ B ── states, and wants ──▶ A ── states ──▶ B
 */
export class Synchronizer {
  readonly #core: Dynamo;
  #at: number;
  #peer = 0;
  #nextHandover: number;
  readonly #askedAt = new Map<NodeId, number>();
  /** Monotonic time at which a peer last had all that was here. */
  readonly alikeAt = new Map<NodeId, number>();
  readonly #handovers = new Map<
    number,
    {
      readonly node: NodeId;
      readonly heldFor: NodeId;
      readonly name: Name;
      readonly state: State;
      readonly sentAt: number;
    }
  >();

  constructor(core: Dynamo) {
    this.#core = core;
    // Not all at once after a power loss.
    this.#at = 0;
    // Above the rounds of operations, which begin below 2^32 and count up.
    this.#nextHandover = 2 ** 40 + core.random.u32();
    this.#peer = core.random.below(64);
  }

  get wakeAt(): number {
    return this.#at;
  }

  wake(): void {
    const core = this.#core;
    const { mono } = core.now;
    if (mono < this.#at) return;
    this.#at = mono + core.config.antiEntropyMs * (0.75 + core.random.float() / 2);
    this.#forget(mono);
    for (const node of core.shelf.holding.keys()) this.#handOver(node);
    const peers = core.members.filter((node) => node !== core.config.id);
    const peer = peers[this.#peer++ % Math.max(1, peers.length)];
    if (peer !== undefined && !core.planted("no-anti-entropy")) this.#compare(peer);
  }

  /** A node that was away is heard again. */
  onBack(node: NodeId): void {
    this.#handOver(node);
    this.#hurry();
  }

  #hurry(): void {
    this.#at = Math.min(this.#at, this.#core.now.mono + hurriedMs);
  }

  // ---- Hinted handoff (Dynamo, 4.6) ---------------------------------------------------------------------

  #handOver(heldFor: NodeId): void {
    const core = this.#core;
    const names = core.shelf.holding.get(heldFor);
    if (!names) return;
    const underWay = new Set(
      [...this.#handovers.values()].filter((one) => one.heldFor === heldFor).map(({ name }) => name),
    );
    let room = maximumHandovers - underWay.size;
    for (const name of names) {
      if (room-- <= 0) return;
      if (underWay.has(name)) continue;
      const state = core.shelf.held(heldFor, name);
      // A node that has left is followed by whoever has its place now.
      const node = core.members.includes(heldFor)
        ? heldFor
        : core.owners(name).find((owner) => owner !== core.config.id);
      if (state === undefined || node === undefined) continue;
      const id = this.#nextHandover++;
      this.#handovers.set(id, { node, heldFor, name, state, sentAt: core.now.mono });
      core.send(node, { type: "store", id, name, state, holdFor: 0 });
      if (core.planted("hint-dropped-when-sent")) core.shelf.release(heldFor, name, state);
    }
  }

  onStored(from: NodeId, id: number): void {
    const handover = this.#handovers.get(id);
    if (handover?.node !== from) return;
    this.#handovers.delete(id);
    const { heldFor, name, state } = handover;
    this.#core.shelf.release(heldFor, name, state);
    this.#core.fact({ type: "handedOff", node: from, name });
    if ((this.#core.shelf.holding.get(heldFor)?.size ?? 0) > 0) this.#hurry();
  }

  #forget(mono: number): void {
    for (const [id, { sentAt }] of this.#handovers)
      if (mono - sentAt > this.#core.config.patienceMs) this.#handovers.delete(id);
  }

  // ---- Anti-entropy -------------------------------------------------------------------------------------

  #compare(peer: NodeId): void {
    const core = this.#core;
    const roots: Hashed[] = [];
    for (let place = 0; place < partitions; place++) {
      const { owners } = core.placement(place);
      if (!owners.includes(peer)) continue;
      const hash = core.shelf.tree.root(place);
      if (hash !== "" || owners.includes(core.config.id)) roots.push({ place, hash });
    }
    if (roots.length === 0) return;
    this.#askedAt.set(peer, core.now.mono);
    core.send(peer, { type: "roots", roots });
  }

  /** Everything that was here when it was asked is there. */
  onAlike(from: NodeId): void {
    const askedAt = this.#askedAt.get(from);
    if (askedAt !== undefined) this.alikeAt.set(from, askedAt);
  }

  onRoots(from: NodeId, roots: readonly Hashed[]): void {
    const { tree } = this.#core.shelf;
    const different = roots.filter(({ place, hash }) => tree.root(place) !== hash);
    if (different.length === 0) this.#core.send(from, { type: "alike" });
    for (const { place } of different.slice(0, maximumPartitions))
      this.#core.send(from, { type: "leaves", partition: place, leaves: tree.leaves(place) });
  }

  onLeaves(from: NodeId, partition: number, leaves: readonly Hashed[]): void {
    const { shelf } = this.#core;
    const theirs = new Map(leaves.map(({ place, hash }) => [place, hash]));
    const mine = new Map(shelf.tree.leaves(partition).map(({ place, hash }) => [place, hash]));
    const places = [...new Set([...theirs.keys(), ...mine.keys()])].sort((a, b) => a - b);
    const different = places.filter((place) => theirs.get(place) !== mine.get(place));
    for (const leaf of different.slice(0, maximumLeaves))
      this.#core.send(from, { type: "names", partition, leaf, names: shelf.leaf(partition, leaf) });
    if (different.length > 0) this.#hurry();
  }

  onNames(from: NodeId, partition: number, leaf: number, names: readonly { name: Name; hash: string }[]): void {
    const { shelf } = this.#core;
    const theirs = new Map(names.map(({ name, hash }) => [name, hash]));
    const mine = new Map(shelf.leaf(partition, leaf).map(({ name, hash }) => [name, hash]));
    const give = [...mine.keys()].filter((name) => theirs.get(name) !== mine.get(name)).slice(0, maximumNames);
    const want = [...theirs.keys()].filter((name) => theirs.get(name) !== mine.get(name)).slice(0, maximumNames);
    if (give.length + want.length === 0) return;
    this.onWant(from, give);
    if (want.length > 0) this.#core.send(from, { type: "want", names: want });
    this.#core.fact({ type: "synced", node: from, names: Math.max(give.length, want.length) });
    this.#hurry();
  }

  onWant(from: NodeId, names: readonly Name[]): void {
    for (const name of names.slice(0, maximumNames)) {
      const state = this.#core.shelf.get(name);
      if (state !== undefined) this.#core.send(from, { type: "store", id: 0, name, state, holdFor: 0 });
    }
  }
}
