import { assert, equalBytes, unreachable, type NodeId } from "../base/index.ts";
import { coveringContext, emptySiblings, emptyVector, writeVersion } from "../clock/index.ts";
import { failure, type Failure } from "../contract/index.ts";
import { countKeyed, emptyKeyedCounter, keyedValue, largestSum, settle } from "../crdt/index.ts";
import type { Dynamo } from "./dynamo.ts";
import { encodeState, knows, mergeKnown, mergeStates } from "./state.ts";
import { placeOf } from "./tree.ts";
import type { Operation, Outcome, State } from "./types.ts";

type Origin =
  | { readonly kind: "client"; readonly id: number }
  | { readonly kind: "node"; readonly node: NodeId; readonly id: number };

/** One node of a round: a replica, or who stands in for one. */
interface Target {
  readonly node: NodeId;
  /** 0: it is a replica itself. */
  readonly standsFor: NodeId;
  answered: boolean;
  state: State | undefined;
}

interface Running {
  readonly origin: Origin;
  readonly operation: Operation;
  readonly deadline: number;
  /** asking: for states; storing: one; forwarded: to a replica, which coordinates. */
  phase: "asking" | "storing" | "forwarded";
  /** Names the round in messages. */
  round: number;
  roundAt: number;
  need: number;
  targets: Target[];
  state: State | undefined;
  /** It may have happened. */
  left: boolean;
  substituted: boolean;
  replied: boolean;
}

const sweepMs = 10;
/** What is left undone is answered a little early rather than a little late. */
const marginMs = 5;
const maximumCount = Number.MAX_SAFE_INTEGER;

/**
 * Requests that this node coordinates. Each is one or two rounds over the replicas of a name; a round is over when as
 * many as it needs have answered, and lives on until all have, for read repair and hints.
 */
export class Operations {
  readonly #core: Dynamo;
  readonly #rounds = new Map<number, Running>();
  readonly #clients = new Map<number, Running>();
  #nextRound: number;
  #sweepAt: number | undefined;
  /** What this node answers itself, once the round stands. */
  readonly #soon: (() => void)[] = [];

  constructor(core: Dynamo) {
    this.#core = core;
    // Begins anywhere: answers to an earlier life must not be taken for answers to this one.
    this.#nextRound = 1 + core.random.u32();
  }

  get wakeAt(): number | undefined {
    return this.#rounds.size > 0 ? this.#sweepAt : undefined;
  }

  check(): void {
    for (const [round, running] of this.#rounds)
      assert(running.round === round, "an operation is known by its present round");
  }

  begin(origin: Origin, deadline: number, operation: Operation): void {
    this.#begin(origin, deadline, operation);
    this.#drain();
  }

  #drain(): void {
    for (let run = this.#soon.shift(); run; run = this.#soon.shift()) run();
  }

  #begin(origin: Origin, deadline: number, operation: Operation): void {
    const core = this.#core;
    const running: Running = {
      origin,
      operation,
      deadline,
      phase: "asking",
      round: 0,
      roundAt: 0,
      need: 0,
      targets: [],
      state: undefined,
      left: false,
      substituted: false,
      replied: false,
    };
    if (origin.kind === "client") this.#clients.set(origin.id, running);
    if (core.now.mono > deadline) return this.#refuse(running, failure("deadline", "it came too late", true));
    if (operation.type !== "read" && core.storageFull)
      return this.#refuse(running, failure("storage-full", `the disk of node ${core.config.id} is full`, true));
    const owners = core.owners(operation.name);
    switch (operation.type) {
      case "read":
        return this.#ask(running, operation.r);
      case "write":
        if (core.config.conflicts === "siblings") return this.#mint(running, operation.w);
        if (operation.linearizable) return this.#ask(running, owners.length - operation.w + 1);
        return this.#write(running, operation, core.shelf.everything(operation.name));
      case "increment":
        return this.#mint(running, operation.w);
      default:
        return unreachable(operation);
    }
  }

  cancel(id: number): void {
    const running = this.#clients.get(id);
    if (running) this.#refuse(running, failure("cancelled", "the caller gave up"));
  }

  // ---- Rounds -------------------------------------------------------------------------------------------

  /** Asks every replica for its state. */
  #ask(running: Running, need: number): void {
    this.#open(running, "asking", need);
    for (const node of this.#core.owners(running.operation.name)) this.#askNode(running, node, 0);
    this.#substitute(running, (node) => this.#core.suspects.has(node));
  }

  #askNode(running: Running, node: NodeId, standsFor: NodeId): void {
    const core = this.#core;
    const { name } = running.operation;
    const target: Target = { node, standsFor, answered: false, state: undefined };
    running.targets.push(target);
    const { round } = running;
    if (node !== core.config.id) return core.send(node, { type: "fetch", id: round, name });
    this.#soon.push(() => core.whenDurable(name, () => this.onFetched(node, round, core.shelf.everything(name))));
  }

  /** Has every replica take the state. */
  #store(running: Running, state: State, need: number): void {
    running.state = state;
    running.left = true;
    this.#open(running, "storing", need);
    for (const node of this.#core.owners(running.operation.name)) this.#storeAt(running, node, 0);
    this.#substitute(running, (node) => this.#core.suspects.has(node));
  }

  #storeAt(running: Running, node: NodeId, standsFor: NodeId): void {
    const core = this.#core;
    const { name } = running.operation;
    const state = running.state!;
    running.targets.push({ node, standsFor, answered: false, state: undefined });
    const { round } = running;
    if (node !== core.config.id) return core.send(node, { type: "store", id: round, name, state, holdFor: standsFor });
    if (standsFor !== 0) core.shelf.hold(standsFor, name, state);
    else core.shelf.merge(name, state);
    this.#soon.push(() => core.whenDurable(name, () => this.onStored(node, round)));
  }

  #open(running: Running, phase: Running["phase"], need: number): void {
    this.#rounds.delete(running.round);
    running.phase = phase;
    running.round = this.#nextRound++;
    running.roundAt = this.#core.now.mono;
    running.need = need;
    running.targets = [];
    this.#rounds.set(running.round, running);
    this.#sweepAt ??= this.#core.now.mono + sweepMs;
  }

  /** Sloppy quorums (Dynamo, 4.6): the next nodes of the ring stand in for replicas that are away. */
  #substitute(running: Running, isAway: (node: NodeId) => boolean): void {
    const core = this.#core;
    const { operation } = running;
    const strict = operation.type !== "increment" && operation.linearizable && !core.planted("sloppy-linearizable");
    if (!core.config.sloppy || strict) return;
    const { others } = core.placement(placeOf(operation.name).partition);
    const used = new Set(running.targets.map(({ node }) => node));
    const free = core.preferred(others).filter((node) => !used.has(node));
    const replaced = new Set(running.targets.map(({ standsFor }) => standsFor));
    const away = running.targets.filter(
      ({ node, standsFor, answered }) => standsFor === 0 && !answered && !replaced.has(node) && isAway(node),
    );
    for (const { node } of away) {
      const substitute = free.shift();
      if (substitute === undefined) return;
      running.substituted = true;
      if (running.phase === "asking") this.#askNode(running, substitute, node);
      else this.#storeAt(running, substitute, node);
    }
  }

  // ---- Answers ------------------------------------------------------------------------------------------

  onFetched(from: NodeId, round: number, state: State | undefined): void {
    const running = this.#answered(from, round, "asking");
    if (!running) return;
    this.#core.observe(state);
    running.targets.find(({ node }) => node === from)!.state = state;
    this.#settle(running);
    this.#drain();
  }

  onStored(from: NodeId, round: number): void {
    const running = this.#answered(from, round, "storing");
    if (!running) return;
    this.#settle(running);
    this.#drain();
  }

  #answered(from: NodeId, round: number, phase: Running["phase"]): Running | undefined {
    const running = this.#rounds.get(round);
    const target = running?.targets.find(({ node }) => node === from);
    if (!running || !target || running.phase !== phase || target.answered) return undefined;
    target.answered = true;
    return running;
  }

  /** Goes on where enough have answered; lets go where all have. */
  #settle(running: Running): void {
    const answered = running.targets.filter((target) => target.answered);
    if (!running.replied && answered.length >= running.need && running.need > 0) this.#enough(running, answered);
    const current = this.#rounds.get(running.round) === running;
    if (current && running.replied && running.targets.every((target) => target.answered)) this.#close(running);
  }

  #enough(running: Running, answered: readonly Target[]): void {
    const { operation } = running;
    const core = this.#core;
    if (running.phase === "storing") return this.#succeed(running, running.state);
    const state = this.#mergedOf(answered);
    // Whoever stood still meanwhile must not write under a new timestamp what was perhaps sent again, and overwritten since.
    if (operation.type === "write" && core.now.mono > running.deadline && !core.planted("writes-after-deadline"))
      return this.#refuse(running, failure("deadline", "the replicas answered too late", true));
    if (operation.type === "write") return this.#write(running, operation, state);
    if (operation.type !== "read") return;
    if (!operation.linearizable || state === undefined || core.planted("no-write-back"))
      return this.#succeed(running, state);
    // Where enough replicas hold it already there is nothing to write back.
    const writeQuorum = core.owners(operation.name).length - operation.r + 1;
    const bytes = encodeState(state);
    const holders = answered.filter((target) => target.state && equalBytes(encodeState(target.state), bytes));
    if (holders.length >= writeQuorum) return this.#succeed(running, state);
    this.#store(running, state, writeQuorum);
  }

  #mergedOf(targets: readonly Target[]): State | undefined {
    let state: State | undefined;
    for (const target of targets) state = mergeStates(state, target.state, this.#core.config.bugs);
    return state;
  }

  #succeed(running: Running, state: State | undefined): void {
    running.state = state;
    const answered = running.targets.filter((target) => target.answered);
    const substitutes = answered.some(({ standsFor }) => standsFor !== 0);
    this.#reply(running, { ok: true, state, answered: answered.map(({ node }) => node), substitutes });
  }

  // ---- Events of an actor -------------------------------------------------------------------------------

  /** The last writer wins: stores the value under a new timestamp, unless `before` shows that this was done. */
  #write(running: Running, operation: Extract<Operation, { type: "write" }>, before: State | undefined): void {
    const { clock, now, actor } = this.#core;
    const { key, bytes: value, w } = operation;
    this.#core.observe(before);
    if (before !== undefined && knows(before, key)) return this.#store(running, before, w);
    const timestamp = clock.next(now);
    const known = key === undefined ? [] : [{ key, timestamp }];
    this.#store(running, { kind: "register", register: { timestamp, actor, value }, known }, w);
  }

  /** Siblings and counters count the events of who makes them, so only a holder of the name makes one. */
  #mint(running: Running, need: number): void {
    const core = this.#core;
    const { operation } = running;
    const owners = core.owners(operation.name);
    const self = core.config.id;
    if (!owners.includes(self)) {
      const near = core.preferred(owners)[0];
      if (running.origin.kind === "client" && (near !== undefined || !core.config.sloppy)) {
        const to = near ?? owners[0];
        if (to !== undefined) return this.#forward(running, to);
      }
      if (!core.config.sloppy)
        return this.#refuse(running, failure("unavailable", `node ${self} holds nothing of this key`, true));
    }
    const before = core.shelf.everything(operation.name);
    core.observe(before);
    const state = this.#minted(before, operation);
    if (state === undefined) return this.#refuse(running, failure("overflow", "the counter would leave ±(2^53 - 1)"));
    // Also where it only stands in: the events of this life are counted from here on.
    core.shelf.merge(operation.name, state);
    this.#store(running, state, need);
  }

  #minted(before: State | undefined, operation: Operation): State | undefined {
    assert(operation.type !== "read", "reads make no events");
    if (before !== undefined && knows(before, operation.key) && !this.#core.planted("retries-count-again"))
      return before;
    return operation.type === "increment" ? this.#counted(before, operation) : this.#beside(before, operation);
  }

  #counted(before: State | undefined, { by, key }: Extract<Operation, { type: "increment" }>): State | undefined {
    const { actor, now, config } = this.#core;
    const present = before?.kind === "counter" ? before.counter : emptyKeyedCounter;
    const atMs = Math.max(0, Math.floor(now.wall));
    const again = this.#core.planted("retries-count-again") ? undefined : key;
    const settled = settle(present, actor, atMs - config.retryWindowMs, config.maximumOpen);
    const counter = countKeyed(settled, actor, by, again, atMs);
    const exact = largestSum(counter) <= maximumCount && Math.abs(keyedValue(counter)) <= maximumCount;
    return exact ? { kind: "counter", counter } : undefined;
  }

  #beside(before: State | undefined, operation: Extract<Operation, { type: "write" }>): State {
    const { actor, clock, now } = this.#core;
    const siblings = before?.kind === "siblings" ? before.siblings : emptySiblings<never>();
    const timestamp = clock.next(now);
    const context = this.#core.planted("blind-writes-overwrite")
      ? coveringContext(siblings)
      : (operation.context ?? emptyVector);
    const known = operation.key === undefined ? [] : [{ key: operation.key, timestamp }];
    return {
      kind: "siblings",
      siblings: writeVersion(siblings, context, actor, { timestamp, bytes: operation.bytes }),
      known: mergeKnown(before?.kind === "siblings" ? before.known : [], known),
    };
  }

  #forward(running: Running, to: NodeId): void {
    const { deadline, operation } = running;
    this.#open(running, "forwarded", 1);
    running.left = true;
    running.targets = [{ node: to, standsFor: 0, answered: false, state: undefined }];
    const ttlMs = Math.max(0, deadline - this.#core.now.mono - marginMs);
    this.#core.send(to, { type: "forward", id: running.round, ttlMs, operation });
  }

  onForwarded(round: number, outcome: Outcome): void {
    const running = this.#rounds.get(round);
    if (running?.phase !== "forwarded") return;
    this.#reply(running, outcome);
    this.#rounds.delete(round);
  }

  // ---- Time ---------------------------------------------------------------------------------------------

  wake(): void {
    const { mono } = this.#core.now;
    if (this.#sweepAt === undefined || mono < this.#sweepAt) return;
    this.#sweepAt = mono + sweepMs;
    for (const running of this.#rounds.values()) this.#sweep(running, mono);
    this.#drain();
    if (this.#rounds.size === 0) this.#sweepAt = undefined;
  }

  #sweep(running: Running, mono: number): void {
    const { patienceMs } = this.#core.config;
    const waited = mono - running.roundAt;
    const atDeadline = mono >= running.deadline - marginMs;
    if (running.phase === "forwarded") {
      if (atDeadline) this.#giveUp(running);
      return;
    }
    if (waited < patienceMs && !atDeadline) return;
    for (const { node, answered } of running.targets) if (!answered) this.#core.suspect(node);
    if (!running.replied) this.#substitute(running, () => true);
    this.#settle(running);
    if (this.#rounds.get(running.round) !== running) return;
    const hopeless = running.targets.every(({ answered, standsFor }) => answered || standsFor === 0);
    if (atDeadline || running.replied || hopeless || waited >= 2 * patienceMs) this.#giveUp(running);
  }

  #giveUp(running: Running): void {
    if (!running.replied) this.#refuse(running, this.#insufficient(running));
    if (this.#rounds.get(running.round) === running) this.#close(running);
  }

  #insufficient(running: Running): Failure {
    const { operation, targets, need, left } = running;
    const named = (nodes: readonly NodeId[]): string =>
      nodes.length === 0 ? "none" : nodes.map((node) => `node ${node}`).join(", ");
    const answered = targets.filter((target) => target.answered).map(({ node }) => node);
    const silent = targets.filter((target) => !target.answered).map(({ node }) => node);
    this.#core.fact({ type: "insufficient", name: operation.name });
    return failure(
      "insufficient-replicas",
      `${need} of ${this.#core.owners(operation.name).length} replicas had to answer; answered: ${named(answered)}; silent: ${named(silent)}`,
      operation.type === "read" || !left,
    );
  }

  /** The end of a round: what the silent and the stale missed is brought to them, now or later. */
  #close(running: Running): void {
    this.#rounds.delete(running.round);
    if (running.phase === "asking") this.#repair(running);
    else if (running.phase === "storing") this.#hint(running);
  }

  #repair({ operation, targets }: Running): void {
    const core = this.#core;
    if (operation.type !== "read") return;
    const answered = targets.filter((target) => target.answered);
    const state = this.#mergedOf(answered);
    if (state === undefined) return;
    const bytes = encodeState(state);
    for (const target of answered) {
      if (target.standsFor !== 0 || (target.state && equalBytes(encodeState(target.state), bytes))) continue;
      core.fact({ type: "readRepaired", node: target.node, name: operation.name });
      if (target.node === core.config.id) core.shelf.merge(operation.name, state);
      else core.send(target.node, { type: "store", id: 0, name: operation.name, state, holdFor: 0 });
    }
  }

  #hint({ operation, targets, state }: Running): void {
    const core = this.#core;
    if (state === undefined) return;
    const covered = new Set(targets.filter(({ answered }) => answered).map(({ standsFor }) => standsFor));
    for (const { node, standsFor, answered } of targets) {
      if (answered || standsFor !== 0 || covered.has(node) || node === core.config.id) continue;
      core.shelf.hold(node, operation.name, state);
      core.fact({ type: "hinted", node, name: operation.name });
    }
  }

  // ---- Replies ------------------------------------------------------------------------------------------

  #refuse(running: Running, problem: Failure): void {
    this.#reply(running, { ok: false, failure: problem });
  }

  #reply(running: Running, outcome: Outcome): void {
    if (running.replied) return;
    running.replied = true;
    const { origin } = running;
    if (origin.kind === "node") return this.#core.send(origin.node, { type: "forwarded", id: origin.id, outcome });
    this.#clients.delete(origin.id);
    this.#core.output({ type: "reply", id: origin.id, outcome });
  }
}
