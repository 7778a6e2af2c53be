/**
 * The log alone, on a real disk: `node bench/wal.ts [seconds] [directory] [segment MiB]`.
 * Records of 200 bytes; an append is made again as soon as it is done.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32c } from "../src/host/crc32c.ts";
import { FileDisk } from "../src/host/disk.ts";
import { openWal, type WalFact } from "../src/wal/index.ts";

const seconds = Number(process.argv[2] ?? 3);
const parent = process.argv[3] ?? tmpdir();
const segmentSizeBytes = Number(process.argv[4] ?? 16) * 2 ** 20;
const recordBytes = 200;

interface Figures {
  readonly appendsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly meanBatch: number;
  readonly mebibytesPerSecond: number;
}

/** One group, truncated as it grows, so that segments come and go as they do in a node. */
async function run(outstanding: number): Promise<Figures> {
  const directory = mkdtempSync(join(parent, "cohort-bench-wal-"));
  const disk = new FileDisk(directory);
  const seen = { batches: 0, appends: 0, bytes: 0 };
  const onFact = (fact: WalFact): void => {
    if (fact.kind !== "synced") return;
    seen.batches++;
    seen.appends += fact.appends;
    seen.bytes += fact.bytes;
  };
  const { wal } = openWal({ disk, crc32c, identity: { clusterId: "bench", nodeId: 1 }, segmentSizeBytes, onFact });
  const latency = createHistogram();
  const bytes = new Uint8Array(recordBytes).fill(7);
  let next = 1;
  let snapshotted = 0;
  let stopping = false;
  let turn = false;

  const flushAfterThisTurn = (): void => {
    if (turn) return;
    turn = true;
    setImmediate(() => {
      turn = false;
      wal.flush();
    });
  };
  const append = (): void => {
    const index = next++;
    const start = process.hrtime.bigint();
    wal.append([{ kind: "entries", group: 1, firstIndex: index, lastIndex: index, bytes }], (error) => {
      if (error !== undefined) throw new Error(error.message);
      latency.record(process.hrtime.bigint() - start);
      if (stopping) return;
      if (index % 100_000 === 0) snapshot(index);
      append();
    });
    flushAfterThisTurn();
  };
  const snapshot = (lastIndex: number): void => {
    if (lastIndex <= snapshotted) return;
    snapshotted = lastIndex;
    const marker = { kind: "snapshot", group: 1, lastIndex, keepsTail: true, bytes: new Uint8Array(32) } as const;
    wal.append([marker], () => wal.truncate(1, lastIndex));
  };

  for (let i = 0; i < outstanding; i++) append();
  await sleep(500);
  latency.reset();
  const from = { ...seen, at: performance.now() };
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - from.at) / 1000;
  const to = { ...seen };
  stopping = true;
  await new Promise<void>((resolve) => {
    wal.close(() => resolve());
  });
  disk.close();
  rmSync(directory, { recursive: true, force: true });
  return {
    appendsPerSecond: (to.appends - from.appends) / elapsed,
    p50Ms: latency.percentile(50) / 1e6,
    p99Ms: latency.percentile(99) / 1e6,
    meanBatch: (to.appends - from.appends) / (to.batches - from.batches),
    mebibytesPerSecond: (to.bytes - from.bytes) / elapsed / 2 ** 20,
  };
}

console.log("outstanding   appends/s     p50 ms     p99 ms   mean batch      MiB/s");
for (const outstanding of [1, 16, 256, 1024]) {
  const figures = await run(outstanding);
  const cells = [
    figures.appendsPerSecond.toFixed(0),
    figures.p50Ms.toFixed(3),
    figures.p99Ms.toFixed(3),
    figures.meanBatch.toFixed(1),
    figures.mebibytesPerSecond.toFixed(1),
  ];
  console.log(String(outstanding).padStart(11) + cells.map((cell) => cell.padStart(11)).join(""));
}
