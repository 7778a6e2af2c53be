import { fromBinaryString } from "../base/index.ts";
import { type Placement, pointOf } from "../placement/index.ts";
import type { Context } from "./context.ts";
import type { HeldRanges } from "./holdings.ts";
import type { Keyspaces } from "./keyspaces.ts";
import { keyspaceOfCurrentKey, userKey } from "./rows.ts";

/** Rows that a commit looks at, to find some that belong to other groups by now. */
const sweptRows = 4096;

/**
 * What a group of shards has no more: its rows go a few at a time, with commits, and are not seen meanwhile. How far a
 * replica is with that is its own affair.
 */
export class UnheldRows {
  readonly #context: Context;
  readonly #keyspaces: Keyspaces;
  readonly #held: HeldRanges;
  #after = "";
  /** Which drop is being swept, and which has been. */
  #sweeping = 0;
  #swept = 0;

  constructor(context: Context, keyspaces: Keyspaces, held: HeldRanges) {
    this.#context = context;
    this.#keyspaces = keyspaces;
    this.#held = held;
  }

  /** Says of a row of `current` whether it belongs to the state as it is now. */
  keeper(): (rowKey: string) => boolean {
    const placements = new Map<number, Placement>();
    for (const { id, placement = "hash" } of this.#keyspaces.list()) placements.set(id, placement);
    return (rowKey) => {
      const id = keyspaceOfCurrentKey(rowKey);
      const placement = placements.get(id);
      return placement !== undefined && this.#held.keeps(id, pointOf(placement, fromBinaryString(userKey(rowKey))));
    };
  }

  /** Removes some. */
  sweep(): void {
    const { dropped } = this.#held;
    if (this.#swept === dropped) return;
    if (this.#sweeping !== dropped) this.#after = "";
    this.#sweeping = dropped;
    const { overlay } = this.#context;
    const keeps = this.keeper();
    const keys = [...overlay.keys("current", { from: `${this.#after}\0`, limit: sweptRows })];
    for (const key of keys) if (!keeps(key)) overlay.delete("current", key);
    this.#after = keys.at(-1) ?? "";
    if (keys.length < sweptRows) this.#swept = dropped;
  }
}
