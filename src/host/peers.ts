/**
 * The links between this node and its peers: one outgoing connection to each, one incoming from each.
 * Messages may be lost (no connection, a full queue, an injected fault) and never wait in unbounded memory;
 * on one connection they keep their order.
 */
import { must, type NodeId, type Random } from "../base/index.ts";
import type { NodeMessage } from "../node/index.ts";
import type { Crc32c } from "../wal/index.ts";
import { parseAddress } from "./address.ts";
import { DelayLine } from "./link-fault.ts";
import { listen } from "./listen.ts";
import type { Logger } from "./logger.ts";
import { PeerDialer } from "./peer-dialer.ts";
import { PeerListener } from "./peer-listener.ts";
import { peerVersions, type PeerHello } from "./peer-protocol.ts";
import type { LinkFault, NodeStatus } from "./types.ts";

export interface PeersOptions {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** New for each start. */
  readonly lifeId: string;
  /** `host:port` to listen on. */
  readonly listen: string;
  readonly peers: readonly { readonly id: NodeId; readonly address: string }[];
  readonly logger: Logger;
  readonly random: Random;
  readonly crc32c: Crc32c;
  readonly onMessage: (from: NodeId, message: NodeMessage) => void;
  /** A connection to or from the peer broke. */
  readonly onSuspect: (peer: NodeId) => void;
  /** The longest message. Default 64 MiB. */
  readonly maxFrameBytes?: number;
  /** Bytes queued to one peer above which messages are dropped. Default 32 MiB. */
  readonly maxQueuedBytes?: number;
}

export interface Peers {
  /** The port that was bound. */
  readonly port: number;
  send(to: NodeId, message: NodeMessage): void;
  links(): NodeStatus["links"];
  setFault(fault: LinkFault): void;
  clearFaults(): void;
  close(): void;
}

interface Link {
  readonly dialer: PeerDialer;
  readonly outgoing: DelayLine<NodeMessage>;
  readonly incoming: DelayLine<NodeMessage>;
  fault: LinkFault | undefined;
}

/** Listens and begins to connect. Rejects with a CohortError where the address cannot be bound. */
export async function openPeers(options: PeersOptions): Promise<Peers> {
  const {
    clusterId,
    nodeId,
    lifeId,
    logger,
    crc32c,
    maxFrameBytes = 64 * 2 ** 20,
    maxQueuedBytes = 32 * 2 ** 20,
  } = options;
  const links = new Map<NodeId, Link>();
  const helloTo = (peer: NodeId): PeerHello => ({ versions: peerVersions, clusterId, nodeId, expects: peer, lifeId });
  const listener = new PeerListener({
    logger,
    crc32c,
    maxFrameBytes,
    own: { clusterId, nodeId },
    helloTo: (peer) => (links.has(peer) ? helloTo(peer) : undefined),
    onMessage: (from, message) => {
      const { incoming, fault } = must(links.get(from), "the link of a known peer");
      incoming.push(message, fault, fault?.blockIn === true);
    },
    onConnected: (peer) => links.get(peer)?.dialer.dialNow(),
    onLost: (peer) => options.onSuspect(peer),
  });
  const port = await listen(listener.server, parseAddress(options.listen), "other nodes");
  const open = (id: NodeId, address: string): Link => {
    const dialer = new PeerDialer({
      peer: id,
      address,
      hello: helloTo(id),
      logger,
      random: options.random,
      crc32c,
      maxQueuedBytes,
      onLost: () => options.onSuspect(id),
    });
    const outgoing = new DelayLine<NodeMessage>((message) => dialer.send(message), options.random);
    const incoming = new DelayLine<NodeMessage>((message) => options.onMessage(id, message), options.random);
    return { dialer, outgoing, incoming, fault: undefined };
  };
  for (const { id, address } of options.peers) links.set(id, open(id, address));

  return {
    port,
    send(to, message) {
      const link = links.get(to);
      link?.outgoing.push(message, link.fault, link.fault?.blockOut === true);
    },
    links: () =>
      [...links].map(([peer, { dialer, fault }]) => ({
        peer,
        connected: dialer.connected,
        queuedBytes: dialer.queuedBytes,
        fault,
      })),
    setFault(fault) {
      const link = links.get(fault.peer);
      if (link !== undefined) link.fault = fault;
    },
    clearFaults() {
      for (const link of links.values()) link.fault = undefined;
    },
    close() {
      listener.close();
      for (const { dialer, outgoing, incoming } of links.values()) {
        dialer.close();
        outgoing.clear();
        incoming.clear();
      }
    },
  };
}
