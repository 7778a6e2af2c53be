import { errorCatalogue, failure, type Failure, type Kept, type Outcome, type RequestBody } from "../contract/index.ts";
import type { Link, LinkRequest } from "./link.ts";
import { problemOf } from "./problems.ts";
import type { Prefer, Router } from "./router.ts";
import { Timer, type TimerWheel } from "./wheel.ts";
import type { World } from "./world.ts";

/** Where the end of a call is told: exactly one of the two, once. */
export interface Completion {
  succeed(result: Uint8Array, kept: Kept): void;
  fail(problem: Failure): void;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly prefer: Prefer;
  /** The endpoint that answered the session last. */
  readonly home?: string | undefined;
  /** It changes something: whether it has happened matters. */
  readonly isWrite: boolean;
}

/** How long a call waits after every node has refused it, at first and at most. */
const firstPauseMs = 20;
const maxPauseMs = 250;
/** How often waiting calls look for a link again. */
const pumpMs = 20;
/** An attempt gets half of the time that is left, and at least this: another node may know better. */
const minAttemptMs = 1000;
/** Nodes answer within the time that they are given; after this much more the answer counts as lost. */
const graceMs = 200;

/**
 * One call, tried until it has its answer or its deadline passes. Reads may be asked again and again; writes
 * too, since they carry a session and a sequence number (`writes.ts`), so the log applies them once.
 */
export class Call implements LinkRequest {
  readonly id: number;
  readonly options: CallOptions;
  readonly deadline: number;
  /** undefined until a write has its sequence number. */
  request: RequestBody | undefined;
  /** An attempt ended without saying whether it happened. */
  inDoubt = false;
  state: "idle" | "waiting" | "sent" | "done" = "idle";
  attempts = 0;
  retryAt = 0;
  avoid: string | undefined;
  link: Link | undefined;
  lastProblem: Failure | undefined;
  readonly timer: Timer;
  readonly #calls: Calls;
  readonly #completion: Completion;

  constructor(id: number, calls: Calls, options: CallOptions, deadline: number, completion: Completion) {
    this.id = id;
    this.#calls = calls;
    this.options = options;
    this.deadline = deadline;
    this.#completion = completion;
    this.timer = new Timer(() => calls.onTime(this));
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  get body(): RequestBody {
    if (this.request === undefined) throw new TypeError("a call is sent before it has a body");
    return this.request;
  }

  /** Begins to try. */
  send(body: RequestBody): void {
    this.request = body;
    this.#calls.attempt(this);
  }

  ttlMs(now: number): number {
    const left = Math.max(1, this.deadline - now);
    return Math.ceil(Math.min(left, Math.max(left / 2, minAttemptMs)));
  }

  onOutcome(outcome: Outcome): void {
    this.#calls.onOutcome(this, outcome);
  }

  onLost(reason: Failure): void {
    if (this.options.isWrite) this.inDoubt = true;
    this.#calls.retry(this, reason);
  }

  succeed(result: Uint8Array, kept: Kept): void {
    this.#finish();
    try {
      this.#completion.succeed(result, kept);
    } catch (error) {
      this.#completion.fail(problemOf(error));
    }
  }

  /** `definite` of the problem is about the latest attempt; what is told is about all of them. */
  fail(problem: Failure): void {
    // Where it is still under way, its node need not go on.
    this.link?.cancel(this.id);
    this.#finish();
    const definite = this.options.isWrite ? problem.definite && !this.inDoubt : true;
    this.#completion.fail({ ...problem, definite });
  }

  #finish(): void {
    this.state = "done";
    this.#calls.forget(this);
    this.options.signal?.removeEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => {
    if (this.state !== "done") this.#calls.cancel(this);
  };
}

/** All calls of one client that have no answer yet. */
export class Calls {
  readonly #world: World;
  readonly #wheel: TimerWheel;
  readonly #router: Router;
  readonly #open = new Set<Call>();
  readonly #waiting = new Set<Call>();
  readonly #pumpTimer = new Timer(() => this.#pump());
  #nextId = 1;
  #closed = false;

  constructor(world: World, wheel: TimerWheel, router: Router) {
    this.#world = world;
    this.#wheel = wheel;
    this.#router = router;
    router.onChange = () => this.#pump();
  }

  /** Ids of requests and watches are one space. */
  takeId(): number {
    return this.#nextId++;
  }

  /** A new call, with its deadline running; `send` it. undefined: it failed at once. */
  open(options: CallOptions, completion: Completion): Call | undefined {
    if (this.#closed) {
      completion.fail({ ...failure("cancelled", "the client was closed"), definite: true });
      return undefined;
    }
    if (options.signal?.aborted === true) {
      completion.fail({ ...failure("cancelled", "the signal was aborted before the call"), definite: true });
      return undefined;
    }
    const call = new Call(this.#nextId++, this, options, this.#world.now() + options.timeoutMs, completion);
    this.#wheel.set(call.timer, call.deadline);
    this.#open.add(call);
    return call;
  }

  attempt(call: Call): void {
    const link = this.#router.choose(call.options.prefer, call.avoid, call.options.home);
    if (link === undefined) {
      if (this.#router.hopeless !== undefined) return call.fail(this.#router.hopeless);
      call.state = "waiting";
      this.#waiting.add(call);
      if (!this.#pumpTimer.armed) this.#wheel.set(this.#pumpTimer, this.#world.now() + pumpMs);
      return;
    }
    call.state = "sent";
    call.link = link;
    call.attempts++;
    const now = this.#world.now();
    this.#wheel.set(call.timer, Math.min(call.deadline, now + call.ttlMs(now) + graceMs));
    link.request(call);
  }

  /** Sends what waits and may go. */
  #pump(): void {
    const now = this.#world.now();
    for (const call of Array.from(this.#waiting)) {
      if (call.retryAt > now) continue;
      this.#waiting.delete(call);
      this.attempt(call);
      // Nothing is open: what follows would only meet the same. (A pinned call says nothing about the others.)
      if (call.state === "waiting" && ["leader", "any", "sticky"].includes(call.options.prefer)) break;
    }
    if (this.#waiting.size > 0 && !this.#pumpTimer.armed) this.#wheel.set(this.#pumpTimer, now + pumpMs);
  }

  onOutcome(call: Call, outcome: Outcome): void {
    if (outcome.ok) return call.succeed(outcome.result, outcome.kept);
    const problem = outcome.failure;
    const { endpoint } = call.link!;
    if (!problem.definite && call.options.isWrite) call.inDoubt = true;
    if (!errorCatalogue[problem.code].retryable || problem.code === "cancelled") return call.fail(problem);
    // Every node was asked, and none reaches replicas that are fresh enough, or enough of them: asking on would only hide it.
    const hopeless = problem.code === "staleness" || problem.code === "insufficient-replicas";
    if (hopeless && call.attempts >= this.#router.size) return call.fail(problem);
    if (problem.code !== "overloaded") this.#router.distrust(endpoint);
    this.retry(call, problem);
  }

  /** Another attempt, at once where there are nodes that were not asked in this round. */
  retry(call: Call, problem: Failure): void {
    call.lastProblem = problem;
    call.avoid = call.link?.endpoint;
    call.link = undefined;
    call.state = "waiting";
    this.#wheel.set(call.timer, call.deadline);
    const rounds = call.attempts - this.#router.size;
    if (rounds >= 0 || problem.code === "overloaded") {
      const pause = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(Math.max(rounds, 0), 8));
      call.retryAt = this.#world.now() + pause * (0.5 + this.#world.random.float());
    } else call.retryAt = 0;
    if (call.retryAt === 0) return this.attempt(call);
    this.#waiting.add(call);
    if (!this.#pumpTimer.armed) this.#wheel.set(this.#pumpTimer, this.#world.now() + pumpMs);
  }

  /** The deadline, or the end of an attempt without an answer. */
  onTime(call: Call): void {
    const waited = `within ${call.options.timeoutMs} ms`;
    if (call.state === "sent") {
      if (call.options.isWrite) call.inDoubt = true;
      const before = call.lastProblem === undefined ? "" : `; an earlier attempt: ${call.lastProblem.detail}`;
      const problem = failure("deadline", `no answer from ${call.link?.endpoint} ${waited}${before}`);
      if (this.#world.now() >= call.deadline) return call.fail(problem);
      call.link?.cancel(call.id);
      return this.retry(call, failure("deadline", `no answer from ${call.link?.endpoint}`));
    }
    const problem = call.lastProblem ?? (call.attempts === 0 ? this.#router.lastReason : undefined);
    if (problem === undefined) return call.fail(failure("deadline", `it could not be sent ${waited}`, true));
    // Whatever the last attempts said is told with them; `inDoubt` has what they left open.
    call.fail({ ...problem, detail: `${problem.detail} (tried ${waited})`, definite: true });
  }

  cancel(call: Call): void {
    this.#giveUp(call, "the signal was aborted");
  }

  /** What the caller no longer waits for may still happen, once it was sent. */
  #giveUp(call: Call, why: string): void {
    if (call.state === "sent" && call.options.isWrite) call.inDoubt = true;
    call.fail({ ...failure("cancelled", why), definite: true });
  }

  forget(call: Call): void {
    this.#wheel.clear(call.timer);
    this.#open.delete(call);
    this.#waiting.delete(call);
  }

  close(): void {
    this.#closed = true;
    for (const call of Array.from(this.#open)) this.#giveUp(call, "the client was closed");
    this.#wheel.clear(this.#pumpTimer);
  }
}
