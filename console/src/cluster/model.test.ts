import { expect, test } from "vitest";
import type { Tick } from "./feed.ts";
import { commitsPerSecond, linksOf, nodesOf, shardsOf } from "./model.ts";

type Group = NonNullable<Tick["nodes"][number]["status"]>["groups"][number];

function group(number: number, role: string, term: number, lastIndex: number): Group {
  return {
    group: number,
    role,
    term,
    membership: { voters: [1, 2, 3], outgoing: [], learners: [] },
    firstIndex: 1,
    lastIndex,
    durableIndex: lastIndex,
    commitIndex: lastIndex,
    appliedIndex: lastIndex,
    checkpointIndex: 0,
    rejoining: false,
    revision: 0,
    followers: [],
  };
}

/** `groups[i]` is what node i + 1 says of its groups; undefined: it does not answer. */
function tick(at: number, groups: readonly (readonly Group[] | undefined)[], faults: Tick["faults"] = []): Tick {
  return {
    type: "tick",
    at,
    leader: 1,
    term: 2,
    nodes: groups.map((own, place) => ({
      nodeId: place + 1,
      http: "",
      reachable: own !== undefined,
      ...(own && {
        status: {
          nodeId: place + 1,
          clusterId: "c",
          version: "1",
          pid: 1,
          uptimeMs: 0,
          groups: [...own],
          links: [],
          storage: { full: false },
        },
      }),
    })),
    processes: groups.map((own, place) => ({ node: place + 1, state: own ? "ready" : "down", restarts: 0 })),
    faults,
    traffic: {
      wanted: 0,
      perSecond: 0,
      increments: 0,
      failed: 0,
      open: 0,
      value: 0,
      p50: undefined,
      p95: undefined,
      p99: undefined,
      lastError: undefined,
    },
  };
}

test("shards: each has the leader of its newest term, and members that do not answer", () => {
  const seen = tick(0, [
    [group(0, "leader", 2, 100), group(1, "follower", 3, 40), group(2, "leader", 5, 9)],
    [group(0, "follower", 2, 100), group(1, "leader", 3, 90), group(2, "follower", 6, 9)],
    undefined,
  ]);
  const [first, second, third] = shardsOf(seen);
  expect(first).toMatchObject({ group: 0, term: 2, leader: 1, commitIndex: 100 });
  expect(Array.from(second!.members)).toEqual([
    [1, { role: "follower", lag: 50 }],
    [2, { role: "leader", lag: 0 }],
    [3, { role: "silent", lag: 0 }],
  ]);
  // A leader of an earlier term leads nobody any more.
  expect(third).toMatchObject({ term: 6, leader: undefined });
  expect(third!.members.get(1)).toMatchObject({ role: "candidate" });
  expect(nodesOf(seen)[0]).toMatchObject({ condition: "leader", lag: 50 });
  expect(nodesOf(seen)[2]).toMatchObject({ condition: "down", shards: [] });
});

test("commits of all groups count, and nothing is known across a gap", () => {
  const all = (index: number) => [[group(0, "leader", 2, index), group(1, "follower", 2, 2 * index)]];
  expect(commitsPerSecond(tick(0, all(10)), tick(1000, all(20)))).toBe(30);
  expect(commitsPerSecond(tick(0, all(10)), tick(60_000, all(20)))).toBeUndefined();
  expect(commitsPerSecond(undefined, tick(1000, all(20)))).toBeUndefined();
});

test("links: what faults do to each direction", () => {
  const nodes = [[group(0, "leader", 2, 1)], [group(0, "follower", 2, 1)], [group(0, "follower", 2, 1)]];
  const links = linksOf(
    tick(0, nodes, [
      { id: 1, kind: "cut", from: 1, to: 2, oneWay: true, forMs: undefined },
      { id: 2, kind: "delay", from: undefined, to: undefined, delayMs: 40, jitterMs: 0, forMs: undefined },
      { id: 3, kind: "drop", from: 2, to: 3, rate: 0.5, forMs: undefined },
    ]),
  );
  const link = (from: number, to: number) => links.find((known) => known.from === from && known.to === to);
  expect(link(1, 2)).toMatchObject({ cut: true, delayMs: 40, faults: [1] });
  expect(link(2, 1)).toMatchObject({ cut: false, delayMs: 40 });
  expect(link(3, 2)).toMatchObject({ cut: false, loss: 0.5, faults: [3] });
});
