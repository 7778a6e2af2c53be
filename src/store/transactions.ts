import { fromBinaryString, OrderedMap } from "../base/index.ts";
import { type Timestamp, wallOf } from "../clock/index.ts";
import type { DecideOperation, PrepareOperation, ResolveOperation } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { KeyspaceHandle, Keys } from "./keys.ts";
import type { Result } from "./result.ts";
import { currentKey } from "./rows.ts";
import { validate } from "./transaction.ts";
import { type Part, readPart, writePart } from "./transaction-rows.ts";
import { afterPrefix, numberKey, textKey } from "./values.ts";

/** A transaction that needs somebody to ask, or to tell, another group. */
export interface UnfinishedTransaction {
  readonly transaction: string;
  /** The group with its record. */
  readonly home: number;
  /** Wall-clock milliseconds of the log at which it came here. */
  readonly since: number;
  /** prepared: ask its record. committed: tell its participants. */
  readonly state: "prepared" | "committed";
  readonly timestamp: Timestamp;
  readonly deadline: number;
  readonly participants: readonly number[];
}

/** Puts the writes of a part into effect, at the timestamp. */
export type WritePart = (part: Part, timestamp: Timestamp) => void;

/** How many finished transactions one entry forgets, so that no entry takes long. */
const expiriesPerEntry = 256;

/**
 * This group's parts in transactions over several groups: two-phase commit whose participants and record are each
 * replicated (Gray and Lamport, "Consensus on Transaction Commit", 2006, section 3; Corbett et al., "Spanner", 2012, 4.2).
 *
 *     prepare ──▶ validated; its writes are kept here, its keys locked ──▶ resolve: written or dropped
 *     prepare at home ──▶ the same, and a record: pending ──▶ decide: committed or aborted, once
 *
 * Everything that is known of a transaction is remembered until its deadline has passed by the time of the log, and
 * nothing of it is accepted afterwards: so a command that arrives twice, or late, does nothing.
 */
export class Transactions {
  readonly #context: Context;
  readonly #keys: Keys;
  readonly #bugs: ReadonlySet<string> | undefined;
  readonly #parts = new Map<string, Part>();
  /** Row keys of what is to be written → transaction. */
  #writes = new OrderedMap<string>();
  readonly #reads = new Map<string, Set<string>>();
  /** Transactions that hold ranges. */
  readonly #ranged = new Set<string>();
  readonly #unfinished = new Set<string>();
  /** What transactions are committed, or may yet be, that have a name of which there is one. */
  readonly #once = new Map<string, string>();
  /** How often locks were given back since this was opened. */
  unlockCount = 0;
  /** By deadline. */
  #due = new OrderedMap<string>();

  constructor(context: Context, keys: Keys, bugs?: ReadonlySet<string>) {
    this.#context = context;
    this.#keys = keys;
    this.#bugs = bugs;
  }

  /** Reads what the overlay has. */
  load(): void {
    this.#parts.clear();
    this.#writes = new OrderedMap();
    this.#reads.clear();
    this.#ranged.clear();
    this.#due = new OrderedMap();
    this.#unfinished.clear();
    this.#once.clear();
    for (const [, row] of this.#context.overlay.range("transactions", {})) {
      const part = readPart(row);
      this.#parts.set(part.transaction, part);
      this.#due.set(dueKey(part), part.transaction);
      this.#nameOnce(part);
      if (part.state === "prepared") this.#lock(part);
      if (isUnfinished(part)) this.#unfinished.add(part.transaction);
    }
  }

  /** What no deadline lets come back is forgotten. */
  expire(): void {
    if (this.#due.size === 0) return;
    const due = [...this.#due.range({ to: numberKey(Math.floor(this.#now())), limit: expiriesPerEntry })];
    for (const [key, transaction] of due) {
      const part = this.#parts.get(transaction)!;
      if (isUnfinished(part)) continue;
      this.#due.delete(key);
      this.#parts.delete(transaction);
      if (this.#once.get(part.once) === transaction) this.#once.delete(part.once);
      this.#context.overlay.delete("transactions", textKey(transaction));
    }
  }

  /** Those that nobody has finished yet. */
  unfinished(): UnfinishedTransaction[] {
    return [...this.#unfinished].map((transaction) => {
      const { home, since, timestamp, deadline, participants, record } = this.#parts.get(transaction)!;
      const state = record === "committed" ? "committed" : "prepared";
      return { transaction, home, since, state, timestamp, deadline, participants };
    });
  }

  get unfinishedCount(): number {
    return this.#unfinished.size;
  }

  get lockCount(): number {
    return this.#writes.size + this.#reads.size + this.#ranged.size;
  }

  has(transaction: string): boolean {
    return this.#parts.has(transaction);
  }

  // ---- Commands ----------------------------------------------------------------------------------------

  /** Throws a StoreError: `transaction-conflict`, `malformed`, `too-large`. */
  prepare(operation: PrepareOperation, keyspace: KeyspaceHandle, tick: () => Timestamp): Result {
    const { transaction, deadline, snapshot, unchanged, ranges, writes, participants } = operation;
    const known = this.#parts.get(transaction);
    if (known !== undefined) return this.#tell(known);
    const same = this.#parts.get(this.#once.get(operation.once) ?? "");
    if (same?.record === "committed") return this.#told("repeated", same.timestamp);
    if (same !== undefined) return blockedBy(same);
    if (deadline <= this.#now()) return this.#told("aborted", 0);
    const part: Part = {
      transaction,
      deadline,
      age: operation.age,
      home: operation.home,
      since: this.#now(),
      state: "prepared",
      timestamp: 0,
      keyspace: keyspace.id,
      reads: unchanged.map((key) => currentKey(keyspace.prefix, key)),
      ranges: ranges.map(({ from, to }) => ({
        from: currentKey(keyspace.prefix, from),
        to: to === undefined ? afterPrefix(keyspace.prefix) : currentKey(keyspace.prefix, to),
      })),
      writes: writes.map(({ key, value }) => ({ key: currentKey(keyspace.prefix, key), value: value?.slice() })),
      record: operation.isHome ? "pending" : "none",
      participants,
      once: operation.once,
    };
    const holder = this.#blockerOf(part);
    if (holder !== undefined) return blockedBy(holder);
    validate(this.#keys, keyspace, { snapshot, unchanged, ranges, writes, planted: this.#bugs }, this.#context.clock);
    part.timestamp = tick();
    this.#lock(part);
    this.#add(part);
    return this.#tell(part);
  }

  /**
   * Only at home. Commits what is pending, or aborts it: `minimumAgeMs` after it came here, at the
   * earliest. One that is not known here never will be.
   */
  decide(operation: DecideOperation, write: WritePart): Result {
    const { transaction, commit, timestamp, deadline, minimumAgeMs } = operation;
    const part = this.#parts.get(transaction);
    if (part === undefined) {
      if (deadline > this.#now()) this.#add({ ...nothingOf(transaction, deadline, this.#now()), record: "aborted" });
      return this.#told("aborted", 0);
    }
    if (part.record !== "pending")
      return this.#told(part.record === "committed" ? "committed" : "aborted", part.timestamp);
    if (!commit && this.#now() - part.since < minimumAgeMs) return this.#told("pending", 0);
    part.record = commit ? "committed" : "aborted";
    this.#finish(part, commit, timestamp, write);
    return this.#told(part.record, part.timestamp);
  }

  /** The end of this group's part; the record has decided. */
  resolve({ transaction, commit, timestamp, deadline }: ResolveOperation, write: WritePart): Result {
    const part = this.#parts.get(transaction);
    if (part === undefined) {
      // A prepare that is late must not be taken for a new one.
      if (deadline > this.#now()) this.#add(nothingOf(transaction, deadline, this.#now()));
    } else if (part.state === "prepared" && part.record !== "pending") this.#finish(part, commit, timestamp, write);
    return this.#told(commit ? "committed" : "aborted", timestamp);
  }

  /** Only at home: every participant has resolved. */
  settle(transactions: readonly string[]): void {
    for (const transaction of transactions) {
      const part = this.#parts.get(transaction);
      if (part === undefined || part.record !== "committed") continue;
      part.participants = [];
      this.#save(part);
    }
  }

  // ---- Locks -------------------------------------------------------------------------------------------

  /** Throws a StoreError `locked` where a transaction is about to write the key, or relies on it where `writes`. */
  refuseLocked(rowKey: string, writes: boolean): void {
    if (this.lockCount === 0) return;
    const holder = writes ? this.#holderAgainstWrite(rowKey) : this.#holderAgainstRead(rowKey);
    if (holder !== undefined) throw locked(holder);
  }

  /** The same for a range that is relied on. */
  refuseLockedRange(from: string, to: string | undefined): void {
    for (const [, transaction] of this.#writes.range({ from, to })) throw locked(this.#parts.get(transaction)!);
  }

  /** Whether a read of these keys has to wait. What is prepared above `snapshot` is not for it to see. */
  isLocked(from: string, to: string | undefined, snapshot: Timestamp | undefined): boolean {
    for (const [, transaction] of this.#writes.range({ from, to })) {
      if (snapshot === undefined || this.#parts.get(transaction)!.timestamp <= snapshot) return true;
    }
    return false;
  }

  /** Throws a StoreError `locked` where a transaction that is under way holds anything of the keyspace. */
  refuseLockedKeyspace(id: number): void {
    for (const part of this.#parts.values()) if (part.state === "prepared" && part.keyspace === id) throw locked(part);
  }

  /** Planted: what a transaction that is not committed would make of the key. */
  dirty(rowKey: string): Uint8Array | undefined {
    if (this.#bugs?.has("dirty-reads") !== true) return undefined;
    const holder = this.#writes.get(rowKey);
    return holder === undefined ? undefined : this.#parts.get(holder)?.writes.find(({ key }) => key === rowKey)?.value;
  }

  /** The oldest holder that is in the way, so that all replicas name the same. */
  #blockerOf(part: Part): Part | undefined {
    if (this.lockCount === 0) return undefined;
    const holders = [
      ...part.writes.map(({ key }) => this.#holderAgainstWrite(key)),
      ...part.reads.map((key) => this.#holderAgainstRead(key)),
    ];
    for (const { from, to } of part.ranges) {
      for (const [, transaction] of this.#writes.range({ from, to })) holders.push(this.#parts.get(transaction));
    }
    let oldest: Part | undefined;
    for (const holder of holders) oldest = holder === undefined ? oldest : older(oldest, holder);
    return oldest;
  }

  #holderAgainstRead(rowKey: string): Part | undefined {
    const transaction = this.#bugs?.has("locks-released-early") === true ? undefined : this.#writes.get(rowKey);
    return transaction === undefined ? undefined : this.#parts.get(transaction);
  }

  #holderAgainstWrite(rowKey: string): Part | undefined {
    let oldest = this.#holderAgainstRead(rowKey);
    for (const transaction of this.#reads.get(rowKey) ?? []) oldest = older(oldest, this.#parts.get(transaction)!);
    for (const transaction of this.#ranged) {
      const holder = this.#parts.get(transaction)!;
      const within = holder.ranges.some(({ from, to }) => rowKey >= from && (to === undefined || rowKey < to));
      if (within) oldest = older(oldest, holder);
    }
    return oldest;
  }

  #lock(part: Part): void {
    for (const { key } of part.writes) this.#writes.set(key, part.transaction);
    if (this.#bugs?.has("read-locks-missing") === true) return;
    for (const key of part.reads) {
      const holders = this.#reads.get(key);
      if (holders === undefined) this.#reads.set(key, new Set([part.transaction]));
      else holders.add(part.transaction);
    }
    if (part.ranges.length > 0) this.#ranged.add(part.transaction);
  }

  #unlock(part: Part): void {
    this.unlockCount++;
    for (const { key } of part.writes) if (this.#writes.get(key) === part.transaction) this.#writes.delete(key);
    for (const key of part.reads) {
      const holders = this.#reads.get(key);
      if (holders?.delete(part.transaction) === true && holders.size === 0) this.#reads.delete(key);
    }
    this.#ranged.delete(part.transaction);
  }

  // ---- Rows --------------------------------------------------------------------------------------------

  #finish(part: Part, commit: boolean, timestamp: Timestamp, write: WritePart): void {
    this.#unlock(part);
    part.timestamp = timestamp;
    if (commit) write(part, timestamp);
    part.state = commit ? "committed" : "aborted";
    if (!commit && this.#once.get(part.once) === part.transaction) this.#once.delete(part.once);
    part.reads = [];
    part.ranges = [];
    part.writes = [];
    this.#save(part);
  }

  #add(part: Part): void {
    this.#parts.set(part.transaction, part);
    this.#due.set(dueKey(part), part.transaction);
    this.#nameOnce(part);
    this.#save(part);
  }

  #nameOnce({ once, record, transaction }: Part): void {
    if (once !== "" && record !== "aborted") this.#once.set(once, transaction);
  }

  #save(part: Part): void {
    if (isUnfinished(part)) this.#unfinished.add(part.transaction);
    else this.#unfinished.delete(part.transaction);
    this.#context.overlay.put("transactions", textKey(part.transaction), writePart(part));
  }

  #tell({ record, state, timestamp }: Part): Result {
    if (record === "committed" || record === "aborted") return this.#told(record, timestamp);
    return this.#told(state, timestamp);
  }

  #told(state: "pending" | "repeated" | Part["state"], timestamp: Timestamp): Result {
    return { kind: "transactionState", state, timestamp, revision: this.#context.revision };
  }

  #now(): number {
    return wallOf(this.#context.applied.timestamp);
  }
}

/** The user's part of a row key. */
export function keyOfRow(rowKey: string): Uint8Array {
  return fromBinaryString(rowKey.slice(4));
}

function blockedBy({ transaction, home, age, deadline }: Part): Result {
  return { kind: "blocked", transaction, home, age, deadline };
}

function locked({ transaction }: Part): StoreError {
  return new StoreError("locked", `the transaction ${transaction} holds a key of it`);
}

function older(one: Part | undefined, other: Part): Part {
  if (one === undefined || other.age < one.age) return other;
  return other.age === one.age && other.transaction < one.transaction ? other : one;
}

/** Only a decision that some participant may not have heard of has to outlive its deadline. */
function isUnfinished(part: Part): boolean {
  return part.state === "prepared" || (part.record === "committed" && part.participants.length > 0);
}

function dueKey({ deadline, transaction }: Part): string {
  return numberKey(Math.ceil(deadline)) + textKey(transaction);
}

/** A transaction of which nothing is here, and nothing may come. */
function nothingOf(transaction: string, deadline: number, since: number): Part {
  return {
    transaction,
    deadline,
    age: 0,
    home: 0,
    since,
    state: "aborted",
    timestamp: 0,
    keyspace: 0,
    reads: [],
    ranges: [],
    writes: [],
    record: "none",
    participants: [],
    once: "",
  };
}
