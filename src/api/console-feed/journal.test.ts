import { expect, test } from "vitest";
import { Journal } from "./journal.ts";
import type { Happening, Tick } from "./messages.ts";

const tick = (at: number): Tick => ({
  type: "tick",
  at,
  term: 1,
  nodes: [],
  processes: [],
  faults: [],
  traffic: {
    wanted: 0,
    perSecond: 0,
    increments: 0,
    failed: 0,
    open: 0,
    value: undefined,
    p50: undefined,
    p95: undefined,
    p99: undefined,
    lastError: undefined,
  },
});
const event = (at: number): Happening => ({ type: "event", at, kind: "leader", text: `at ${at}` });
const times = (journal: Journal, after: number): number[] => journal.after(after).map(({ entry }) => entry.at);

test("who comes back gets what it missed, in order", () => {
  const journal = new Journal("a", 10, 10);
  journal.add(tick(1));
  const last = journal.idOf(journal.add(event(2)));
  journal.add(tick(3));
  journal.add(event(4));
  expect(times(journal, journal.numberOf(last))).toEqual([3, 4]);
  expect(times(journal, 0)).toEqual([1, 2, 3, 4]);
});

test("ticks are forgotten before events are", () => {
  const journal = new Journal("a", 2, 10);
  journal.add(event(0));
  for (let at = 1; at <= 5; at++) journal.add(tick(at));
  expect(times(journal, 0)).toEqual([0, 4, 5]);
});

test.each([undefined, "b-3", "a-9", "a--1", "a-x", ""])("%j is no number of this journal: everything is news", (id) => {
  const journal = new Journal("a", 10, 10);
  journal.add(tick(1));
  expect(journal.numberOf(id)).toBe(0);
});
