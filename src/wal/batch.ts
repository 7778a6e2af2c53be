/**
 * The unit on disk: everything that waited when the disk became free, in one frame, in one write and one sync.
 *
 *     0      4          8        12           16      24             28       32
 *     ┌──────┬──────────┬────────┬────────────┬───────┬──────────────┬────────┬─────────┐
 *     │magic │header crc│ length │payload crc │ batch │blank sectors │records │ payload │   a multiple of 32 bytes
 *     └──────┴──────────┴────────┴────────────┴───────┴──────────────┴────────┴─────────┘
 *
 * Batch n+1 is written only when batch n is durable. Hence at most the last batch can be incomplete, and an
 * incomplete one must look like an interrupted write: every sector has its new content or its old one, and the
 * old one is zeros. A frame starts at a multiple of its header's size, so the header lies within one sector and is
 * there or not there. For the payload the header says how many of its sectors are zeros by themselves; if there
 * are not more of them than that, yet the checksum fails, then the write was complete once and is damaged now.
 * That is how a torn tail, which is cut, differs from a flipped bit in an acknowledged batch, which is refused.
 */
import type { ByteWriter } from "../base/index.ts";
import type { Crc32c } from "./crc32c.ts";
import { sectorBytes } from "./disk.ts";
import { getWhole, isBlank } from "./segment.ts";

const frameHeaderBytes = 32;
const magic = 0x54414243;
const blankHeader = new Uint8Array(frameHeaderBytes);
const at = { magic: 0, headerCrc: 4, length: 8, payloadCrc: 12, batch: 16, blankSectors: 24, records: 28 } as const;

/** How much of a segment a batch takes whose records need `payloadBytes`. */
export function frameBytes(payloadBytes: number): number {
  return frameHeaderBytes + Math.ceil(payloadBytes / frameHeaderBytes) * frameHeaderBytes;
}

/** Leaves room for a frame's header; returns where the frame starts in the writer. */
export function beginFrame(writer: ByteWriter): number {
  const start = writer.length;
  writer.raw(blankHeader);
  return start;
}

export interface FrameFacts {
  /** Where the frame will lie in its segment. */
  readonly offset: number;
  readonly batch: number;
  readonly records: number;
  readonly seed: number;
}

/** Pads the frame that began at `start` and fills in its header. */
export function endFrame(writer: ByteWriter, start: number, frame: FrameFacts, crc32c: Crc32c): void {
  const padding = frameBytes(writer.length - start - frameHeaderBytes) - (writer.length - start);
  writer.raw(blankHeader.subarray(0, padding));
  const bytes = writer.view().subarray(start);
  writer.patchU32(start + at.magic, magic);
  writer.patchU32(start + at.length, bytes.length - frameHeaderBytes);
  writer.patchU32(start + at.payloadCrc, crc32c(bytes.subarray(frameHeaderBytes), frame.seed));
  writer.patchU32(start + at.batch, frame.batch % 2 ** 32);
  writer.patchU32(start + at.batch + 4, Math.floor(frame.batch / 2 ** 32));
  writer.patchU32(start + at.blankSectors, blankSectors(bytes, 0, bytes.length, frame.offset));
  writer.patchU32(start + at.records, frame.records);
  writer.patchU32(start + at.headerCrc, crc32c(bytes.subarray(at.length, frameHeaderBytes), frame.seed));
}

/** Sectors of bytes[from, to) that are all zeros, where `from` lies at `offset` of the file. The first holds the header. */
function blankSectors(bytes: Uint8Array, from: number, to: number, offset: number): number {
  let count = 0;
  for (let i = from + sectorBytes - (offset % sectorBytes); i < to; i += sectorBytes) {
    if (isBlank(bytes, i, Math.min(i + sectorBytes, to))) count++;
  }
  return count;
}

/** A segment's bytes, as far as frames are concerned. */
export interface SegmentImage {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly seed: number;
}

export type Frame =
  | {
      readonly kind: "whole";
      readonly batch: number;
      readonly records: number;
      readonly payload: Uint8Array;
      readonly end: number;
    }
  /** Nothing was written here, or the write lost this sector. */
  | { readonly kind: "blank"; readonly end: number }
  /** The header arrived, part of the payload did not. */
  | { readonly kind: "torn"; readonly end: number }
  /** No interrupted write leaves this. */
  | { readonly kind: "damaged"; readonly end: number };

/** What stands at `offset`, a multiple of 32. `end` is where something else may start. */
export function readFrame(image: SegmentImage, offset: number, crc32c: Crc32c): Frame {
  const { bytes, view, seed } = image;
  const start = offset + frameHeaderBytes;
  if (start > bytes.length) return { kind: "blank", end: bytes.length };
  if (!hasHeader(image, offset, crc32c)) {
    const sectorEnd = Math.min(offset - (offset % sectorBytes) + sectorBytes, bytes.length);
    return { kind: isBlank(bytes, offset, sectorEnd) ? "blank" : "damaged", end: start };
  }
  const end = start + view.getUint32(offset + at.length, true);
  const payload = bytes.subarray(start, end);
  if (end <= bytes.length && crc32c(payload, seed) === view.getUint32(offset + at.payloadCrc, true)) {
    const batch = getWhole(view, offset + at.batch);
    return { kind: "whole", batch, records: view.getUint32(offset + at.records, true), payload, end };
  }
  const expected = view.getUint32(offset + at.blankSectors, true);
  const torn = end <= bytes.length && blankSectors(bytes, offset, end, offset) > expected;
  return { kind: torn ? "torn" : "damaged", end: Math.min(end, bytes.length) };
}

function hasHeader(image: SegmentImage, offset: number, crc32c: Crc32c): boolean {
  const { bytes, view, seed } = image;
  return (
    view.getUint32(offset + at.magic, true) === magic &&
    crc32c(bytes.subarray(offset + at.length, offset + frameHeaderBytes), seed) ===
      view.getUint32(offset + at.headerCrc, true)
  );
}

/** The number of a batch from `batch` on whose header stands at or behind `from`; undefined if there is none. */
export function laterBatch(image: SegmentImage, from: number, batch: number, crc32c: Crc32c): number | undefined {
  for (let offset = from; offset + frameHeaderBytes <= image.bytes.length; offset += frameHeaderBytes) {
    if (!hasHeader(image, offset, crc32c)) continue;
    const found = getWhole(image.view, offset + at.batch);
    if (found >= batch) return found;
  }
  return undefined;
}
