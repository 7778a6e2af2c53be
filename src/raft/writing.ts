/** The end of a turn: what became dirty goes into one write, and what depends on it waits for that write. */
import { assert, type WriteId } from "../base/index.ts";
import type { Effects, RaftState } from "./state.ts";
import type { Record } from "./types.ts";

export function flushWrites(raft: RaftState, effects: Effects): void {
  if (raft.ackDue) {
    const { to, round, match } = raft.ackDue;
    raft.ackDue = undefined;
    const message = { type: "appendAccepted", term: raft.term, round, match } as const;
    if (raft.planted("acknowledges-before-sync")) raft.send(effects, to, message);
    else raft.afterWrite.push({ to, message });
  }
  const records: Record[] = raft.recordsFirst.splice(0);
  if (raft.stateChanged && !raft.planted("vote-not-persisted"))
    records.push({ type: "state", term: raft.term, vote: raft.vote });
  const hasEntries = raft.unstableFrom <= raft.log.lastIndex;
  if (hasEntries) records.push({ type: "entries", entries: raft.log.slice(raft.unstableFrom, raft.log.lastIndex) });
  const sends = raft.afterWrite;
  const outputs = raft.outputsAfterWrite;
  if (records.length > 0) {
    const write = raft.nextWrite++;
    if (raft.stateChanged) raft.stateWrite = write;
    raft.stateChanged = false;
    raft.unstableFrom = raft.log.lastIndex + 1;
    raft.pendingWrites.push({ write, last: hasEntries ? raft.log.last : undefined, sends, outputs });
    raft.afterWrite = [];
    raft.outputsAfterWrite = [];
    effects.push({ kind: "persist", write, records });
    return;
  }
  if (sends.length === 0 && outputs.length === 0) return;
  raft.afterWrite = [];
  raft.outputsAfterWrite = [];
  const write = raft.nextWrite - 1;
  if (raft.durableWrite < write) {
    raft.pendingWrites.push({ write, last: undefined, sends, outputs });
    return;
  }
  release(raft, sends, outputs, effects);
}

function release(
  raft: RaftState,
  sends: RaftState["afterWrite"],
  outputs: RaftState["outputsAfterWrite"],
  effects: Effects,
): void {
  for (const { to, message } of sends) {
    // A promise of an earlier term is void, and so is a candidacy that was overtaken.
    if (message.term === raft.term || message.type === "voteResponse") raft.send(effects, to, message);
  }
  for (const output of outputs) raft.output(effects, output);
}

/** Everything through `write` is durable. Whether more of the log is. */
export function onPersisted(raft: RaftState, write: WriteId, effects: Effects): boolean {
  assert(write < raft.nextWrite, `write ${write} was never asked for`);
  if (write <= raft.durableWrite) return false;
  raft.durableWrite = write;
  let grew = false;
  while (raft.pendingWrites.length > 0 && raft.pendingWrites[0]!.write <= write) {
    const pending = raft.pendingWrites.shift()!;
    // A truncation since then may have replaced what this write holds; its successor's write is still to come.
    if (pending.last && pending.last.index > raft.durableIndex && raft.log.has(pending.last)) {
      raft.durableIndex = pending.last.index;
      grew = true;
    }
    release(raft, pending.sends as RaftState["afterWrite"], pending.outputs as RaftState["outputsAfterWrite"], effects);
  }
  return grew;
}
