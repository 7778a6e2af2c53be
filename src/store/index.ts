/**
 * The replicated state machine of one group: keys with revisions and history, counters, client sessions, keyspaces,
 * locks and barriers.
 * Committed entries go in, in order, and answers come out; the same entries make the same state on every replica.
 *
 *     store.apply(entry)            // touches memory only: a delta in front of the engine
 *     if (store.dirtyBytes > …) store.commit(done)       // one transaction with the position; then the log may be cut
 *     crash → openStore(engine) → store.applied → apply again what the log has beyond it
 *
 * This room does not replicate, knows no clock (time comes with the entries) and does no I/O: the engine does,
 * `memoryEngine` here or LMDB in `host/`. What may be read when, and how fresh, is decided above.
 */
export { decodeCommand, encodeCommand } from "./command-codec.ts";
export * from "./command.ts";
export type { AppliedPosition } from "./context.ts";
export type { CounterValue } from "./counters.ts";
export * from "./engine.ts";
export { StoreError, type StoreErrorCode, storeErrorCodes } from "./errors.ts";
export type { Events, KeyEvent, ListOptions, Moment } from "./keys.ts";
export { defaultKeyspace } from "./keyspaces.ts";
export type { CommandEntry } from "./machine.ts";
export { type MemoryEngine, memoryEngine, type MemoryEngineOptions } from "./memory-engine.ts";
export { Overlay } from "./overlay.ts";
export { PartitionedEngine } from "./partitioned-engine.ts";
export type { SnapshotWriter } from "./restore.ts";
export {
  type Answer,
  type BarrierState,
  decodeResult,
  encodeResult,
  type KeyRow,
  type KeyspaceRow,
  type ListedRow,
  type LockHolder,
  type LockState,
  type ShardRow,
  type Result,
  type StepResult,
} from "./result.ts";
export { restFrom } from "./migration.ts";
export type { SnapshotChunk, SnapshotReader } from "./snapshot.ts";
export { errorCodeOf, isBareCommand, sessionOf, wrapInSession } from "./peek.ts";
export type { UnfinishedTransaction } from "./transactions.ts";
export { compareHolds } from "./transaction.ts";
export { type PlacedShard, type Shard, type ShardedKeyspace, type ShardGroup, ShardMap, shardOf } from "./shard-map.ts";
export { type EventQuery, openStore, type Store, type StoreOptions } from "./store.ts";
