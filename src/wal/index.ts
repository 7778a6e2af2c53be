/**
 * The write-ahead log of a node, one for all its Raft groups.
 *
 *     append append append │flush      one write, one sync          done done done
 *     ─────────────────────┴──▶ batch 17 ──▶ segment 3 ──▶ disk ───────────▶
 *                               (meanwhile the next batch gathers)
 *
 * Records of all groups share segments of fixed size; a segment goes when no group needs an entry in it.
 * On opening, an interrupted last write is cut, and anything that only a failing disk explains is refused.
 * Synchronous and without I/O: it talks to a small Disk, which is a real one, a simulated one, or one in a browser.
 *
 * It does not know what records mean, apart from their indexes; it keeps no snapshots, only the markers of
 * snapshots that are durable elsewhere; it does not read back while it runs, since the groups keep what they
 * need in memory; and it does not guard against two processes (`host/data-dir.ts` does).
 *
 * It trusts the disk in two things: a sector that was durable is not harmed by a later interrupted write to the
 * same sector, and a sync that reports success has happened. A batch that was acknowledged and whose first sector
 * has silently turned to zeros, while no later batch exists, cannot be told from one that was never written.
 */
export * from "./crc32c.ts";
export * from "./disk.ts";
export * from "./errors.ts";
export * from "./facts.ts";
export type { Holder } from "./ledger.ts";
export * from "./memory-disk.ts";
export type { EntriesRecord, LogRecord, SnapshotRecord, StateRecord } from "./records.ts";
export { formatVersion, segmentName } from "./segment.ts";
export type { WalIdentity } from "./segment.ts";
export { openWal } from "./wal.ts";
export type { OpenWal, Wal, WalOptions, WalPosition } from "./wal.ts";
