import type { Context } from "./context.ts";
import { historyKey, keyspacePrefix, readCurrent, revisionOfHistoryKey } from "./rows.ts";
import { afterPrefix } from "./values.ts";
import { toBinaryString } from "../base/index.ts";

/** Rows that a commit drops at least, if there are so many to drop. */
const leastRows = 2048;

/**
 * Drops rows that nobody can read any more: history up to the compacted revision, tombstones of deletions up to
 * there, and what was in dropped keyspaces. A few with each commit, twice as many as it adds, so that the backlog
 * shrinks and no commit takes long. Rows that linger are invisible: readers and snapshots look at the compacted
 * revision, so replicas may differ in how far they are.
 */
export function dropCompacted(context: Context, leftovers: number[]): void {
  const { overlay, compactedRevision } = context;
  context.events.flush();
  const to = historyKey(compactedRevision + 1, 0);
  let budget = Math.max(leastRows, 2 * overlay.dirtyRows("history"));

  for (const at of overlay.range("tombstones", { to, limit: budget })) {
    const key = toBinaryString(at[1]);
    const row = overlay.get("current", key);
    // The key may have been put again since.
    if (row !== undefined && isTombstoneOf(row, revisionOfHistoryKey(at[0]))) overlay.delete("current", key);
    overlay.delete("tombstones", at[0]);
    budget--;
  }
  let before: string | undefined;
  for (const at of overlay.keys("history", { to: `${to}\0`, limit: budget })) {
    // A row ends where the next one begins.
    if (before !== undefined && !overlay.forget("history", before)) overlay.delete("history", before);
    before = at;
    budget--;
  }
  while (leftovers.length > 0 && budget > 0) {
    const prefix = keyspacePrefix(leftovers[0]!);
    const keys = [...overlay.keys("current", { from: prefix, to: afterPrefix(prefix), limit: budget })];
    for (const key of keys) overlay.delete("current", key);
    if (keys.length < budget) leftovers.shift();
    budget -= keys.length + 1;
  }
}

function isTombstoneOf(row: Uint8Array, revision: number): boolean {
  const state = readCurrent(row);
  return !state.exists && state.place.revision === revision;
}
