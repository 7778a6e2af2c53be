import { createServer, type Server, type Socket } from "node:net";
import { ByteReader, CodecError, keepFrame, type NodeId } from "../base/index.ts";
import { failure, type Failure } from "../contract/index.ts";
import { decodeNodeMessage, type NodeMessage } from "../node/index.ts";
import type { Crc32c } from "../wal/index.ts";
import { FrameSocket } from "./framing.ts";
import type { Logger } from "./logger.ts";
import {
  disagreement,
  maxHelloBytes,
  peerFrames,
  readError,
  readHello,
  writeError,
  writeHello,
  type PeerHello,
} from "./peer-protocol.ts";

export interface ListenerOptions {
  readonly logger: Logger;
  readonly crc32c: Crc32c;
  readonly maxFrameBytes: number;
  /** What this node says to `peer`; undefined: there is no such peer. */
  readonly helloTo: (peer: NodeId) => PeerHello | undefined;
  readonly own: { readonly clusterId: string; readonly nodeId: NodeId };
  readonly onMessage: (from: NodeId, message: NodeMessage) => void;
  readonly onConnected: (peer: NodeId) => void;
  readonly onLost: (peer: NodeId, reason: string) => void;
}

/** Who connects has this long to say who it is. */
const helloTimeoutMs = 2000;

/** Takes the connections on which peers send. A newer one from the same peer replaces the older. */
export class PeerListener {
  readonly server: Server;
  readonly #options: ListenerOptions;
  readonly #all = new Set<FrameSocket>();
  readonly #byPeer = new Map<NodeId, FrameSocket>();
  /** The last complaint about each remote host, so that a peer that tries again and again is one line. */
  readonly #complaints = new Map<string, string>();
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  close(): void {
    this.#closed = true;
    this.server.close();
    for (const frames of this.#all) frames.destroy("closed here");
  }

  #accept(socket: Socket): void {
    const remote = socket.remoteAddress ?? "unknown";
    let peer: NodeId | undefined;
    const frames: FrameSocket = new FrameSocket(socket, maxHelloBytes, {
      onFrame: (frame, owned) => {
        if (peer === undefined) peer = this.#onHello(frames, frame, remote);
        else this.#onFrame(frames, peer, frame, owned);
      },
      onMalformed: (error) => this.#refuse(frames, remote, failure("protocol", error.message)),
      onClose: (reason) => {
        clearTimeout(timer);
        this.#onClose(frames, peer, reason);
      },
    });
    const timer = setTimeout(() => {
      if (peer === undefined) frames.destroy(`no hello within ${helloTimeoutMs} ms`);
    }, helloTimeoutMs);
    this.#all.add(frames);
  }

  #onHello(frames: FrameSocket, frame: Uint8Array, remote: string): NodeId | undefined {
    const hello = readHello(frame);
    if ("code" in hello) {
      frames.destroy(hello.detail);
      return undefined;
    }
    const answer = this.#options.helloTo(hello.nodeId);
    const fault = answer === undefined ? this.#stranger(hello) : disagreement(answer, hello);
    if (fault !== undefined || answer === undefined) {
      this.#refuse(frames, remote, fault ?? this.#stranger(hello));
      return undefined;
    }
    this.#byPeer.get(hello.nodeId)?.destroy("replaced by a newer connection");
    this.#byPeer.set(hello.nodeId, frames);
    this.#complaints.delete(remote);
    frames.maxFrameBytes = this.#options.maxFrameBytes;
    writeHello(frames.begin(), answer);
    frames.end();
    this.#options.logger.info({ peer: hello.nodeId, life: hello.lifeId }, "a peer connected");
    this.#options.onConnected(hello.nodeId);
    return hello.nodeId;
  }

  #stranger(hello: PeerHello): Failure {
    const { clusterId, nodeId } = this.#options.own;
    if (hello.clusterId !== clusterId) {
      return failure(
        "wrong-cluster",
        `node ${nodeId} is of cluster "${clusterId}", the other side of "${hello.clusterId}"`,
      );
    }
    return failure("protocol", `node ${hello.nodeId} is not among the members in the configuration of node ${nodeId}`);
  }

  #onFrame(frames: FrameSocket, peer: NodeId, frame: Uint8Array, owned: boolean): void {
    const reader = new ByteReader(frame);
    switch (reader.u8()) {
      case peerFrames.message: {
        const checksum = reader.u32();
        const body = frame.subarray(reader.at);
        if (this.#options.crc32c(body) !== checksum) throw new CodecError("a message was damaged on its way");
        // One copy for all that the message holds: entries are kept, and must not keep the socket's chunk.
        this.#options.onMessage(peer, decodeNodeMessage(keepFrame(body, owned)));
        return;
      }
      case peerFrames.ping:
        // Who sends pings without end and takes no pongs gets none.
        if (frames.queuedBytes > maxHelloBytes) return;
        frames.begin().u8(peerFrames.pong);
        return frames.end();
      case peerFrames.error: {
        const error = readError(reader);
        return frames.destroy(`the peer closed: ${error.detail} (${error.code})`);
      }
      default:
        throw new CodecError(`frame ${frame[0]} is not for the accepting side`);
    }
  }

  #refuse(frames: FrameSocket, remote: string, error: Failure): void {
    if (this.#complaints.get(remote) !== error.detail) {
      if (this.#complaints.size > 1000) this.#complaints.clear();
      this.#complaints.set(remote, error.detail);
      this.#options.logger.warn(
        { remote, code: error.code, reason: error.detail },
        "refused a connection to the peer port",
      );
    }
    writeError(frames.begin(), error);
    frames.end();
    frames.finish(error.detail);
  }

  #onClose(frames: FrameSocket, peer: NodeId | undefined, reason: string): void {
    this.#all.delete(frames);
    if (peer === undefined || this.#byPeer.get(peer) !== frames) return;
    this.#byPeer.delete(peer);
    if (!this.#closed) this.#options.onLost(peer, reason);
  }
}
