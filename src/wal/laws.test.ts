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
  #written = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  #record(): LogRecord {
    const random = this.#random;
    const group = random.below(groups);
    const last = this.#lastIndex(group);
    const choice = random.below(10);
    if (choice < 2) return state(group, `term ${this.#written++}`);
    if (choice < 5) return snapshot(group, Math.max(this.snapshotIndex(group, false), last - random.below(3)));
    if (choice === 5 && random.below(3) === 0) return snapshot(group, Math.max(1, last) + random.below(3), false);
    const first = Math.max(
      this.snapshotIndex(group, false) + 1,
      last + 1 - (random.below(4) === 0 ? random.below(4) : 0),
    );
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

  #pending: readonly LogRecord[] = [];

  append(opened: Opened, count: number): void {
    const records: LogRecord[] = [];
    for (let i = 0; i < count; i++) {
      this.#pending = records;
      records.push(this.#record());
    }
    this.#pending = [];
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

  #records(acknowledgedOnly: boolean): LogRecord[] {
    const appends = acknowledgedOnly ? this.appends.slice(0, this.acknowledged) : this.appends;
    return [...appends.flatMap(({ records }) => records), ...(acknowledgedOnly ? [] : this.#pending)];
  }

  snapshotIndex(group: number, acknowledgedOnly: boolean): LogIndex {
    return view(this.#records(acknowledgedOnly)).get(group)?.snapshot?.index ?? 0;
  }

  #lastIndex(group: number): LogIndex {
    const seen = view(this.#records(false)).get(group);
    return seen?.entries.at(-1)?.[0] ?? seen?.snapshot?.index ?? 0;
  }
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
        for (let group = 0; group < groups; group++) {
          const through = writers.snapshotIndex(group, true);
          opened.wal.truncate(group, random.below(4) === 0 ? random.below(through + 1) : through);
        }
        break;
      case "crash": {
        look();
        opened = reopen(disk, random, action.power, action.interruptions);
        const count = survivors(writers, all(opened.recovered));
        // What came back is durable now: it may not go again.
        writers.appends = writers.appends.slice(0, count).map(({ records }) => ({ records, acknowledged: true }));
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
    { numRuns: 200 },
  );
  // The runs do reach what they are about.
  expect(total.segmentsRemoved).toBeGreaterThan(5);
  expect(total.tailsCut).toBeGreaterThan(5);
});
