import { ByteReader, ByteWriter } from "../base/index.ts";
import { type KeyRange, pointOf, RangeMap, splitRange } from "../placement/index.ts";
import type { Timestamp } from "../clock/index.ts";
import type { KeyspaceName, ShardOperation } from "./command.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import { keyspaceOfCurrentKey, keyspacePrefix } from "./rows.ts";
import { afterPrefix, numberKey, numberOfKey } from "./values.ts";

/**
 * What this group has to do with a range. none: nothing, or nothing any more. incoming: another group serves it, whose
 * keys come here. owned: it serves it. sealed: it has served it, and nobody does until another group takes over.
 */
const states = ["none", "owned", "incoming", "sealed"] as const;
type HoldingState = (typeof states)[number];

interface Holding {
  readonly state: HoldingState;
  /** Of what made it so, in group 0's log: what comes with a lower one is too late. */
  readonly epoch: number;
  /**
   * When it came or went: reads of revisions, and of timestamps, below these would miss what other groups had. Of what
   * is not owned, only the timestamp means something.
   */
  readonly since: number;
  readonly clock: Timestamp;
}

export type RangeOperation = Extract<
  ShardOperation,
  { readonly kind: "beginRange" | "importRange" | "ownRange" | "sealRange" | "dropRange" }
>;

type Holdings = RangeMap<Holding>;

/** How far the keys of a move have come. */
interface Incoming {
  readonly keyspace: number;
  readonly range: KeyRange;
  readonly pass: number;
  readonly next: number;
}

const holdingRows = "h";
const incomingRows = "i";
const nothing: Holding = { state: "none", epoch: 0, since: 0, clock: 0 };
const scratch = new ByteWriter(64);

/**
 * The ranges that a group of shards serves: replicated state of that group, so that every one of its replicas refuses
 * the same writes. Whoever asks with an old map is refused here.
 *
 *     none ──begin──▶ incoming ──own──▶ owned ──seal──▶ sealed ──drop──▶ none
 */
export class HeldRanges {
  readonly #context: Context;
  readonly #bugs: ReadonlySet<string> | undefined;
  readonly #byKeyspace = new Map<number, Holdings>();
  readonly #incoming = new Map<number, Incoming>();
  /** The highest epoch of anything that has happened to a range here. */
  epoch = 0;
  /** Grows when rows became nobody's. */
  dropped = 0;

  constructor(context: Context, bugs?: ReadonlySet<string>) {
    this.#context = context;
    this.#bugs = bugs;
  }

  /** Reads what the overlay has. */
  load(): void {
    const { overlay } = this.#context;
    this.#byKeyspace.clear();
    this.#incoming.clear();
    this.epoch = 0;
    this.dropped++;
    const pieces = new Map<number, { from: string; value: Holding }[]>();
    for (const [key, row] of overlay.range("placement", { from: holdingRows, to: afterPrefix(holdingRows) })) {
      const rest = key.slice(holdingRows.length);
      const id = keyspaceOfCurrentKey(rest);
      const piece = { from: rest.slice(4), value: readHolding(row) };
      this.epoch = Math.max(this.epoch, piece.value.epoch);
      const of = pieces.get(id);
      if (of === undefined) pieces.set(id, [piece]);
      else of.push(piece);
    }
    for (const [id, of] of pieces) this.#byKeyspace.set(id, new RangeMap(of));
    for (const [key, row] of overlay.range("placement", { from: incomingRows, to: afterPrefix(incomingRows) }))
      this.#incoming.set(numberOfKey(key, incomingRows.length), readIncoming(row));
  }

  /** Whether the point is served here; then from which revision on it can be read. */
  servedSince(keyspace: number, point: string): number | undefined {
    const holding = this.#byKeyspace.get(keyspace)?.find(point).value;
    if (holding?.state === "owned") return holding.since;
    // A planted mistake: whoever has moved away goes on as if nothing had been.
    return holding?.state === "sealed" && this.#bugs?.has("moved-serves-on") === true ? holding.since : undefined;
  }

  /** The revision and timestamp from which on the key can be read. Throws a StoreError `moved` where it is not served here. */
  demand(keyspace: KeyspaceName, key: Uint8Array): { readonly since: number; readonly clock: Timestamp } {
    const point = pointOf(keyspace.placement, key);
    if (this.servedSince(keyspace.id, point) === undefined) throw moved();
    return this.#byKeyspace.get(keyspace.id)!.find(point).value;
  }

  /** The latest timestamp at which keys of the keyspace came here, or went. */
  changedAt(keyspace: number): Timestamp {
    let latest = 0;
    for (const { value } of this.#byKeyspace.get(keyspace) ?? []) latest = Math.max(latest, value.clock);
    return latest;
  }

  /** Whether a row belongs to the state: it is served here, was until now, or is to be. */
  keeps(keyspace: number, point: string): boolean {
    const holdings = this.#byKeyspace.get(keyspace);
    return holdings !== undefined && holdings.find(point).value.state !== "none";
  }

  /** Whether the whole range is served here. */
  serves(keyspace: number, range: KeyRange): boolean {
    return this.#covered(keyspace, range).every(({ state }) => state === "owned");
  }

  /** Throws a StoreError `moved` where the range has not been here since that move began. */
  demandRange(keyspace: number, range: KeyRange): void {
    const isHere = ({ state }: Holding): boolean => state === "owned" || state === "sealed";
    if (!this.#covered(keyspace, range).every(isHere)) throw moved();
  }

  // ---- What happens to ranges. Throws a StoreError `conflict` where something later has happened ---------

  begin({ id }: KeyspaceName, range: KeyRange, move: number): void {
    const isFree = ({ state, epoch }: Holding): boolean =>
      state === "none" ? epoch < move : state === "incoming" && epoch === move;
    if (!this.#covered(id, range).every(isFree)) throw tooLate(move);
    this.#change(id, range, ({ clock }) => ({ ...nothing, state: "incoming", epoch: move, clock }));
    this.#setIncoming(move, { keyspace: id, range, pass: this.#context.applied.index, next: 0 });
  }

  /** The chunk is the next one of the pass under way. */
  expect({ id }: KeyspaceName, range: KeyRange, chunk: { move: number; pass: number; chunk: number }): void {
    const { move, pass } = chunk;
    const incoming = this.#incoming.get(move);
    if (incoming?.pass !== pass || incoming.next !== chunk.chunk) throw tooLate(move);
    this.#setIncoming(move, { keyspace: id, range, pass, next: incoming.next + 1 });
  }

  /** Serves the range. Again the same is fine. */
  own({ id }: KeyspaceName, range: KeyRange, epoch: number): void {
    const covered = this.#covered(id, range);
    if (covered.every((holding) => holding.state === "owned" && holding.epoch === epoch)) return;
    if (covered.some((holding) => holding.epoch >= epoch || holding.state === "sealed")) throw tooLate(epoch);
    const { revision: since, clock } = this.#context;
    this.#change(id, range, () => ({ state: "owned", epoch, since, clock }));
    for (const [move, { keyspace, range: of }] of this.#incoming) {
      if (keyspace !== id || !overlaps(of, range)) continue;
      this.#incoming.delete(move);
      this.#context.overlay.delete("placement", incomingRows + numberKey(move));
    }
  }

  seal({ id }: KeyspaceName, range: KeyRange, move: number): void {
    const isFit = ({ state, epoch }: Holding): boolean =>
      state === "owned" ? epoch < move : state === "sealed" && epoch === move;
    if (!this.#covered(id, range).every(isFit)) throw tooLate(move);
    const { clock } = this.#context;
    this.#change(id, range, (before) => ({ ...before, state: "sealed", epoch: move, clock }));
  }

  /** `to`: the epoch under which another group serves it. */
  drop({ id }: KeyspaceName, range: KeyRange, move: number, to: number): void {
    const isFit = ({ state, epoch }: Holding): boolean =>
      state === "sealed" ? epoch === move : state === "none" && epoch === to;
    if (!this.#covered(id, range).every(isFit)) throw tooLate(move);
    this.#change(id, range, ({ clock }) => ({ ...nothing, epoch: to, clock }));
    this.dropped++;
  }

  #setIncoming(move: number, incoming: Incoming): void {
    const { keyspace, range, pass, next } = incoming;
    this.#incoming.set(move, incoming);
    scratch.reset();
    scratch
      .uint(keyspace)
      .uint(pass)
      .uint(next)
      .text(range.from)
      .bool(range.to !== undefined);
    if (range.to !== undefined) scratch.text(range.to);
    this.#context.overlay.put("placement", incomingRows + numberKey(move), scratch.view());
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
      scratch.u8(states.indexOf(value.state)).uint(value.epoch).uint(value.since).uint(value.clock);
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

export function overlaps(one: KeyRange, other: KeyRange): boolean {
  return (other.to === undefined || one.from < other.to) && (one.to === undefined || other.from < one.to);
}

function alike(one: Holding, other: Holding): boolean {
  const { state, epoch, since, clock } = one;
  return state === other.state && epoch === other.epoch && since === other.since && clock === other.clock;
}

function readHolding(row: Uint8Array): Holding {
  const reader = new ByteReader(row);
  return {
    state: states[reader.u8()] ?? "none",
    epoch: reader.uint(),
    since: reader.uint(),
    clock: reader.uint(),
  };
}

function readIncoming(row: Uint8Array): Incoming {
  const reader = new ByteReader(row);
  const [keyspace, pass, next] = [reader.uint(), reader.uint(), reader.uint()];
  const from = reader.text();
  return { keyspace, pass, next, range: { from, to: reader.bool() ? reader.text() : undefined } };
}
