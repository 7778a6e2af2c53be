/**
 * All changes of keys, in order:
 *
 *     history  revision, ordinal of its first event → (revisions since the first, ordinal, length, event)…
 *
 * A row holds up to 64 events, because a row costs the engine, and the delta in front of it, more than an event does:
 * with a row for each, writing and dropping them took a quarter of the time of a small write. A row is written once.
 * Where one ends depends on when a replica committed, so replicas differ in that; what they agree on is the events.
 */
import { ByteReader, ByteWriter, must } from "../base/index.ts";
import type { EngineReader } from "./engine.ts";
import type { Overlay } from "./overlay.ts";
import {
  type EventRow,
  historyKey,
  type KeyState,
  type Place,
  readEvent,
  revisionOfHistoryKey,
  writeEvent,
} from "./rows.ts";

const maximumEvents = 64;
const maximumBytes = 16 * 1024;

/** One event as its row has it. */
export interface PackedEvent extends Place {
  readonly bytes: Uint8Array;
}

export class EventLog {
  readonly #overlay: Overlay;
  /** The events since the last row: `count` of them, from `first` on. */
  #writer = new ByteWriter();
  #count = 0;
  #first: Place = { revision: 0, ordinal: 0 };

  constructor(overlay: Overlay) {
    this.#overlay = overlay;
  }

  /** Bytes that wait for a row. */
  get openBytes(): number {
    return this.#count === 0 ? 0 : this.#writer.length;
  }

  append(keyspace: number, key: Uint8Array, after: KeyState, prior: KeyState | undefined): void {
    if (this.#count === 0) this.#first = after.place;
    const writer = this.#writer;
    writer.uint(after.place.revision - this.#first.revision).uint(after.place.ordinal);
    const length = writer.placeU32();
    const begin = writer.length;
    writeEvent(writer, keyspace, key, after, prior);
    writer.patchU32(length, writer.length - begin);
    if (++this.#count === maximumEvents || writer.length >= maximumBytes) this.flush();
  }

  /** Puts what waits into a row. */
  flush(): void {
    if (this.#count === 0) return;
    this.#overlay.put("history", historyKey(this.#first.revision, this.#first.ordinal), this.#writer.view());
    this.#count = 0;
    // A writer never shrinks, and an event can be large.
    if (this.#writer.length > 4 * maximumBytes) this.#writer = new ByteWriter(2 * maximumBytes);
    else this.#writer.reset();
  }

  /** Forgets what waits: the rows are those of another state. */
  reset(): void {
    this.#count = 0;
    this.#writer.reset();
  }

  /** Events from a revision on; borrowed. `recentOnly`: they are all above what the engine has, which is not asked. */
  *from(revision: number, recentOnly: boolean): Generator<PackedEvent> {
    const rows: EngineReader["range"] = (table, range) =>
      recentOnly ? this.#overlay.recent(table, range) : this.#overlay.range(table, range);
    const first = historyKey(revision, 0);
    let from = first;
    for (const [key] of rows("history", { to: `${first}\0`, reverse: true, limit: 1 })) {
      from = key;
      break;
    }
    for (const [key, row] of rows("history", { from })) {
      for (const event of unpack(key, row)) if (event.revision >= revision) yield event;
    }
    for (const event of this.#open()) if (event.revision >= revision) yield event;
  }

  /** The event of a place, which has not been compacted; borrowed. */
  find(place: Place): EventRow {
    for (const { revision, ordinal, bytes } of this.#rowOf(place)) {
      if (revision === place.revision && ordinal === place.ordinal) return readEvent(bytes);
    }
    return must<EventRow>(undefined, `event ${place.revision}/${place.ordinal}`);
  }

  /** The events of the row that `place` is in. */
  #rowOf(place: Place): Iterable<PackedEvent> {
    const first = this.#first;
    const isOpen =
      this.#count > 0 &&
      (place.revision > first.revision || (place.revision === first.revision && place.ordinal >= first.ordinal));
    if (isOpen) return this.#open();
    const to = `${historyKey(place.revision, place.ordinal)}\0`;
    for (const [key, row] of this.#overlay.range("history", { to, reverse: true, limit: 1 })) return unpack(key, row);
    return [];
  }

  #open(): Iterable<PackedEvent> {
    if (this.#count === 0) return [];
    return unpack(historyKey(this.#first.revision, this.#first.ordinal), this.#writer.view());
  }
}

/** The events of a row; borrowed. */
export function* unpack(key: string, row: Uint8Array): Generator<PackedEvent> {
  const first = revisionOfHistoryKey(key);
  const reader = new ByteReader(row);
  while (reader.remaining > 0) {
    const revision = first + reader.uint();
    const ordinal = reader.uint();
    yield { revision, ordinal, bytes: reader.raw(reader.u32()) };
  }
}

/** The row in which the first readable event is, or the place where it would be. */
export function firstReadable(reader: EngineReader, compactedRevision: number): string {
  const place = historyKey(compactedRevision + 1, 0);
  for (const key of reader.keys("history", { to: `${place}\0`, reverse: true, limit: 1 })) return key;
  return place;
}
