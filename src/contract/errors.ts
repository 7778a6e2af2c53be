/**
 * The one catalogue of errors that a user can meet. Each says what to do, and whether the operation
 * certainly did not happen (`definite`), which decides if a retry is safe without a session.
 */

export interface ErrorEntry {
  /** HTTP status. */
  readonly status: number;
  readonly title: string;
  /** What the reader can do about it. */
  readonly advice: string;
  /**
   * "yes": the operation certainly did not happen. "no": it may have happened.
   * "depends": each occurrence says so itself.
   */
  readonly definite: "yes" | "no" | "depends";
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
}

export const errorCatalogue = {
  "bad-request": {
    status: 400,
    title: "The request is malformed",
    advice: "Compare it with /openapi.json; `detail` names the part that is wrong.",
    definite: "yes",
    retryable: false,
  },
  "unknown-parameter": {
    status: 400,
    title: "The request has a parameter that does not exist",
    advice: "Check the spelling; `detail` lists what this route takes.",
    definite: "yes",
    retryable: false,
  },
  "bad-consistency": {
    status: 400,
    title: "The consistency is not one that exists",
    advice: "Use linearizable, session, monotonic, bounded(100ms), eventual, or guarantees joined by `and`.",
    definite: "yes",
    retryable: false,
  },
  contradiction: {
    status: 400,
    title: "The contract contradicts itself",
    advice: "Drop one of the clauses that `detail` names.",
    definite: "yes",
    retryable: false,
  },
  "bad-token": {
    status: 400,
    title: "The session token cannot be read",
    advice: "Send back exactly what `Cohort-Session` held, or leave it out to begin a new session.",
    definite: "yes",
    retryable: false,
  },
  "foreign-token": {
    status: 400,
    title: "The session token belongs to another cluster",
    advice: "Begin a new session here: leave the token out.",
    definite: "yes",
    retryable: false,
  },
  "not-found": {
    status: 404,
    title: "There is no such thing here",
    advice: "Check the name; `detail` says what was looked for.",
    definite: "yes",
    retryable: false,
  },
  "unknown-route": {
    status: 404,
    title: "There is no such route",
    advice: "See /openapi.json for the routes there are.",
    definite: "yes",
    retryable: false,
  },
  "method-not-allowed": {
    status: 405,
    title: "This route does not take this method",
    advice: "Use one of the methods in the `Allow` header.",
    definite: "yes",
    retryable: false,
  },
  "unsupported-media-type": {
    status: 415,
    title: "The body is of a type that this route does not take",
    advice: "Send application/json, or raw bytes for a key's value.",
    definite: "yes",
    retryable: false,
  },
  "too-large": {
    status: 413,
    title: "The body or key is too large",
    advice: "Keep values within the limit that `detail` gives; split larger ones over several keys.",
    definite: "yes",
    retryable: false,
  },
  conflict: {
    status: 409,
    title: "The expected revision is not the present one",
    advice: "Read the key again and decide anew.",
    definite: "yes",
    retryable: false,
  },
  "concurrent-values": {
    status: 409,
    title: "Several values were written concurrently",
    advice: "Read all of them (`siblings`, `cohort kv get --siblings`), and write one with their context.",
    definite: "yes",
    retryable: false,
  },
  "transaction-conflict": {
    status: 409,
    title: "Something that the transaction relies on has changed",
    advice: "Run the whole transaction again; the client library does so by itself.",
    definite: "yes",
    retryable: true,
  },
  locked: {
    status: 409,
    title: "A transaction that is under way holds the key",
    advice: "Send the same operation again: it waits for the transaction by itself where its deadline allows that.",
    definite: "yes",
    retryable: true,
  },
  "transaction-ended": {
    status: 409,
    title: "The transaction has ended",
    advice:
      "Begin another: it was committed, aborted, or its time was up. What it wrote is there only if its commit was answered.",
    definite: "yes",
    retryable: false,
  },
  "not-granted": {
    status: 409,
    title: "Others hold it, or are still missing, and the wait is over",
    advice: "Wait longer (`waitMs`), or try again later.",
    definite: "yes",
    retryable: true,
  },
  "not-holder": {
    status: 409,
    title: "The lock is not held under this fencing token",
    advice: "The lease has ended or was released: stop what it protected, and acquire it anew.",
    definite: "yes",
    retryable: false,
  },
  exists: {
    status: 409,
    title: "It exists already, with other settings",
    advice: "Choose another name, or use the one that exists.",
    definite: "yes",
    retryable: false,
  },
  overflow: {
    status: 409,
    title: "The counter would leave the range of exact whole numbers",
    advice: "Counters stay within ±(2^53 - 1).",
    definite: "yes",
    retryable: false,
  },
  "idempotency-key-reused": {
    status: 422,
    title: "The idempotency key was used for a different operation",
    advice: "Use a new key for a new operation.",
    definite: "yes",
    retryable: false,
  },
  compacted: {
    status: 410,
    title: "The revision is no longer kept",
    advice: "Read from the lowest revision that `detail` gives, or list anew and watch from there.",
    definite: "yes",
    retryable: false,
  },
  "future-revision": {
    status: 400,
    title: "The revision does not exist yet",
    advice: "Use a revision that an answer has given.",
    definite: "yes",
    retryable: false,
  },
  "session-expired": {
    status: 410,
    title: "The client session has expired",
    advice: "Open a new session. A write that was retried under the old one may have happened.",
    definite: "no",
    retryable: false,
  },
  "stale-sequence": {
    status: 409,
    title: "The sequence number was already answered and forgotten",
    advice: "Sequence numbers of a session only grow.",
    definite: "no",
    retryable: false,
  },
  unsupported: {
    status: 501,
    title: "This cluster cannot do that",
    advice: "`detail` names what is supported.",
    definite: "yes",
    retryable: false,
  },
  "faults-not-allowed": {
    status: 403,
    title: "This cluster does not take faults",
    advice: 'Start it with `cohort up`, or with "allowFaults": true in the node\'s configuration.',
    definite: "yes",
    retryable: false,
  },
  "not-running": {
    status: 409,
    title: "The node's process is not running",
    advice: "It is started again by itself; `cohort fault resume` starts it now.",
    definite: "yes",
    retryable: true,
  },
  "forbidden-origin": {
    status: 403,
    title: "Requests from other sites are refused",
    advice: "Call from the console, or from outside a browser.",
    definite: "yes",
    retryable: false,
  },
  unavailable: {
    status: 503,
    title: "The group cannot serve this request now",
    advice: "A majority must be reachable. Retry, ask another node, or accept a weaker consistency.",
    definite: "depends",
    retryable: true,
  },
  "insufficient-replicas": {
    status: 503,
    title: "Too few replicas of this key answered",
    advice:
      "`detail` says which did. Ask with a smaller R or W, or retry when they are back. A write may have reached some: write it again, or read first.",
    definite: "depends",
    retryable: true,
  },
  staleness: {
    status: 503,
    title: "No reachable replica is fresh enough",
    advice:
      "Raise the bound, or ask with `PartitionBehavior: AvailabilityPreferred` to get an older answer marked as degraded.",
    definite: "yes",
    retryable: true,
  },
  overloaded: {
    status: 503,
    title: "Too much is under way",
    advice: "Slow down and retry after a moment.",
    definite: "yes",
    retryable: true,
  },
  "storage-full": {
    status: 507,
    title: "The disk of the node is full",
    advice: "Free space; the node goes on by itself.",
    definite: "depends",
    retryable: true,
  },
  "shutting-down": {
    status: 503,
    title: "The node is shutting down",
    advice: "Ask another node.",
    definite: "depends",
    retryable: true,
  },
  deadline: {
    status: 504,
    title: "The deadline passed before the outcome was known",
    advice: "Reads may be retried. A write may have happened: retry it under its session or idempotency key.",
    definite: "depends",
    retryable: true,
  },
  cancelled: {
    status: 499,
    title: "The caller gave up",
    advice: "A write may have happened: retry it under its session or idempotency key.",
    definite: "no",
    retryable: true,
  },
  disconnected: {
    status: 502,
    title: "The connection broke before the answer",
    advice: "Retry under the session; another node may answer.",
    definite: "depends",
    retryable: true,
  },
  protocol: {
    status: 400,
    title: "The peer does not speak this protocol",
    advice: "Check the port, and that both sides run compatible versions.",
    definite: "yes",
    retryable: false,
  },
  "wrong-cluster": {
    status: 409,
    title: "The other side belongs to another cluster",
    advice: "Check the addresses and cluster ids on both sides.",
    definite: "yes",
    retryable: false,
  },
  internal: {
    status: 500,
    title: "The node met an error of its own",
    advice: "Its log has the details; please report it.",
    definite: "no",
    retryable: false,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

/** One occurrence of an error of the catalogue. */
export interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly definite: boolean;
}

/** A failure of the catalogue; `definite` is only said where the catalogue leaves it open. */
export function failure(code: ErrorCode, detail: string, definite?: boolean): Failure {
  const entry: ErrorEntry = errorCatalogue[code];
  return { code, detail, definite: entry.definite === "depends" ? (definite ?? false) : entry.definite === "yes" };
}

/** A failure as an exception, for code above the cores. */
export class CohortError extends Error {
  override readonly name = "CohortError";
  readonly failure: Failure;

  constructor(fault: Failure, options?: ErrorOptions) {
    super(`${errorCatalogue[fault.code].title}: ${fault.detail}`, options);
    this.failure = fault;
  }

  get code(): ErrorCode {
    return this.failure.code;
  }

  get definite(): boolean {
    return this.failure.definite;
  }

  get advice(): string {
    return errorCatalogue[this.code].advice;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}

export function fail(code: ErrorCode, detail: string, definite?: boolean): CohortError {
  return new CohortError(failure(code, detail, definite));
}
