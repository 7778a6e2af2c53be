import { unreachable } from "../base/index.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import type { HeldRanges, RangeOperation } from "./holdings.ts";
import type { IdempotencyKeys } from "./idempotency.ts";
import type { Keyspaces } from "./keyspaces.ts";
import { importInto } from "./migration.ts";
import type { Sessions } from "./sessions.ts";
import type { Transactions } from "./transactions.ts";

/** What of a group of shards its ranges have to do with. */
interface Parts {
  readonly context: Context;
  readonly held: HeldRanges | undefined;
  readonly keyspaces: Keyspaces;
  readonly sessions: Sessions;
  readonly idempotency: IdempotencyKeys;
  readonly transactions: Transactions;
  /** The revision may have grown. */
  retain(): void;
}

/** A range of keys comes, is served, or goes. Throws a StoreError: `conflict` where it is too late for that, `locked`. */
export function applyRange(parts: Parts, operation: RangeOperation): void {
  const { held, keyspaces, transactions } = parts;
  if (held === undefined) throw new StoreError("malformed", "group 0 has no shards");
  const { keyspace, range } = operation;
  switch (operation.kind) {
    case "beginRange":
      held.begin(keyspace, range, operation.move);
      return keyspaces.learn(keyspace);
    case "importRange":
      held.expect(keyspace, range, operation);
      importInto(parts, keyspace, range, operation.data);
      return parts.retain();
    case "ownRange":
      held.own(keyspace, range, operation.epoch);
      return keyspaces.learn(keyspace);
    case "sealRange":
      // What is prepared was promised to be written here.
      if (transactions.lockCount > 0) throw new StoreError("locked", "transactions are under way");
      return held.seal(keyspace, range, operation.move);
    case "dropRange":
      return held.drop(keyspace, range, operation.move, operation.epoch);
    default:
      return unreachable(operation);
  }
}
