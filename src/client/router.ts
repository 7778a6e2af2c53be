import { type Failure, failure } from "../contract/index.ts";
import { Link, type LinkOwner } from "./link.ts";
import type { TimerWheel } from "./wheel.ts";
import type { World } from "./world.ts";

/**
 * Which node should answer: whoever leads; any one in turn; the one that answered this session last (`sticky`), which
 * has what the session has seen, so that a session's read neither waits there nor is forwarded; or the one at an
 * endpoint (`host:port`).
 */
export type Prefer = "leader" | "any" | "sticky" | (string & {});

const firstBackoffMs = 30;
const maxBackoffMs = 1000;

interface Target {
  readonly endpoint: string;
  readonly configured: boolean;
  link: Link | undefined;
  backoffMs: number;
  /** Not tried before this. */
  retryAt: number;
  /** Why its node will have nothing to do with this client. */
  refusal: Failure | undefined;
}

/** Keeps links to the nodes, and knows who leads. */
export class Router implements LinkOwner {
  readonly #world: World;
  readonly #wheel: TimerWheel;
  readonly #clusterId: string;
  readonly #targets = new Map<string, Target>();
  /** Who leads, by the latest that any node said; undefined: nobody knows. */
  #leader: string | undefined;
  #turn = 0;
  #closed = false;
  /** Something changed that may let waiting calls go on. */
  onChange: () => void = () => {};
  /** Why the latest link could not be made or was lost. */
  lastReason: Failure = failure("disconnected", "no node was tried yet", true);

  constructor(endpoints: readonly string[], clusterId: string, world: World, wheel: TimerWheel) {
    this.#world = world;
    this.#wheel = wheel;
    this.#clusterId = clusterId;
    for (const endpoint of endpoints) this.#target(endpoint, true);
    // So that many clients with the same list do not all begin at the same node.
    this.#turn = world.random.below(Math.max(1, this.#targets.size));
  }

  get size(): number {
    return this.#targets.size;
  }

  /** Why no node will ever answer, as long as nobody changes something; undefined: one may. */
  get hopeless(): Failure | undefined {
    for (const { refusal } of this.#targets.values()) if (refusal === undefined) return undefined;
    return this.lastReason;
  }

  get leader(): string | undefined {
    return this.#leader;
  }

  /**
   * An open link, or undefined: none is there yet, and those that may help are being opened (`onChange` tells).
   * `avoid` is chosen only where there is no other. `home`: who answered last, for `sticky`.
   */
  choose(prefer: Prefer, avoid: string | undefined, home?: string): Link | undefined {
    if (prefer === "any") return this.#chooseAny(avoid);
    if (prefer === "sticky") {
      const target = home === undefined || home === avoid ? undefined : this.#targets.get(home);
      return (target === undefined ? undefined : this.#open(target)) ?? this.#chooseAny(avoid);
    }
    if (prefer !== "leader") return this.#open(this.#target(prefer, false));
    const leader = this.#leader === undefined || this.#leader === avoid ? undefined : this.#target(this.#leader, false);
    // Any node forwards to the leader: better than to wait for a connection.
    return (leader === undefined ? undefined : this.#open(leader)) ?? this.#chooseAny(avoid);
  }

  close(): void {
    this.#closed = true;
    for (const { link } of this.#targets.values()) link?.close();
  }

  /** A node said that it cannot: do not take it for the leader. */
  distrust(endpoint: string): void {
    if (this.#leader === endpoint) this.#leader = undefined;
  }

  onOpen(link: Link, leader: string): void {
    const target = this.#targets.get(link.endpoint);
    if (target !== undefined) {
      target.backoffMs = firstBackoffMs;
      target.refusal = undefined;
    }
    this.onLeader(leader);
  }

  onLeader(leader: string): void {
    this.#leader = leader === "" ? undefined : leader;
    // Connect already: what follows goes there.
    if (this.#leader !== undefined) this.#open(this.#target(this.#leader, false));
    this.onChange();
  }

  onDraining(link: Link): void {
    this.distrust(link.endpoint);
  }

  onClosed(link: Link, reason: Failure): void {
    this.lastReason = reason;
    this.distrust(link.endpoint);
    const target = this.#targets.get(link.endpoint);
    if (target === undefined || target.link !== link) return;
    target.link = undefined;
    target.refusal = reason.code === "wrong-cluster" || reason.code === "protocol" ? reason : undefined;
    if (!target.configured) this.#targets.delete(link.endpoint);
    target.retryAt = this.#world.now() + target.backoffMs * (0.75 + this.#world.random.float() / 2);
    target.backoffMs = Math.min(target.backoffMs * 2, maxBackoffMs);
    this.onChange();
  }

  #target(endpoint: string, configured: boolean): Target {
    let target = this.#targets.get(endpoint);
    if (target === undefined) {
      target = { endpoint, configured, link: undefined, backoffMs: firstBackoffMs, retryAt: 0, refusal: undefined };
      this.#targets.set(endpoint, target);
    }
    return target;
  }

  /** The target's link where it is open; otherwise begins to open it, unless it failed just now. */
  #open(target: Target): Link | undefined {
    if (target.link !== undefined) return target.link.state === "open" ? target.link : undefined;
    if (this.#closed || target.retryAt > this.#world.now()) return undefined;
    target.link = new Link(target.endpoint, this.#clusterId, this.#world, this.#wheel, this);
    return undefined;
  }

  /** An open one, in turn; opens them all where none is. */
  #chooseAny(avoid: string | undefined): Link | undefined {
    const targets = [...this.#targets.values()];
    const first = this.#turn++ % targets.length;
    let last: Link | undefined;
    for (let i = 0; i < targets.length; i++) {
      const link = this.#open(targets[(first + i) % targets.length]!);
      if (link === undefined) continue;
      if (link.endpoint !== avoid) return link;
      last = link;
    }
    return last;
  }
}
