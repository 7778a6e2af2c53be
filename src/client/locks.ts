/** Locks with leases that are kept alive, barriers, and the fence in front of what a lock protects. */
import { type ErrorCode, CohortError, fail } from "../contract/index.ts";
import type { Query } from "../contract/index.ts";
import type { Answer, Operation, Result } from "../store/index.ts";
import { wholeNumber } from "./input.ts";
import type { BarrierSettings, CallSettings, LockSettings } from "./types.ts";
import { Timer, type TimerWheel } from "./wheel.ts";
import type { World } from "./world.ts";

type Kind = (Answer | Result)["kind"];
type Of<K extends Kind> = Extract<Answer | Result, { kind: K }>;

/** What locks need of the session that they belong to. */
export interface LockAccess {
  readonly world: World;
  readonly wheel: TimerWheel;
  /** Those that are kept alive. */
  readonly held: Set<Lock>;
  write<K extends Kind>(operation: Operation, settings: CallSettings, kind: K): Promise<Of<K>>;
  read<K extends Kind>(query: Query, settings: CallSettings, kind: K): Promise<Of<K>>;
}

const defaultTtlMs = 10_000;
const defaultBarrierMs = 60_000;
/** A claim without an end of its own stays in the queue so long, and is asked for again before that. */
const patienceMs = 60_000;
/** How long a waiter pauses before it looks again, for each place in the queue. */
const pollMs = 20;
const maxPollMs = 500;
/** A lease is renewed after this share of it. */
const renewAfter = 1 / 3;

/**
 * A lock that this program holds. Its lease is kept alive until `release`, or until it is `lost`: because the
 * cluster says so, or because no renewal was confirmed in time. A program that stood still may learn of that too
 * late, so what the lock protects must check `token`: see `Fence`, and the condition `{ lock, token }` of transactions.
 */
export class Lock {
  readonly name: string;
  /** Higher than that of every earlier holder. */
  readonly token: number;
  readonly #access: LockAccess;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  /** Monotonic time until when the lease certainly lasts, as far as is known. */
  #validUntil: number;
  #released = false;
  readonly #renewal = new Timer(() => void this.#renew());
  readonly #end = new Timer(() => this.#lose(new Error(`the lease of "${this.name}" was not renewed in time`)));

  constructor(access: LockAccess, name: string, token: number, ttlMs: number, askedAt: number) {
    this.#access = access;
    this.name = name;
    this.token = token;
    this.#ttlMs = ttlMs;
    this.#validUntil = askedAt + ttlMs;
    access.held.add(this);
    this.#schedule();
  }

  /** Aborted when the lease is over and it was not released: stop what it protects. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get held(): boolean {
    return !this.#released && !this.#lost.signal.aborted && this.#access.world.now() < this.#validUntil;
  }

  /** Gives it back, so that the next one need not wait for the lease to end. */
  async release(settings: CallSettings = {}): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#stop();
    try {
      await this.#access.write({ kind: "release", lock: this.name, token: this.token }, settings, "done");
    } catch (error) {
      // Over already: as wanted.
      if (!isCode(error, "not-holder")) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** The client is closed: nobody keeps the lease alive any more. */
  abandon(reason: Error): void {
    this.#lose(reason);
  }

  #schedule(): void {
    const { wheel, world } = this.#access;
    wheel.set(this.#renewal, world.now() + this.#ttlMs * renewAfter);
    wheel.set(this.#end, this.#validUntil);
  }

  async #renew(): Promise<void> {
    const { world } = this.#access;
    // The lease begins anew when the cluster gets to it, which is after this.
    const askedAt = world.now();
    const timeoutMs = Math.max(1, this.#validUntil - askedAt);
    try {
      const operation = { kind: "renew", lock: this.name, token: this.token, ttlMs: 0 } as const;
      await this.#access.write(operation, { timeoutMs }, "done");
      this.#validUntil = askedAt + this.#ttlMs;
    } catch (error) {
      // Anything else may pass, and the end of the lease comes by itself.
      if (isCode(error, "not-holder")) return this.#lose(error);
    }
    if (!this.#released && !this.#lost.signal.aborted) this.#schedule();
  }

  #lose(reason: unknown): void {
    this.#stop();
    if (!this.#released) this.#lost.abort(reason);
  }

  #stop(): void {
    const { wheel, held } = this.#access;
    wheel.clear(this.#renewal);
    wheel.clear(this.#end);
    held.delete(this);
  }
}

/** Waits for the grant. Rejects with `not-granted`, or with what the cluster says. */
export async function waitForLock(access: LockAccess, name: string, settings: LockSettings): Promise<Lock> {
  const { world } = access;
  const { ttlMs = defaultTtlMs, waitMs = Number.POSITIVE_INFINITY, permits = 1, note = "", signal } = settings;
  wholeNumber(ttlMs, "ttlMs", 1);
  wholeNumber(permits, "permits", 1);
  if (!(waitMs >= 0)) throw fail("bad-request", `waitMs is a number from 0, not ${waitMs}`);
  const claim = claimOf(world);
  const endsAt = world.now() + waitMs;
  const call = callSettings(settings);
  let askedAt = world.now();
  const acquire = (): Promise<Of<"claim">> => {
    askedAt = world.now();
    const patience = Math.min(patienceMs, Math.max(0, Math.ceil(endsAt - askedAt)));
    const operation = { kind: "acquire", lock: name, claim, permits, ttlMs, waitMs: patience, note } as const;
    return access.write(operation, call, "claim");
  };
  try {
    let { token, ahead: place } = await acquire();
    // The grant came at the latest when it was asked for, or at the earliest since the look before it was seen.
    let since = askedAt;
    place++;
    while (token === 0 && world.now() < endsAt) {
      signal?.throwIfAborted();
      // Often enough that most of a short lease is left when its holder hears of it.
      await pause(access, Math.min(pollMs * place, maxPollMs, ttlMs / 4, endsAt - world.now()));
      const looking = world.now();
      const seen = await access.read({ type: "lock", name, claim }, call, "lockState");
      ({ token, place } = seen);
      if (token === 0) since = looking;
      if (token === 0 && (place === 0 || looking - askedAt > patienceMs / 2)) {
        const again = await acquire();
        token = again.token;
        place = again.ahead + 1;
      }
    }
    if (token > 0) return new Lock(access, name, token, ttlMs, since);
  } catch (error) {
    await withdraw(access, name, claim);
    throw error;
  }
  if (waitMs > 0) await withdraw(access, name, claim);
  throw fail("not-granted", `the lock "${name}" is held, and ${waitMs} ms of waiting are over`);
}

/** Leaves the queue. Where that fails, the claim ends by itself. */
async function withdraw(access: LockAccess, lock: string, claim: string): Promise<void> {
  try {
    await access.write({ kind: "withdraw", lock, claim }, { timeoutMs: 1000 }, "done");
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
  }
}

export async function arriveAt(
  access: LockAccess,
  name: string,
  participants: number,
  settings: BarrierSettings,
): Promise<void> {
  const { world } = access;
  const { waitMs = defaultBarrierMs, signal } = settings;
  wholeNumber(participants, "participants", 1);
  wholeNumber(waitMs, "waitMs", 1);
  const claim = claimOf(world);
  const call = callSettings(settings);
  const endsAt = world.now() + waitMs;
  const operation = { kind: "arrive", barrier: name, claim, participants, waitMs } as const;
  let { passed, arrived } = await access.write(operation, call, "arrival");
  while (!passed && world.now() < endsAt) {
    if (signal?.aborted === true) break;
    const missing = Math.max(1, participants - arrived);
    await pause(access, Math.min(pollMs * missing, maxPollMs, endsAt - world.now()));
    const seen = await access.read({ type: "barrier", name, claim }, call, "barrierState");
    if (seen.state === "absent") break;
    passed = seen.state === "passed";
    ({ arrived } = seen);
  }
  if (!passed)
    ({ passed } = await access.write({ kind: "depart", barrier: name, claim }, { timeoutMs: 5000 }, "arrival"));
  if (passed) return;
  signal?.throwIfAborted();
  throw fail("not-granted", `${arrived} of ${participants} were at the barrier "${name}" when ${waitMs} ms were over`);
}

/**
 * Stands in front of something that only the holder of a lock may change, and remembers the highest token it has
 * seen: whoever comes with a lower one has lost the lock, whatever it believes (Kleppmann, 2016).
 */
export class Fence {
  #highest = 0;

  /** Whether to let it through. */
  admits(token: number): boolean {
    wholeNumber(token, "a token", 1);
    if (token < this.#highest) return false;
    this.#highest = token;
    return true;
  }
}

function callSettings({ timeoutMs, signal }: CallSettings): CallSettings {
  return { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal === undefined ? {} : { signal }) };
}

/** A name that no other wish has. */
function claimOf(world: World): string {
  return Array.from({ length: 4 }, () => world.random.u32().toString(36)).join("-");
}

function pause({ wheel, world }: LockAccess, ms: number): Promise<void> {
  return new Promise((resolve) => {
    wheel.set(new Timer(resolve), world.now() + Math.max(1, ms));
  });
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof CohortError && error.code === code;
}
