import { type GroupId, type NodeId, type Reading } from "../base/index.ts";
import { intervalOf, type Timestamp, timestampOf } from "../clock/index.ts";
import { failure, type Failure, type Outcome } from "../contract/index.ts";
import {
  decodeResult,
  encodeCommand,
  type Operation,
  type Store,
  StoreError,
  type StoreErrorCode,
} from "../store/index.ts";
import {
  abandonedMs,
  Commitment,
  type CommitOutcome,
  type CommitPlan,
  type CommitWorld,
  type GroupAnswer,
  type GroupPart,
  type Resolution,
} from "../txn/index.ts";
import { Wakes } from "./wakes.ts";

/** A replica of one group, as a coordinator sees it. */
export interface CoordinatedGroup {
  readonly group: GroupId;
  readonly store: Pick<Store, "unfinishedCount" | "unfinishedTransactions">;
  requestSelf(reply: (outcome: Outcome) => void, deadline: number, command: Uint8Array): void;
}

/** What the coordinator needs of its node. */
export interface CoordinatorNode {
  readonly id: NodeId;
  readonly now: Reading;
  /** The replica of a group, entered for this step; undefined: there is none here. */
  replica(group: GroupId): CoordinatedGroup | undefined;
  /** Replicas that lead their groups; to be looked at only. */
  leaders(): Iterable<CoordinatedGroup>;
  planted(bug: string): boolean;
}

type Reply = (answer: GroupAnswer) => void;

/** How long a group may take to answer one question, milliseconds. */
const askMs = 1000;
/** How often the node looks for what coordinators have left behind, and how old that is at least. */
const sweepMs = 250;
const leftBehindMs = 1000;
/** How long what is settled is collected, to be told in one entry. */
const settleMs = 100;
const settledAtOnce = 500;

/**
 * Transactions over several groups, as far as this node has to do with them: those that its clients have asked it to
 * commit, and, where it leads a group, those that nobody finishes any more. All of what must survive is in the groups.
 */
export class Coordinator implements CommitWorld {
  readonly #node: CoordinatorNode;
  /** Timers by number, like the wakes of groups. */
  readonly #wakes = new Wakes();
  readonly #timers = new Map<number, () => void>();
  #nextTimer = 1;
  #sweepAt: number | undefined;
  /** Transactions that are being finished for others. */
  readonly #finishing = new Set<string>();
  readonly #settled = new Map<GroupId, string[]>();

  constructor(node: CoordinatorNode) {
    this.#node = node;
  }

  get now(): Reading {
    return this.#node.now;
  }

  get wakeAt(): number | undefined {
    const { earliest } = this.#wakes;
    return this.#sweepAt === undefined ? earliest : Math.min(this.#sweepAt, earliest ?? Number.POSITIVE_INFINITY);
  }

  /** A timestamp that no change acknowledged before now exceeds, as far as the clocks of the nodes are right. */
  snapshot(): Timestamp {
    return timestampOf(Math.ceil(intervalOf(this.now).latest));
  }

  commit(plan: CommitPlan, reply: (outcome: CommitOutcome) => void): void {
    new Commitment(this, plan, reply).start();
  }

  /** End of the step: what is due, and a look at what was left behind, where one of the groups may have something. */
  flush(touched: Iterable<CoordinatedGroup>): void {
    const { mono } = this.now;
    for (const timer of this.#wakes.takeDue(mono)) {
      const run = this.#timers.get(timer);
      this.#timers.delete(timer);
      run?.();
    }
    if (this.#sweepAt !== undefined && this.#sweepAt <= mono) this.#sweep();
    else if (this.#sweepAt === undefined && anyUnfinished(touched)) this.#sweepAt = mono + this.#sweepEveryMs();
  }

  // ---- Questions to groups -----------------------------------------------------------------------------

  prepare(group: GroupId, plan: CommitPlan, part: GroupPart, home: GroupId, reply: Reply): void {
    const { transaction, age, deadline, keyspace, snapshot } = plan;
    const isHome = group === home;
    const once = isHome ? plan.once : "";
    const participants = isHome ? [...plan.parts.keys()].filter((other) => other !== home) : [];
    const demands = { keyspace, snapshot, ...part };
    this.#ask(
      group,
      { kind: "prepare", transaction, age, deadline, home, isHome, participants, once, ...demands },
      reply,
    );
  }

  decide(home: GroupId, resolution: Resolution, minimumAgeMs: number, reply: Reply): void {
    this.#ask(home, { kind: "decide", ...resolution, minimumAgeMs }, reply);
  }

  resolve(group: GroupId, resolution: Resolution, reply: Reply): void {
    this.#ask(group, { kind: "resolve", ...resolution }, reply);
  }

  /** Every change to come in the group gets a later timestamp. */
  observe(group: GroupId, timestamp: Timestamp, then: (isTold: boolean) => void): void {
    this.#ask(group, { kind: "observe", timestamp }, ({ kind }) => then(kind === "committed"));
  }

  settled(home: GroupId, transaction: string): void {
    const told = this.#settled.get(home);
    if (told !== undefined) return void told.push(transaction);
    this.#settled.set(home, [transaction]);
    this.after(settleMs, () => this.#tellSettled(home));
  }

  /** Returns what takes the timer back. */
  after(delayMs: number, run: () => void): () => void {
    const timer = this.#nextTimer++;
    this.#timers.set(timer, run);
    this.#wakes.set(timer, this.now.mono + delayMs);
    return () => {
      this.#timers.delete(timer);
      this.#wakes.set(timer, undefined);
    };
  }

  planted(bug: string): boolean {
    return this.#node.planted(bug);
  }

  #tellSettled(home: GroupId): void {
    const transactions = this.#settled.get(home) ?? [];
    const now = transactions.splice(0, settledAtOnce);
    if (transactions.length === 0) this.#settled.delete(home);
    else this.after(0, () => this.#tellSettled(home));
    // One that is not told is found by the home itself, and told again to those that know already.
    this.#ask(home, { kind: "settle", transactions: now }, () => {});
  }

  #ask(group: GroupId, operation: Operation, reply: Reply): void {
    const replica = this.#node.replica(group);
    if (replica === undefined) {
      const detail = `node ${this.#node.id} has no replica of group ${group}`;
      return reply({ kind: "unknown", failure: failure("unavailable", detail, true) });
    }
    let command: Uint8Array;
    try {
      command = encodeCommand({ envelope: { kind: "none" }, operation });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return reply({ kind: "refused", failure: failureOf(error.code, error.message) });
    }
    replica.requestSelf((outcome) => reply(answerOf(outcome)), this.now.mono + askMs, command);
  }

  // ---- What was left behind ----------------------------------------------------------------------------

  #sweepEveryMs(): number {
    return this.planted("intent-resolved-alone") ? 10 : sweepMs;
  }

  #sweep(): void {
    this.#sweepAt = undefined;
    for (const { group, store } of this.#node.leaders()) {
      for (const unfinished of store.unfinishedTransactions()) {
        const { transaction, home, state, since, deadline, timestamp, participants } = unfinished;
        if (this.planted("intent-resolved-alone") && home !== group)
          this.resolve(group, { transaction, commit: false, timestamp: 0, deadline }, () => {});
        const name = `${group}/${transaction}`;
        if (this.now.wall - since < leftBehindMs || this.#finishing.has(name)) continue;
        this.#finishing.add(name);
        const end = (): void => void this.#finishing.delete(name);
        if (state === "committed") {
          this.#tellAll(group, { transaction, commit: true, timestamp, deadline }, participants, end);
        } else this.#askHome(group, home, { transaction, commit: false, timestamp: 0, deadline }, end);
      }
    }
    if (anyUnfinished(this.#node.leaders())) this.#sweepAt = this.now.mono + this.#sweepEveryMs();
  }

  /** The record of a transaction that is prepared here decides; when it has been pending for too long, it is aborted. */
  #askHome(group: GroupId, home: GroupId, abort: Resolution, end: () => void): void {
    this.decide(home, abort, abandonedMs, (answer) => {
      if (group === home || (answer.kind !== "committed" && answer.kind !== "aborted")) return end();
      this.resolve(group, { ...abort, commit: answer.kind === "committed", timestamp: answer.timestamp }, end);
    });
  }

  #tellAll(home: GroupId, resolution: Resolution, participants: readonly GroupId[], end: () => void): void {
    let left = participants.length;
    let told = 0;
    for (const group of participants) {
      this.resolve(group, resolution, ({ kind }) => {
        if (kind === "committed" || kind === "aborted") told++;
        if (told === participants.length) this.settled(home, resolution.transaction);
        if (--left === 0) end();
      });
    }
  }
}

function anyUnfinished(groups: Iterable<CoordinatedGroup>): boolean {
  for (const { store } of groups) if (store.unfinishedCount > 0) return true;
  return false;
}

function answerOf(outcome: Outcome): GroupAnswer {
  if (!outcome.ok) return { kind: "unknown", failure: outcome.failure };
  const result = decodeResult(outcome.result);
  switch (result.kind) {
    case "transactionState":
      return { kind: result.state, timestamp: result.timestamp, position: outcome.kept.shards?.[0]?.position ?? 0 };
    case "blocked":
      return result;
    case "done":
      return { kind: "committed", timestamp: 0, position: 0 };
    case "error":
      return { kind: "refused", failure: failureOf(result.code, result.detail) };
    default:
      return { kind: "refused", failure: failure("internal", `a group answered ${result.kind}`) };
  }
}

function failureOf(code: StoreErrorCode, detail: string): Failure {
  switch (code) {
    case "moved":
      return failure("transaction-conflict", "a key of it is being moved to another group");
    case "malformed":
      return failure("bad-request", detail);
    case "too-large":
    case "transaction-conflict":
    case "not-found":
    case "compacted":
      return failure(code, detail);
    default:
      return failure("internal", `${code}: ${detail}`);
  }
}
