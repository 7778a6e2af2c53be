import { describe, expect, test } from "vitest";
import { FaultBook, parseFault, type FaultRequest, type NetworkFault } from "./faults.ts";

const members = [1, 2, 3];
const parse = (request: FaultRequest) => parseFault(request, members);

describe("requests", () => {
  test.each<[FaultRequest, RegExp]>([
    [{ kind: "kill" }, /needs "node"/],
    [{ kind: "kill", node: 4 }, /no node 4; there are 1, 2, 3/],
    [{ kind: "kill", node: 1, rate: 0.5 }, /does not take "rate"; it takes node, forMs/],
    [{ kind: "heal", node: 1 }, /does not take "node"; it takes fault$/],
    [{ kind: "cut", from: 1 }, /needs "to"/],
    [{ kind: "cut", from: 1, to: 1 }, /no link to itself/],
    [{ kind: "delay", from: 1, to: 1, delayMs: 5 }, /no link to itself/],
    [{ kind: "drop" }, /needs "rate"/],
    [{ kind: "partition" }, /needs "nodes"/],
    [{ kind: "partition", nodes: [[1, 2, 3]] }, /both sides/],
    [{ kind: "partition", nodes: [[1], [1, 2]] }, /twice/],
    [{ kind: "partition", nodes: [[9]] }, /no node 9/],
  ])("%j is refused", (request, message) => {
    expect(() => parse(request)).toThrow(message);
  });

  test("nodes that a partition leaves out form one more group", () => {
    expect(parse({ kind: "partition", nodes: [[2]] })).toEqual({
      kind: "partition",
      groups: [[2], [1, 3]],
      oneWay: false,
      forMs: undefined,
    });
  });
});

describe("what links suffer", () => {
  const bookOf = (...requests: FaultRequest[]): FaultBook => {
    const book = new FaultBook(members);
    for (const request of requests) book.add(parse(request) as NetworkFault);
    return book;
  };
  const block = (peer: number, blockIn = true, blockOut = true) => ({
    peer,
    blockIn,
    blockOut,
    delayMs: 0,
    jitterMs: 0,
    drop: 0,
  });

  test("a partition blocks both ways, on both sides", () => {
    const book = bookOf({ kind: "partition", nodes: [[1], [2, 3]] });
    expect(book.linksOf(1)).toEqual([block(2), block(3)]);
    expect(book.linksOf(2)).toEqual([block(1)]);
    expect(book.linksOf(3)).toEqual([block(1)]);
  });

  test("one way, only what the first group says is lost", () => {
    const book = bookOf({ kind: "partition", nodes: [[1], [2, 3]], oneWay: true });
    expect(book.linksOf(1)).toEqual([block(2, false, true), block(3, false, true)]);
    expect(book.linksOf(2)).toEqual([block(1, true, false)]);
  });

  test("a cut is of one link, both ways or one", () => {
    expect(bookOf({ kind: "cut", from: 1, to: 2 }).linksOf(1)).toEqual([block(2)]);
    expect(bookOf({ kind: "cut", from: 1, to: 2 }).linksOf(3)).toEqual([]);
    const book = bookOf({ kind: "cut", from: 2, to: 1, oneWay: true });
    expect(book.linksOf(1)).toEqual([block(2, true, false)]);
    expect(book.linksOf(2)).toEqual([block(1, false, true)]);
  });

  test("delay and loss are applied by one end of a link; faults add up", () => {
    const book = bookOf(
      { kind: "delay", from: 2, to: 1, delayMs: 50, jitterMs: 5 },
      { kind: "delay", delayMs: 10 },
      { kind: "drop", from: 1, rate: 0.5 },
      { kind: "drop", from: 1, to: 2, rate: 0.5 },
    );
    expect(book.linksOf(1)).toEqual([
      { peer: 2, blockIn: false, blockOut: false, delayMs: 60, jitterMs: 5, drop: 0.75 },
      { peer: 3, blockIn: false, blockOut: false, delayMs: 10, jitterMs: 0, drop: 0.5 },
    ]);
    expect(book.linksOf(3)).toEqual([]);
    expect(book.linksOf(3, true).map((link) => link.peer)).toEqual([1, 2]);
  });

  test("a fault that ended is no more", () => {
    const book = bookOf({ kind: "partition", nodes: [[1]] });
    const id = book.add({ kind: "drop", from: undefined, to: undefined, rate: 1, forMs: undefined });
    book.remove(book.active[0]!.id);
    expect(book.active.map((entry) => entry.id)).toEqual([id]);
    expect(book.linksOf(1)[0]).toMatchObject({ blockIn: false, drop: 1 });
    book.clear();
    expect(book.linksOf(1)).toEqual([]);
  });
});
