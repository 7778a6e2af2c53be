/**
 * A whole group in one process with virtual time, for the tests of this room: messages are delayed, lost,
 * repeated and reordered, writes take time and vanish in a crash. (The simulator proper drives whole nodes.)
 */
import { must, seededRandom, type LogIndex, type NodeId, type Random, type Reading } from "../base/index.ts";
import { utf8 } from "../base/bytes.ts";
import type { Effect, Event } from "../core/index.ts";
import { GroupInvariants } from "./invariants.ts";
import { Raft } from "./raft.ts";
import {
  defaultRaftTimings,
  type Entry,
  type Output,
  type RaftConfig,
  type RaftProtocol,
  type Record,
  type SnapshotHead,
} from "./types.ts";

interface Machine {
  /** Applied commands, as text. */
  log: string[];
  head: SnapshotHead | undefined;
}

export interface Member {
  readonly id: NodeId;
  raft: Raft | undefined;
  life: number;
  readonly durable: Record[];
  machine: Machine;
  durableMachine: Machine;
  incoming: string;
  diskFreeAt: number;
}

interface Happening {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export interface GroupOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly bootstrap?: readonly NodeId[];
  readonly config?: Partial<RaftConfig>;
  readonly lossRate?: number;
  readonly maxDelayMs?: number;
}

export class Group {
  now = 0;
  readonly members = new Map<NodeId, Member>();
  readonly invariants = new GroupInvariants();
  readonly random: Random;
  readonly outputs: { node: NodeId; output: Output }[] = [];
  readonly acknowledged: string[] = [];
  readonly reads: { id: number; index: LogIndex; node: NodeId }[] = [];
  readonly cut = new Set<string>();
  lossRate: number;
  events = 0;
  readonly #options: GroupOptions;
  readonly #queue: Happening[] = [];
  #order = 0;
  readonly #batches = new Map<number, readonly string[]>();
  #nextBatch = 1;
  readonly #waiting = new Map<string, string>();

  constructor(options: GroupOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.lossRate = options.lossRate ?? 0;
    for (let id = 1; id <= options.nodes; id++) {
      const empty = { log: [], head: undefined };
      this.members.set(id, {
        id,
        raft: undefined,
        life: 0,
        durable: [],
        machine: empty,
        durableMachine: empty,
        incoming: "",
        diskFreeAt: 0,
      });
      this.start(id);
    }
  }

  reading(): Reading {
    return { mono: this.now, wall: 1_000_000 + this.now, error: 1 };
  }

  start(id: NodeId): void {
    const member = must(this.members.get(id), `member ${id}`);
    const voters = this.#options.bootstrap ?? [...this.members.keys()];
    const config: RaftConfig = {
      id,
      group: 0,
      bootstrap: {
        voters:
          voters.length >= this.#options.nodes || this.#options.bootstrap
            ? voters
            : Array.from({ length: this.#options.nodes }, (_, i) => i + 1),
        outgoing: [],
        learners: [],
      },
      applied: member.durableMachine.head,
      ...defaultRaftTimings,
      maxAppendBytes: 200,
      retainedLogBytes: 400,
      ...this.#options.config,
    };
    member.machine = { log: [...member.durableMachine.log], head: member.durableMachine.head };
    member.life++;
    member.raft = new Raft(config, member.durable, this.random.fork());
    this.#schedule(0, () => this.step(id, { kind: "wake" }));
  }

  crash(id: NodeId): void {
    const member = must(this.members.get(id), `member ${id}`);
    member.raft = undefined;
    member.life++;
  }

  cutLink(a: NodeId, b: NodeId): void {
    this.cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.members.keys()) if (other !== id) this.cutLink(id, other);
  }

  heal(): void {
    this.cut.clear();
  }

  live(): Member[] {
    return [...this.members.values()].filter((member) => member.raft !== undefined);
  }

  leader(): Member | undefined {
    return this.live()
      .filter((member) => member.raft!.role === "leader")
      .sort((a, b) => b.raft!.term - a.raft!.term)[0];
  }

  propose(id: NodeId, ...commands: string[]): void {
    const batch = this.#nextBatch++;
    this.#batches.set(batch, commands);
    this.step(id, { kind: "command", command: { type: "propose", batch, commands: commands.map(utf8) } });
  }

  step(id: NodeId, event: Event<RaftProtocol>): void {
    const member = must(this.members.get(id), `member ${id}`);
    if (!member.raft) return;
    this.events++;
    const effects: Effect<RaftProtocol>[] = [];
    member.raft.step(this.reading(), event, effects);
    for (const effect of effects) this.#perform(member, effect);
    if (!member.raft) return;
    member.raft.check();
    this.invariants.checkLeader(member.raft);
    const { wakeAt } = member.raft;
    const { life } = member;
    if (wakeAt !== undefined) {
      this.#schedule(Math.max(0, wakeAt - this.now), () => {
        if (member.life === life && member.raft && (member.raft.wakeAt ?? Infinity) <= this.now)
          this.step(id, { kind: "wake" });
      });
    }
  }

  /** Runs until the virtual time, in milliseconds from now. */
  run(durationMs: number): void {
    const end = this.now + durationMs;
    while (this.#queue.length > 0 && this.#queue[0]!.at <= end) {
      const next = this.#queue.shift()!;
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }

  checkLogs(): void {
    const live = this.live();
    for (const one of live)
      for (const other of live) if (one.id < other.id) GroupInvariants.checkLogs(one.raft!, other.raft!);
  }

  #schedule(delayMs: number, run: () => void): void {
    const happening = { at: this.now + delayMs, order: this.#order++, run };
    let place = this.#queue.length;
    while (place > 0 && this.#queue[place - 1]!.at > happening.at) place--;
    this.#queue.splice(place, 0, happening);
  }

  #perform(member: Member, effect: Effect<RaftProtocol>): void {
    const { id, life } = member;
    switch (effect.kind) {
      case "send": {
        const copies = this.random.float() < this.lossRate ? 0 : this.random.float() < this.lossRate ? 2 : 1;
        for (let i = 0; i < copies; i++) {
          this.#schedule(1 + this.random.float() * (this.#options.maxDelayMs ?? 5), () => {
            if (!this.cut.has(`${id}>${effect.to}`))
              this.step(effect.to, { kind: "message", from: id, message: effect.message });
          });
        }
        return;
      }
      case "persist":
        // One disk: writes complete in the order they were asked for.
        member.diskFreeAt = Math.max(member.diskFreeAt, this.now) + 0.5 + this.random.float() * 3;
        this.#schedule(member.diskFreeAt - this.now, () => {
          if (member.life !== life) return;
          member.durable.push(...effect.records);
          this.step(id, { kind: "persisted", write: effect.write });
        });
        return;
      case "output":
        this.outputs.push({ node: id, output: effect.output });
        return this.#act(member, effect.output);
      case "fact":
        return this.invariants.onFact(id, effect.fact);
    }
  }

  #act(member: Member, output: Output): void {
    const { id, life } = member;
    switch (output.type) {
      case "proposed": {
        const commands = this.#batches.get(output.batch) ?? [];
        commands.forEach((command, i) => this.#waiting.set(`${output.first + i}/${output.term}`, command));
        return;
      }
      case "committed":
        this.invariants.onCommitted(id, member.raft!.term, output.entries);
        return this.#apply(member, output.entries);
      case "readReady":
        this.reads.push({ id: output.id, index: output.index, node: id });
        return;
      case "readSnapshot": {
        // Three chunks a snapshot, so that streams are interrupted between chunks.
        const from = output.cursor[0] ?? 0;
        const head = member.machine.head;
        if (!head) return;
        const text = JSON.stringify(member.machine.log);
        const size = Math.ceil(text.length / 3);
        const done = from === 2;
        const command = {
          type: "snapshotData",
          to: output.to,
          head,
          cursor: output.cursor,
          next: Uint8Array.of(from + 1),
          data: utf8(text.slice(from * size, (from + 1) * size)),
          done,
        } as const;
        this.#schedule(0, () => member.life === life && this.step(id, { kind: "command", command }));
        return;
      }
      case "installChunk": {
        member.incoming = (output.first ? "" : member.incoming) + new TextDecoder().decode(output.data);
        if (!output.done) return;
        const text = member.incoming;
        const { head } = output;
        this.#schedule(2, () => {
          if (member.life !== life) return;
          try {
            member.machine = { log: JSON.parse(text) as string[], head };
          } catch {
            // Chunks of two moments of a moving state machine do not fit together: a real one keeps a frozen view.
            return this.step(id, { kind: "command", command: { type: "snapshotFailed", index: head.index } });
          }
          member.durableMachine = { log: [...member.machine.log], head };
          this.step(id, { kind: "command", command: { type: "snapshotInstalled", head } });
        });
        break;
      }
      case "truncate":
      case "closeSnapshot":
      case "leadership":
      case "refused":
      case "rejoined":
      case "readFailed":
        break;
    }
  }

  #apply(member: Member, entries: readonly Entry[]): void {
    const { machine } = member;
    for (const entry of entries) {
      const text = new TextDecoder().decode(entry.data);
      if (entry.kind === "command") machine.log.push(text);
      const own = this.#waiting.get(`${entry.index}/${entry.term}`);
      if (own !== undefined && own === text) {
        this.#waiting.delete(`${entry.index}/${entry.term}`);
        this.acknowledged.push(text);
      }
      machine.head = {
        index: entry.index,
        term: entry.term,
        timestamp: entry.timestamp,
        membership: member.raft!.membershipAt(entry.index),
      };
    }
    // Now and then the applied state becomes durable, and the log may be cut.
    if (this.random.below(8) === 0) {
      const { life } = member;
      const durable = { log: [...machine.log], head: machine.head };
      this.#schedule(5, () => {
        if (member.life !== life || (member.durableMachine.head?.index ?? 0) >= durable.head!.index) return;
        member.durableMachine = durable;
        this.step(member.id, { kind: "command", command: { type: "compact", index: durable.head!.index } });
      });
    }
  }
}
