import { describe, expect, test } from "vitest";
import { seededRandom, utf8 } from "../base/index.ts";
import { check } from "../check/index.ts";
import type { Operation as HistoryOperation } from "../history/index.ts";
import { keyedValue } from "../crdt/index.ts";
import { RingWorld, type RingOptions } from "./ring.suite.ts";
import { counterName, keyName } from "./index.ts";
import type { Operation, Outcome, State } from "./types.ts";

const name = keyName(utf8("cart"));
const read = (r: number, linearizable = false, of = name): Operation => ({ type: "read", name: of, r, linearizable });
const write = (
  value: string | undefined,
  w: number,
  more: Partial<Extract<Operation, { type: "write" }>> = {},
): Operation => ({
  type: "write",
  name,
  bytes: value === undefined ? undefined : utf8(value),
  context: undefined,
  w,
  linearizable: false,
  key: undefined,
  ...more,
});
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes ? new TextDecoder().decode(bytes) : undefined;

function valuesOf(state: State | undefined): (string | undefined)[] {
  if (state?.kind === "register") return [text(state.register.value)];
  if (state?.kind === "siblings") return state.siblings.versions.map(({ value }) => text(value.bytes));
  return [];
}

function valuesIn(outcome: Outcome): (string | undefined)[] {
  return outcome.ok ? valuesOf(outcome.state) : [outcome.failure.code];
}

describe("quorums", () => {
  test("a write is read by any quorum that overlaps; too few replicas is an error that says which answered", () => {
    const ring = new RingWorld({ seed: 1, nodes: 3 });
    expect(ring.ask(1, write("a", 2)).ok).toBe(true);
    expect(valuesIn(ring.ask(2, read(2)))).toEqual(["a"]);
    ring.crash(2);
    ring.crash(3);
    const failed = ring.ask(1, read(2));
    expect(failed).toMatchObject({ ok: false, failure: { code: "insufficient-replicas", definite: true } });
    if (failed.ok) throw new Error("unreachable");
    expect(failed.failure.detail).toMatch(
      /^2 of 3 replicas had to answer; answered: node 1; silent: node [23], node [23]$/,
    );
    expect(ring.ask(1, write("b", 2))).toMatchObject({ ok: false, failure: { definite: false } });
    expect(ring.ask(1, write("c", 2, { linearizable: true }))).toMatchObject({
      ok: false,
      failure: { definite: true },
    });
    expect(valuesIn(ring.ask(1, read(1)))).toEqual(["b"]);
  });

  test("read repair, hints and anti-entropy each bring a replica up that missed a write", () => {
    for (const way of ["readRepaired", "handedOff", "synced"] as const) {
      const bugs = way === "synced" ? [] : ["no-anti-entropy"];
      const ring = new RingWorld({ seed: 2, nodes: 3, config: { bugs: new Set(bugs) } });
      ring.ask(1, write("a", 3));
      ring.isolate(3);
      ring.ask(1, write("b", 2));
      // Before the coordinator gives up on the third replica there is no hint; later there is.
      if (way === "handedOff") ring.runUntil(ring.now + 300);
      else {
        ring.crash(1);
        ring.start(1);
      }
      ring.cut.clear();
      if (way === "readRepaired") ring.ask(2, read(3));
      ring.runUntil(ring.now + 2000);
      expect(ring.facts.some(({ fact }) => fact.type === way)).toBe(true);
      expect(new Set(ring.states()).size).toBe(1);
      expect(valuesOf(ring.core(3).shelf.get(name))).toEqual(["b"]);
    }
  });

  test("substitutes keep a sloppy quorum writing when all replicas are away, and hand over what they got", () => {
    const ring = new RingWorld({ seed: 3, nodes: 6, config: { sloppy: true, n: 3 } });
    const owners = ring.core(1).owners(name);
    const outside = [1, 2, 3, 4, 5, 6].find((id) => !owners.includes(id))!;
    for (const owner of owners) ring.crash(owner);
    const outcome = ring.ask(outside, write("a", 2));
    expect(outcome).toMatchObject({ ok: true, substitutes: true });
    expect(valuesIn(ring.ask(outside, read(2)))).toEqual(["a"]);
    expect(ring.ask(outside, read(2, true)).ok).toBe(false);
    ring.heal();
    ring.runUntil(ring.now + 2000);
    for (const owner of owners) expect(valuesOf(ring.core(owner).shelf.get(name))).toEqual(["a"]);
    for (const member of ring.members.values())
      expect([...member.core!.shelf.holding.values()].reduce((sum, names) => sum + names.size, 0)).toBe(0);
  });

  test("an operation for which this node holds nothing is coordinated by one that does", () => {
    const ring = new RingWorld({ seed: 4, nodes: 6, config: { conflicts: "siblings" } });
    const outside = [1, 2, 3, 4, 5, 6].find((id) => !ring.core(1).owners(name).includes(id))!;
    expect(ring.ask(outside, write("a", 2)).ok).toBe(true);
    expect(valuesIn(ring.ask(outside, read(2)))).toEqual(["a"]);
    expect(ring.core(outside).shelf.get(name)).toBeUndefined();
  });
});

test("of two writes one after the other the later one wins by a round for the latest timestamp, not by clocks alone", () => {
  for (const inOrder of [false, true]) {
    const ring = new RingWorld({ seed: 6, nodes: 3, config: { bugs: new Set(["no-anti-entropy"]) } });
    ring.member(3).skewMs = -5000;
    ring.isolate(3);
    expect(ring.ask(1, write("first", 2)).ok).toBe(true);
    ring.cut.clear();
    expect(ring.ask(3, write("second", 2, { linearizable: inOrder })).ok).toBe(true);
    expect(valuesIn(ring.ask(2, read(2)))).toEqual([inOrder ? "second" : "first"]);
  }
});

describe("what happens on both sides of a partition", () => {
  test("siblings: both stay until someone who saw both writes", () => {
    const ring = new RingWorld({ seed: 5, nodes: 3, config: { conflicts: "siblings" } });
    ring.isolate(3);
    ring.ask(1, write("a", 1));
    ring.ask(3, write("b", 1));
    ring.cut.clear();
    ring.runUntil(ring.now + 2000);
    const both = ring.ask(2, read(2));
    expect(new Set(valuesIn(both))).toEqual(new Set(["a", "b"]));
    const context = both.ok && both.state?.kind === "siblings" ? both.state.siblings.context : undefined;
    ring.ask(2, write("c", 2, { context }));
    expect(valuesIn(ring.ask(3, read(2)))).toEqual(["c"]);
  });

  test("counters: every increment counts once, also through a crash of who counted", () => {
    const ring = new RingWorld({ seed: 6, nodes: 3 });
    const likes = counterName("likes");
    const increment = (by: number): Operation => ({ type: "increment", name: likes, by, w: 1, key: undefined });
    ring.isolate(3);
    for (let i = 0; i < 5; i++) {
      ring.ask(1, increment(1));
      ring.ask(3, increment(10));
    }
    ring.crash(3);
    ring.start(3);
    ring.ask(3, increment(-1));
    ring.cut.clear();
    ring.runUntil(ring.now + 2000);
    for (const id of [1, 2, 3]) {
      const state = ring.core(id).shelf.get(likes);
      expect(state?.kind === "counter" && keyedValue(state.counter)).toBe(54);
    }
  });
});

test("a replica that was away for long catches up by hash trees, across checkpoints and restarts", () => {
  const ring = new RingWorld({ seed: 7, nodes: 3 });
  ring.crash(3);
  for (let i = 0; i < 300; i++)
    ring.request(1 + (i % 2), write(`${i}`, 2, { name: keyName(utf8(`k${i % 150}`)) }), () => {});
  ring.runUntil(ring.now + 1500);
  ring.checkpoint(1);
  ring.runUntil(ring.now + 300);
  expect(ring.member(1).log.length).toBeLessThan(5);
  ring.crash(1);
  ring.start(1);
  ring.start(3);
  ring.runUntil(ring.now + 4000);
  expect(new Set(ring.states()).size).toBe(1);
  expect([...ring.core(3).shelf.states()].length).toBe(150);
});

// ---- Histories ----------------------------------------------------------------------------------------

interface Recorded {
  readonly history: HistoryOperation[];
  readonly world: RingWorld;
}

/** Clients that read and write one register through every node, with crashes, cuts and late messages. */
function campaign(
  seed: number,
  options: Partial<RingOptions>,
  quorum: { r: number; w: number; linearizable: boolean },
): Recorded {
  const world = new RingWorld({ seed, nodes: 3, skewMs: 20, maxDelayMs: 8, ...options });
  const random = seededRandom(seed + 1000);
  const nodes = world.members.size;
  const history: HistoryOperation[] = [];
  let unique = 0;
  const client = (process: number, left: number): void => {
    if (left === 0) return;
    const value = ++unique;
    const reads = random.below(3) > 0;
    const callMs = world.now;
    const at = 1 + random.below(nodes);
    const place = history.length;
    const base = { index: place, process, key: "x", call: callMs, callMs, line: place + 1, consistency: undefined };
    const pending = { ret: Number.POSITIVE_INFINITY, retMs: undefined, retLine: undefined };
    history.push({
      ...base,
      ...pending,
      f: reads ? "get" : "put",
      input: reads ? null : value,
      output: null,
      outcome: "unknown",
    });
    const operation = reads
      ? read(quorum.r, quorum.linearizable)
      : write(`${value}`, quorum.w, { linearizable: quorum.linearizable });
    let over = false;
    const next = (outcome?: Outcome): void => {
      if (over) return;
      over = true;
      const retMs = world.now;
      if (outcome?.ok) {
        const [seen] = valuesIn(outcome);
        history[place] = {
          ...history[place]!,
          output: reads ? (seen === undefined ? null : Number(seen)) : null,
          outcome: "ok",
          ret: retMs,
          retMs,
          retLine: place + 1,
        };
      } else if (outcome && !outcome.ok && outcome.failure.definite)
        history[place] = { ...history[place]!, outcome: "fail", ret: retMs, retMs };
      world.after(random.float() * 15, () => client(process, left - 1));
    };
    world.request(at, operation, next);
    world.after(600, () => next());
  };
  for (let process = 0; process < 4; process++) world.after(random.float() * 10, () => client(process, 12));
  for (let i = 0; i < 9; i++) {
    const node = 1 + random.below(nodes);
    const at = random.float() * 400;
    const forMs = 20 + random.float() * 150;
    const kind = random.below(6);
    world.after(at, () => {
      if (kind === 0) {
        if (world.member(node).core) world.crash(node);
        world.after(forMs, () => void (world.member(node).core ?? world.start(node)));
      } else if (kind === 1) {
        world.isolate(node);
        world.after(forMs, () => world.cut.clear());
      } else if (kind === 2) world.checkpoint(node);
      else if (kind === 3) {
        // The power of all nodes goes.
        for (const member of world.members.values()) if (member.core) world.crash(member.id);
        world.after(5, () => {
          for (const member of world.members.values()) if (!member.core) world.start(member.id);
        });
      } else {
        world.delay = (from, _, type) =>
          from === node && type === "store" ? 60 : type === "fetched" ? 25 * random.float() : 0;
        world.after(forMs, () => void (world.delay = () => 0));
      }
    });
  }
  world.runUntil(12_000, () => world.now > 9000);
  world.heal();
  world.runUntil(world.now + 4000);
  return { history: history.filter(({ outcome }) => outcome !== "fail"), world };
}

const verdictOf = (history: HistoryOperation[]): string => {
  const sorted = history.toSorted((a, b) => a.call - b.call || a.index - b.index);
  return check(sorted, { model: "kv", property: "linearizable" }).verdict;
};

describe("histories", () => {
  test("with write-back, reads and writes through any node are linearizable, and replicas converge", () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { history, world } = campaign(seed, {}, { r: 2, w: 2, linearizable: true });
      expect(verdictOf(history), `seed ${seed}`).toBe("holds");
      expect(new Set(world.states()).size, `seed ${seed}`).toBe(1);
      expect(history.filter(({ outcome }) => outcome === "ok").length).toBeGreaterThan(10);
    }
  });

  test("R + W > N alone is not linearizable: the checker shows it", () => {
    const broken = Array.from({ length: 40 }, (_, i) => i + 1).filter(
      (seed) => verdictOf(campaign(seed, {}, { r: 2, w: 2, linearizable: false }).history) === "broken",
    );
    expect(broken.length).toBeGreaterThan(0);
  });

  test("the shortest story of it: a new value is read, then the old one", () => {
    const ring = new RingWorld({ seed: 1, nodes: 3, maxDelayMs: 0 });
    ring.ask(1, write("old", 3));
    const slowly = (): void => {
      ring.delay = (from, to, type) =>
        (type === "store" && from === 1 ? 30 : 0) + (type === "fetched" && from === 1 && to === 3 ? 5 : 0);
    };
    for (const linearizable of [false, true]) {
      const value = linearizable ? "newer" : "new";
      const before = linearizable ? "new" : "old";
      slowly();
      ring.request(1, write(value, 2), () => {});
      ring.runUntil(ring.now + 5);
      // Node 2 hears node 1, which has the new value; then node 3 hears node 2, which has the old one.
      ring.cutLink(2, 3);
      expect(valuesIn(ring.ask(2, read(2, linearizable)))).toEqual([value]);
      ring.cut.clear();
      expect(valuesIn(ring.ask(3, read(2, linearizable)))).toEqual([linearizable ? value : before]);
      ring.delay = () => 0;
      ring.runUntil(ring.now + 1000);
    }
  });

  test.each([
    { bug: "no-write-back", quorum: { r: 2, w: 2, linearizable: true } },
    { bug: "answers-before-sync", quorum: { r: 2, w: 2, linearizable: true }, diskMs: 40 },
    { bug: "sloppy-linearizable", quorum: { r: 2, w: 2, linearizable: true }, nodes: 6, config: { sloppy: true } },
  ])("a planted mistake is found: $bug", ({ bug, quorum, nodes, config, diskMs }) => {
    const options = { nodes: nodes ?? 3, diskMs: diskMs ?? 2, config: { ...config, bugs: new Set([bug]) } };
    const found = Array.from({ length: 300 }, (_, i) => i + 1).find(
      (seed) => verdictOf(campaign(seed, options, quorum).history) === "broken",
    );
    expect(found).toBeDefined();
  });
});
