import { CodecError, fromBinaryString, toBinaryString, type ByteReader, type ByteWriter } from "../base/index.ts";
import type { Actor } from "../clock/index.ts";

/** An increment that may come again: the same key again, wherever it was counted, is the same one. */
export interface Keyed {
  /** A binary string, not empty. */
  readonly key: string;
  readonly by: number;
  /** When it was counted, by the clock of who did; milliseconds. */
  readonly atMs: number;
}

/** What one actor counted. It alone changes it, one event after the other, so of two the one with more events is newer. */
export interface Share {
  readonly events: number;
  readonly plus: number;
  readonly minus: number;
  /** Not in the sums yet, oldest first: others may have counted them too. */
  readonly open: readonly Keyed[];
}

/**
 * A counter that goes up and down (a PN-counter), in which an increment with a key counts once although it was sent to
 * several replicas that did not hear of each other: what is open counts once for each key. An actor adds what it had
 * open to its sum once nobody can send it again (`settle`), so the state stays small.
 */
export type KeyedCounter = ReadonlyMap<Actor, Share>;

export const emptyKeyedCounter: KeyedCounter = new Map();

const emptyShare: Share = { events: 0, plus: 0, minus: 0, open: [] };

/** `by` is a whole number, of either sign. With a key that is known nothing changes. */
export function countKeyed(
  counter: KeyedCounter,
  actor: Actor,
  by: number,
  key: string | undefined,
  atMs: number,
): KeyedCounter {
  if (key !== undefined && hasKey(counter, key)) return counter;
  const share = counter.get(actor) ?? emptyShare;
  const next = key === undefined ? added(share, by) : { ...share, open: [...share.open, { key, by, atMs }] };
  return new Map(counter).set(actor, { ...next, events: share.events + 1 });
}

function added(share: Share, by: number): Share {
  return by >= 0 ? { ...share, plus: share.plus + by } : { ...share, minus: share.minus - by };
}

export function hasKey(counter: KeyedCounter, key: string): boolean {
  for (const { open } of counter.values()) if (open.some((one) => one.key === key)) return true;
  return false;
}

export function keyedValue(counter: KeyedCounter): number {
  let value = 0;
  const open = new Map<string, number>();
  for (const share of counter.values()) {
    value += share.plus - share.minus;
    for (const { key, by } of share.open) open.set(key, by);
  }
  for (const by of open.values()) value += by;
  return value;
}

/** Everything that is summed up on the way to the value, at most: to see that it stays exact. */
export function largestSum(counter: KeyedCounter): number {
  let sum = 0;
  for (const { plus, minus, open } of counter.values()) {
    sum += plus + minus;
    for (const { by } of open) sum += Math.abs(by);
  }
  return sum;
}

export function mergeKeyed(one: KeyedCounter, other: KeyedCounter): KeyedCounter {
  const merged = new Map(one);
  for (const [actor, share] of other) if (share.events > (merged.get(actor)?.events ?? 0)) merged.set(actor, share);
  return merged;
}

/**
 * Closes what the actor counted before `beforeMs`, and the oldest of what is beyond `most`. What nobody else has open
 * goes into its sum. What an actor of a lower number has open too is left to that one, which keeps it open as long as
 * it sees another: so of two that counted the same, exactly one goes on counting it.
 */
export function settle(counter: KeyedCounter, actor: Actor, beforeMs: number, most: number): KeyedCounter {
  const share = counter.get(actor);
  if (share === undefined || share.open.length === 0) return counter;
  const due = (one: Keyed, place: number): boolean => one.atMs < beforeMs || share.open.length - place > most;
  if (!share.open.some(due)) return counter;
  const others = new Map<string, Actor>();
  for (const [who, { open }] of counter)
    if (who !== actor) for (const { key } of open) others.set(key, Math.min(who, others.get(key) ?? who));
  let next: Share = { ...share, open: [] };
  const open: Keyed[] = [];
  share.open.forEach((one, place) => {
    const other = others.get(one.key);
    if (!due(one, place) || (other !== undefined && other > actor)) open.push(one);
    else if (other === undefined) next = added(next, one.by);
  });
  if (open.length === share.open.length) return counter;
  return new Map(counter).set(actor, { ...next, open, events: share.events + 1 });
}

/** In order of actors, so that equal counters have equal bytes. */
export function writeKeyedCounter(writer: ByteWriter, counter: KeyedCounter): void {
  writer.uint(counter.size);
  for (const [actor, { events, plus, minus, open }] of [...counter].sort(([one], [other]) => one - other)) {
    writer.uint(actor).uint(events).uint(plus).uint(minus).uint(open.length);
    for (const { key, by, atMs } of open)
      writer
        .bytes(fromBinaryString(key))
        .bool(by < 0)
        .uint(Math.abs(by))
        .uint(atMs);
  }
}

/** Throws a CodecError. */
export function readKeyedCounter(reader: ByteReader): KeyedCounter {
  const counter = new Map<Actor, Share>();
  for (let left = countOf(reader); left > 0; left--) {
    const actor = reader.uint();
    const sums = { events: reader.uint(), plus: reader.uint(), minus: reader.uint() };
    const open = Array.from({ length: countOf(reader) }, (): Keyed => {
      const key = toBinaryString(reader.bytes());
      const negative = reader.bool();
      const by = reader.uint();
      return { key, by: negative && by !== 0 ? -by : by, atMs: reader.uint() };
    });
    counter.set(actor, { ...sums, open });
  }
  return counter;
}

function countOf(reader: ByteReader): number {
  const count = reader.uint();
  if (count > reader.remaining) throw new CodecError(`${count} elements in ${reader.remaining} bytes`);
  return count;
}
