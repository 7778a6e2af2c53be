import { must, type NodeId, type Random, type Reading, type WriteId } from "../base/index.ts";
import type { Core, Effect, Event } from "../core/index.ts";
import { unreachable } from "../base/index.ts";
import { Replica, type Sink } from "./replica.ts";
import type { GroupStatus, NodeCommand, NodeConfig, NodeMessage, NodeProtocol, NodeRecord } from "./types.ts";

type Effects = Effect<NodeProtocol>[];

export interface NodeCore extends Core<NodeProtocol> {
  /** A look at every group, in order of id. */
  groups(now: Reading): GroupStatus[];
  /** Every group's replica, for checkers. */
  readonly replicas: ReadonlyMap<number, Replica>;
}

/** Opens a node on what it recovered. For now it holds one group, number 0. */
export function openNode(config: NodeConfig, recovered: readonly NodeRecord[], random: Random): NodeCore {
  return new Node(config, recovered, random);
}

/**
 * A core made of cores: it routes requests and messages to its groups, and gathers what they want written
 * in a turn into one write.
 */
class Node implements NodeCore, Sink {
  readonly replicas = new Map<number, Replica>();
  #effects!: Effects;
  /** What the groups want written by the end of this step. */
  #records: NodeRecord[] = [];
  #parts: { group: number; write: WriteId }[] = [];
  #nextWrite: WriteId = 1;
  /** Writes under way, oldest first, each with the groups' own writes in it. */
  readonly #writes: { write: WriteId; parts: { group: number; write: WriteId }[] }[] = [];

  constructor(config: NodeConfig, recovered: readonly NodeRecord[], random: Random) {
    this.replicas.set(0, new Replica(0, config, recovered, random.fork()));
  }

  step(now: Reading, event: Event<NodeProtocol>, effects: Effects): void {
    this.#effects = effects;
    switch (event.kind) {
      case "message":
        this.#onMessage(now, event.from, event.message);
        break;
      case "command":
        this.#onCommand(now, event.command);
        break;
      case "persisted":
        this.#onPersisted(now, event.write);
        break;
      case "wake":
        for (const replica of this.replicas.values()) {
          const { wakeAt } = replica;
          if (wakeAt === undefined || wakeAt > now.mono) continue;
          replica.enter(now, this);
          replica.wake();
        }
        break;
    }
    this.#flush(effects);
  }

  get wakeAt(): number | undefined {
    let earliest: number | undefined;
    for (const { wakeAt } of this.replicas.values()) {
      if (wakeAt !== undefined && (earliest === undefined || wakeAt < earliest)) earliest = wakeAt;
    }
    return earliest;
  }

  check(): void {
    for (const replica of this.replicas.values()) replica.check();
  }

  groups(now: Reading): GroupStatus[] {
    return [...this.replicas.values()].map((replica) => replica.status(now));
  }

  /** Until keyspaces are placed on several groups, every request belongs to group 0. */
  #home(now: Reading): Replica {
    return this.#replica(now, 0);
  }

  #replica(now: Reading, group: number): Replica {
    const replica = must(this.replicas.get(group), `group ${group}`);
    replica.enter(now, this);
    return replica;
  }

  #onMessage(now: Reading, from: NodeId, message: NodeMessage): void {
    switch (message.type) {
      case "raft":
        // A message for a group that is not here is late or early; Raft copes with its loss.
        if (!this.replicas.has(message.group)) return;
        return this.#replica(now, message.group).drive({ kind: "message", from, message: message.message });
      case "forward":
        return this.#home(now).forwarded(from, message.requests);
      case "forwarded":
        return this.#home(now).replies(message.replies);
      default:
        return unreachable(message);
    }
  }

  #onCommand(now: Reading, command: NodeCommand): void {
    switch (command.type) {
      case "request":
        return this.#home(now).request({ kind: "client", id: command.id }, command.deadline, command.body);
      case "cancel":
        return this.#home(now).cancel(command.id);
      case "watch":
        return this.#home(now).watch(command.id, command.keyspace, command.prefix, command.from);
      case "watchCredit":
        return this.#home(now).watchCredit(command.id, command.credit);
      case "unwatch":
        return this.#home(now).unwatch(command.id);
      case "transfer":
        return this.#home(now).transfer(command.id, command.deadline, command.to);
      case "changeMembership":
        return this.#home(now).changeMembership(command.id, command.deadline, command.voters, command.learners);
      case "jobDone":
        return this.#replica(now, command.group).jobDone(command.job, command.error);
      case "storage":
        for (const group of this.replicas.keys()) this.#replica(now, group).setStorageFull(command.full);
        return;
      case "suspect":
        for (const group of this.replicas.keys()) {
          this.#replica(now, group).drive({ kind: "command", command: { type: "suspect", node: command.node } });
        }
        return;
      default:
        return unreachable(command);
    }
  }

  #onPersisted(now: Reading, write: WriteId): void {
    while (this.#writes.length > 0 && this.#writes[0]!.write <= write) {
      for (const part of this.#writes.shift()!.parts)
        this.#replica(now, part.group).drive({ kind: "persisted", write: part.write });
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
    this.#effects.push({ kind: "output", output });
  }

  fact(fact: NodeProtocol["Fact"]): void {
    this.#effects.push({ kind: "fact", fact });
  }
}
