import { ByteReader, ByteWriter } from "../base/index.ts";
import { type KeyRange, pointOf, RangeMap, splitRange } from "../placement/index.ts";
import type { KeyspaceName } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import { keyspaceOfCurrentKey, keyspacePrefix } from "./rows.ts";
import { afterPrefix } from "./values.ts";

/** What this group has to do with a range. none: nothing, or nothing any more. owned: it serves it. */
const states = ["none", "owned"] as const;
export type HoldingState = (typeof states)[number];

interface Holding {
  readonly state: HoldingState;
  /** Of what made it so, in group 0's log: what comes with a lower one is too late. */
  readonly epoch: number;
  /** Of an owned one: reads at revisions below it would miss what other groups had. */
  readonly since: number;
}

type Holdings = RangeMap<Holding>;

const holdingRows = "h";
const nothing: Holding = { state: "none", epoch: 0, since: 0 };
const scratch = new ByteWriter(64);

/**
 * The ranges that a group of shards serves: replicated state of that group, so that every one of its replicas refuses
 * the same writes. Whoever asks with an old map is refused here.
 */
export class HeldRanges {
  readonly #context: Context;
  readonly #byKeyspace = new Map<number, Holdings>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The highest epoch of anything that has happened to a range here. */
  epoch = 0;

  /** Reads what the overlay has. */
  load(): void {
    this.#byKeyspace.clear();
    this.epoch = 0;
    const pieces = new Map<number, { from: string; value: Holding }[]>();
    const range = { from: holdingRows, to: afterPrefix(holdingRows) };
    for (const [key, row] of this.#context.overlay.range("placement", range)) {
      const rest = key.slice(holdingRows.length);
      const id = keyspaceOfCurrentKey(rest);
      const piece = { from: rest.slice(4), value: readHolding(row) };
      this.epoch = Math.max(this.epoch, piece.value.epoch);
      const of = pieces.get(id);
      if (of === undefined) pieces.set(id, [piece]);
      else of.push(piece);
    }
    for (const [id, of] of pieces) this.#byKeyspace.set(id, new RangeMap(of));
  }

  /** Whether the point is served here; then from which revision on it can be read. */
  servedSince(keyspace: number, point: string): number | undefined {
    const holding = this.#byKeyspace.get(keyspace)?.find(point).value;
    return holding?.state === "owned" ? holding.since : undefined;
  }

  /** The revision from which on the key can be read. Throws a StoreError `moved` where it is not served here. */
  demand(keyspace: KeyspaceName, key: Uint8Array): number {
    const since = this.servedSince(keyspace.id, pointOf(keyspace.placement, key));
    if (since === undefined) throw moved();
    return since;
  }

  /** Whether the whole range is served here. */
  serves(keyspace: number, range: KeyRange): boolean {
    return this.#covered(keyspace, range).every(({ state }) => state === "owned");
  }

  /** Serves the range. Again the same is fine. Throws a StoreError `conflict` where something later has happened. */
  own(keyspace: KeyspaceName, range: KeyRange, epoch: number): void {
    const covered = this.#covered(keyspace.id, range);
    if (covered.every((holding) => holding.state === "owned" && holding.epoch === epoch)) return;
    if (covered.some((holding) => holding.epoch >= epoch)) throw tooLate(epoch);
    const since = this.#context.revision;
    this.#change(keyspace.id, range, () => ({ state: "owned", epoch, since }));
  }

  #covered(keyspace: number, range: KeyRange): Holding[] {
    const holdings = this.#byKeyspace.get(keyspace) ?? new RangeMap([{ from: "", value: nothing }]);
    return [...holdings].filter((piece) => overlaps(piece.range, range)).map(({ value }) => value);
  }

  #change(keyspace: number, range: KeyRange, change: (before: Holding) => Holding): void {
    let holdings = this.#byKeyspace.get(keyspace) ?? new RangeMap([{ from: "", value: nothing }]);
    for (const bound of [range.from, range.to]) {
      if (bound === undefined) continue;
      const { range: around, value } = holdings.find(bound);
      if (around.from !== bound) holdings = splitRange(holdings, bound, value);
    }
    const next = [...holdings].map((piece) => ({
      from: piece.range.from,
      value: overlaps(piece.range, range) ? change(piece.value) : piece.value,
    }));
    // Neighbours that became alike are one again.
    const pieces = next.filter(({ value }, i) => i === 0 || !alike(next[i - 1]!.value, value));
    this.#write(keyspace, new RangeMap(pieces));
  }

  #write(keyspace: number, holdings: Holdings): void {
    const { overlay } = this.#context;
    const prefix = holdingRows + keyspacePrefix(keyspace);
    const present = new Set(holdings.pieces().map(({ from }) => from));
    for (const { from } of this.#byKeyspace.get(keyspace)?.pieces() ?? [])
      if (!present.has(from)) overlay.delete("placement", prefix + from);
    for (const { from, value } of holdings.pieces()) {
      this.epoch = Math.max(this.epoch, value.epoch);
      scratch.reset();
      scratch.u8(states.indexOf(value.state)).uint(value.epoch).uint(value.since);
      overlay.put("placement", prefix + from, scratch.view());
    }
    this.#byKeyspace.set(keyspace, holdings);
  }
}

export function moved(): StoreError {
  return new StoreError("moved", "another group has this key");
}

function tooLate(epoch: number): StoreError {
  return new StoreError("conflict", `something has happened to the range since epoch ${epoch}`);
}

function overlaps(one: KeyRange, other: KeyRange): boolean {
  return (other.to === undefined || one.from < other.to) && (one.to === undefined || other.from < one.to);
}

function alike(one: Holding, other: Holding): boolean {
  return one.state === other.state && one.epoch === other.epoch && one.since === other.since;
}

function readHolding(row: Uint8Array): Holding {
  const reader = new ByteReader(row);
  return { state: states[reader.u8()] ?? "none", epoch: reader.uint(), since: reader.uint() };
}
