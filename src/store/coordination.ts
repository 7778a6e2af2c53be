import { ByteReader, ByteWriter, must, OrderedMap } from "../base/index.ts";
import { type Timestamp, wallOf } from "../clock/index.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { BarrierState, LockState } from "./result.ts";
import { numberKey, numberOfKey, textKey } from "./values.ts";

/** Somebody's wish for a permit of a lock, or arrival at a barrier. Times are wall-clock milliseconds of the log. */
interface Claim {
  /** Chosen by whoever claims: the same again is the same wish. */
  readonly id: string;
  /** Fencing token; 0: it waits. */
  token: number;
  /** How long a grant lasts without renewal. 0 for arrivals. */
  ttlMs: number;
  /** A grant ends then, and so does the patience of one that waits. */
  deadline: number;
  readonly note: string;
}

interface Item {
  readonly rowKey: string;
  readonly kind: "lock" | "barrier";
  /** Permits of a lock, participants of a barrier. */
  readonly size: number;
  /** In order of arrival. A lock's holders come first; at a barrier, whoever has passed it. */
  claims: Claim[];
  /** Where it is in the order of deadlines. */
  due: string;
}

export interface Acquisition {
  readonly token: number;
  readonly ahead: number;
}

/** Claims that one lock or barrier may have, so that its row stays small. */
const maximumClaims = 1000;
/** How many locks and barriers one entry may bring up to date, so that no entry takes long. */
const expiriesPerEntry = 256;

const prefixes = { lock: "l", barrier: "b" } as const;
const tokenRow = "t";
const scratch = new ByteWriter(256);

/**
 * Locks with leases and fencing tokens, semaphores (locks with several permits) and barriers.
 *
 * Time is that of the log's entries, so a lease ends at the same entry on every replica; the leader logs an entry
 * when one is due. Leaders' clocks differ, so the first entry of a new term gives every holder its whole time
 * again: a clock that is ahead cannot cut a lease short, and nobody loses one while there is no leader to renew it
 * (as etcd's lessor does on promotion). A lease is still only time; what must not happen twice is
 * refused by its fencing token (Kleppmann, "How to do distributed locking", 2016), which only grows.
 */
export class Coordination {
  readonly #context: Context;
  readonly #bugs: ReadonlySet<string> | undefined;
  readonly #items = new Map<string, Item>();
  /** By the earliest deadline. */
  #due = new OrderedMap<Item>();
  #next = Number.POSITIVE_INFINITY;
  #lastToken = 0;

  constructor(context: Context, bugs?: ReadonlySet<string>) {
    this.#context = context;
    this.#bugs = bugs;
  }

  /** Wall-clock milliseconds of the earliest deadline; undefined: there is none. */
  get nextDeadline(): number | undefined {
    return this.#next === Number.POSITIVE_INFINITY ? undefined : this.#next;
  }

  /** Reads what the overlay has. */
  load(): void {
    this.#items.clear();
    this.#due = new OrderedMap();
    this.#lastToken = 0;
    for (const [key, row] of this.#context.overlay.range("coordination", {})) {
      if (key === tokenRow) this.#lastToken = new ByteReader(row).uint();
      else {
        const item = readItem(key, row);
        this.#items.set(key, item);
        this.#schedule(item);
      }
    }
    this.#next = this.#earliest();
  }

  // ---- Locks -------------------------------------------------------------------------------------------

  /**
   * Grants the lock, or puts the claim into the queue where `waitMs` is above 0. Asked again, a claim that has its
   * grant is answered with it. Throws a StoreError: `exists` (with another number of permits), `too-large`.
   */
  acquire(
    name: string,
    claim: { readonly id: string; readonly ttlMs: number; readonly note: string },
    permits: number,
    waitMs: number,
  ): Acquisition {
    const now = this.#now();
    const item = this.#open("lock", name, permits);
    const known = item.claims.find(({ id }) => id === claim.id);
    if (known !== undefined) {
      if (known.token === 0) known.deadline = Math.max(known.deadline, now + waitMs);
      this.#save(item);
      return { token: known.token, ahead: aheadOf(item, known) };
    }
    const free = item.claims.length < permits;
    if (!free && waitMs === 0) return { token: 0, ahead: waitingIn(item) };
    this.#refuseMore(item);
    const added: Claim = { ...claim, token: 0, deadline: now + waitMs };
    item.claims.push(added);
    this.#grant(item, now);
    this.#save(item);
    return { token: added.token, ahead: aheadOf(item, added) };
  }

  /** The lease lasts `ttlMs` from now (0: as long as last time). Throws a StoreError `not-holder`. */
  renew(name: string, token: number, ttlMs: number): void {
    const item = this.#settled("lock", name);
    const claim = item?.claims.find((candidate) => candidate.token === token);
    if (item === undefined || claim === undefined) {
      if (this.#bugs?.has("renewal-revives") === true && token <= this.#lastToken)
        return this.#revive(name, token, ttlMs);
      throw notHolder(name, token);
    }
    if (ttlMs > 0) claim.ttlMs = ttlMs;
    // What was promised before stands: a shorter lease begins when the longer one is over.
    claim.deadline = Math.max(claim.deadline, this.#now() + claim.ttlMs);
    this.#save(item);
  }

  /** Throws a StoreError `not-holder`. */
  release(name: string, token: number): void {
    const item = this.#settled("lock", name);
    if (item === undefined || !item.claims.some((claim) => claim.token === token)) throw notHolder(name, token);
    this.#remove(item, (claim) => claim.token === token);
  }

  /** Takes a claim back, granted or not; one that is not there is fine. */
  withdraw(name: string, id: string): void {
    const item = this.#settled("lock", name);
    if (item !== undefined) this.#remove(item, (claim) => claim.id === id);
  }

  /** Whether the lock is held under this token now. `name`: the binary string of its UTF-8. */
  holds(name: string, token: number): boolean {
    if (this.#bugs?.has("fence-ignored") === true) return true;
    return (
      token > 0 && (this.#settledRow(prefixes.lock + name)?.claims.some((claim) => claim.token === token) ?? false)
    );
  }

  /** As of the last entry. `id`: whose place to tell. */
  lock(name: string, id: string): LockState {
    const now = this.#now();
    const claims = this.#items.get(rowKeyOf("lock", name))?.claims.filter(({ deadline }) => deadline > now) ?? [];
    const own = claims.find((claim) => claim.id === id);
    const waiting = claims.filter(({ token }) => token === 0);
    return {
      permits: this.#items.get(rowKeyOf("lock", name))?.size ?? 0,
      holders: claims
        .filter(({ token }) => token > 0)
        .map(({ token, note, deadline }) => ({ token, note, remainingMs: deadline - now })),
      waiting: waiting.length,
      token: own?.token ?? 0,
      place: own === undefined || own.token > 0 ? 0 : waiting.indexOf(own) + 1,
    };
  }

  // ---- Barriers ----------------------------------------------------------------------------------------

  /**
   * Arrives at a barrier, which all pass once `participants` are there; then it begins anew. An arrival counts for
   * `waitMs`. Throws a StoreError: `exists` (with another number of participants), `too-large`.
   */
  arrive(name: string, id: string, participants: number, waitMs: number): { passed: boolean; arrived: number } {
    const now = this.#now();
    const item = this.#open("barrier", name, participants);
    let claim = item.claims.find((candidate) => candidate.id === id);
    if (claim === undefined) {
      this.#refuseMore(item);
      claim = { id, token: 0, ttlMs: 0, deadline: now + waitMs, note: "" };
      item.claims.push(claim);
    } else claim.deadline = Math.max(claim.deadline, now + waitMs);
    const arrived = waitingIn(item);
    if (arrived >= participants) {
      const token = this.#newToken();
      for (const waiting of item.claims) if (waiting.token === 0) waiting.token = token;
    }
    this.#save(item);
    return { passed: claim.token > 0, arrived: claim.token > 0 ? participants : arrived };
  }

  /** Takes an arrival back; whoever has passed has passed. */
  depart(name: string, id: string): { passed: boolean; arrived: number } {
    const item = this.#settled("barrier", name);
    const claim = item?.claims.find((candidate) => candidate.id === id);
    if (item === undefined || claim === undefined) return { passed: false, arrived: 0 };
    if (claim.token > 0) return { passed: true, arrived: item.size };
    this.#remove(item, (candidate) => candidate === claim);
    return { passed: false, arrived: waitingIn(item) };
  }

  /** As of the last entry. Whoever passed is remembered for as long as it would have waited. */
  barrier(name: string, id: string): BarrierState {
    const now = this.#now();
    const item = this.#items.get(rowKeyOf("barrier", name));
    const claims = item?.claims.filter(({ deadline }) => deadline > now) ?? [];
    const own = claims.find((claim) => claim.id === id);
    return {
      participants: item?.size ?? 0,
      arrived: claims.filter(({ token }) => token === 0).length,
      state: own === undefined ? "absent" : own.token > 0 ? "passed" : "waiting",
    };
  }

  // ---- Time --------------------------------------------------------------------------------------------

  /**
   * Another leader, and another clock: every holder has its whole time again, and at least what was left of it at
   * `before`, the timestamp of the last entry of the old term (more than a lease that was renewed for less).
   */
  onNewTerm(before: Timestamp): void {
    if (this.#items.size === 0 || this.#bugs?.has("leases-cut-short") === true) return;
    const now = this.#now();
    for (const item of this.#items.values()) {
      let changed = false;
      for (const claim of item.claims) {
        const leftMs = Math.max(claim.ttlMs, claim.deadline - wallOf(before));
        if (claim.token === 0 || claim.ttlMs === 0 || claim.deadline >= now + leftMs) continue;
        claim.deadline = now + leftMs;
        changed = true;
      }
      if (changed) this.#save(item);
    }
  }

  /** Ends what is due, and passes on what that frees. */
  expire(): void {
    const now = this.#now();
    for (let i = 0; i < expiriesPerEntry && this.#next <= now; i++) {
      const [[, item]] = [...this.#due.range({ limit: 1 })] as [[string, Item]];
      this.#settle(item, now);
    }
  }

  #now(): number {
    return wallOf(this.#context.applied.timestamp);
  }

  /** The item, without the claims that are over: an entry may have come before all of them were brought up to date. */
  #settled(kind: Item["kind"], name: string): Item | undefined {
    return this.#settledRow(rowKeyOf(kind, name));
  }

  #settledRow(rowKey: string): Item | undefined {
    const item = this.#items.get(rowKey);
    if (item !== undefined) this.#settle(item, this.#now());
    return this.#items.get(rowKey);
  }

  #settle(item: Item, now: number): void {
    if (item.claims.every(({ deadline }) => deadline > now)) return;
    this.#remove(item, ({ deadline }) => deadline <= now);
  }

  #open(kind: Item["kind"], name: string, size: number): Item {
    const item = this.#settled(kind, name);
    if (item === undefined) return { rowKey: rowKeyOf(kind, name), kind, size, claims: [], due: "" };
    if (item.size !== size) {
      const what = kind === "lock" ? "permits" : "participants";
      throw new StoreError("exists", `the ${kind} "${name}" is in use with ${item.size} ${what}, not ${size}`);
    }
    return item;
  }

  #refuseMore(item: Item): void {
    if (item.claims.length < maximumClaims) return;
    throw new StoreError("too-large", `${item.claims.length} claims at one ${item.kind}, no more are possible`);
  }

  #remove(item: Item, over: (claim: Claim) => boolean): void {
    item.claims = item.claims.filter((claim) => !over(claim));
    if (item.kind === "lock") this.#grant(item, this.#now());
    this.#save(item);
  }

  /** First come, first served. */
  #grant(item: Item, now: number): void {
    for (const claim of item.claims.slice(0, item.size)) {
      if (claim.token > 0) continue;
      claim.token = this.#bugs?.has("tokens-begin-anew") === true ? 1 + highestToken(item) : this.#newToken();
      claim.deadline = now + claim.ttlMs;
    }
  }

  #newToken(): number {
    this.#lastToken++;
    scratch.reset();
    this.#context.overlay.put("coordination", tokenRow, scratch.uint(this.#lastToken).view());
    return this.#lastToken;
  }

  /** A planted mistake: who comes late is let in again, beside whoever holds it now. */
  #revive(name: string, token: number, ttlMs: number): void {
    const item = this.#items.get(rowKeyOf("lock", name)) ?? this.#open("lock", name, 1);
    item.claims.unshift({ id: `${token}`, token, ttlMs, deadline: this.#now() + ttlMs, note: "" });
    this.#save(item);
  }

  // ---- Rows --------------------------------------------------------------------------------------------

  #save(item: Item): void {
    const { rowKey, claims } = item;
    if (item.due !== "") this.#due.delete(item.due);
    item.due = "";
    if (claims.length === 0) {
      this.#items.delete(rowKey);
      this.#context.overlay.delete("coordination", rowKey);
    } else {
      this.#items.set(rowKey, item);
      this.#schedule(item);
      this.#context.overlay.put("coordination", rowKey, itemRow(item));
    }
    this.#next = this.#earliest();
  }

  #schedule(item: Item): void {
    const earliest = item.claims.reduce((least, { deadline }) => Math.min(least, deadline), Number.MAX_SAFE_INTEGER);
    item.due = numberKey(earliest) + item.rowKey;
    this.#due.set(item.due, item);
  }

  #earliest(): number {
    for (const [key] of this.#due.range({ limit: 1 })) return numberOfKey(key);
    return Number.POSITIVE_INFINITY;
  }
}

function rowKeyOf(kind: Item["kind"], name: string): string {
  return prefixes[kind] + textKey(name);
}

function waitingIn(item: Item): number {
  return item.claims.reduce((count, { token }) => count + (token === 0 ? 1 : 0), 0);
}

/** How many wait in front of it. */
function aheadOf(item: Item, claim: Claim): number {
  return claim.token > 0 ? 0 : item.claims.filter(({ token }) => token === 0).indexOf(claim);
}

function highestToken(item: Item): number {
  return item.claims.reduce((highest, { token }) => Math.max(highest, token), 0);
}

function notHolder(name: string, token: number): StoreError {
  return new StoreError("not-holder", `the lock "${name}" is not held under the token ${token}`);
}

function itemRow(item: Item): Uint8Array {
  scratch.reset();
  scratch.uint(item.size).uint(item.claims.length);
  for (const { id, token, ttlMs, deadline, note } of item.claims) {
    scratch.text(id).uint(token).uint(ttlMs).uint(deadline).text(note);
  }
  return scratch.view();
}

function readItem(rowKey: string, row: Uint8Array): Item {
  const reader = new ByteReader(row);
  const size = reader.uint();
  const claims: Claim[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    claims.push({
      id: reader.text(),
      token: reader.uint(),
      ttlMs: reader.uint(),
      deadline: reader.uint(),
      note: reader.text(),
    });
  }
  reader.end();
  const kind = must(
    rowKey[0] === prefixes.lock ? "lock" : rowKey[0] === prefixes.barrier ? "barrier" : undefined,
    rowKey,
  );
  return { rowKey, kind, size, claims, due: "" };
}
