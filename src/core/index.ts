/**
 * The one way to drive a protocol. A core is a synchronous, deterministic state machine: events go in,
 * effects come out, and nothing else happens. The same core runs on sockets and disks (`host/`),
 * in simulated time (`sim/`) and in a browser tab.
 *
 *     while (true) {
 *       for (event of everything that arrived) core.step(now, event, effects)
 *       if (core.wakeAt <= now) core.step(now, { kind: "wake" }, effects)   // ends the turn: batches leave here
 *       perform(effects)   // send; persist, then step "persisted"; act on outputs; show facts
 *       sleep until an event arrives or core.wakeAt
 *     }
 *
 * A core that gathered work during a turn asks for a wake at once (`wakeAt` at or before now), so that
 * everything that arrived together is written and sent together.
 *
 * A restart is `open(config, records)`: nothing else survives. The core withholds whatever depends on a
 * write until `persisted` names it. Writes complete in the order they were asked for, and the driver drops
 * completions that belong to an earlier life.
 */
import type { NodeId, Random, Reading, WriteId } from "../base/index.ts";

export interface Protocol {
  Message: unknown;
  Command: unknown;
  Record: unknown;
  Output: unknown;
  Fact: unknown;
}

export type Event<P extends Protocol> =
  | { readonly kind: "message"; readonly from: NodeId; readonly message: P["Message"] }
  | { readonly kind: "command"; readonly command: P["Command"] }
  | { readonly kind: "persisted"; readonly write: WriteId }
  | { readonly kind: "wake" };

export type Effect<P extends Protocol> =
  | { readonly kind: "send"; readonly to: NodeId; readonly message: P["Message"] }
  | { readonly kind: "persist"; readonly write: WriteId; readonly records: readonly P["Record"][] }
  /** Someone must act on it. */
  | { readonly kind: "output"; readonly output: P["Output"] }
  /** Anyone may watch it. */
  | { readonly kind: "fact"; readonly fact: P["Fact"] };

export interface Core<P extends Protocol> {
  step(now: Reading, event: Event<P>, effects: Effect<P>[]): void;
  /** When the core wants a `wake`, on the monotonic clock; undefined: quiescent, it costs nothing. */
  readonly wakeAt: number | undefined;
  /** Throws an InvariantError where a protocol invariant is broken. The simulator calls it after every step. */
  check(): void;
}

export type Open<P extends Protocol, Config> = (
  config: Config,
  recovered: readonly P["Record"][],
  random: Random,
) => Core<P>;
