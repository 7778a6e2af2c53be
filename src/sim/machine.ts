import { must, type GroupId, type NodeId, type Random, type Reading } from "../base/index.ts";
import type { Effect, Event } from "../core/index.ts";
import {
  fromLogRecord,
  openNode,
  toLogRecord,
  type NodeCommand,
  type NodeConfig,
  type NodeCore,
  type NodeFact,
  type NodeMessage,
  type NodeOutput,
  type NodeProtocol,
} from "../node/index.ts";
import {
  DamagedStateError,
  memoryEngine,
  openStore,
  PartitionedEngine,
  type EngineError,
  type MemoryEngine,
  type Store,
} from "../store/index.ts";
import { MemoryDisk, openWal, WalError, type DiskOperation, type Wal, type WalFact, crc32c } from "../wal/index.ts";
import { LostStorageError } from "../raft/index.ts";
import { SimClock } from "./clock.ts";

/** What a machine needs of the world around it. */
export interface Surroundings {
  readonly now: number;
  after(delayMs: number, run: () => void): void;
  send(from: NodeId, to: NodeId, message: NodeMessage): void;
  reply(from: NodeId, output: NodeOutput): void;
  /** Before a core takes an event: the trace. */
  onEvent(machine: Machine, event: Event<NodeProtocol>): void;
  onFact(machine: Machine, fact: NodeFact): void;
  onWalFact(machine: Machine, fact: WalFact): void;
  /** Its process has started or ended. */
  onLife(machine: Machine): void;
  /** After a core took an event: the checks. */
  onStepped(machine: Machine): void;
  /** Its disk turns out to be damaged. */
  onDamage(machine: Machine, what: string): void;
  /** The process died by itself, or could not start; someone may start it again. */
  onDeath(machine: Machine, reason: string): void;
}

export interface MachineOptions {
  readonly id: NodeId;
  readonly settings: Omit<NodeConfig, "id" | "store" | "rings">;
  readonly segmentSizeBytes: number;
  readonly diskMinMs: number;
  readonly diskMaxMs: number;
  /** Instead of these two: how long a batch of the log takes to become durable. */
  readonly diskOf?: (random: Random) => number;
  readonly clockErrorMs: number;
  /** Of the program, as `messageVersions` counts. */
  readonly version: number;
}

/** How long a process gathers what arrives before it ends its turn. */
const turnMs = 0.05;
const retryMs = 100;
const spareEffects: Effect<NodeProtocol>[][] = [];

/**
 * A machine of the simulated world: clocks, a disk, an engine, and a process on it that may crash, stop and start.
 * The process is the real node with the real log and store.
 */
export class Machine {
  readonly id: NodeId;
  readonly clock: SimClock;
  readonly disk: MemoryDisk;
  core: NodeCore | undefined;
  /** Why the last start failed, where it did: the disk is beyond what recovery may repair alone. */
  broken: WalError | undefined;
  /** Grows with every start and end of a process. */
  life = 0;
  starts = 0;
  paused = false;
  /** Every event takes this long. */
  slowMs = 0;
  /** Added to each disk operation. */
  diskDelayMs = 0;
  diskFull = false;
  version: number;
  /** Its disk was damaged, and what is lost by that may not be made up for. */
  suspect = false;
  /** What the data directory says durably: what was promised is lost. */
  rejoining = false;
  /** Operations that met a slow disk, and refusals of a full one. */
  readonly counts = { slowDisk: 0, refused: 0, held: 0, slowed: 0 };
  #engine: MemoryEngine;
  /** Of all groups of shards; there is none until there is a shard. */
  #shards: MemoryEngine | undefined;
  /** Of the keyspaces without a leader. */
  #rings: MemoryEngine;
  #wal: Wal | undefined;
  #mustBeginAnew = false;
  #inbox: (() => void)[] = [];
  #timerAt = Number.POSITIVE_INFINITY;
  #busyUntil = 0;
  readonly #options: MachineOptions;
  readonly #world: Surroundings;
  readonly #random: Random;
  readonly #diskRandom: Random;

  constructor(options: MachineOptions, world: Surroundings, random: Random) {
    this.id = options.id;
    this.#options = options;
    this.#world = world;
    this.#random = random;
    this.#diskRandom = random.fork();
    this.clock = new SimClock(world.now, random.below(1_000_000), options.clockErrorMs);
    this.disk = new MemoryDisk({ schedule: (operation, deliver) => this.#scheduleDisk(operation, deliver) });
    this.version = options.version;
    this.#engine = this.#newEngine();
    this.#rings = this.#newEngine();
  }

  #newEngine(): MemoryEngine {
    return memoryEngine({
      schedule: (deliver) => this.#scheduleEngine(deliver),
      fault: () => this.#engineFault(),
    });
  }

  get up(): boolean {
    return this.core !== undefined;
  }

  reading(): Reading {
    return this.clock.read(this.#world.now);
  }

  // ---- Life and death ----------------------------------------------------------------------------------

  start(): void {
    if (this.core || this.broken) return;
    if (this.#mustBeginAnew) {
      this.#mustBeginAnew = false;
      return this.beginAnew(true);
    }
    this.life++;
    this.starts++;
    this.clock.restart(this.#world.now, this.#random.below(1_000_000));
    const { life } = this;
    const { settings, segmentSizeBytes, id } = this.#options;
    const identity = { clusterId: "sim", nodeId: id };
    try {
      const { wal, recovered } = openWal({
        disk: this.disk,
        // A planted mistake: whatever the disk has after power loss passes for a batch.
        crc32c: settings.bugs?.has("torn-tail-accepted") ? () => 0 : crc32c,
        identity,
        segmentSizeBytes,
        ...(settings.bugs ? { bugs: settings.bugs } : {}),
        onFact: (fact) => {
          if (life === this.life) this.#onWalFact(fact);
        },
      });
      this.#wal = wal;
      const records = [...recovered.values()].flatMap((group) => group.map(fromLogRecord));
      const options = { crc32c, ...(settings.bugs ? { bugs: settings.bugs } : {}) };
      const store = openStore(this.#engine, options);
      let shards: PartitionedEngine | undefined;
      const openShard = (group: GroupId): Store => {
        shards ??= new PartitionedEngine((this.#shards ??= this.#newEngine()));
        return openStore(shards.view(group), { ...options, group });
      };
      const { rejoining } = this;
      const raft = { ...settings.raft, rejoining };
      this.core = openNode(
        { id, store, rings: this.#rings, openShard, ...settings, raft },
        records,
        this.#random.fork(),
      );
      // Everything was read, and nothing found.
      if (!rejoining && !this.#stateDamaged) this.suspect = false;
    } catch (error) {
      if (this.#isDamage(error)) {
        this.#world.onDamage(this, error.message);
        // The state is of use without the log: what has been applied was committed.
        return this.beginAnew(error instanceof DamagedStateError);
      }
      if (!(error instanceof WalError)) throw error;
      this.broken = error;
      this.#world.onDeath(this, error.message);
      return;
    }
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#busyUntil = 0;
    this.#world.onLife(this);
    this.receive({ kind: "wake" });
  }

  /** A damaged disk explains this: what is left is put aside, and a leader gives it back. */
  #isDamage(error: unknown): error is WalError | DamagedStateError | LostStorageError {
    // The state became durable long before the log that it comes from: no damage, and looks like a lost log.
    if (error instanceof LostStorageError) return error.lost === "log";
    // Version 1 refused it.
    if (!this.suspect || this.version < 2) return false;
    return error instanceof DamagedStateError || (error instanceof WalError && error.code !== "unreadable");
  }

  /** Starts on an empty log, and with `state` also on an empty state, as one that lost what it had promised. */
  beginAnew(state: boolean): void {
    this.broken = undefined;
    this.rejoining = true;
    this.disk.erase();
    if (state) {
      this.#engine.crash();
      this.#engine = this.#newEngine();
      this.#shards?.crash();
      this.#shards = undefined;
    }
    this.start();
  }

  /** Damages a row of the state. Whether there was one. */
  damageRow(place: number): boolean {
    const engine = place >= 0.5 && this.#shards !== undefined ? this.#shards : this.#engine;
    return engine.damage((2 * place) % 1);
  }

  get #stateDamaged(): boolean {
    return this.#engine.isDamaged || this.#shards?.isDamaged === true;
  }

  /** Someone reads the whole state. Whether that found damage. */
  scrub(): boolean {
    if (!this.core || !this.#stateDamaged) return false;
    this.#die("the state is damaged", true);
    return true;
  }

  /** The process ends at once. `power`: what the disk did not have durably may be gone, or half there. */
  crash(power: boolean): void {
    if (!this.core) return;
    this.#end();
    if (power) {
      this.disk.crash(this.#random);
      this.#engine = this.#engine.crash(this.#random.below(this.#engine.undelivered + 1));
      this.#shards = this.#shards?.crash(this.#random.below(this.#shards.undelivered + 1));
      this.#rings = this.#rings.crash(this.#rings.undelivered && this.#random.below(this.#rings.undelivered + 1));
    } else {
      this.disk.kill(this.#random);
      // What the process gave to the kernel survives it.
      this.#engine = this.#engine.crash(this.#engine.undelivered);
      this.#shards = this.#shards?.crash(this.#shards.undelivered);
      this.#rings = this.#rings.crash(this.#rings.undelivered);
    }
  }

  #end(): void {
    this.core = undefined;
    this.#wal = undefined;
    this.life++;
    this.#inbox = [];
    this.paused = false;
    this.#world.onLife(this);
  }

  /** `damaged`: the state is, so that nothing of it may be used by the next life. */
  #die(reason: string, damaged = false): void {
    if (!this.core) return;
    this.crash(false);
    this.#world.onDeath(this, reason);
    if (damaged) this.#mustBeginAnew = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const { life } = this;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const run of inbox) if (life === this.life) run();
  }

  // ---- Events ------------------------------------------------------------------------------------------

  /** Runs something that is the process's own: at once, or when it goes on. */
  whenAwake(run: () => void): void {
    if (this.paused) this.#inbox.push(run);
    else run();
  }

  /** Something arrives at the process: taken now, or when it has time. */
  receive(event: Event<NodeProtocol>): void {
    if (!this.core) return;
    if (this.paused) {
      this.counts.held++;
      this.#inbox.push(() => this.receive(event));
    } else if (this.slowMs > 0 || this.#busyUntil > this.#world.now) this.#receiveSlowly(event);
    else this.#step(event);
  }

  command(command: NodeCommand): void {
    this.receive({ kind: "command", command });
  }

  #receiveSlowly(event: Event<NodeProtocol>): void {
    const { life } = this;
    this.counts.slowed++;
    this.#busyUntil = Math.max(this.#busyUntil, this.#world.now) + this.slowMs;
    this.#world.after(this.#busyUntil - this.#world.now, () => {
      if (life !== this.life) return;
      if (this.paused) this.#inbox.push(() => this.#step(event));
      else this.#step(event);
    });
  }

  #step(event: Event<NodeProtocol>): void {
    try {
      this.#take(event);
    } catch (error) {
      if (!(error instanceof DamagedStateError) || !this.suspect) throw error;
      this.#world.onDamage(this, error.message);
      this.#die(error.message, true);
    }
  }

  #take(event: Event<NodeProtocol>): void {
    const core = this.core;
    if (!core) return;
    this.#world.onEvent(this, event);
    const effects = spareEffects.pop() ?? [];
    const { life } = this;
    core.step(this.reading(), event, effects);
    let writes = false;
    for (const effect of effects) {
      if (effect.kind === "send") this.#world.send(this.id, effect.to, effect.message);
      else if (effect.kind === "persist") {
        writes = true;
        this.#persist(effect.write, effect.records.map(toLogRecord));
      } else if (effect.kind === "fact") this.#world.onFact(this, effect.fact);
      else this.#act(effect.output);
    }
    effects.length = 0;
    spareEffects.push(effects);
    if (writes) this.#wal?.flush();
    if (life !== this.life) return;
    core.check();
    this.#world.onStepped(this);
    this.#setTimer();
  }

  #setTimer(): void {
    const wakeAt = this.core?.wakeAt;
    if (wakeAt === undefined) return;
    const { now } = this.#world;
    const due = Math.max(now + turnMs, this.clock.trueTimeOf(wakeAt));
    if (due >= this.#timerAt) return;
    this.#timerAt = due;
    const { life } = this;
    this.#world.after(due - now, () => {
      if (life === this.life && this.#timerAt === due) this.#onTimer();
    });
  }

  #onTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const wakeAt = this.core?.wakeAt;
    if (wakeAt === undefined) return;
    // The clock may have been slowed since, or the core wants to be woken later by now.
    if (wakeAt <= this.reading().mono) this.receive({ kind: "wake" });
    else this.#setTimer();
  }

  #persist(write: number, records: ReturnType<typeof toLogRecord>[]): void {
    const { life } = this;
    must(this.#wal, "the log").append(records, (error) => {
      if (life !== this.life) return;
      if (error) this.#world.after(0, () => life === this.life && this.#die(`the log failed: ${error.message}`));
      else this.receive({ kind: "persisted", write });
    });
  }

  #act(output: NodeOutput): void {
    switch (output.type) {
      case "job": {
        const { life } = this;
        const { group, job } = output;
        output.run((error) => {
          if (life === this.life) this.command({ type: "jobDone", group, job, error });
        });
        return;
      }
      case "truncateLog":
        this.#wal?.truncate(output.group, output.index);
        return;
      case "rejoined":
        this.rejoining = false;
        this.suspect = false;
        return;
      case "reply":
      case "watchEvents":
      case "watchFailed":
        return this.#world.reply(this.id, output);
    }
  }

  // ---- Disk --------------------------------------------------------------------------------------------

  #scheduleDisk(operation: DiskOperation, deliver: () => void): void {
    const { diskMinMs, diskMaxMs, diskOf } = this.#options;
    const share = operation.kind === "write" ? 0.1 : 1;
    if (this.diskDelayMs > 0) this.counts.slowDisk++;
    if (diskOf) {
      const waitMs = operation.kind === "write" ? 0 : diskOf(this.#diskRandom);
      return this.#deliverDisk(waitMs + this.diskDelayMs, deliver);
    }
    this.#deliverDisk(
      share * (diskMinMs + this.#diskRandom.float() * (diskMaxMs - diskMinMs)) + this.diskDelayMs,
      deliver,
    );
  }

  #scheduleEngine(deliver: () => void): void {
    const { diskMinMs, diskMaxMs } = this.#options;
    // A whole transaction takes several times as long as a write of the log.
    this.#deliverDisk(4 * (diskMinMs + this.#diskRandom.float() * (diskMaxMs - diskMinMs) + this.diskDelayMs), deliver);
  }

  /** The disk goes on while the process stands still, which hears of it afterwards. */
  #deliverDisk(delayMs: number, deliver: () => void): void {
    const { life } = this;
    this.#world.after(delayMs, () => {
      if (this.paused && life === this.life) this.#inbox.push(deliver);
      else deliver();
    });
  }

  #engineFault(): EngineError | undefined {
    if (!this.diskFull) return undefined;
    this.counts.refused++;
    return { code: "full", message: "no space for the engine" };
  }

  setDiskFull(full: boolean): void {
    this.diskFull = full;
    this.disk.capacityBytes = full ? this.disk.usedBytes : Number.POSITIVE_INFINITY;
  }

  #onWalFact(fact: WalFact): void {
    this.#world.onWalFact(this, fact);
    if (fact.kind === "segment-refused") {
      this.counts.refused++;
      this.#retryLater();
    } else if (fact.kind === "stalled") {
      this.counts.refused++;
      this.command({ type: "storage", full: true });
      this.#retryLater();
    } else if (fact.kind === "resumed") this.command({ type: "storage", full: false });
  }

  #retryLater(): void {
    const { life } = this;
    this.#world.after(retryMs, () => {
      if (life !== this.life) return;
      this.#wal?.retry();
      if (this.#wal?.stalled) this.#retryLater();
    });
  }
}
