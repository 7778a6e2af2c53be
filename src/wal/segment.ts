/**
 * A segment is a file of fixed size, allocated and zeroed before it is used: one header sector, then batches.
 *
 *     sector 0                      sector 1 …
 *     ┌────────────────────────────┬────────┬──────────┬───────┬─ ─ ─ ─ ─
 *     │ magic version crc          │ batch  │ batch    │ batch │ zeros
 *     │ sequence first batch size  │ n      │ n+1      │ n+2   │
 *     │ node, cluster              │        │          │       │
 *     └────────────────────────────┴────────┴──────────┴───────┴─ ─ ─ ─ ─
 *
 * Header and first batch go out in one write. A blank header means that the segment was never used, or that
 * this first write was interrupted: either way nothing in it was acknowledged.
 */
import type { NodeId } from "../base/index.ts";
import { fromUtf8, utf8 } from "../base/index.ts";
import type { Crc32c } from "./crc32c.ts";
import { sectorBytes } from "./disk.ts";
import { WalError } from "./errors.ts";

/** Whose log it is. `clusterId` has at most 255 bytes of UTF-8. */
export interface WalIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
}

export interface SegmentHeader {
  /** Position among the segments, from 1. */
  readonly sequence: number;
  /** The number of its first batch. Batches count from 1, through all segments. */
  readonly firstBatch: number;
  /** Size of the file in bytes. */
  readonly size: number;
  readonly identity: WalIdentity;
}

export const formatVersion = 1;

const magic = utf8("COHORTWL");
/** Magic, version and checksum keep their places in every format to come. */
const at = { version: 8, crc: 12, sequence: 16, firstBatch: 24, size: 32, nodeId: 40, clusterId: 48 } as const;

export function segmentName(sequence: number): string {
  return `wal-${String(sequence).padStart(12, "0")}`;
}

/** The sequence number in a segment's name; undefined for any other file. */
export function segmentSequence(name: string): number | undefined {
  const match = /^wal-(\d{12})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function encodeHeader(header: SegmentHeader, crc32c: Crc32c): Uint8Array {
  const bytes = new Uint8Array(sectorBytes);
  const view = new DataView(bytes.buffer);
  const cluster = utf8(header.identity.clusterId);
  bytes.set(magic);
  view.setUint32(at.version, formatVersion, true);
  setWhole(view, at.sequence, header.sequence);
  setWhole(view, at.firstBatch, header.firstBatch);
  setWhole(view, at.size, header.size);
  setWhole(view, at.nodeId, header.identity.nodeId);
  bytes[at.clusterId] = cluster.length;
  bytes.set(cluster, at.clusterId + 1);
  view.setUint32(at.crc, headerSeed(bytes, crc32c), true);
  return bytes;
}

/**
 * The checksum of a header sector. It also seeds the checksums of the batches behind it, so that a batch of
 * another segment, node or cluster never passes for one of this segment.
 */
export function headerSeed(sector: Uint8Array, crc32c: Crc32c): number {
  return crc32c(sector.subarray(at.sequence), crc32c(sector.subarray(0, at.crc)));
}

/** The header of a segment file; undefined where it is blank. Throws a WalError. */
export function decodeHeader(
  file: Uint8Array,
  name: string,
  own: WalIdentity,
  crc32c: Crc32c,
): SegmentHeader | undefined {
  const sector = file.subarray(0, sectorBytes);
  if (isBlank(sector, 0, sector.length)) return undefined;
  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  const genuine =
    sector.length === sectorBytes &&
    magic.every((byte, i) => sector[i] === byte) &&
    view.getUint32(at.crc, true) === headerSeed(sector, crc32c);
  if (!genuine) throw new WalError("corrupt-header", "the header of this segment is damaged", name, 0);
  const version = view.getUint32(at.version, true);
  if (version > formatVersion) {
    throw new WalError("newer-format", `format ${version}, and this program reads up to ${formatVersion}`, name);
  }
  const header: SegmentHeader = {
    sequence: getWhole(view, at.sequence),
    firstBatch: getWhole(view, at.firstBatch),
    size: getWhole(view, at.size),
    identity: {
      nodeId: getWhole(view, at.nodeId),
      clusterId: fromUtf8(sector.subarray(at.clusterId + 1, at.clusterId + 1 + sector[at.clusterId]!)),
    },
  };
  expect(header, file, name, own);
  return header;
}

function expect(header: SegmentHeader, file: Uint8Array, name: string, own: WalIdentity): void {
  const { clusterId, nodeId } = header.identity;
  if (clusterId !== own.clusterId || nodeId !== own.nodeId) {
    const whose = `the log of node ${nodeId} of cluster "${clusterId}", not of node ${own.nodeId} of "${own.clusterId}"`;
    throw new WalError("wrong-identity", whose, name);
  }
  if (header.sequence !== segmentSequence(name)) {
    throw new WalError("corrupt-header", `this is segment ${header.sequence} under another name`, name, 0);
  }
  if (header.size !== file.length) {
    throw new WalError("corrupt-header", `the file has ${file.length} bytes instead of ${header.size}`, name, 0);
  }
}

/** Whether all bytes in [from, to) are zero. */
export function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Where the bytes from `from` on are zero to the end. */
export function blankFrom(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

/** A whole number up to 2^53 - 1 in eight bytes, little-endian. */
function setWhole(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

export function getWhole(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}
