/**
 * What nodes say to each other before and around their messages. One connection carries messages one way;
 * the other way it carries only the answer to the hello, pongs, and why it is closed.
 *
 *     dialling node                     accepting node
 *     hello ─────────────────────────▶  checks versions, cluster, both node ids
 *           ◀───────────────────────── hello, or error and close
 *     message, message, ping … ──────▶
 *           ◀───────────────────────── pong
 */
import { ByteReader, CodecError, utf8, type ByteWriter, type NodeId } from "../base/index.ts";
import { messageVersions } from "../node/index.ts";
import { failure, readFailure, writeFailure, type Failure } from "../contract/index.ts";

export const peerFrames = { hello: 1, error: 2, message: 3, ping: 4, pong: 5 } as const;

/** The versions of the peer protocol that this build speaks. */
export const peerVersions: Versions = messageVersions;

export interface Versions {
  readonly min: number;
  readonly max: number;
}

export interface PeerHello {
  readonly versions: Versions;
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Whom the sender takes the other side for. */
  readonly expects: NodeId;
  /** New for each start of a process: tells a restart from a reconnect. */
  readonly lifeId: string;
}

/** The longest frame before both sides know each other. */
export const maxHelloBytes = 1024;

const magic = utf8("CHRT");

export function writeHello(writer: ByteWriter, hello: PeerHello): void {
  writer.u8(peerFrames.hello).raw(magic).uint(hello.versions.min).uint(hello.versions.max);
  writer.text(hello.clusterId).uint(hello.nodeId).uint(hello.expects).text(hello.lifeId);
}

/** The body of a hello frame, or the error with which the other side answers one. */
export function readHello(frame: Uint8Array): PeerHello | Failure {
  const reader = new ByteReader(frame);
  const kind = reader.u8();
  if (kind === peerFrames.error) return readFailure(reader);
  if (kind !== peerFrames.hello || !isMagic(reader.raw(magic.length))) {
    throw new CodecError("the other side is not a Cohort node's peer port");
  }
  const versions = { min: reader.uint(), max: reader.uint() };
  // Later versions may say more: what follows is not looked at.
  return { versions, clusterId: reader.text(), nodeId: reader.uint(), expects: reader.uint(), lifeId: reader.text() };
}

function isMagic(bytes: Uint8Array): boolean {
  return bytes.every((byte, i) => byte === magic[i]);
}

export function writeError(writer: ByteWriter, error: Failure): void {
  writer.u8(peerFrames.error);
  writeFailure(writer, error);
}

/** The failure in an error frame whose kind was read already. */
export function readError(reader: ByteReader): Failure {
  return readFailure(reader);
}

/** Why two sides cannot work together, in the words of `own`; undefined: they can. */
export function disagreement(own: PeerHello, other: PeerHello): Failure | undefined {
  if (other.versions.min > own.versions.max || other.versions.max < own.versions.min) {
    return failure(
      "protocol",
      `peer protocol ${range(other.versions)} against ${range(own.versions)} of node ${own.nodeId}: run compatible versions of cohort on all nodes`,
    );
  }
  if (other.clusterId !== own.clusterId) {
    return failure(
      "wrong-cluster",
      `node ${own.nodeId} is of cluster "${own.clusterId}", the other side of "${other.clusterId}"`,
    );
  }
  if (other.expects !== own.nodeId) {
    return failure(
      "protocol",
      `this is node ${own.nodeId}, not node ${other.expects}: correct the peer addresses in the configuration of node ${other.nodeId}`,
    );
  }
  if (other.nodeId !== own.expects) {
    return failure(
      "protocol",
      `node ${other.nodeId} answers where node ${own.expects} is configured: correct the peer addresses of node ${own.nodeId}`,
    );
  }
  return undefined;
}

function range(versions: Versions): string {
  return versions.min === versions.max ? `version ${versions.min}` : `versions ${versions.min} to ${versions.max}`;
}
