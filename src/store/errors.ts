/**
 * What can be wrong with an operation or a read. Where the contract's catalogue has the same error, the name is
 * the same; `malformed` is its `bad-request`, and `moved` (the key is not held by this group) stays inside: the node
 * asks another group. Append only: results carry the place in this list.
 */
export const storeErrorCodes = [
  "malformed",
  "not-found",
  "exists",
  "conflict",
  "overflow",
  "too-large",
  "session-expired",
  "stale-sequence",
  "idempotency-key-reused",
  "compacted",
  "future-revision",
  "corrupt-snapshot",
  "unsupported-version",
  "not-holder",
  "transaction-conflict",
  "locked",
  "moved",
  "unsupported",
] as const;

export type StoreErrorCode = (typeof storeErrorCodes)[number];

/**
 * Thrown by reads and by the codecs. `apply` never throws it for what a client did, it answers with an error
 * result; only an entry of a newer version makes it throw `unsupported-version`, since guessing would make
 * replicas differ.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  /** compacted: the lowest revision that can be used. future-revision: the present one. conflict: that of the key. */
  readonly revision: number | undefined;

  constructor(code: StoreErrorCode, message: string, revision?: number) {
    super(message);
    this.code = code;
    this.revision = revision;
  }
}
