/**
 * Reads the log back: checks every batch, cuts an interrupted last write, refuses anything worse.
 *
 * Whatever comes back is made durable before anyone sees it. The last batch may have been in the page cache only
 * (the process was killed between write and sync), and after a failed sync the page cache may even hold it as clean
 * while the disk does not have it; so it is written once more, and what is cut is overwritten with zeros, in one
 * repair. Interrupting the repair leaves the same batch or the same tear, so it can be repeated any number of times.
 */
import type { GroupId } from "../base/index.ts";
import { CodecError } from "../base/index.ts";
import type { Frame, SegmentImage } from "./batch.ts";
import { laterBatch, readFrame } from "./batch.ts";
import type { Crc32c } from "./crc32c.ts";
import type { Disk } from "./disk.ts";
import { DiskFault, sectorBytes } from "./disk.ts";
import { WalError } from "./errors.ts";
import type { WalFact } from "./facts.ts";
import { endOf, Fold } from "./fold.ts";
import { Ledger } from "./ledger.ts";
import type { LogRecord } from "./records.ts";
import { decodeRecords } from "./records.ts";
import type { SegmentHeader, WalIdentity } from "./segment.ts";
import { blankFrom, decodeHeader, encodeHeader, headerSeed, segmentName, segmentSequence } from "./segment.ts";

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly crc32c: Crc32c;
  readonly identity: WalIdentity;
  readonly onFact: (fact: WalFact) => void;
  readonly bugs: ReadonlySet<string> | undefined;
}

export interface Recovery {
  readonly ledger: Ledger;
  readonly recovered: ReadonlyMap<GroupId, readonly LogRecord[]>;
  /** Segments that were prepared ahead of the next one: to be removed, newest first, before anything is created. */
  readonly leftovers: string[];
  /** Where the next batch goes in the active segment. */
  readonly offset: number;
  readonly nextBatch: number;
}

/** How far the segments read so far are whole. */
interface Reach {
  readonly header: SegmentHeader;
  readonly name: string;
  readonly image: SegmentImage;
  /** The start of the last whole batch with everything that was written with it. */
  readonly lastWrite: number;
  readonly offset: number;
  readonly nextBatch: number;
  /** What stands at `offset`. */
  readonly stop: Frame;
}

interface Unused {
  readonly name: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Throws a WalError. */
export function recover(options: RecoveryOptions): Recovery {
  try {
    return recoverAll(options);
  } catch (error) {
    if (error instanceof DiskFault) throw new WalError("unreadable", error.message);
    throw error;
  }
}

function recoverAll(options: RecoveryOptions): Recovery {
  const { disk, crc32c, identity } = options;
  const ledger = new Ledger();
  const fold = new Fold();
  const unused: Unused[] = [];
  let reach: Reach | undefined;
  let bytesRead = 0;
  let firstBatch = 1;
  for (const name of disk.list()) {
    const sequence = segmentSequence(name);
    if (sequence === undefined) continue;
    const bytes = disk.read(name);
    const header = decodeHeader(bytes, name, identity, crc32c);
    if (header === undefined) {
      unused.push({ name, sequence, bytes });
      continue;
    }
    if (unused[0] !== undefined)
      throw new WalError("corrupt-header", `its header is blank, but ${name} follows it`, unused[0].name, 0);
    if (reach === undefined) firstBatch = header.firstBatch;
    else expectNext(reach, header, crc32c);
    reach = readSegment(header, name, bytes, { ledger, fold, crc32c });
    bytesRead += bytes.length;
  }
  unused.forEach((file, ahead) => expectUnused(file, ahead, reach, options));
  if (reach !== undefined) repair(reach, options);
  const recovered = fold.finish();
  for (const [group, records] of recovered) ledger.resume(group, endOf(records));
  const nextBatch = reach?.nextBatch ?? 1;
  options.onFact({
    kind: "opened",
    segments: ledger.segments.length,
    batches: nextBatch - firstBatch,
    bytes: bytesRead,
  });
  const leftovers = unused.slice(1).map(({ name }) => name);
  return { ledger, recovered, leftovers, offset: reach?.offset ?? 0, nextBatch };
}

/** Whether `header` begins where the segment before it ended. */
function expectNext(reach: Reach, header: SegmentHeader, crc32c: Crc32c): void {
  const { sequence } = reach.header;
  if (header.sequence !== sequence + 1) {
    const missing = segmentName(sequence + 1);
    throw new WalError("missing-segment", `${missing} is not there, but ${segmentName(header.sequence)} is`);
  }
  if (header.firstBatch === reach.nextBatch) return;
  throw middle(reach, laterBatch(reach.image, reach.stop.end, reach.nextBatch + 1, crc32c) ?? header.firstBatch);
}

function middle(reach: Reach, later: number): WalError {
  const what = `batch ${reach.nextBatch} is damaged, and batch ${later} behind it shows that it was complete once`;
  return new WalError("corrupt-middle", what, reach.name, reach.offset);
}

interface Reading {
  readonly ledger: Ledger;
  readonly fold: Fold;
  readonly crc32c: Crc32c;
}

function readSegment(header: SegmentHeader, name: string, bytes: Uint8Array, reading: Reading): Reach {
  const { ledger, fold, crc32c } = reading;
  const seed = headerSeed(bytes.subarray(0, sectorBytes), crc32c);
  const image = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), seed };
  const segment = { sequence: header.sequence, name, size: header.size, seed, started: false, held: new Map() };
  ledger.segments.push(segment);
  let nextBatch = header.firstBatch;
  let offset = sectorBytes;
  let lastWrite = 0;
  let frame = readFrame(image, offset, crc32c);
  while (frame.kind === "whole" && frame.batch === nextBatch) {
    for (const record of decode(frame.payload, frame.records, name, offset)) {
      ledger.note(record);
      fold.add(record);
    }
    segment.started = true;
    // The first batch went out together with the header.
    lastWrite = nextBatch === header.firstBatch ? 0 : offset;
    nextBatch++;
    offset = frame.end;
    frame = readFrame(image, offset, crc32c);
  }
  return { header, name, image, lastWrite, offset, nextBatch, stop: frame };
}

function decode(payload: Uint8Array, count: number, name: string, offset: number): LogRecord[] {
  try {
    return decodeRecords(payload, count);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new WalError(
      "corrupt-middle",
      `a batch passes its checksum and makes no sense: ${error.message}`,
      name,
      offset,
    );
  }
}

/** The end of the newest segment: an interrupted write is cut, anything else is refused. */
function repair(reach: Reach, { disk, crc32c, onFact, bugs }: RecoveryOptions): void {
  const { header, name, image, lastWrite, offset, nextBatch, stop } = reach;
  if (bugs?.has("damage-cut-as-torn")) {
    const rest = image.bytes.slice(lastWrite);
    rest.fill(0, offset - lastWrite);
    return disk.repair(name, lastWrite, rest);
  }
  const later = laterBatch(image, stop.kind === "whole" ? offset : stop.end, nextBatch + 1, crc32c);
  if (later !== undefined) throw middle(reach, later);
  if (stop.kind === "damaged" || stop.kind === "whole") {
    const what = `batch ${nextBatch}, the last one, is damaged, and not by an interrupted write`;
    throw new WalError("corrupt-tail", what, name, offset);
  }
  const end = blankFrom(image.bytes, offset);
  const bytes = image.bytes.slice(lastWrite, end);
  bytes.fill(0, offset - lastWrite);
  disk.repair(name, lastWrite, bytes);
  if (end > offset) onFact({ kind: "tail-cut", segment: header.sequence, offset, bytes: end - offset });
}

/**
 * A segment without a header was prepared and not used, or its very first write was interrupted; meanwhile the one
 * behind it may have been prepared too. `create` will replace it. Only a header that vanished later leaves more than one
 * batch behind it, and only a segment that vanished leaves a gap.
 */
function expectUnused(file: Unused, ahead: number, reach: Reach | undefined, options: RecoveryOptions): void {
  const { name, bytes, sequence } = file;
  const { crc32c, identity, onFact } = options;
  const expected = (reach?.header.sequence ?? 0) + 1 + ahead;
  if (sequence !== expected) {
    throw new WalError("missing-segment", `${name} was prepared, but ${segmentName(expected)} before it is not there`);
  }
  const firstBatch = reach?.nextBatch ?? 1;
  const header = encodeHeader({ sequence, firstBatch, size: bytes.length, identity }, crc32c);
  const image = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    seed: headerSeed(header, crc32c),
  };
  if (laterBatch(image, sectorBytes, firstBatch + 1, crc32c) !== undefined) {
    throw new WalError("corrupt-header", "its header is blank, but batches follow it", name, 0);
  }
  const end = blankFrom(bytes, 0);
  if (end > 0) onFact({ kind: "tail-cut", segment: sequence, offset: 0, bytes: end });
}
