import type { GroupId, NodeId } from "../base/index.ts";
import type { KeyRange, RangeMap } from "./ranges.ts";

/** Where one range lives. */
export interface DirectoryEntry {
  readonly group: GroupId;
  readonly replicas: readonly NodeId[];
  /** Grows with each change of this range or its replicas: who comes with an older one has a stale map. */
  readonly epoch: number;
}

export type Located =
  | { readonly kind: "here"; readonly entry: DirectoryEntry; readonly range: KeyRange }
  /** The asker's map is older than this one: it should take this entry and ask there. */
  | { readonly kind: "moved"; readonly entry: DirectoryEntry; readonly range: KeyRange }
  /** The asker has seen a later map than this one: this side has to catch up before it may answer. */
  | { readonly kind: "behind" };

/** The map of ranges to groups, as of one version. Immutable; what replicates it is up to others. */
export class Directory {
  readonly version: number;
  readonly ranges: RangeMap<DirectoryEntry>;

  constructor(version: number, ranges: RangeMap<DirectoryEntry>) {
    this.version = version;
    this.ranges = ranges;
  }

  find(key: string): { readonly entry: DirectoryEntry; readonly range: KeyRange } {
    const { range, value } = this.ranges.find(key);
    return { range, entry: value };
  }

  /** What to tell someone who believes that `group` held the key as of `epoch`. */
  locate(key: string, group: GroupId, epoch: number): Located {
    const { entry, range } = this.find(key);
    if (entry.group === group && entry.epoch === epoch) return { kind: "here", entry, range };
    if (epoch > entry.epoch) return { kind: "behind" };
    return { kind: "moved", entry, range };
  }
}
