/**
 * What remains of each group once all its records have been read in order. Which segments happen to be removed
 * already makes no difference to it, apart from entries below the snapshot.
 */
import type { GroupId, LogIndex } from "../base/index.ts";
import { WalError } from "./errors.ts";
import type { EntriesRecord, LogRecord, SnapshotRecord, StateRecord } from "./records.ts";

interface Remains {
  state: StateRecord | undefined;
  snapshot: SnapshotRecord | undefined;
  /** First indexes rise; where two overlap the later one counts. */
  entries: EntriesRecord[];
}

export class Fold {
  readonly #groups = new Map<GroupId, Remains>();

  add(record: LogRecord): void {
    const group = this.#group(record.group);
    switch (record.kind) {
      case "state":
        group.state = record;
        return;
      case "entries": {
        const kept = group.entries.findLastIndex((earlier) => earlier.firstIndex < record.firstIndex);
        group.entries.length = kept + 1;
        group.entries.push(record);
        return;
      }
      case "snapshot":
        if (!record.keepsTail) group.entries = [];
        group.snapshot = { ...record, keepsTail: true };
    }
  }

  /** By group, ascending: its newest state, its newest snapshot, its entries. Throws a WalError where entries are missing. */
  finish(): Map<GroupId, readonly LogRecord[]> {
    const result = new Map<GroupId, readonly LogRecord[]>();
    for (const id of [...this.#groups.keys()].sort((a, b) => a - b)) {
      const { state, snapshot, entries } = this.#group(id);
      const records: LogRecord[] = [];
      if (state !== undefined) records.push(state);
      if (snapshot !== undefined) records.push(snapshot);
      records.push(...unbroken(id, snapshot?.lastIndex ?? 0, entries));
      result.set(id, records);
    }
    return result;
  }

  #group(id: GroupId): Remains {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { state: undefined, snapshot: undefined, entries: [] };
      this.#groups.set(id, group);
    }
    return group;
  }
}

/** The entries behind the last gap; a gap may lie below the snapshot (truncated), not above it (lost). */
function unbroken(id: GroupId, snapshotIndex: LogIndex, entries: readonly EntriesRecord[]): readonly EntriesRecord[] {
  for (let i = entries.length - 1; i >= 0; i--) {
    const { firstIndex } = entries[i]!;
    const before = i === 0 ? 0 : entries[i - 1]!.lastIndex;
    if (firstIndex <= before + 1) continue;
    if (firstIndex <= snapshotIndex + 1) return entries.slice(i);
    const place = `group ${id} has entries from ${firstIndex} on, but nothing between ${Math.max(before, snapshotIndex)} and these`;
    throw new WalError("missing-segment", place);
  }
  return entries;
}

/** Where a group's log ends, from its recovered records: with the last entries, though earlier ones may reach further. */
export function endOf(records: readonly LogRecord[]): LogIndex {
  const last = records.findLast((record) => record.kind === "entries")?.lastIndex ?? 0;
  const snapshot = records.find((record) => record.kind === "snapshot")?.lastIndex ?? 0;
  return Math.max(last, snapshot);
}
