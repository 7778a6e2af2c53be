import { decodeResult, encodeCommand, sessionOf, wrapInSession } from "../store/index.ts";
import type { PendingWrite } from "./requests.ts";
import type { Outcome } from "./types.ts";

/** Where a write goes on from once it has a name. */
interface Path {
  enqueue(write: PendingWrite): void;
}

/** Has group 0 apply a command of the node itself. */
export type Submit = (reply: (outcome: Outcome) => void, command: Uint8Array) => void;

/**
 * The node's own session, for commands that came without one (thesis, 6.3). One for all groups, opened in group 0:
 * a write that has to go to another group than it was sent to keeps its name, so that it is applied once.
 */
export class OwnSession {
  readonly #clientId: string;
  readonly #submit: Submit;
  readonly #onOpened: (session: number) => void;
  #session: number | "opening" | undefined;
  #nextSequence = 1;
  /** Sequences without an answer, oldest first. */
  readonly #outstanding = new Set<number>();
  #waiting: { readonly write: PendingWrite; readonly path: Path }[] = [];

  constructor(clientId: string, submit: Submit, onOpened: (session: number) => void) {
    this.#clientId = clientId;
    this.#submit = submit;
    this.#onOpened = onOpened;
  }

  /** Names the write and lets it go on, at once or when there is a session. */
  give(write: PendingWrite, path: Path): void {
    if (typeof this.#session !== "number") {
      this.#waiting.push({ write, path });
      if (this.#session === undefined) this.#open();
      return;
    }
    write.sequence = this.#nextSequence++;
    this.#outstanding.add(write.sequence);
    let floor = write.sequence;
    for (const oldest of this.#outstanding) {
      floor = oldest;
      break;
    }
    write.command = wrapInSession(write.given, this.#session, write.sequence, floor);
    path.enqueue(write);
  }

  /** Nobody waits for this write any more. */
  finished(write: PendingWrite): void {
    if (write.sequence > 0) this.#outstanding.delete(write.sequence);
  }

  /** Writes wait, and the last try to open a session failed: another. */
  sweep(): void {
    if (this.#waiting.length === 0 || this.#session !== undefined) return;
    this.#waiting = this.#waiting.filter(({ write }) => !write.done);
    if (this.#waiting.length > 0) this.#open();
  }

  /**
   * The session was forgotten while idle. A write that left once only has certainly not been applied and goes out
   * under a new session; of one that left twice nobody can tell any more: then false.
   */
  renew(write: PendingWrite, path: Path): boolean {
    this.#outstanding.delete(write.sequence);
    const expired = write.command;
    write.sequence = 0;
    if (write.tries > 1) return false;
    if (sessionOf(expired) === this.#session) {
      this.#session = undefined;
      this.#nextSequence = 1;
      this.#outstanding.clear();
    }
    write.state = "waiting";
    write.tries = 0;
    this.give(write, path);
    return true;
  }

  #open(): void {
    this.#session = "opening";
    const command = encodeCommand({
      envelope: { kind: "none" },
      operation: { kind: "openSession", clientId: this.#clientId },
    });
    this.#submit((outcome) => {
      const result = outcome.ok ? decodeResult(outcome.result) : undefined;
      if (result?.kind !== "session") {
        this.#session = undefined;
        return;
      }
      this.#session = result.session;
      this.#onOpened(result.session);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const { write, path } of waiting) if (!write.done) this.give(write, path);
    }, command);
  }
}
