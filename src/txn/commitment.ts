import { type GroupId, type Reading } from "../base/index.ts";
import { commitWaitMs, intervalOf, type Timestamp, timestampOf, wallOf } from "../clock/index.ts";
import { type Failure, failure } from "../contract/index.ts";
import type { KeyRange, Write } from "./transaction.ts";

/** What one group has to do with a transaction. */
export interface GroupPart {
  readonly unchanged: readonly Uint8Array[];
  readonly ranges: readonly KeyRange[];
  readonly writes: readonly Write[];
}

/** A transaction over several groups that is to be committed. */
export interface CommitPlan {
  /** The same for every attempt to commit the same thing: what is committed is committed once. */
  readonly transaction: string;
  /** When the first attempt of it began: what is older goes first. */
  readonly age: Timestamp;
  /** Wall-clock milliseconds: no group accepts anything new of it afterwards. */
  readonly deadline: number;
  /** Of all transactions with this name one at most is committed; empty: it has none. */
  readonly once: string;
  readonly keyspace: string;
  readonly snapshot: Timestamp;
  /** Its timestamp follows real time, at the price of a wait of about twice the clock error. */
  readonly strict: boolean;
  /** The first one is its home. */
  readonly parts: ReadonlyMap<GroupId, GroupPart>;
}

export interface Resolution {
  readonly transaction: string;
  readonly commit: boolean;
  readonly timestamp: Timestamp;
  readonly deadline: number;
}

interface State {
  readonly kind: "prepared" | "pending" | "committed" | "aborted" | "repeated";
  readonly timestamp: Timestamp;
  /** In the log of the group. */
  readonly position: number;
}

/** unknown: no answer; it may have been done. */
export type GroupAnswer =
  | State
  | {
      readonly kind: "blocked";
      readonly transaction: string;
      readonly home: GroupId;
      readonly age: Timestamp;
      readonly deadline: number;
    }
  | { readonly kind: "refused"; readonly failure: Failure }
  | { readonly kind: "unknown"; readonly failure: Failure };

type Reply = (answer: GroupAnswer) => void;

/** What a commit needs of the node that it runs on. Every question is answered once, some time. */
export interface CommitWorld {
  readonly now: Reading;
  prepare(group: GroupId, plan: CommitPlan, part: GroupPart, home: GroupId, reply: Reply): void;
  decide(home: GroupId, resolution: Resolution, minimumAgeMs: number, reply: Reply): void;
  resolve(group: GroupId, resolution: Resolution, reply: Reply): void;
  /** All groups have resolved; to be told to its home some time. */
  settled(home: GroupId, transaction: string): void;
  after(delayMs: number, run: () => void): unknown;
  planted(bug: string): boolean;
}

export type CommitOutcome =
  | {
      readonly ok: true;
      readonly timestamp: Timestamp;
      /** How far each group has to be for what was committed to be seen there. */
      readonly positions: ReadonlyMap<GroupId, number>;
      /** An earlier attempt to commit it had done so already. */
      readonly isRepeated: boolean;
    }
  | { readonly ok: false; readonly failure: Failure };

/** A transaction that is not decided within this time is given up; its record stays pending a little longer than that. */
export const prepareTimeoutMs = 1500;
/** How old a record must be before others abort it: its coordinator has given up by then, or is gone. */
export const abandonedMs = 2500;
const pauseMs = 4;
const maxPauseMs = 40;

/**
 * Two-phase commit of one transaction: prepares everywhere, decides at home, resolves everywhere. It keeps nothing that
 * must survive: whoever finds what it left behind asks the record at home.
 *
 * Where others hold a key, the older transaction aborts the younger and the younger waits (wound-wait; Rosenkrantz, Stearns
 * and Lewis, 1978): who waits for whom leads from young to old alone, so there is no deadlock, whatever groups are in it.
 */
export class Commitment {
  readonly #world: CommitWorld;
  readonly #plan: CommitPlan;
  readonly #home: GroupId;
  readonly #reply: (outcome: CommitOutcome) => void;
  readonly #prepared = new Map<GroupId, Timestamp>();
  readonly #positions = new Map<GroupId, number>();
  readonly #giveUpAt: number;
  #stage: "preparing" | "deciding" | "done" = "preparing";

  constructor(world: CommitWorld, plan: CommitPlan, reply: (outcome: CommitOutcome) => void) {
    this.#world = world;
    this.#plan = plan;
    this.#reply = reply;
    this.#giveUpAt = world.now.mono + Math.min(prepareTimeoutMs, plan.deadline - world.now.wall);
    this.#home = [...plan.parts.keys()][0]!;
  }

  start(): void {
    for (const group of this.#plan.parts.keys()) this.#prepare(group, 0);
  }

  // ---- Prepare -----------------------------------------------------------------------------------------

  #prepare(group: GroupId, attempt: number): void {
    if (this.#stage !== "preparing") return;
    const part = this.#plan.parts.get(group)!;
    this.#world.prepare(group, this.#plan, part, this.#home, (answer) => this.#onPrepared(group, attempt, answer));
  }

  #onPrepared(group: GroupId, attempt: number, answer: GroupAnswer): void {
    if (this.#stage !== "preparing") return;
    switch (answer.kind) {
      case "prepared":
      case "pending":
        this.#prepared.set(group, answer.timestamp);
        this.#positions.set(group, answer.position);
        break;
      case "committed":
        // An earlier attempt of the same has.
        this.#stage = "deciding";
        return this.#committed(group, answer, true);
      case "repeated":
        // Another one of the same name: nothing of this one happens.
        this.#stage = "deciding";
        this.#resolveAll(false, 0);
        this.#positions.set(group, answer.position);
        return this.#finish({ ok: true, timestamp: answer.timestamp, positions: this.#positions, isRepeated: true });
      case "aborted":
        return this.#abort(failure("transaction-conflict", "an older transaction came first, or it took too long"));
      case "refused":
        return this.#abort(answer.failure);
      case "unknown":
        return this.#again(group, attempt, answer.failure);
      case "blocked":
        return this.#onBlocked(group, attempt, answer);
    }
    const missing = this.#plan.parts.size - this.#prepared.size;
    if (missing === 0 || (missing === 1 && this.#world.planted("prepare-lost"))) this.#decide();
  }

  #again(group: GroupId, attempt: number, reason: Failure): void {
    const waitMs = Math.min(maxPauseMs, pauseMs * 2 ** Math.min(attempt, 8));
    if (this.#world.now.mono + waitMs >= this.#giveUpAt) return this.#abort(reason);
    this.#world.after(waitMs, () => this.#prepare(group, attempt + 1));
  }

  #onBlocked(group: GroupId, attempt: number, holder: Extract<GroupAnswer, { kind: "blocked" }>): void {
    const { age, transaction } = this.#plan;
    const isOlder = age < holder.age || (age === holder.age && transaction < holder.transaction);
    const reason = failure("transaction-conflict", `the older transaction ${holder.transaction} holds a key of it`);
    if (!isOlder) return this.#again(group, attempt, reason);
    const wound = { transaction: holder.transaction, commit: false, timestamp: 0, deadline: holder.deadline };
    this.#world.decide(holder.home, wound, 0, (answer) => {
      if (this.#stage !== "preparing") return;
      if (answer.kind !== "committed" && answer.kind !== "aborted") return this.#again(group, attempt, reason);
      const resolution = { ...wound, commit: answer.kind === "committed", timestamp: answer.timestamp };
      this.#world.resolve(group, resolution, () => this.#prepare(group, attempt + 1));
    });
  }

  // ---- Decide ------------------------------------------------------------------------------------------

  #decide(): void {
    this.#stage = "deciding";
    let timestamp = Math.max(...this.#prepared.values());
    if (this.#plan.strict) timestamp = Math.max(timestamp, timestampOf(intervalOf(this.#world.now).latest) + 1);
    this.#askRecord(timestamp);
  }

  #askRecord(timestamp: Timestamp): void {
    this.#world.decide(this.#home, this.#resolution(true, timestamp), 0, (answer) => {
      if (answer.kind === "committed") return this.#committed(this.#home, answer, false);
      if (answer.kind === "aborted") {
        this.#resolveAll(false, 0);
        return this.#finish({
          ok: false,
          failure: failure("transaction-conflict", "an older transaction came first, or it took too long", true),
        });
      }
      // Whether it was committed only the record knows: it is asked until the deadline.
      if (this.#world.now.wall < this.#plan.deadline) {
        this.#world.after(maxPauseMs, () => this.#askRecord(timestamp));
        return;
      }
      const detail = "no answer came in time from the group that decides";
      this.#finish({ ok: false, failure: failure("deadline", detail, false) });
    });
  }

  #committed(group: GroupId, { timestamp, position }: State, isRepeated: boolean): void {
    this.#positions.set(group, position);
    this.#resolveAll(true, timestamp);
    const finish = (): void => this.#finish({ ok: true, timestamp, positions: this.#positions, isRepeated });
    if (this.#plan.strict) waitOut(this.#world, timestamp, finish);
    else finish();
  }

  #abort(reason: Failure): void {
    this.#stage = "deciding";
    this.#world.decide(this.#home, this.#resolution(false, 0), 0, (answer) => {
      if (answer.kind === "committed") return this.#committed(this.#home, answer, true);
      if (answer.kind === "aborted") this.#resolveAll(false, 0);
      // Nobody has asked the record to commit, and nobody will.
      this.#finish({ ok: false, failure: { ...reason, definite: true } });
    });
  }

  #resolveAll(commit: boolean, timestamp: Timestamp): void {
    let left = this.#plan.parts.size - 1;
    for (const group of this.#plan.parts.keys()) {
      if (group === this.#home) continue;
      this.#world.resolve(group, this.#resolution(commit, timestamp), (answer) => {
        const isDone = answer.kind === "committed" || answer.kind === "aborted";
        if (isDone && --left === 0 && commit) this.#world.settled(this.#home, this.#plan.transaction);
      });
    }
  }

  #resolution(commit: boolean, timestamp: Timestamp): Resolution {
    const { transaction, deadline } = this.#plan;
    return { transaction, commit, timestamp, deadline };
  }

  #finish(outcome: CommitOutcome): void {
    if (this.#stage === "done") return;
    this.#stage = "done";
    this.#reply(outcome);
  }
}

/** Commit wait (Spanner, 4.2.1): nobody hears of it before its timestamp has certainly passed. */
export function waitOut(
  world: Pick<CommitWorld, "now" | "after" | "planted">,
  timestamp: Timestamp,
  then: () => void,
): void {
  const waitMs = world.planted("no-commit-wait") ? 0 : commitWaitMs(world.now, wallOf(timestamp) + 1);
  if (waitMs === 0) then();
  else world.after(waitMs, () => waitOut(world, timestamp, then));
}
