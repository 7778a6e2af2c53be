import { equalBytes, type NodeId, type WriteId } from "../base/index.ts";
import { decodeState, encodeState, hashRow, mergeStates } from "./state.ts";
import { placeOf, textOf, Tree } from "./tree.ts";
import type { Name, Record, Rows, State } from "./types.ts";

/** A row's key: "s" and partition, leaf, name of a state; "h", node and name of what is held for another. */
function stateKey(name: Name): string {
  const { partition, leaf } = placeOf(name);
  return `s${String.fromCharCode(partition, leaf)}${name}`;
}

function heldKey(node: NodeId, name: Name): string {
  return `h${String.fromCharCode((node >>> 24) & 255, (node >>> 16) & 255, (node >>> 8) & 255, node & 255)}${name}`;
}

function nodeOfHeld(key: string): NodeId {
  const at = (i: number): number => key.charCodeAt(i);
  return ((at(1) << 24) | (at(2) << 16) | (at(3) << 8) | at(4)) >>> 0;
}

/**
 * What this replica holds, and until which write it is not durable: whoever is told of a state waits for that. Rows are
 * written whole, so replaying the log over any later table ends where it ended before.
 */
export class Shelf {
  readonly tree = new Tree();
  readonly #rows: Rows;
  readonly #bugs: ReadonlySet<string> | undefined;
  #changed: { key: string; row: Uint8Array | undefined }[] = [];
  /** The write that makes the last change of a name durable; 0: of this step. */
  readonly #pending = new Map<Name, WriteId>();
  /** Names that changed in this step. */
  #fresh: Name[] = [];
  readonly #held = new Map<NodeId, Set<Name>>();
  #count = 0;

  constructor(rows: Rows, recovered: readonly Record[], bugs: ReadonlySet<string> | undefined) {
    this.#rows = rows;
    this.#bugs = bugs;
    for (const record of recovered) {
      if (record.type !== "rows") continue;
      for (const { key, row } of record.rows) {
        if (row === undefined) rows.delete(key);
        else rows.put(key, row);
      }
    }
    for (const [key, row] of rows.range("s")) {
      const name = key.slice(3);
      this.#count++;
      this.tree.change(name, undefined, hashRow(name, row));
    }
    for (const [key] of rows.range("h")) this.#noteHeld(nodeOfHeld(key), key.slice(5));
  }

  get(name: Name): State | undefined {
    const row = this.#rows.get(stateKey(name));
    return row === undefined ? undefined : decodeState(row.slice());
  }

  /** What is there after merging; whether that is new. */
  merge(name: Name, state: State): { readonly state: State; readonly changed: boolean } {
    const key = stateKey(name);
    const before = this.#rows.get(key)?.slice();
    const merged = mergeStates(before === undefined ? undefined : decodeState(before), state, this.#bugs) ?? state;
    const after = encodeState(merged);
    if (before !== undefined && equalBytes(before, after)) return { state: merged, changed: false };
    if (before === undefined) this.#count++;
    this.tree.change(name, before && hashRow(name, before), hashRow(name, after));
    this.#put(key, after, name);
    return { state: merged, changed: true };
  }

  // ---- What is held for others --------------------------------------------------------------------------

  hold(node: NodeId, name: Name, state: State): void {
    const merged = mergeStates(this.held(node, name), state, this.#bugs) ?? state;
    this.#put(heldKey(node, name), encodeState(merged), name);
    this.#noteHeld(node, name);
  }

  held(node: NodeId, name: Name): State | undefined {
    const row = this.#rows.get(heldKey(node, name));
    return row === undefined ? undefined : decodeState(row.slice());
  }

  /** Drops it where it is still what was handed over. */
  release(node: NodeId, name: Name, handedOver: State): void {
    const key = heldKey(node, name);
    const row = this.#rows.get(key);
    if (row === undefined || !equalBytes(row, encodeState(handedOver))) return;
    this.#rows.delete(key);
    this.#changed.push({ key, row: undefined });
    this.#held.get(node)?.delete(name);
  }

  /** Nodes for which something is held, and the names. */
  get holding(): ReadonlyMap<NodeId, ReadonlySet<Name>> {
    return this.#held;
  }

  /** The own state and whatever is held of a name, as one. */
  everything(name: Name): State | undefined {
    let state = this.get(name);
    for (const [node, names] of this.#held)
      if (names.has(name)) state = mergeStates(state, this.held(node, name), this.#bugs);
    return state;
  }

  // ---- Anti-entropy and listing -------------------------------------------------------------------------

  /** The names of a leaf with the hashes of their states. */
  leaf(partition: number, leaf: number): { name: Name; hash: string }[] {
    const all: { name: Name; hash: string }[] = [];
    for (const [key, row] of this.#rows.range(`s${String.fromCharCode(partition, leaf)}`)) {
      const name = key.slice(3);
      all.push({ name, hash: textOf(...hashRow(name, row)) });
    }
    return all;
  }

  /** How many names there are. */
  get count(): number {
    return this.#count;
  }

  *states(): Generator<readonly [Name, State]> {
    for (const [key, row] of this.#rows.range("s")) yield [key.slice(3), decodeState(row.slice())];
  }

  // ---- Durability -----------------------------------------------------------------------------------------

  /** The write that must be durable before anyone hears of this name; undefined: it is. 0: that of this step. */
  pendingWrite(name: Name): WriteId | undefined {
    return this.#pending.get(name);
  }

  /** What changed in this step, to be written as `write`. */
  take(write: WriteId): { key: string; row: Uint8Array | undefined }[] {
    const rows = this.#changed;
    this.#changed = [];
    for (const name of this.#fresh) this.#pending.set(name, write);
    this.#fresh = [];
    return rows;
  }

  get dirty(): boolean {
    return this.#changed.length > 0;
  }

  onPersisted(write: WriteId): void {
    for (const [name, pending] of this.#pending) if (pending !== 0 && pending <= write) this.#pending.delete(name);
  }

  #put(key: string, row: Uint8Array, name: Name): void {
    this.#rows.put(key, row);
    this.#changed.push({ key, row });
    this.#fresh.push(name);
    this.#pending.set(name, 0);
  }

  #noteHeld(node: NodeId, name: Name): void {
    const names = this.#held.get(node);
    if (names) names.add(name);
    else this.#held.set(node, new Set([name]));
  }
}
