import { ByteWriter, CodecError, type NodeId, type Random } from "../base/index.ts";
import { decodeNodeMessage, encodeNodeMessage, type NodeMessage } from "../node/index.ts";
import { crc32c } from "../wal/index.ts";

/** What a stretch of bad network does. Rates are of messages, from 0 to 1. */
export interface Weather {
  readonly drop: number;
  readonly duplicate: number;
  readonly corrupt: number;
  /** Of messages that overtake others: they are late by up to `delayMs`. */
  readonly reorder: number;
  readonly delayMs: number;
}

export const calm: Weather = { drop: 0, duplicate: 0, corrupt: 0, reorder: 0, delayMs: 0 };

/** How often each thing happened to a message. */
export interface NetworkCounts extends Record<string, number> {
  sent: number;
  dropped: number;
  duplicated: number;
  corrupted: number;
  reordered: number;
  /** Lost to a cut. */
  cut: number;
}

/** Ends of links: nodes by their id, clients by negative numbers. */
export type End = number;

/** Where a client is. */
export function endOf(client: number): End {
  return -1 - client;
}

export interface NetworkWorld {
  readonly now: number;
  after(delayMs: number, run: () => void): void;
}

export interface NetworkOptions {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Instead of these two: the delay of one message, by the ends of its link. */
  readonly delayOf?: (from: End, to: End, random: Random) => number;
}

interface Link {
  readonly from: End;
  readonly to: End;
  readonly random: Random;
  lastArrival: number;
  cuts: number;
}

/**
 * Links between all ends, each way on its own: by default they are like TCP, in order and without loss. Each has its
 * own random numbers, so that taking a fault out of a schedule changes as little as possible of the rest.
 */
export class Network {
  readonly counts: NetworkCounts = { sent: 0, dropped: 0, duplicated: 0, corrupted: 0, reordered: 0, cut: 0 };
  readonly #world: NetworkWorld;
  readonly #options: NetworkOptions;
  readonly #seed: (from: End, to: End) => Random;
  readonly #links = new Map<number, Link>();
  readonly #weathers: Weather[] = [];
  #weather: Weather = calm;

  constructor(world: NetworkWorld, options: NetworkOptions, seed: (from: End, to: End) => Random) {
    this.#world = world;
    this.#options = options;
    this.#seed = seed;
  }

  /** Adds bad weather; returns what ends it. */
  addWeather(weather: Weather): () => void {
    this.#weathers.push(weather);
    this.#mix();
    return () => {
      const place = this.#weathers.indexOf(weather);
      if (place >= 0) this.#weathers.splice(place, 1);
      this.#mix();
    };
  }

  /** Cuts one direction; cuts add up. */
  cut(from: End, to: End): void {
    this.#link(from, to).cuts++;
  }

  mend(from: End, to: End): void {
    const link = this.#link(from, to);
    link.cuts = Math.max(0, link.cuts - 1);
  }

  /** Everything is well again. */
  heal(): void {
    for (const link of this.#links.values()) link.cuts = 0;
    this.#weathers.length = 0;
    this.#mix();
  }

  /** Carries a message of a node to a node. */
  sendMessage(from: NodeId, to: NodeId, message: NodeMessage, deliver: (message: NodeMessage) => void): void {
    const { corrupt } = this.#weather;
    if (corrupt > 0 && this.#link(from, to).random.float() < corrupt) {
      const survived = this.#corrupt(message, this.#link(from, to).random);
      if (survived === undefined) return;
    }
    this.send(from, to, () => deliver(message));
  }

  /** Carries something from one end to another, as well as the network is today. `once`: it is never repeated. */
  send(from: End, to: End, deliver: () => void, once = false): void {
    const link = this.#link(from, to);
    const { counts } = this;
    counts.sent++;
    if (link.cuts > 0) {
      counts.cut++;
      return;
    }
    const { drop, duplicate } = this.#weather;
    if (drop > 0 && link.random.float() < drop) {
      counts.dropped++;
      return;
    }
    this.#deliver(link, deliver);
    if (duplicate > 0 && !once && link.random.float() < duplicate) {
      counts.duplicated++;
      this.#deliver(link, deliver);
    }
  }

  #deliver(link: Link, deliver: () => void): void {
    const { minDelayMs, maxDelayMs, delayOf } = this.#options;
    const { reorder, delayMs } = this.#weather;
    const delay = delayOf
      ? delayOf(link.from, link.to, link.random)
      : minDelayMs + link.random.float() * (maxDelayMs - minDelayMs);
    if (reorder > 0 && link.random.float() < reorder) {
      this.counts.reordered++;
      this.#world.after(delay + link.random.float() * delayMs, deliver);
      return;
    }
    link.lastArrival = Math.max(link.lastArrival, this.#world.now + delay);
    this.#world.after(link.lastArrival - this.#world.now, deliver);
  }

  /**
   * Flips a bit of the frame. The link's checksum finds it and drops the frame; the codec is made to look at it all
   * the same, since it must refuse or understand whatever it is given.
   */
  #corrupt(message: NodeMessage, random: Random): NodeMessage | undefined {
    const body = encodeNodeMessage(message);
    const frame = new ByteWriter(body.length + 4).u32(crc32c(body)).raw(body).finish();
    const place = random.below(frame.length);
    frame[place]! ^= 1 << random.below(8);
    this.counts.corrupted++;
    const damaged = frame.subarray(4);
    try {
      decodeNodeMessage(damaged);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
    const claimed = new DataView(frame.buffer, frame.byteOffset).getUint32(0, true);
    return crc32c(damaged) === claimed ? message : undefined;
  }

  #link(from: End, to: End): Link {
    const name = (from + 512) * 1024 + to + 512;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { from, to, random: this.#seed(from, to), lastArrival: 0, cuts: 0 };
      this.#links.set(name, link);
    }
    return link;
  }

  #mix(): void {
    const worst = (of: (weather: Weather) => number): number => Math.max(0, ...this.#weathers.map(of));
    this.#weather = {
      drop: worst((weather) => weather.drop),
      duplicate: worst((weather) => weather.duplicate),
      corrupt: worst((weather) => weather.corrupt),
      reorder: worst((weather) => weather.reorder),
      delayMs: worst((weather) => weather.delayMs),
    };
  }
}
