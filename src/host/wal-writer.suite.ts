/**
 * A writer that can be killed: appends entries of three groups, a few in a turn, and says up to where they are
 * done. What an entry holds is a function of its group and index.
 */
import { mkdirSync, writeSync } from "node:fs";
import type { GroupId, LogIndex } from "../base/index.ts";
import { type LogRecord, openWal, type OpenWal, type WalFact } from "../wal/index.ts";
import { crc32c } from "./crc32c.ts";
import { FileDisk } from "./disk.ts";

const groups = [1, 2, 3];
const segmentSizeBytes = 128 * 1024;

export function openLog(directory: string, onFact?: (fact: WalFact) => void): OpenWal & { readonly disk: FileDisk } {
  mkdirSync(directory, { recursive: true });
  const disk = new FileDisk(directory);
  const identity = { clusterId: "writer", nodeId: 1 };
  return { ...openWal({ disk, crc32c, identity, segmentSizeBytes, ...(onFact && { onFact }) }), disk };
}

function entry(group: GroupId, index: LogIndex): LogRecord {
  const bytes = new Uint8Array((index * 37 + group) % 700).fill(index % 5 === 0 ? 0 : index);
  return { kind: "entries", group, firstIndex: index, lastIndex: index, bytes };
}

/** The last index that all groups hold; throws where one holds anything else than the entries up to there. */
export function checkLog({ recovered }: OpenWal): LogIndex {
  let shortest = Number.POSITIVE_INFINITY;
  for (const group of groups) {
    let last = 0;
    for (const record of recovered.get(group) ?? []) {
      if (record.kind !== "entries") {
        if (record.kind === "snapshot") last = record.lastIndex;
        continue;
      }
      if (record.lastIndex <= last) continue;
      last++;
      const expected = entry(group, last);
      if (record.firstIndex !== last || Buffer.compare(record.bytes, expected.bytes) !== 0) {
        throw new Error(`group ${group} does not hold what was appended at ${last}`);
      }
    }
    shortest = Math.min(shortest, last);
  }
  return shortest;
}

/** Appends for ever; every 200 entries a snapshot, and what it covers goes. */
function writeLog(log: OpenWal): void {
  const { wal, recovered } = log;
  const next = new Map(groups.map((group) => [group, lastOf(recovered.get(group)) + 1]));
  const append = (): void => {
    const through = Math.max(...next.values());
    const records: LogRecord[] = [];
    for (const group of groups) {
      for (let index = next.get(group)!; index <= through; index++) records.push(entry(group, index));
      if (through % 200 === 0) {
        records.push({ kind: "snapshot", group, lastIndex: through, keepsTail: true, bytes: new Uint8Array(9) });
      }
      next.set(group, through + 1);
    }
    wal.append(records, (error) => {
      if (error !== undefined) throw new Error(error.message);
      writeSync(1, `${through}\n`);
      if (through % 200 === 0) for (const group of groups) wal.truncate(group, through);
      append();
    });
  };
  for (let i = 0; i < 4; i++) append();
  wal.flush();
}

function lastOf(records: readonly LogRecord[] = []): LogIndex {
  return records.reduce((last, record) => (record.kind === "state" ? last : Math.max(last, record.lastIndex)), 0);
}

const directory = process.argv[2];
if (import.meta.main && directory !== undefined) {
  const log = openLog(directory);
  checkLog(log);
  writeLog(log);
}
