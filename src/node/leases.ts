import { encodeCommand } from "../store/index.ts";
import type { Replica } from "./replica.ts";

/** When a leader that could not log the time tries again, milliseconds. */
const retryMs = 100;
/** Brings its timestamp into the log. */
const tick = encodeCommand({ envelope: { kind: "none" }, operation: { kind: "noop" } });

/**
 * Leases and waits end by the time in the log, which stands still while nothing is written: the leader logs an
 * entry when one is due. Whoever leads next does the same, so nothing needs to be remembered.
 */
export class Leases {
  readonly #replica: Replica;
  /** undefined: none is due, this replica does not lead, or the entry is under way. */
  wakeAt: number | undefined;
  #logging = false;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** End of the turn. */
  flush(): void {
    const { store, raft, now } = this.#replica;
    const due = store.nextDeadline;
    this.wakeAt = undefined;
    if (this.#replica.planted("leases-not-ended")) return;
    if (due === undefined || this.#logging || raft.role !== "leader") return;
    const leftMs = due - now.wall;
    if (leftMs > 0) {
      this.wakeAt = now.mono + leftMs;
      return;
    }
    this.#logging = true;
    this.#replica.requestSelf(
      (outcome) => {
        this.#logging = false;
        if (!outcome.ok) this.wakeAt = this.#replica.now.mono + retryMs;
      },
      now.mono + 1000,
      tick,
    );
  }
}
