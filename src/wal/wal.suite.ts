/** What the tests of this room share: opening a log on a memory disk, records, and the plain model they are held against. */
import { expect } from "vitest";
import { type GroupId, type LogIndex, toHex, utf8 } from "../base/index.ts";
import { crc32c, type LogRecord, type MemoryDisk, openWal, type Wal, type WalFact, type WalOptions } from "./index.ts";

export const identity = { clusterId: "test", nodeId: 1 };

export interface Opened {
  readonly wal: Wal;
  readonly recovered: ReadonlyMap<GroupId, readonly LogRecord[]>;
  readonly facts: WalFact[];
}

export function open(disk: MemoryDisk, options: Partial<WalOptions> = {}): Opened {
  const facts: WalFact[] = [];
  const onFact = (fact: WalFact): void => void facts.push(fact);
  const sizes = { segmentSizeBytes: 8192, maxBatchBytes: 4096 };
  return { ...openWal({ disk, crc32c, identity, onFact, ...sizes, ...options }), facts };
}

export function state(group: GroupId, text: string): LogRecord {
  return { kind: "state", group, bytes: utf8(text) };
}

export function entries(group: GroupId, firstIndex: LogIndex, lastIndex: LogIndex, bytes: Uint8Array): LogRecord {
  return { kind: "entries", group, firstIndex, lastIndex, bytes };
}

export function snapshot(group: GroupId, lastIndex: LogIndex, keepsTail = true): LogRecord {
  return { kind: "snapshot", group, lastIndex, keepsTail, bytes: utf8(`snapshot ${lastIndex}`) };
}

/** Appends and waits: the records are durable. */
export function write(disk: MemoryDisk, wal: Wal, ...records: LogRecord[]): void {
  let finished = false;
  wal.append(records, (error) => {
    expect(error).toBeUndefined();
    finished = true;
  });
  wal.flush();
  disk.runAll();
  expect(finished).toBe(true);
}

export interface GroupView {
  state: string | undefined;
  snapshot: { index: LogIndex; bytes: string } | undefined;
  /** The record that each index above the snapshot comes from. */
  entries: [LogIndex, string][];
}

/** What records stand for, one index at a time. */
export function view(records: readonly LogRecord[]): Map<GroupId, GroupView> {
  const groups = new Map<GroupId, GroupView & { log: Map<LogIndex, string> }>();
  const empty = { state: undefined, snapshot: undefined, entries: [] };
  for (const record of records) {
    const group = groups.get(record.group) ?? { ...empty, log: new Map<LogIndex, string>() };
    groups.set(record.group, group);
    const bytes = toHex(record.bytes);
    if (record.kind === "state") group.state = bytes;
    else if (record.kind === "entries") {
      for (const index of group.log.keys()) if (index >= record.firstIndex) group.log.delete(index);
      for (let index = record.firstIndex; index <= record.lastIndex; index++) group.log.set(index, bytes);
    } else {
      if (!record.keepsTail) group.log.clear();
      group.snapshot = { index: record.lastIndex, bytes };
    }
  }
  const result = new Map<GroupId, GroupView>();
  for (const [id, { log, ...group }] of groups) {
    result.set(id, { ...group, entries: [...log].filter(([index]) => index > (group.snapshot?.index ?? 0)) });
  }
  return result;
}

export function all(recovered: ReadonlyMap<GroupId, readonly LogRecord[]>): LogRecord[] {
  return [...recovered.values()].flat();
}
