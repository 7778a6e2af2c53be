/**
 * Lamport's logical clock ("Time, clocks, and the ordering of events in a distributed system", 1978): what happened
 * before something else has a smaller number. The converse does not hold: see vectors for that.
 */
export class LamportClock {
  #last: number;

  constructor(last = 0) {
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }

  /** The time of a local event, or of a message that is sent. */
  next(): number {
    return ++this.#last;
  }

  /** The time of receiving a message that was sent at `sent`. */
  receive(sent: number): number {
    this.#last = Math.max(this.#last, sent);
    return this.next();
  }
}
