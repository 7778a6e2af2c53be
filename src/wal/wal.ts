import type { GroupId, LogIndex } from "../base/index.ts";
import { assert, ByteWriter, must, utf8 } from "../base/index.ts";
import { beginFrame, endFrame, frameBytes } from "./batch.ts";
import type { Crc32c } from "./crc32c.ts";
import type { Disk, DiskDone, DiskError } from "./disk.ts";
import { sectorBytes } from "./disk.ts";
import type { WalFact } from "./facts.ts";
import type { Holder, Ledger, Segment } from "./ledger.ts";
import { recover } from "./recover.ts";
import type { LogRecord } from "./records.ts";
import { encodeRecord, recordBound } from "./records.ts";
import type { WalIdentity } from "./segment.ts";
import { encodeHeader, headerSeed, segmentName } from "./segment.ts";
import { Spare } from "./spare.ts";

export interface WalOptions {
  readonly disk: Disk;
  readonly crc32c: Crc32c;
  readonly identity: WalIdentity;
  /** Default 16 MiB; a multiple of 512. A single larger append gets a larger segment of its own. */
  readonly segmentSizeBytes?: number;
  /** What one write takes at most (default 1 MiB), except that one append is never split. */
  readonly maxBatchBytes?: number;
  readonly onFact?: (fact: WalFact) => void;
  /** Mistakes planted on purpose, to see that the simulator finds them; never set in production. */
  readonly bugs?: ReadonlySet<string>;
}

/** The end of the durable log. */
export interface WalPosition {
  readonly segment: number;
  readonly offset: number;
  readonly batch: number;
}

export interface Wal {
  /**
   * Asks for records to be made durable: all of them or, after a crash, none. Nothing is written before `flush`.
   * The records' bytes must not change until done. `done`s are called in the order of the appends; with an error only
   * after the log has failed for good (then possibly before `append` returns) or was closed while stalled.
   */
  append(records: readonly LogRecord[], done: DiskDone): void;
  /**
   * Ends a turn: everything appended in it goes out in one write and one sync. If one is under way already,
   * it goes out with whatever else is there when that is done, without a further `flush`.
   */
  flush(): void;
  /** The group's entries at or below the index are not needed any more. Its durable snapshot must reach that far. */
  truncate(group: GroupId, throughIndex: LogIndex): void;
  /** The group has left this node: nothing of it is needed. What is still on disk may come back on opening. */
  forget(group: GroupId): void;
  /** The groups that keep the oldest segment; a snapshot and a truncation of each of them frees it. */
  holders(): Holder[];
  readonly position: WalPosition;
  /** Why appends are being held: there is no next segment. Call `retry` from time to time, or close. */
  readonly stalled: DiskError | undefined;
  /** Why the log has failed for good: a write or sync went wrong, and what the disk holds is only known after reopening. */
  readonly failed: DiskError | undefined;
  retry(): void;
  /** Waits for what was appended; `done` tells whether it became durable, possibly before `close` returns. No calls after this one. */
  close(done: DiskDone): void;
}

export interface OpenWal {
  readonly wal: Wal;
  /**
   * What was durable, by group in ascending order: its newest state, its newest snapshot, then its entries in the order
   * of the appends. Entries reach at least from behind the snapshot to the end without a gap; some may begin or lie below
   * it; where two overlap the later one counts, and ends the log. The bytes are views of whole segments: copy what stays.
   */
  readonly recovered: ReadonlyMap<GroupId, readonly LogRecord[]>;
}

/** Opens the log in the disk's directory, or starts one. Throws a WalError. */
export function openWal(options: WalOptions): OpenWal {
  const {
    disk,
    crc32c,
    identity,
    segmentSizeBytes = 16 * 2 ** 20,
    maxBatchBytes = 2 ** 20,
    onFact = () => {},
  } = options;
  assert(
    segmentSizeBytes % sectorBytes === 0 && segmentSizeBytes >= 2 * sectorBytes,
    "segmentSizeBytes: a multiple of 512, from 1024",
  );
  assert(utf8(identity.clusterId).length <= 255, "clusterId: at most 255 bytes");
  const { recovered, ...start } = recover({ disk, crc32c, identity, onFact, bugs: options.bugs });
  const wal = new SegmentedWal({ disk, crc32c, identity, segmentSizeBytes, maxBatchBytes, onFact }, start);
  return { wal, recovered };
}

interface Pending {
  readonly records: readonly LogRecord[];
  /** What the records take in a batch, at most. */
  readonly bound: number;
  readonly done: DiskDone;
}

interface Start {
  readonly ledger: Ledger;
  readonly offset: number;
  readonly nextBatch: number;
  readonly leftovers: readonly string[];
}

class SegmentedWal implements Wal {
  readonly #options: Required<Omit<WalOptions, "bugs">>;
  readonly #ledger: Ledger;
  readonly #spare: Spare;
  /** One batch is written at a time, so one buffer serves them all. */
  readonly #writer = new ByteWriter(64 * 1024);
  #queue: Pending[] = [];
  #offset: number;
  #nextBatch: number;
  /** A batch is being written, or its appends are being told. */
  #writing = false;
  /** The next batch needs a segment that is not there. */
  #waiting = false;
  #removing = false;
  #closing: DiskDone | undefined;
  #stalled: DiskError | undefined;
  #failed: DiskError | undefined;

  constructor(options: Required<Omit<WalOptions, "bugs">>, { ledger, offset, nextBatch, leftovers }: Start) {
    this.#options = options;
    this.#ledger = ledger;
    this.#offset = offset;
    this.#nextBatch = nextBatch;
    this.#spare = new Spare(options.disk, leftovers, {
      onReady: (segment, bytes) => this.#onSpareReady(segment, bytes),
      onRefused: (segment, error) => this.#onSpareRefused(segment, error),
    });
    this.#prepareSpare();
  }

  get position(): WalPosition {
    return { segment: this.#ledger.active?.sequence ?? 0, offset: this.#offset, batch: this.#nextBatch - 1 };
  }

  get stalled(): DiskError | undefined {
    return this.#stalled;
  }

  get failed(): DiskError | undefined {
    return this.#failed;
  }

  append(records: readonly LogRecord[], done: DiskDone): void {
    assert(this.#closing === undefined, "append to a closed log");
    if (this.#failed !== undefined) return done(this.#failed);
    for (const record of records) this.#ledger.accept(record);
    this.#queue.push({ records, bound: boundOf(records), done });
  }

  flush(): void {
    const first = this.#queue[0];
    if (first === undefined || this.#writing || this.#waiting) return;
    const active = this.#ledger.active;
    if (active !== undefined) {
      const carry = active.started ? [] : this.#ledger.carry();
      if (this.#offset + frameBytes(boundOf(carry) + first.bound) <= active.size)
        return this.#writeBatch(active, carry, undefined);
    }
    this.#startSegment(first);
  }

  #startSegment(first: Pending): void {
    const { crc32c, identity, onFact } = this.#options;
    const carry = this.#ledger.carry();
    const needed = sectorBytes + frameBytes(boundOf(carry) + first.bound);
    const size = this.#spare.take(needed);
    if (size === undefined) {
      this.#waiting = true;
      return this.#prepareSpare(needed);
    }
    const sequence = this.#nextSequence();
    const header = encodeHeader({ sequence, firstBatch: this.#nextBatch, size, identity }, crc32c);
    const seed = headerSeed(header, crc32c);
    const segment = { sequence, name: segmentName(sequence), size, seed, started: false, held: new Map() };
    this.#ledger.segments.push(segment);
    this.#offset = sectorBytes;
    onFact({ kind: "segment-started", segment: sequence, firstBatch: this.#nextBatch });
    this.#writeBatch(segment, carry, header);
    this.#prepareSpare();
  }

  /** Writes what fits, in one frame: `carry`, which nobody waits for, then at least the first append. */
  #writeBatch(segment: Segment, carry: readonly LogRecord[], header: Uint8Array | undefined): void {
    const { disk, crc32c } = this.#options;
    const appends = this.#gather(segment, boundOf(carry));
    const writer = this.#writer;
    writer.reset();
    if (header !== undefined) writer.raw(header);
    const start = beginFrame(writer);
    let records = carry.length;
    for (const record of carry) encodeRecord(writer, record);
    for (const append of appends) {
      records += append.records.length;
      for (const record of append.records) encodeRecord(writer, record);
    }
    endFrame(writer, start, { offset: this.#offset, batch: this.#nextBatch, records, seed: segment.seed }, crc32c);
    const bytes = writer.view();
    this.#writing = true;
    disk.write(segment.name, header === undefined ? this.#offset : 0, bytes, (writeError) => {
      if (writeError !== undefined) return this.#fail(writeError, appends);
      // A sync that failed is never repeated: the kernel may have dropped the pages and would report success.
      disk.sync(segment.name, (syncError) => {
        if (syncError !== undefined) return this.#fail(syncError, appends);
        this.#onDurable(segment, appends, { records, bytes: bytes.length, frame: bytes.length - start });
      });
    });
  }

  /** Takes appends off the queue: the first, and more while they fit. */
  #gather(segment: Segment, carried: number): Pending[] {
    let total = carried + must(this.#queue[0], "an append to write").bound;
    let count = 1;
    for (; count < this.#queue.length; count++) {
      const more = total + this.#queue[count]!.bound;
      if (more > this.#options.maxBatchBytes || this.#offset + frameBytes(more) > segment.size) break;
      total = more;
    }
    return this.#queue.splice(0, count);
  }

  #onDurable(
    segment: Segment,
    appends: readonly Pending[],
    size: { records: number; bytes: number; frame: number },
  ): void {
    const batch = this.#nextBatch++;
    this.#offset += size.frame;
    segment.started = true;
    for (const { records } of appends) for (const record of records) this.#ledger.note(record);
    this.#options.onFact({ kind: "synced", batch, bytes: size.bytes, records: size.records, appends: appends.length });
    for (const { done } of appends) done();
    // Only now, so that what the callbacks appended is part of the next batch.
    this.#writing = false;
    this.flush();
    this.#removeOldest();
    this.#finishClosing();
  }

  #fail(error: DiskError, appends: readonly Pending[]): void {
    this.#failed = error;
    this.#options.onFact({ kind: "failed", error });
    for (const { done } of appends) done(error);
    this.#writing = false;
    this.#dropQueue(error);
    this.#finishClosing();
  }

  #dropQueue(error: DiskError): void {
    const dropped = this.#queue;
    this.#queue = [];
    for (const { done } of dropped) done(error);
  }

  #nextSequence(): number {
    return (this.#ledger.active?.sequence ?? 0) + 1;
  }

  #prepareSpare(atLeast = 0): void {
    if (this.#failed !== undefined || (this.#closing !== undefined && !this.#waiting)) return;
    const { segmentSizeBytes } = this.#options;
    const size = Math.max(segmentSizeBytes, Math.ceil(atLeast / sectorBytes) * sectorBytes);
    this.#spare.prepare(this.#nextSequence(), size);
  }

  #onSpareReady(segment: number, bytes: number): void {
    const { onFact } = this.#options;
    onFact({ kind: "segment-created", segment, bytes });
    if (this.#stalled !== undefined) {
      this.#stalled = undefined;
      onFact({ kind: "resumed" });
    }
    const waited = this.#waiting;
    this.#waiting = false;
    if (waited && this.#failed === undefined) this.flush();
    this.#finishClosing();
  }

  #onSpareRefused(segment: number, error: DiskError): void {
    const { onFact } = this.#options;
    if (!this.#waiting) onFact({ kind: "segment-refused", segment, error });
    else {
      if (this.#stalled === undefined) onFact({ kind: "stalled", error });
      this.#stalled = error;
    }
    this.#finishClosing();
  }

  retry(): void {
    if (this.#spare.refused === undefined) return;
    const first = this.#queue[0];
    const needed = first === undefined ? 0 : sectorBytes + frameBytes(boundOf(this.#ledger.carry()) + first.bound);
    this.#prepareSpare(this.#waiting ? needed : 0);
  }

  truncate(group: GroupId, throughIndex: LogIndex): void {
    this.#ledger.truncate(group, throughIndex);
    this.#removeOldest();
  }

  forget(group: GroupId): void {
    this.#ledger.forget(group);
    this.#removeOldest();
  }

  holders(): Holder[] {
    return this.#ledger.holders();
  }

  /** One at a time, so that what is on disk is consecutive after any crash. */
  #removeOldest(): void {
    if (this.#removing || this.#failed !== undefined || this.#closing !== undefined) return;
    const oldest = this.#ledger.removable();
    if (oldest === undefined) return;
    this.#removing = true;
    this.#options.disk.remove(oldest.name, (error) => {
      this.#removing = false;
      const segment = oldest.sequence;
      if (error === undefined || error.code === "missing") {
        this.#ledger.segments.shift();
        this.#options.onFact({ kind: "segment-removed", segment });
        this.#removeOldest();
        this.retry();
      } else {
        // The next truncation or segment tries again.
        this.#options.onFact({ kind: "removal-failed", segment, error });
      }
      this.#finishClosing();
    });
  }

  close(done: DiskDone): void {
    assert(this.#closing === undefined, "the log is closed twice");
    this.flush();
    this.#closing = done;
    this.#finishClosing();
  }

  #finishClosing(): void {
    const done = this.#closing;
    if (done === undefined || this.#writing || this.#removing || this.#spare.creating) return;
    const error = this.#failed ?? this.#stalled;
    if (this.#queue.length > 0) {
      if (error === undefined) return;
      this.#dropQueue(error);
    }
    this.#closing = () => {};
    done(error);
  }
}

function boundOf(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += recordBound(record);
  return bytes;
}
