/** What the page of designs and its worker tell each other. */
import type { Price, Topology } from "../../../src/model/index.ts";

export type { Price, Topology };

export interface PriceOrder {
  /** Grows, so that an answer to an older question is known as such. */
  readonly number: number;
  readonly contract: string;
  readonly topology: Topology;
}

/** Another contract on the same topology, for comparison. */
export interface Alternative {
  readonly label: string;
  readonly price: Price;
}

/** Milliseconds by share of operations, in order: what a run of the simulator measured. */
export interface Measured {
  readonly reads: readonly (readonly [share: number, ms: number])[];
  readonly writes: readonly (readonly [share: number, ms: number])[];
  readonly operations: number;
}

export type PriceReport =
  | {
      readonly kind: "priced";
      readonly number: number;
      readonly price: Price;
      readonly alternatives: readonly Alternative[];
    }
  | { readonly kind: "measured"; readonly number: number; readonly measured: Measured }
  | { readonly kind: "failed"; readonly number: number; readonly text: string };
