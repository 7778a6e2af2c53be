import { assert, unreachable, type NodeId, type Random, type Reading } from "../base/index.ts";
import type { Core, Effect, Event } from "../core/index.ts";
import type { Command, GossipConfig, GossipProtocol, Health, Message, Rumour } from "./types.ts";

type Effects = Effect<GossipProtocol>[];

interface Member {
  readonly node: NodeId;
  health: Health;
  incarnation: number;
  /** Monotonic time from which a suspicion counts as death. */
  deadAt: number;
}

interface Probe {
  readonly sequence: number;
  readonly target: NodeId;
  readonly askOthersAt: number;
  askedOthers: boolean;
}

const rank = { alive: 0, suspect: 1, dead: 2 } as const satisfies { [H in Health]: number };

/** One node's view of all members. */
export class Swim implements Core<GossipProtocol> {
  readonly #config: GossipConfig;
  readonly #random: Random;
  readonly #members = new Map<NodeId, Member>();
  #incarnation: number;
  #order: NodeId[] = [];
  #probe: Probe | undefined;
  #nextSequence: number;
  #periodAt = 0;
  /** How often each rumour has still to be told: about 3 log n times reach everyone (SWIM, 4.1). */
  readonly #rumours = new Map<NodeId, { rumour: Rumour; left: number }>();
  /** Pings on behalf of others: own sequence → whom to tell, and under which number. */
  readonly #onBehalf = new Map<number, { readonly asker: NodeId; readonly sequence: number; readonly until: number }>();
  #now!: Reading;
  #effects!: Effects;

  constructor(config: GossipConfig, random: Random) {
    assert(config.ackTimeoutMs < config.periodMs, "ackTimeoutMs is below periodMs");
    this.#config = config;
    this.#random = random;
    // A restarted node must be believed over what was said of its last life; whoever knows better is refuted.
    this.#incarnation = 0;
    this.#nextSequence = random.u32();
    for (const node of config.members) this.#add(node);
  }

  get wakeAt(): number {
    let at = this.#periodAt;
    if (this.#probe && !this.#probe.askedOthers) at = Math.min(at, this.#probe.askOthersAt);
    for (const { health, deadAt } of this.#members.values()) if (health === "suspect") at = Math.min(at, deadAt);
    return at;
  }

  healthOf(node: NodeId): Health | undefined {
    return node === this.#config.id ? "alive" : this.#members.get(node)?.health;
  }

  check(): void {
    assert(!this.#members.has(this.#config.id), "a node is not among its peers");
    assert(this.#probe === undefined || this.#probe.target !== this.#config.id, "nobody probes itself");
  }

  step(now: Reading, event: Event<GossipProtocol>, effects: Effects): void {
    this.#now = now;
    this.#effects = effects;
    switch (event.kind) {
      case "message":
        return this.#onMessage(event.from, event.message);
      case "command":
        return this.#onCommand(event.command);
      case "wake":
        return this.#wake();
      case "persisted":
        return undefined;
      default:
        return unreachable(event);
    }
  }

  #onCommand(command: Command): void {
    if (command.type === "join") return this.#add(command.node);
    this.#members.delete(command.node);
    this.#rumours.delete(command.node);
    if (this.#probe?.target === command.node) this.#probe = undefined;
  }

  #add(node: NodeId): void {
    if (node === this.#config.id || this.#members.has(node)) return;
    this.#members.set(node, { node, health: "alive", incarnation: 0, deadAt: 0 });
  }

  // ---- Probes -------------------------------------------------------------------------------------------

  #wake(): void {
    const { mono } = this.#now;
    const { id, periodMs, ackTimeoutMs, indirect } = this.#config;
    for (const member of this.#members.values()) {
      if (member.health !== "suspect" || mono < member.deadAt) continue;
      this.#learn({ node: member.node, health: "dead", incarnation: member.incarnation });
    }
    for (const [sequence, { until }] of this.#onBehalf) if (mono >= until) this.#onBehalf.delete(sequence);
    const probe = this.#probe;
    if (probe && !probe.askedOthers && mono >= probe.askOthersAt) {
      probe.askedOthers = true;
      const helpers = this.#shuffled().filter((node) => node !== probe.target && this.healthOf(node) === "alive");
      for (const node of helpers.slice(0, indirect))
        this.#send(node, {
          type: "pingRequest",
          sequence: probe.sequence,
          target: probe.target,
          rumours: this.#news(),
        });
    }
    if (mono < this.#periodAt) return;
    if (probe) this.#suspect(probe.target);
    this.#periodAt = mono + periodMs;
    const target = this.#nextTarget();
    this.#probe = undefined;
    if (target === undefined || target === id) return;
    const sequence = this.#nextSequence++;
    this.#probe = { sequence, target, askOthersAt: mono + ackTimeoutMs, askedOthers: false };
    this.#send(target, { type: "ping", sequence, rumours: this.#news(target) });
  }

  /** Everyone once, in an order drawn anew each time: a failure is noticed within two rounds (SWIM, 4.3). The dead are asked too: they may be back. */
  #nextTarget(): NodeId | undefined {
    for (;;) {
      if (this.#order.length === 0) {
        this.#order = this.#shuffled();
        if (this.#order.length === 0) return undefined;
      }
      const node = this.#order.pop()!;
      if (this.#members.has(node)) return node;
    }
  }

  #shuffled(): NodeId[] {
    const all = [...this.#members.keys()].sort((a, b) => a - b);
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    return all;
  }

  #suspect(node: NodeId): void {
    const member = this.#members.get(node);
    if (member?.health === "alive") this.#learn({ node, health: "suspect", incarnation: member.incarnation });
  }

  // ---- Messages -----------------------------------------------------------------------------------------

  #onMessage(from: NodeId, message: Message): void {
    this.#add(from);
    for (const rumour of message.rumours) this.#learn(rumour);
    const { id, periodMs } = this.#config;
    switch (message.type) {
      case "ping":
        return this.#send(from, { type: "ack", sequence: message.sequence, about: id, rumours: this.#news(from) });
      case "pingRequest": {
        const sequence = this.#nextSequence++;
        this.#onBehalf.set(sequence, { asker: from, sequence: message.sequence, until: this.#now.mono + periodMs });
        return this.#send(message.target, { type: "ping", sequence, rumours: this.#news(message.target) });
      }
      case "ack": {
        const behalf = this.#onBehalf.get(message.sequence);
        if (behalf) {
          this.#onBehalf.delete(message.sequence);
          const { asker, sequence } = behalf;
          this.#send(asker, { type: "ack", sequence, about: message.about, rumours: this.#news(asker) });
        } else if (this.#probe?.sequence === message.sequence && this.#probe.target === message.about) {
          this.#probe = undefined;
        }
        return undefined;
      }
      default:
        return unreachable(message);
    }
  }

  #send(to: NodeId, message: Message): void {
    this.#effects.push({ kind: "send", to, message });
  }

  // ---- Rumours ------------------------------------------------------------------------------------------

  #learn(rumour: Rumour): void {
    const { node, health, incarnation } = rumour;
    if (node === this.#config.id) {
      if (health === "alive" && incarnation <= this.#incarnation) return;
      // Nobody but this node says how it is; it is alive, and says so louder.
      this.#incarnation = Math.max(this.#incarnation, incarnation) + 1;
      return this.#tell({ node, health: "alive", incarnation: this.#incarnation });
    }
    this.#add(node);
    const member = this.#members.get(node)!;
    const newer = incarnation > member.incarnation;
    if (!newer && (incarnation < member.incarnation || rank[health] <= rank[member.health])) return;
    const changed = health !== member.health;
    member.health = health;
    member.incarnation = incarnation;
    if (health === "suspect") member.deadAt = this.#now.mono + this.#config.suspicionMs;
    this.#tell(rumour);
    if (!changed) return;
    const fact = { type: "healthChanged", ...rumour } as const;
    this.#effects.push({ kind: "output", output: fact }, { kind: "fact", fact });
  }

  #tell(rumour: Rumour): void {
    const left = 3 * Math.ceil(Math.log2(this.#members.size + 2));
    this.#rumours.set(rumour.node, { rumour, left });
  }

  /** What to tell next: what was told least often; and whoever is believed ill hears of it itself. */
  #news(to?: NodeId): Rumour[] {
    const news: Rumour[] = [];
    const about = to === undefined ? undefined : this.#members.get(to);
    if (about && about.health !== "alive")
      news.push({ node: about.node, health: about.health, incarnation: about.incarnation });
    const waiting = [...this.#rumours.values()].sort((a, b) => b.left - a.left || a.rumour.node - b.rumour.node);
    for (const told of waiting) {
      if (news.length >= this.#config.maximumRumours) break;
      if (told.rumour.node === to) continue;
      news.push(told.rumour);
      if (--told.left <= 0) this.#rumours.delete(told.rumour.node);
    }
    return news;
  }
}
