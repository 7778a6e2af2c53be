import { toHex } from "../base/index.ts";
import { errorCatalogue, type Failure, type Kept, type QuorumWrite } from "../contract/index.ts";
import {
  type Answer,
  decodeResult,
  encodeCommand,
  type Operation,
  type Result,
  wrapInSession,
} from "../store/index.ts";
import type { Call, CallOptions, Calls } from "./calls.ts";
import { problemOf } from "./problems.ts";
import type { World } from "./world.ts";

/** Where the result of a write goes; errors of the store are results too. */
export interface WriteCompletion {
  /** `endpoint`: of the node that answered. */
  succeed(result: Result | Answer, kept: Kept, endpoint: string | undefined): void;
  fail(problem: Failure): void;
}

interface Write {
  /** Without a session: what is sent is wrapped in the one of the moment. */
  readonly command: Uint8Array;
  readonly quorum: QuorumWrite | undefined;
  readonly completion: WriteCompletion;
  call: Call | undefined;
  /** 0: it has none yet. */
  sequence: number;
  session: number;
}

/** Opening a session takes at most this long before it is tried again. */
const openTimeoutMs = 10_000;
const closeTimeoutMs = 1000;

/**
 * The writes of one client. They go through one replicated session (Ongaro, thesis, 6.3): each has a sequence
 * number, so that the log applies it once however often it is sent, and `floor` lets the nodes forget answers
 * that have arrived. A bounded number is under way; the rest waits here.
 */
export class Writes {
  readonly #calls: Calls;
  readonly #world: World;
  readonly #maxOutstanding: number;
  readonly #waiting = new Set<Write>();
  readonly #outstanding = new Set<number>();
  #session: number | undefined;
  #opening = false;
  #closed = false;
  #nextSequence = 1;
  /** No sequence below it is outstanding. */
  #floor = 1;

  constructor(calls: Calls, world: World, maxOutstanding: number) {
    this.#calls = calls;
    this.#world = world;
    this.#maxOutstanding = maxOutstanding;
  }

  /** Throws a StoreError where the operation cannot be written down, such as for a key that is too long. */
  write(
    operation: Operation,
    quorum: QuorumWrite | undefined,
    options: CallOptions,
    completion: WriteCompletion,
  ): void {
    this.#write({ command: bareCommand(operation), quorum }, options, completion);
  }

  #write(what: Pick<Write, "command" | "quorum">, options: CallOptions, completion: WriteCompletion): void {
    const write: Write = { ...what, completion, call: undefined, sequence: 0, session: 0 };
    write.call = this.#calls.open(options, {
      succeed: (result, kept) => this.#onResult(write, decodeResult(result), kept),
      fail: (problem) => {
        this.#done(write);
        completion.fail(problem);
      },
    });
    if (write.call === undefined) return;
    this.#waiting.add(write);
    this.#admit();
  }

  /** Ends the session, so that the nodes need not remember it for an hour. Tells when it is done, or not worth the wait. */
  close(done: () => void): void {
    const session = this.#session;
    this.#closed = true;
    if (session === undefined) return done();
    const options = { timeoutMs: closeTimeoutMs, prefer: "leader", isWrite: true } as const;
    // Whether it succeeds does not matter: sessions expire.
    const call = this.#calls.open(options, { succeed: done, fail: done });
    call?.send({ type: "write", command: bareCommand({ kind: "closeSession", session }) });
  }

  #admit(): void {
    if (this.#waiting.size === 0) return;
    const session = this.#session;
    if (session === undefined) return this.#open();
    for (const write of this.#waiting) {
      // The window is also bounded by its width: nodes keep answers from the floor on.
      if (this.#nextSequence - this.#floor >= this.#maxOutstanding) return;
      this.#waiting.delete(write);
      this.#send(write, session);
    }
  }

  #send(write: Write, session: number): void {
    const sequence = this.#nextSequence++;
    write.sequence = sequence;
    write.session = session;
    this.#outstanding.add(sequence);
    const command = wrapInSession(write.command, session, sequence, this.#floor);
    write.call?.send({ type: "write", command, ...(write.quorum && { quorum: write.quorum }) });
  }

  #onResult(write: Write, result: Result | Answer, kept: Kept): void {
    const expired = result.kind === "error" && result.code === "session-expired";
    if (expired && this.#session === write.session) this.#forgetSession();
    this.#done(write);
    if (expired && write.call?.inDoubt === false) return this.#again(write);
    write.completion.succeed(result, kept, write.call?.link?.endpoint);
  }

  /** Its only attempt met an expired session, so it has not happened: it goes out under a new one. */
  #again(write: Write): void {
    const { options, deadline } = write.call!;
    const timeoutMs = Math.max(1, deadline - this.#world.now());
    this.#write(write, { ...options, timeoutMs }, write.completion);
  }

  #done(write: Write): void {
    this.#waiting.delete(write);
    if (write.sequence === 0 || write.session !== this.#session) return;
    this.#outstanding.delete(write.sequence);
    while (this.#floor < this.#nextSequence && !this.#outstanding.has(this.#floor)) this.#floor++;
    write.sequence = 0;
    this.#admit();
  }

  #forgetSession(): void {
    this.#session = undefined;
    this.#outstanding.clear();
    this.#nextSequence = 1;
    this.#floor = 1;
  }

  #open(): void {
    if (this.#opening || this.#closed) return;
    this.#opening = true;
    const options = { timeoutMs: openTimeoutMs, prefer: "leader", isWrite: true } as const;
    const call = this.#calls.open(options, {
      succeed: (bytes) => {
        const result = decodeResult(bytes);
        if (result.kind === "session") this.#session = result.session;
        this.#opened(result.kind === "error" ? problemOf(result) : undefined);
      },
      fail: (problem) => this.#opened(problem),
    });
    const { random } = this.#world;
    const clientId = `client-${toHex(Uint8Array.from({ length: 8 }, () => random.u32()))}`;
    call?.send({ type: "write", command: bareCommand({ kind: "openSession", clientId }) });
  }

  /** What waits goes on, or tries to open a session again; its deadlines say for how long. */
  #opened(problem: Failure | undefined): void {
    this.#opening = false;
    if (problem !== undefined) {
      const hopeless = !errorCatalogue[problem.code].retryable;
      for (const { call } of Array.from(this.#waiting)) {
        if (hopeless) call?.fail(problem);
        else if (call !== undefined) call.lastProblem = problem;
      }
    }
    if (!this.#closed) this.#admit();
  }
}

function bareCommand(operation: Operation): Uint8Array {
  return encodeCommand({ envelope: { kind: "none" }, operation });
}
