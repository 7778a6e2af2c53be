/** CRC-32C (Castagnoli). `seed` is the result for the bytes that came before, so that checksums chain. */
export type Crc32c = (bytes: Uint8Array, seed?: number) => number;

/** The reflected Castagnoli polynomial (RFC 3720, appendix B.4). */
const polynomial = 0x82f63b78;

/** t<k>[b]: what byte `b` contributes when `k` more bytes follow it (Kounavis and Berry, "slicing-by-8"). */
const t0 = new Int32Array(256).map((_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
  return rest;
});
const t1 = followedByOneMore(t0);
const t2 = followedByOneMore(t1);
const t3 = followedByOneMore(t2);
const t4 = followedByOneMore(t3);
const t5 = followedByOneMore(t4);
const t6 = followedByOneMore(t5);
const t7 = followedByOneMore(t6);

function followedByOneMore(table: Int32Array): Int32Array {
  return table.map((value) => (value >>> 8) ^ t0[value & 0xff]!);
}

/** Without any dependency, for the simulator and the browser; a server uses the native one (`host/crc32c.ts`). */
export const crc32c: Crc32c = (bytes, seed = 0) => {
  let crc = ~seed;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc =
      t7[(crc ^ bytes[at]!) & 0xff]! ^
      t6[((crc >>> 8) ^ bytes[at + 1]!) & 0xff]! ^
      t5[((crc >>> 16) ^ bytes[at + 2]!) & 0xff]! ^
      t4[((crc >>> 24) ^ bytes[at + 3]!) & 0xff]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
};
