/**
 * A whole ring in one process with virtual time, for the tests of this room: messages travel as bytes, are delayed,
 * lost and reordered; writes take time, and what was not durable vanishes in a crash.
 */
import { must, OrderedMap, seededRandom, type NodeId, type Random, type Reading } from "../base/index.ts";
import type { Effect, Event } from "../core/index.ts";
import { decodeMessage, decodeRecord, encodeMessage, encodeRecord } from "./codec.ts";
import { openDynamo, type Dynamo } from "./dynamo.ts";
import type { DynamoConfig, DynamoProtocol, Fact, Operation, Outcome, Record, Rows } from "./types.ts";

interface Member {
  readonly id: NodeId;
  core: Dynamo | undefined;
  life: number;
  /** Encoded records that are durable, oldest first. */
  log: Uint8Array[];
  /** Rows as of the last checkpoint. */
  table: OrderedMap<Uint8Array>;
  rows: OrderedMap<Uint8Array>;
  checkpointing: { index: number; rows: OrderedMap<Uint8Array> } | undefined;
  skewMs: number;
  diskFreeAt: number;
}

export interface RingOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly config?: Partial<DynamoConfig>;
  readonly maxDelayMs?: number;
  /** A write takes up to so long. */
  readonly diskMs?: number;
  readonly skewMs?: number;
}

export class RingWorld {
  now = 0;
  readonly members = new Map<NodeId, Member>();
  readonly random: Random;
  readonly cut = new Set<string>();
  lossRate = 0;
  /** More than the usual delay for some messages: says how much, in milliseconds. */
  delay: (from: NodeId, to: NodeId, type: string) => number = () => 0;
  readonly facts: { readonly node: NodeId; readonly fact: Fact }[] = [];
  readonly #options: RingOptions;
  readonly #queue: { at: number; order: number; run: () => void }[] = [];
  readonly #replies = new Map<number, (outcome: Outcome) => void>();
  #order = 0;
  #nextRequest = 1;

  constructor(options: RingOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    for (let id = 1; id <= options.nodes; id++) {
      const skewMs = (options.skewMs ?? 0) * (2 * this.random.float() - 1);
      const empty = { core: undefined, life: 0, log: [], checkpointing: undefined, diskFreeAt: 0 };
      this.members.set(id, { id, ...empty, table: new OrderedMap(), rows: new OrderedMap(), skewMs });
      this.start(id);
    }
  }

  start(id: NodeId): void {
    const member = this.member(id);
    member.life++;
    const rows = member.table.clone();
    member.rows = rows;
    const config: DynamoConfig = {
      id,
      n: 3,
      conflicts: "lww",
      sloppy: false,
      members: this.#everyone(),
      rows: rowsOf(rows),
      patienceMs: 60,
      antiEntropyMs: 200,
      retryWindowMs: 10_000,
      maximumOpen: 8,
      ...this.#options.config,
    };
    member.core = openDynamo(config, member.log.map(decodeRecord), this.random.fork());
    this.after(0, () => this.#step(member, member.life, { kind: "wake" }));
  }

  #everyone(): { node: NodeId }[] {
    return Array.from({ length: this.#options.nodes }, (_, i) => ({ node: i + 1 }));
  }

  crash(id: NodeId): void {
    const member = this.member(id);
    member.core = undefined;
    member.checkpointing = undefined;
    member.life++;
  }

  member(id: NodeId): Member {
    return must(this.members.get(id), `member ${id}`);
  }

  core(id: NodeId): Dynamo {
    return must(this.member(id).core, `a running member ${id}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.members.keys()) if (other !== id) this.cutLink(id, other);
  }

  cutLink(one: NodeId, other: NodeId): void {
    this.cut.add(`${one}>${other}`).add(`${other}>${one}`);
  }

  heal(): void {
    this.cut.clear();
    this.lossRate = 0;
    this.delay = () => 0;
    for (const member of this.members.values()) if (!member.core) this.start(member.id);
  }

  /** Has a node coordinate an operation. `done` may never be called, where the node dies. */
  request(to: NodeId, operation: Operation, done: (outcome: Outcome) => void, timeoutMs = 500): void {
    const id = this.#nextRequest++;
    const member = this.member(to);
    if (!member.core) return;
    this.#replies.set(id, done);
    const deadline = this.reading(member).mono + timeoutMs;
    this.#step(member, member.life, { kind: "command", command: { type: "request", id, deadline, operation } });
  }

  /** The outcome of an operation on a world that runs until it is there. */
  ask(to: NodeId, operation: Operation): Outcome {
    let found: Outcome | undefined;
    this.request(to, operation, (outcome) => void (found = outcome));
    this.runUntil(this.now + 2000, () => found !== undefined);
    return must(found, "an outcome");
  }

  /** The applied rows become the durable table, as the owner of the rows would have it. */
  checkpoint(id: NodeId): void {
    const member = this.member(id);
    if (!member.core || member.checkpointing) return;
    const checkpoint = { index: member.core.lastIndex, rows: member.rows.clone() };
    member.checkpointing = checkpoint;
    const { life } = member;
    this.after(5, () => {
      if (member.life !== life) return;
      member.checkpointing = undefined;
      member.table = checkpoint.rows;
      this.#step(member, life, { kind: "command", command: { type: "checkpointed", index: checkpoint.index } });
      this.#step(member, life, { kind: "wake" });
    });
  }

  after(delayMs: number, run: () => void): void {
    this.#queue.push({ at: this.now + delayMs, order: this.#order++, run });
  }

  runUntil(time: number, done?: () => boolean): void {
    for (;;) {
      if (done?.()) return;
      let next = -1;
      this.#queue.forEach((one, i) => {
        const best = this.#queue[next];
        if (!best || one.at < best.at || (one.at === best.at && one.order < best.order)) next = i;
      });
      const first = this.#queue[next];
      if (!first || first.at > time) break;
      this.#queue.splice(next, 1);
      this.now = first.at;
      first.run();
    }
    this.now = Math.max(this.now, time);
  }

  reading(member: Member): Reading {
    return { mono: this.now, wall: 1_000_000 + this.now + member.skewMs, error: 10 };
  }

  /** What every running member holds, in the order of names, comparable. */
  states(): string[] {
    return [...this.members.values()].map(({ core }) =>
      JSON.stringify([...(core?.shelf.states() ?? [])].map(([name, state]) => [name, flat(state)])),
    );
  }

  #step(member: Member, life: number, event: Event<DynamoProtocol>): void {
    const { core } = member;
    if (!core || member.life !== life) return;
    const effects: Effect<DynamoProtocol>[] = [];
    core.step(this.reading(member), event, effects);
    core.check();
    for (const effect of effects) this.#perform(member, effect);
    const { wakeAt } = core;
    if (wakeAt !== undefined && event.kind !== "message") this.#wakeLater(member, life, Math.max(wakeAt, this.now + 1));
    else if (wakeAt !== undefined && event.kind === "message" && wakeAt <= this.now + 10)
      this.#wakeLater(member, life, Math.max(wakeAt, this.now + 1));
  }

  #wakeLater(member: Member, life: number, at: number): void {
    this.after(at - this.now, () => {
      const wakeAt = member.core?.wakeAt;
      if (member.life === life && wakeAt !== undefined && wakeAt <= this.now)
        this.#step(member, life, { kind: "wake" });
    });
  }

  #perform(member: Member, effect: Effect<DynamoProtocol>): void {
    switch (effect.kind) {
      case "send": {
        const bytes = encodeMessage(effect.message);
        const { to } = effect;
        const link = `${member.id}>${to}`;
        const delayMs =
          this.random.float() * (this.#options.maxDelayMs ?? 3) + this.delay(member.id, to, effect.message.type);
        if (this.cut.has(link) || this.random.float() < this.lossRate) return;
        return this.after(delayMs, () => {
          const target = this.member(to);
          if (this.cut.has(link)) return;
          this.#step(target, target.life, { kind: "message", from: member.id, message: decodeMessage(bytes) });
        });
      }
      case "persist": {
        const { life } = member;
        const records = effect.records.map((record: Record) => encodeRecord(record));
        member.diskFreeAt =
          Math.max(member.diskFreeAt, this.now) + 0.2 + this.random.float() * (this.#options.diskMs ?? 2);
        return this.after(member.diskFreeAt - this.now, () => {
          if (member.life !== life) return;
          member.log.push(...records);
          this.#step(member, life, { kind: "persisted", write: effect.write });
        });
      }
      case "output":
        if (effect.output.type === "reply") {
          const done = this.#replies.get(effect.output.id);
          this.#replies.delete(effect.output.id);
          return done?.(effect.output.outcome);
        }
        const { index } = effect.output;
        member.log = member.log.filter((bytes) => decodeRecord(bytes).index > index);
        return;
      case "fact":
        this.facts.push({ node: member.id, fact: effect.fact });
    }
  }
}

function rowsOf(map: OrderedMap<Uint8Array>): Rows {
  return {
    get: (key) => map.get(key),
    put: (key, row) => void map.set(key, row),
    delete: (key) => void map.delete(key),
    range: (prefix) => [...map.range({ from: prefix, to: `${prefix}\u{ffff}` })],
  };
}

function flat(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) return [...value].map(flat);
  if (Array.isArray(value)) return value.map(flat);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, flat(inner)]));
  return value;
}
