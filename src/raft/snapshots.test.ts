import { expect, test } from "vitest";
import { emptyBytes, seededRandom } from "../base/index.ts";
import type { Effect } from "../core/index.ts";
import { defaultRaftTimings, type Entry, Raft, type RaftProtocol, type Record } from "./index.ts";

const membership = { voters: [1, 2, 3], outgoing: [], learners: [] };
const now = { mono: 1, wall: 1, error: 0 };
const config = { ...defaultRaftTimings, id: 1, group: 0, bootstrap: membership, applied: undefined };

function entry(index: number, term: number): Entry {
  return { index, term, timestamp: index, kind: "command", data: emptyBytes };
}

function entries(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term));
}

/** Steps, ends the turn, and gives what was asked to be written. */
function written(raft: Raft, steps: readonly Parameters<Raft["step"]>[1][]): Record[] {
  const effects: Effect<RaftProtocol>[] = [];
  for (const step of steps) raft.step(now, step, effects);
  while (raft.wakeAt === 0) raft.step(now, { kind: "wake" }, effects);
  return effects.flatMap((effect) => (effect.kind === "persist" ? effect.records : []));
}

test("a tail that was replaced in memory only does not come back above an installed snapshot", () => {
  const durable: Record[] = [
    { type: "state", term: 3, vote: undefined },
    { type: "entries", entries: entries(1, 30, 2) },
  ];
  const raft = new Raft(config, durable, seededRandom(1));
  const head = { index: 15, term: 3, timestamp: 15, membership };
  const chunk = {
    type: "snapshotChunk",
    term: 3,
    round: 1,
    head,
    cursor: emptyBytes,
    next: emptyBytes,
    data: emptyBytes,
    done: true,
  } as const;
  durable.push(...written(raft, [{ kind: "message", from: 2, message: chunk }]));
  const append = {
    type: "append",
    term: 3,
    round: 2,
    previous: { index: 10, term: 2 },
    entries: entries(11, 15, 3),
    commit: 0,
    closed: undefined,
  } as const;
  const records = written(raft, [
    { kind: "message", from: 2, message: append },
    { kind: "command", command: { type: "snapshotInstalled", head } },
  ]);
  expect(records).toContainEqual({ type: "snapshot", head, reset: true });
  const restarted = new Raft({ ...config, applied: head }, [...durable, ...records], seededRandom(1));
  expect([restarted.firstIndex, restarted.lastIndex, restarted.termAt(15)]).toEqual([16, 15, 3]);
});
