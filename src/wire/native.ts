import { ByteReader, CodecError, utf8, type ByteWriter } from "../base/index.ts";
import {
  readFailure,
  readOutcome,
  readRequestBody,
  readWatchEvents,
  writeFailure,
  writeOutcome,
  writeRequestBody,
  writeWatchEvents,
  type Failure,
  type Outcome,
  type RequestBody,
  type WatchEvent,
} from "../contract/index.ts";

/** The versions of the native protocol that this build speaks. The node chooses the highest that both speak. */
export const nativeVersions = { min: 1, max: 1 } as const;

/** The longest frame before both sides know each other. */
export const maxHelloBytes = 1024;

/** A watch may be ahead of its watcher by this many batches; each `credit` allows one more. */
export const initialWatchCredit = 8;

export type ClientFrame =
  | {
      readonly kind: "hello";
      readonly min: number;
      readonly max: number;
      /** The cluster that the client expects; empty: any. */
      readonly clusterId: string;
    }
  /** `ttlMs`: whole milliseconds within which the client wants its reply. */
  | { readonly kind: "request"; readonly id: number; readonly ttlMs: number; readonly body: RequestBody }
  | { readonly kind: "cancel"; readonly id: number }
  /** Ids of watches and requests are one space. */
  | {
      readonly kind: "watch";
      readonly id: number;
      readonly keyspace: string;
      readonly prefix: Uint8Array;
      readonly from: number;
    }
  | { readonly kind: "credit"; readonly id: number; readonly count: number }
  | { readonly kind: "unwatch"; readonly id: number }
  | { readonly kind: "ping" };

export type NodeFrame =
  | {
      readonly kind: "welcome";
      readonly version: number;
      readonly clusterId: string;
      readonly nodeId: number;
      /** `host:port` of the leader's native port; empty: not known. */
      readonly leader: string;
    }
  /** The connection is closed after this. */
  | { readonly kind: "refused"; readonly failure: Failure }
  | { readonly kind: "reply"; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: "events"; readonly id: number; readonly revision: number; readonly events: readonly WatchEvent[] }
  | { readonly kind: "watchFailed"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "leader"; readonly leader: string }
  /** The node stops soon: it answers what it has, and takes nothing new. */
  | { readonly kind: "closing" }
  | { readonly kind: "pong" };

const clientTags = { hello: 1, request: 2, cancel: 3, watch: 4, credit: 5, unwatch: 6, ping: 7 } as const satisfies {
  [Kind in ClientFrame["kind"]]: number;
};
const nodeTags = {
  welcome: 1,
  refused: 2,
  reply: 3,
  events: 4,
  watchFailed: 5,
  leader: 6,
  closing: 7,
  pong: 8,
} as const satisfies { [Kind in NodeFrame["kind"]]: number };

const magic = utf8("CHRC");

export function writeClientFrame(writer: ByteWriter, frame: ClientFrame): void {
  writer.u8(clientTags[frame.kind]);
  switch (frame.kind) {
    case "hello":
      writer.raw(magic).uint(frame.min).uint(frame.max).text(frame.clusterId);
      break;
    case "request":
      writer.uint(frame.id).uint(frame.ttlMs);
      return writeRequestBody(writer, frame.body);
    case "cancel":
    case "unwatch":
      writer.uint(frame.id);
      break;
    case "watch":
      writer.uint(frame.id).text(frame.keyspace).bytes(frame.prefix).uint(frame.from);
      break;
    case "credit":
      writer.uint(frame.id).uint(frame.count);
      break;
    case "ping":
      break;
  }
}

/** Bytes in the result are views into `bytes`. Throws a CodecError. */
export function readClientFrame(bytes: Uint8Array): ClientFrame {
  const reader = new ByteReader(bytes);
  const frame = readClient(reader);
  // A hello of a later version may say more.
  if (frame.kind !== "hello") reader.end();
  return frame;
}

function readClient(reader: ByteReader): ClientFrame {
  const tag = reader.u8();
  switch (tag) {
    case clientTags.hello:
      readMagic(reader);
      return { kind: "hello", min: reader.uint(), max: reader.uint(), clusterId: reader.text() };
    case clientTags.request:
      return { kind: "request", id: reader.uint(), ttlMs: reader.uint(), body: readRequestBody(reader) };
    case clientTags.cancel:
      return { kind: "cancel", id: reader.uint() };
    case clientTags.watch:
      return { kind: "watch", id: reader.uint(), keyspace: reader.text(), prefix: reader.bytes(), from: reader.uint() };
    case clientTags.credit:
      return { kind: "credit", id: reader.uint(), count: reader.uint() };
    case clientTags.unwatch:
      return { kind: "unwatch", id: reader.uint() };
    case clientTags.ping:
      return { kind: "ping" };
    default:
      throw new CodecError(`no frame of a client has tag ${tag}`);
  }
}

export function writeNodeFrame(writer: ByteWriter, frame: NodeFrame): void {
  writer.u8(nodeTags[frame.kind]);
  switch (frame.kind) {
    case "welcome":
      writer.raw(magic).uint(frame.version).text(frame.clusterId).uint(frame.nodeId).text(frame.leader);
      break;
    case "refused":
      return writeFailure(writer, frame.failure);
    case "reply":
      writer.uint(frame.id);
      return writeOutcome(writer, frame.outcome);
    case "events":
      writer.uint(frame.id).uint(frame.revision);
      return writeWatchEvents(writer, frame.events);
    case "watchFailed":
      writer.uint(frame.id);
      return writeFailure(writer, frame.failure);
    case "leader":
      writer.text(frame.leader);
      break;
    case "closing":
    case "pong":
      break;
  }
}

/** Bytes in the result are views into `bytes`. Throws a CodecError. */
export function readNodeFrame(bytes: Uint8Array): NodeFrame {
  const reader = new ByteReader(bytes);
  const frame = readNode(reader);
  if (frame.kind !== "welcome" && frame.kind !== "refused") reader.end();
  return frame;
}

function readNode(reader: ByteReader): NodeFrame {
  const tag = reader.u8();
  switch (tag) {
    case nodeTags.welcome: {
      readMagic(reader);
      const version = reader.uint();
      return { kind: "welcome", version, clusterId: reader.text(), nodeId: reader.uint(), leader: reader.text() };
    }
    case nodeTags.refused:
      return { kind: "refused", failure: readFailure(reader) };
    case nodeTags.reply:
      return { kind: "reply", id: reader.uint(), outcome: readOutcome(reader) };
    case nodeTags.events:
      return { kind: "events", id: reader.uint(), revision: reader.uint(), events: readWatchEvents(reader) };
    case nodeTags.watchFailed:
      return { kind: "watchFailed", id: reader.uint(), failure: readFailure(reader) };
    case nodeTags.leader:
      return { kind: "leader", leader: reader.text() };
    case nodeTags.closing:
      return { kind: "closing" };
    case nodeTags.pong:
      return { kind: "pong" };
    default:
      throw new CodecError(`no frame of a node has tag ${tag}`);
  }
}

function readMagic(reader: ByteReader): void {
  if (!reader.raw(magic.length).every((byte, i) => byte === magic[i])) {
    throw new CodecError("the other side does not speak the native protocol of Cohort");
  }
}
