import fc from "fast-check";
import { expect, test } from "vitest";
import { type LogIndex, seededRandom, toHex, type Random } from "../base/index.ts";
import { type LogRecord, MemoryDisk, PowerLoss } from "./index.ts";
import { all, entries, open, type Opened, snapshot, state, view } from "./wal.suite.ts";

type Step =
  | { readonly do: "append"; readonly count: number }
  | { readonly do: "flush" | "truncate" }
  | { readonly do: "deliver"; readonly count: number }
  | { readonly do: "crash"; readonly power: boolean; readonly interruptions: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("truncate" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      power: fc.boolean(),
      interruptions: fc.integer({ min: 0, max: 2 }),
    }),
  },
);

const groups = 3;
const sizes = { segmentSizeBytes: 4096, maxBatchBytes: 2048 };

/** Groups that write plausible records, and what each of them has appended. */
class Writers {
  appends: { readonly records: readonly LogRecord[]; acknowledged: boolean }[] = [];
  readonly #random: Random;
  #ends = ends([]);
  #written = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  #record(): LogRecord {
    const random = this.#random;
    const group = random.below(groups);
    const { last, snapshotIndex } = this.#ends[group]!;
    const choice = random.below(10);
    if (choice < 2) return state(group, `term ${this.#written++}`);
    if (choice < 5) return snapshot(group, Math.max(snapshotIndex, last - random.below(3)));
    if (choice === 5 && random.below(3) === 0) return snapshot(group, Math.max(1, last) + random.below(3), false);
    const first = Math.max(snapshotIndex + 1, last + 1 - (random.below(4) === 0 ? random.below(4) : 0));
    return entries(group, first, first + random.below(4), this.#bytes());
  }

  /** Numbered, and often with long runs of zeros: they look like sectors that were never written. */
  #bytes(): Uint8Array {
    const random = this.#random;
    const bytes = new Uint8Array(4 + (random.below(3) === 0 ? random.below(3000) : random.below(60)));
    new DataView(bytes.buffer).setUint32(0, ++this.#written);
    if (random.below(2) === 0) for (let i = 4; i < bytes.length; i++) bytes[i] = random.below(256);
    return bytes;
  }

  append(opened: Opened, count: number): void {
    const records: LogRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = this.#record();
      records.push(record);
      grow(this.#ends, record);
    }
    const append = { records, acknowledged: false };
    this.appends.push(append);
    opened.wal.append(records, (error) => {
      expect(error).toBeUndefined();
      // In order: everything before it has been acknowledged.
      expect(this.appends.indexOf(append)).toBe(this.acknowledged);
      append.acknowledged = true;
    });
  }

  get acknowledged(): number {
    const open = this.appends.findIndex(({ acknowledged }) => !acknowledged);
    return open === -1 ? this.appends.length : open;
  }

  /** After a crash: the first `count` appends are there for good, the others never were. */
  keep(count: number): void {
    this.appends = this.appends.slice(0, count).map(({ records }) => ({ records, acknowledged: true }));
    this.#ends = ends(this.appends.flatMap(({ records }) => records));
  }

  durableSnapshots(): LogIndex[] {
    const durable = this.appends.slice(0, this.acknowledged).flatMap(({ records }) => records);
    return ends(durable).map(({ snapshotIndex }) => snapshotIndex);
  }
}

/** Where each group's log ends, and what its snapshot covers. */
interface End {
  last: LogIndex;
  snapshotIndex: LogIndex;
}

function ends(records: readonly LogRecord[]): End[] {
  const all: End[] = Array.from({ length: groups }, () => ({ last: 0, snapshotIndex: 0 }));
  for (const record of records) grow(all, record);
  return all;
}

function grow(all: readonly End[], record: LogRecord): void {
  const end = all[record.group]!;
  if (record.kind === "state") return;
  if (record.kind === "snapshot") end.snapshotIndex = record.lastIndex;
  end.last = record.kind === "snapshot" && record.keepsTail ? Math.max(end.last, record.lastIndex) : record.lastIndex;
}

/** Opens, with the power going in the middle of the repair `interruptions` times before. */
function reopen(disk: MemoryDisk, random: Random, power: boolean, interruptions: number): Opened {
  if (power) disk.crash(random);
  else disk.kill(random);
  for (let i = 0; i < interruptions; i++) {
    disk.interruptRepairAfter(0);
    try {
      open(disk, sizes);
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
    }
    disk.crash(random);
  }
  return open(disk, sizes);
}

/** How many appends came back; everything acknowledged must be among them, and nothing else but appends in order. */
function survivors(writers: Writers, recovered: readonly LogRecord[]): number {
  const written = new Set(writers.appends.flatMap(({ records }) => records.map(({ bytes }) => toHex(bytes))));
  for (const { bytes } of recovered) expect(written.has(toHex(bytes))).toBe(true);
  const found = view(recovered);
  for (let count = writers.acknowledged; count <= writers.appends.length; count++) {
    const expected = view(writers.appends.slice(0, count).flatMap(({ records }) => records));
    if (same(found, expected)) return count;
  }
  throw new Error(
    `of ${writers.appends.length} appends, ${writers.acknowledged} acknowledged, came back: ${print(found)}`,
  );
}

const print = (value: ReturnType<typeof view>): string => JSON.stringify([...value].sort(([a], [b]) => a - b));
const same = (a: ReturnType<typeof view>, b: ReturnType<typeof view>): boolean => print(a) === print(b);

function run(seed: number, steps: readonly Step[]): { segmentsRemoved: number; tailsCut: number } {
  const random = seededRandom(seed);
  const disk = new MemoryDisk();
  const writers = new Writers(random);
  let opened = open(disk, sizes);
  const seen = { segmentsRemoved: 0, tailsCut: 0 };
  const look = (): void => {
    for (const { kind } of opened.facts) {
      if (kind === "segment-removed") seen.segmentsRemoved++;
      if (kind === "tail-cut") seen.tailsCut++;
    }
  };
  for (const action of steps) {
    switch (action.do) {
      case "append":
        writers.append(opened, action.count);
        break;
      case "flush":
        opened.wal.flush();
        break;
      case "deliver":
        for (let i = 0; i < action.count; i++) disk.runOne();
        break;
      case "truncate":
        for (const [group, through] of writers.durableSnapshots().entries()) {
          opened.wal.truncate(group, random.below(4) === 0 ? random.below(through + 1) : through);
        }
        break;
      case "crash": {
        look();
        opened = reopen(disk, random, action.power, action.interruptions);
        writers.keep(survivors(writers, all(opened.recovered)));
        break;
      }
    }
  }
  look();
  opened.wal.flush();
  disk.runAll();
  expect(writers.acknowledged).toBe(writers.appends.length);
  survivors(writers, all(open(disk, sizes).recovered));
  return seen;
}

test("whatever was acknowledged comes back, in order, and nothing else but what was appended next", () => {
  const total = { segmentsRemoved: 0, tailsCut: 0 };
  fc.assert(
    fc.property(
      fc.integer({ min: 0 }),
      fc.array(step, { minLength: 1, maxLength: 200, size: "max" }),
      (seed, steps) => {
        const seen = run(seed, steps);
        total.segmentsRemoved += seen.segmentsRemoved;
        total.tailsCut += seen.tailsCut;
      },
    ),
    { numRuns: 120 },
  );
  // The runs do reach what they are about.
  expect(total.segmentsRemoved).toBeGreaterThan(5);
  expect(total.tailsCut).toBeGreaterThan(5);
});
