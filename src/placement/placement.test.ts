import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../base/index.ts";
import {
  buildRing,
  Directory,
  hashText,
  HotKeys,
  hotShards,
  measureBalance,
  measureMovement,
  mergeRanges,
  planRanges,
  RangeMap,
  rendezvous,
  ringOwners,
  splitRange,
  spread,
  type Member,
} from "./index.ts";

const hashes = Array.from({ length: 20_000 }, (_, i) => hashText(`key-${i}`));
const members = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ node: i + 1 }));
const nodesOf = (all: readonly Member[]): number[] => all.map(({ node }) => node);

const ways = {
  ring: (all: readonly Member[], replicas: number) => {
    const ring = buildRing(all);
    return (hash: number) => ringOwners(ring, hash, replicas);
  },
  rendezvous: (all: readonly Member[], replicas: number) => (hash: number) => rendezvous(all, hash, replicas),
} as const;

describe.each(Object.entries(ways))("%s", (name, way) => {
  test("distinct nodes, as many as there are, the same ones every time, whatever the order of members", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 9 }),
        fc.nat(),
        fc.nat(5),
        (nodes, hash, replicas) => {
          const all = nodes.map((node) => ({ node }));
          const owners = way(all, replicas)(hash >>> 0);
          expect(new Set(owners).size).toBe(Math.min(replicas, nodes.length));
          expect(way(all.toReversed(), replicas)(hash >>> 0)).toEqual(owners);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("shares are about fair", () => {
    const { spread: deviation } = measureBalance(nodesOf(members(10)), hashes, way(members(10), 3));
    // Theory: 1/√(virtual nodes) = 9 % for the ring; sampling noise alone for rendezvous.
    expect(deviation).toBeLessThan(name === "ring" ? 0.15 : 0.03);
  });

  test("a tenth node takes about a tenth of the keys, and only to itself", () => {
    const before = way(members(9), 1);
    const after = way(members(10), 1);
    const movement = measureMovement(hashes, before, after);
    expect(movement).toBeGreaterThan(0.06);
    expect(movement).toBeLessThan(0.14);
    for (const hash of hashes.slice(0, 3000)) {
      const [owner] = after(hash);
      if (owner !== before(hash)[0]) expect(owner).toBe(10);
    }
  });

  test("weights count", () => {
    const weighted = members(4).map((member) => ({ ...member, weight: member.node === 1 ? 3 : 1 }));
    const { counts } = measureBalance(nodesOf(weighted), hashes, way(weighted, 1));
    expect(counts.get(1)! / hashes.length).toBeGreaterThan(0.4);
    expect(counts.get(1)! / hashes.length).toBeLessThan(0.6);
  });

  test("replicas are in three zones where there are three", () => {
    const zoned = members(9).map((member) => ({ ...member, zone: `z${member.node % 3}`, rack: `r${member.node % 2}` }));
    const owners = way(zoned, 3);
    for (const hash of hashes.slice(0, 1000)) expect(new Set(owners(hash).map((node) => node % 3)).size).toBe(3);
  });
});

test("zones first, then racks, then whoever is next", () => {
  const racked: Member[] = [
    { node: 1, zone: "a", rack: "1" },
    { node: 2, zone: "a", rack: "1" },
    { node: 3, zone: "a", rack: "2" },
    { node: 4, zone: "b", rack: "1" },
  ];
  expect(spread(racked, 2)).toEqual([1, 4]);
  expect(spread(racked, 3)).toEqual([1, 3, 4]);
  expect(spread(racked, 9)).toEqual([1, 2, 3, 4]);
  expect(spread([], 3)).toEqual([]);
});

describe("ranges", () => {
  test("every key is in exactly one range, through splits and merges", () => {
    const key = fc.string({ maxLength: 3 });
    fc.assert(
      fc.property(fc.array(key), fc.array(key), (splits, keys) => {
        let map = new RangeMap([{ from: "", value: 0 }]);
        splits.forEach((at, i) => {
          if (map.find(at).range.from < at) map = splitRange(map, at, i + 1);
          else if (at !== "") map = mergeRanges(map, at);
        });
        for (const wanted of [...keys, ...splits]) {
          const holding = [...map].filter(
            ({ range }) => range.from <= wanted && (range.to === undefined || wanted < range.to),
          );
          expect(holding).toEqual([map.find(wanted)]);
        }
      }),
    );
  });

  test("large and busy ranges split, small neighbours merge, and what is merged does not split again", () => {
    const load = (from: string, to: string | undefined, bytes: number, requestsPerSecond = 0) => ({
      range: { from, to },
      bytes,
      requestsPerSecond,
      middle: `${from}5`,
    });
    const limits = { splitBytes: 100, splitRequestsPerSecond: 1000, mergeShare: 0.5 };
    expect(
      planRanges(
        [
          load("", "b", 120),
          load("b", "c", 10),
          load("c", "d", 20),
          load("d", "e", 10, 2000),
          load("e", undefined, 10),
        ],
        limits,
      ),
    ).toEqual([
      { kind: "split", at: "5", reason: "size" },
      { kind: "merge", at: "c" },
      { kind: "split", at: "d5", reason: "load" },
    ]);
    // One hot key: there is nothing to split at.
    expect(planRanges([{ ...load("", undefined, 10, 2000), middle: undefined }], limits)).toEqual([]);
  });

  test("a stale map is noticed on either side", () => {
    const entry = { group: 7, replicas: [1, 2, 3], epoch: 4 };
    const directory = new Directory(
      9,
      new RangeMap([
        { from: "", value: { ...entry, group: 6 } },
        { from: "m", value: entry },
      ]),
    );
    expect(directory.locate("z", 7, 4).kind).toBe("here");
    expect(directory.locate("z", 6, 3)).toMatchObject({ kind: "moved", entry });
    expect(directory.locate("z", 7, 5).kind).toBe("behind");
  });
});

describe("what is hot", () => {
  test("keys with much of the load are found among thousands, and forgotten when they cool", () => {
    const random = seededRandom(5);
    const hot = new HotKeys(32, 1000);
    let mono = 0;
    for (let i = 0; i < 20_000; i++) {
      mono += 1;
      hot.note(mono, random.below(5) === 0 ? "celebrity" : `key-${random.below(5000)}`);
    }
    const [first, ...rest] = hot.hot(mono, 100);
    expect(first?.key).toBe("celebrity");
    expect(first!.rate).toBeGreaterThan(150);
    expect(first!.rate).toBeLessThan(260);
    expect(rest).toEqual([]);
    expect(hot.hot(mono + 20_000, 1)).toEqual([]);
  });

  test("shards with more than twice the mean", () => {
    expect(hotShards([1, 1, 10, 1])).toEqual([2]);
    expect(hotShards([0, 0])).toEqual([]);
  });
});
