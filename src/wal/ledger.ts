/**
 * What each group still needs, and therefore which segments must stay.
 *
 * A segment may go once every entry in it is truncated, replaced or forgotten, and a later segment has begun.
 * States and snapshot markers never hold a segment back: the newest of each group are repeated at the head of
 * every new segment. Segments go oldest first, so that the ones on disk are always consecutive.
 */
import type { GroupId, LogIndex } from "../base/index.ts";
import { assert } from "../base/index.ts";
import type { EntriesRecord, LogRecord, SnapshotRecord, StateRecord } from "./records.ts";

export interface Segment {
  readonly sequence: number;
  readonly name: string;
  readonly size: number;
  readonly seed: number;
  /** Its first batch, which repeats states and snapshots, is durable. */
  started: boolean;
  /** The highest index of each group's entries in it that are still needed. */
  readonly held: Map<GroupId, LogIndex>;
}

interface Group {
  /** The end of the log, with what is not durable yet. */
  acceptedIndex: LogIndex;
  /** The end of the log in durable records. */
  lastIndex: LogIndex;
  snapshotIndex: LogIndex;
  truncatedThrough: LogIndex;
  state: StateRecord | undefined;
  snapshot: SnapshotRecord | undefined;
}

/** A group whose entries keep the oldest segment from being removed. */
export interface Holder {
  readonly group: GroupId;
  /** Truncating through here lets go of it. */
  readonly throughIndex: LogIndex;
}

export class Ledger {
  /** Oldest first; the last one is written to. */
  readonly segments: Segment[] = [];
  readonly #groups = new Map<GroupId, Group>();

  get active(): Segment | undefined {
    return this.segments.at(-1);
  }

  /** Checks that a record fits onto what its group has appended so far. */
  accept(record: LogRecord): void {
    const group = this.#group(record.group);
    switch (record.kind) {
      case "state":
        return;
      case "entries": {
        const { firstIndex, lastIndex } = record;
        const fits = firstIndex >= 1 && firstIndex <= lastIndex && firstIndex <= group.acceptedIndex + 1;
        assert(
          fits,
          `group ${record.group}: entries ${firstIndex}..${lastIndex} leave a gap behind ${group.acceptedIndex}`,
        );
        group.acceptedIndex = lastIndex;
        return;
      }
      case "snapshot":
        assert(record.lastIndex >= group.snapshotIndex, `group ${record.group}: a snapshot older than the one it has`);
        // A snapshot may reach beyond the entries: then it is all there is.
        group.acceptedIndex = record.keepsTail ? Math.max(group.acceptedIndex, record.lastIndex) : record.lastIndex;
    }
  }

  /** Takes note of a durable record in the active segment. */
  note(record: LogRecord): void {
    const group = this.#group(record.group);
    switch (record.kind) {
      case "state":
        group.state = { ...record, bytes: record.bytes.slice() };
        return;
      case "entries":
        return this.#noteEntries(group, record);
      case "snapshot":
        group.snapshot = { ...record, keepsTail: true, bytes: record.bytes.slice() };
        group.snapshotIndex = record.lastIndex;
        group.lastIndex = record.keepsTail ? Math.max(group.lastIndex, record.lastIndex) : record.lastIndex;
        if (record.keepsTail) return;
        for (const segment of this.segments) segment.held.delete(record.group);
    }
  }

  #noteEntries(group: Group, record: EntriesRecord): void {
    if (record.firstIndex <= group.lastIndex) this.#replaced(group, record.group, record.firstIndex);
    group.lastIndex = record.lastIndex;
    if (record.lastIndex > group.truncatedThrough) this.active?.held.set(record.group, record.lastIndex);
  }

  /** Entries from `index` on count no more, wherever they are. */
  #replaced(group: Group, id: GroupId, index: LogIndex): void {
    for (const { held } of this.segments) {
      const last = held.get(id);
      if (last === undefined || last < index) continue;
      if (index - 1 > group.truncatedThrough) held.set(id, index - 1);
      else held.delete(id);
    }
  }

  /** After recovery: the ends of the logs as they came back. */
  resume(id: GroupId, lastIndex: LogIndex): void {
    const group = this.#group(id);
    group.lastIndex = lastIndex;
    group.acceptedIndex = lastIndex;
  }

  truncate(id: GroupId, throughIndex: LogIndex): void {
    const group = this.#group(id);
    assert(
      throughIndex <= group.snapshotIndex,
      `group ${id}: truncation through ${throughIndex} above the durable snapshot through ${group.snapshotIndex}`,
    );
    if (throughIndex <= group.truncatedThrough) return;
    group.truncatedThrough = throughIndex;
    for (const { held } of this.segments) {
      const last = held.get(id);
      if (last !== undefined && last <= throughIndex) held.delete(id);
    }
  }

  forget(id: GroupId): void {
    this.#groups.delete(id);
    for (const { held } of this.segments) held.delete(id);
  }

  /** What a new segment must begin with. */
  carry(): LogRecord[] {
    const records: LogRecord[] = [];
    for (const { state, snapshot } of this.#groups.values()) {
      if (state !== undefined) records.push(state);
      if (snapshot !== undefined) records.push(snapshot);
    }
    return records;
  }

  /** The oldest segment, if nothing in it is needed any more. */
  removable(): Segment | undefined {
    const [oldest, ...later] = this.segments;
    if (oldest === undefined || oldest.held.size > 0) return undefined;
    return later.some((segment) => segment.started) ? oldest : undefined;
  }

  holders(): Holder[] {
    const oldest = this.segments[0];
    if (oldest === undefined || this.segments.length === 1) return [];
    return [...oldest.held].map(([group, throughIndex]) => ({ group, throughIndex }));
  }

  #group(id: GroupId): Group {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = {
        acceptedIndex: 0,
        lastIndex: 0,
        snapshotIndex: 0,
        truncatedThrough: 0,
        state: undefined,
        snapshot: undefined,
      };
      this.#groups.set(id, group);
    }
    return group;
  }
}
