/**
 * The session token that clients send back: which positions they have seen. Opaque, bounded and
 * tamper-evident, so that a position in it is one that this cluster has given out.
 *
 *     base64url( version · clusterId · count · (group, position)* · HMAC-SHA256 truncated to 12 bytes )
 */
import { hash, timingSafeEqual } from "node:crypto";
import { ByteReader, ByteWriter, CodecError, concatBytes, utf8, type GroupId, type LogIndex } from "../base/index.ts";
import { fail } from "../contract/index.ts";

const version = 1;
const macLength = 12;
const maxTokenLength = 2048;
/** In base64url, four letters for three bytes. */
const maxTokenBytes = (maxTokenLength / 4) * 3;

/** Positions by group. */
export type Positions = ReadonlyMap<GroupId, LogIndex>;

export interface Sessions {
  /** At most 2048 characters: of many groups the first and the last are in it, and those left out are read at their latest. */
  encode(positions: Positions): string;
  /** Throws a CohortError: `bad-token` or `foreign-token`. */
  decode(token: string): Positions;
}

/** `secret` makes tokens unforgeable for those who know the cluster id; without it they only resist accidents. */
export function sessionTokens(clusterId: string, secret = ""): Sessions {
  const key = hmacSha256(utf8(`cohort session\0${clusterId}`))(utf8(secret));
  const mac = hmacSha256(key);
  const macOf = (body: Uint8Array): Uint8Array => mac(body).subarray(0, macLength);
  const writer = new ByteWriter(64);
  const write = (entries: readonly (readonly [GroupId, LogIndex])[]): void => {
    writer.reset();
    writer.u8(version).text(clusterId).uint(entries.length);
    for (const [group, position] of entries) writer.uint(group).uint(position);
    writer.raw(macOf(writer.view()));
  };
  return {
    encode(positions) {
      let entries = [...positions];
      write(entries);
      // Few tokens are near the bound, so what is too much is left out by halves: the oldest, which come after group 0.
      while (writer.view().length > maxTokenBytes) {
        entries = [...entries.slice(0, 1), ...entries.slice(1 + Math.ceil((entries.length - 1) / 2))];
        write(entries);
      }
      const view = writer.view();
      return Buffer.from(view.buffer, view.byteOffset, view.length).toString("base64url");
    },
    decode(token) {
      if (token.length > maxTokenLength || !/^[\w-]+$/.test(token))
        throw fail("bad-token", "it is not base64url of at most 2048 characters");
      const bytes = new Uint8Array(Buffer.from(token, "base64url"));
      // Decoding passes over spare bits and letters at the end: a token is one text, not many.
      if (Buffer.from(bytes).toString("base64url") !== token) throw fail("bad-token", "it has letters too many");
      if (bytes.length <= macLength) throw fail("bad-token", "it is too short");
      const body = bytes.subarray(0, -macLength);
      const { cluster, positions } = parseBody(body);
      // Foreign tokens have a foreign key, so the name is looked at first.
      if (cluster !== clusterId)
        throw fail("foreign-token", `it is of cluster ${JSON.stringify(cluster)}, this is ${clusterId}`);
      if (!timingSafeEqual(macOf(body), bytes.subarray(-macLength)))
        throw fail("bad-token", "its signature does not match");
      return positions;
    },
  };
}

const blockLength = 64;

/**
 * HMAC (RFC 2104) over the one-shot hash, which costs a tenth of an Hmac object: every write's answer has a token
 * of its own.
 */
export function hmacSha256(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const padded = new Uint8Array(blockLength);
  padded.set(key.length > blockLength ? hash("sha256", key, "buffer") : key);
  const inner = padded.map((byte) => byte ^ 0x36);
  const outer = padded.map((byte) => byte ^ 0x5c);
  return (message) => {
    const first = hash("sha256", concatBytes([inner, message]), "buffer");
    return hash("sha256", concatBytes([outer, first]), "buffer");
  };
}

function parseBody(body: Uint8Array): { cluster: string; positions: Positions } {
  try {
    const reader = new ByteReader(body);
    const tokenVersion = reader.u8();
    if (tokenVersion !== version)
      throw fail("bad-token", `it is of version ${tokenVersion}, this node knows ${version}`);
    const cluster = reader.text();
    const positions = new Map<GroupId, LogIndex>();
    for (let left = reader.uint(); left > 0; left--) positions.set(reader.uint(), reader.uint());
    reader.end();
    return { cluster, positions };
  } catch (error) {
    if (error instanceof CodecError) throw fail("bad-token", error.message);
    throw error;
  }
}
