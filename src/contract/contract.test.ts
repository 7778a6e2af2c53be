import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyContract } from "./contract.suite.ts";
import { keptAlone, parseContract, parseKeyspaceContract, parseReadContract, readContractOf } from "./contract.ts";
import { contradictionsOf, nearestPossible } from "./contradictions.ts";
import { diagnosticText } from "./diagnostics.ts";
import { parse } from "./parse.ts";
import { quorumPlan, quorumRead, type QuorumDefinition } from "./quorums.ts";

const workshop = `ReadConsistency: MonotonicRead ∧ BoundedStaleness(100ms)
WriteConsistency: Linearizable
PartitionBehavior: AvailabilityPreferred`;

test("the contract of the course's workshop parses as it stands, also with `and`", () => {
  const contract = parseContract(workshop);
  expect(contract).toMatchObject({
    reads: [{ guarantee: "MonotonicRead" }, { guarantee: "BoundedStaleness", boundMs: 100 }],
    write: { guarantee: "Linearizable" },
    partition: "AvailabilityPreferred",
    text: workshop,
  });
  expect(parseContract(workshop.replace("∧", "and"))).toEqual(contract);
});

test("what is left out is as strong as it can be", () => {
  expect(parseContract("").text).toBe(
    "ReadConsistency: Linearizable\nWriteConsistency: Linearizable\nPartitionBehavior: ConsistencyPreferred",
  );
});

test("case, spaces, comments, continued lines and short names do not matter", () => {
  const contract = parseContract(
    "# ours\nread consistency: monotonic-read # sessions\n  and bounded(0.1s) ∧\n  bounded(2 m); WRITECONSISTENCY: strong\n\npartition-behavior: availabilitypreferred",
  );
  expect(contract).toEqual(parseContract(workshop));
});

test("objectives", () => {
  const contract = parseContract("Latency: p99 < 20ms, writes p99.9 < 1.5s\nAvailability: 99.99% over 90d");
  expect(contract.latency).toEqual([
    { operation: "all", percentile: 99, belowMs: 20 },
    { operation: "writes", percentile: 99.9, belowMs: 1500 },
  ]);
  expect(contract.availability).toEqual({ percent: 99.99, overMs: 90 * 86_400_000 });
  expect(parseContract("Availability: 99%").text).toContain("Availability: 99% over 30d");
});

test("canonical text is a normal form: it parses to the same contract, and prints as itself", () => {
  fc.assert(
    fc.property(anyContract, (contract) => {
      const { contract: again, diagnostics } = parse(contract.text);
      if (contradictionsOf(contract).length === 0) expect(again).toEqual(contract);
      else expect(diagnostics.every(({ code }) => code === "contradiction")).toBe(true);
    }),
  );
});

test("for every contradiction the nearest contracts are possible and differ from it", () => {
  fc.assert(
    fc.property(anyContract, (contract) => {
      fc.pre(contradictionsOf(contract).length > 0);
      const near = nearestPossible(contract);
      expect(near).toHaveLength(2);
      expect(new Set(near.map(({ text }) => text)).size).toBe(2);
      for (const possible of near) {
        expect(possible.text).not.toBe(contract.text);
        expect(parseContract(possible.text)).toEqual(possible);
      }
    }),
  );
});

test.each([
  ["ReadConsistency: Linearizable; PartitionBehavior: AvailabilityPreferred", /no system keeps both.*Gilbert/],
  ["ReadConsistency: Linearizable; WriteConsistency: Eventual", /one order of all writes.*Attiya/],
  ["ReadConsistency: Sequential; WriteConsistency: Causal", /one order of all writes/],
  ["ReadConsistency: Causal; WriteConsistency: Eventual", /cause and effect.*Terry/],
  ["Availability: 100%", /100% cannot be promised: ConsistencyPreferred/],
  ["eventual; PartitionBehavior: AvailabilityPreferred; Availability: 100%", /100% cannot.*Linearizable writes/],
])("%s contradicts itself", (text, message) => {
  expect(() => parseContract(text)).toThrow(message);
  const [diagnostic] = parse(text).diagnostics;
  expect(diagnostic).toMatchObject({ code: "contradiction", severity: "error" });
  expect(diagnostic!.nearest).toHaveLength(2);
});

test.each([
  ["eventual; WriteConsistency: Eventual; PartitionBehavior: AvailabilityPreferred; Availability: 100%"],
  ["sequential; PartitionBehavior: AvailabilityPreferred"],
  ["linearizable; WriteConsistency: Quorum(W=2)"],
])("%s does not", (text) => {
  expect(parse(text).diagnostics).toEqual([]);
});

/** What is wrong, where it says so, and the text after its suggestion was taken. */
test.each([
  ["ReadConsistency Linearizable", "1:1", /colon is missing/, "ReadConsistency: Linearizable"],
  ["Colour: blue", "1:1", /not a clause of a contract/, undefined],
  ["ReadConsistancy: causal", "1:1", /not a clause/, "ReadConsistency: causal"],
  ["ReadConsistency: sometimes", "1:18", /not a read guarantee/, undefined],
  ["eventual\nWriteConsistency: Linearisable", "2:19", /not a write/, "eventual\nWriteConsistency: Linearizable"],
  ["∧ causal", "1:1", /read guarantee is missing/, undefined],
  ["monotonic and", "1:14", /read guarantee is missing here, there is nothing/, undefined],
  ["monotonic bounded(3ms)", "1:1", /joined/, "monotonic ∧ bounded(3ms)"],
  ["🦊: x", "1:1", /missing here, there is "🦊"/, undefined],
  ["eventual; 🦊🦊 WriteConsistency: causal", "1:11", /not a clause/, undefined],
  ["bounded", "1:1", /needs an argument/, "BoundedStaleness(100ms)"],
  ["bounded(100)", "1:9", /not a duration/, "bounded(100ms)"],
  ["bounded(soon)", "1:9", /not a duration/, "bounded(100ms)"],
  ["bounded(0ms)", "1:9", /out of range/, "bounded(100ms)"],
  ["bounded(9ms", "1:12", /"\)" is missing/, "bounded(9ms)"],
  ["causal(3)", "1:1", /takes no argument/, "Causal"],
  ["Quorum(R=0)", "1:10", /no number of replicas/, "Quorum(R=2)"],
  ["causal)", "1:7", /not expected/, undefined],
  ["ReadConsistency: eventual; ReadConsistency: session", "1:28", /said twice/, undefined],
  ["PartitionBehavior: maybe", "1:20", /not a partition behaviour/, undefined],
  ["causal\nPartitionBehavior: availability", "2:20", /not a part/, "causal\nPartitionBehavior: AvailabilityPreferred"],
  ["WriteConsistency: monotonic", "1:19", /is for reads/, undefined],
  ["Latency: p100 < 3ms", "1:10", /no percentile/, "Latency: p99 < 3ms"],
  ["Latency: p99 3ms", "1:14", /"<" is missing/, "Latency: p99 < 3ms"],
  ["Availability: 120%", "1:15", /no share/, "Availability: 99.99%"],
])("%j is refused at %s", (text, place, message, mended) => {
  const { contract, diagnostics } = parse(text);
  const [diagnostic] = diagnostics;
  expect(contract).toBeUndefined();
  expect(diagnostics).toHaveLength(1);
  expect(`${diagnostic!.line}:${diagnostic!.column}`).toBe(place);
  expect(diagnostic!.message).toMatch(message);
  expect(() => parseContract(text)).toThrow(expect.objectContaining({ code: diagnostic!.code, definite: true }));
  const { from, to, suggestion } = diagnostic!;
  const taken = suggestion === undefined ? undefined : text.slice(0, from) + suggestion + text.slice(to);
  expect(taken).toBe(mended);
  if (taken !== undefined) expect(parse(taken).diagnostics).toEqual([]);
});

test("every clause that is wrong is told, in order", () => {
  const { diagnostics } = parse("ReadConsistency: linear\nWriteConsistency: sure\nLatency: often");
  expect(diagnostics.map(({ line }) => line)).toEqual([1, 2, 3]);
});

test("the line, a caret under what is wrong, and what to write", () => {
  const text = "WriteConsistency: Linearizable\n\tReadConsistency: ∧ Monotonik";
  expect(diagnosticText(text.replace("∧ ", ""), parse(text.replace("∧ ", "")).diagnostics[0]!)).toBe(
    [
      '2:19: "Monotonik" is not a read guarantee; there are Linearizable, Sequential, Causal, Session, MonotonicRead, ReadYourWrites, MonotonicWrite, WritesFollowReads, BoundedStaleness, Quorum, Eventual',
      "  |",
      "2 |  ReadConsistency: Monotonik",
      "  |                   ^^^^^^^^^",
      "  = write: MonotonicRead",
    ].join("\n"),
  );
});

test("no text makes the parser fail, and every diagnostic has its place in the text", () => {
  const piece = fc.constantFrom(
    ..."ReadConsistency|:|;|\n|∧|and|bounded|(|)|100ms|p99|<|99%|over|causal|Latency|Availability|=|🦊| |#".split("|"),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(piece).map((parts) => parts.join("")),
      ),
      (text) => {
        const { contract, diagnostics } = parse(text);
        expect(contract === undefined).toBe(diagnostics.some(({ severity }) => severity === "error"));
        for (const { from, to, line, column } of diagnostics) {
          expect(0 <= from && from <= to && to <= text.length && line >= 1 && column >= 1).toBe(true);
        }
      },
    ),
  );
});

test("what a request asks of a read", () => {
  expect(parseReadContract("monotonic and bounded(100ms); PartitionBehavior: AvailabilityPreferred")).toEqual({
    linearizable: false,
    session: true,
    stalenessMs: 100,
    partition: "AvailabilityPreferred",
    text: "MonotonicRead ∧ BoundedStaleness(100ms)",
  });
  // Left to the keyspace, where that is possible.
  expect(parseReadContract("causal").partition).toBeUndefined();
  expect(parseReadContract("linearizable").partition).toBe("ConsistencyPreferred");
  expect(() => parseReadContract("linearizable; PartitionBehavior: AvailabilityPreferred")).toThrow(/no system/);
  expect(() => parseReadContract("causal; WriteConsistency: linearizable")).toThrow(/1:9: WriteConsistency belongs/);
  expect(() => parseReadContract("PartitionBehavior: AvailabilityPreferred")).toThrow(/names no guarantee/);
  expect(readContractOf(parseContract("MonotonicWrite"))).toMatchObject({ linearizable: false, session: false });
});

test("what still holds where a replica is on its own", () => {
  const both = parseReadContract("monotonic and writes-follow-reads and bounded(100ms)");
  expect(keptAlone(both, true, 100)).toBe(both.text);
  expect(keptAlone(both, true, 101)).toBe("MonotonicRead ∧ WritesFollowReads");
  expect(keptAlone(both, false, undefined)).toBe("WritesFollowReads");
  expect(keptAlone(parseReadContract("causal"), false, 1)).toBe("Eventual");
});

describe("a keyspace without a leader", () => {
  const strict = { r: 0, w: 0, conflicts: "lww", sloppy: false } as const;
  const plan = (text: string, definition: QuorumDefinition = strict) => quorumPlan(parseContract(text), 3, definition);

  test.each([
    ["linearizable", { r: 2, w: 2, ordered: true, linearizable: true, inOrder: true }],
    ["session; WriteConsistency: Quorum(W=2)", { r: 2, w: 2, ordered: true, linearizable: false, inOrder: true }],
    ["causal; WriteConsistency: Causal", { r: 3, w: 1, ordered: true, linearizable: false, inOrder: true }],
    ["monotonic; WriteConsistency: Quorum(W=2)", { r: 2, w: 2, ordered: true, linearizable: false, inOrder: false }],
    ["bounded(1s); WriteConsistency: Eventual", { r: 3, w: 1, ordered: true, linearizable: false, inOrder: false }],
    ["eventual; WriteConsistency: Eventual", { r: 1, w: 1, ordered: false, linearizable: false, inOrder: false }],
  ])("%s: quorums and rounds", (text, wanted) => expect(plan(text)).toEqual({ n: 3, ...wanted }));

  test("what orders writes is refused for a read where writes do not learn what they come after", () => {
    const own = parseContract("Quorum(R=2); WriteConsistency: Quorum(W=2)");
    const read = (text: string, of = plan(own.text)) => quorumRead(of, readContractOf(own), parseReadContract(text));
    for (const text of ["session", "causal", "MonotonicWrite", "monotonic and WritesFollowReads"])
      expect(() => read(text), text).toThrow(/do not wait to learn what they come after/);
    expect(read("monotonic and ReadYourWrites")).toMatchObject({ r: 2, ordered: true });
    expect(read("session", plan("session; WriteConsistency: Quorum(W=2)"))).toMatchObject({ r: 2, ordered: true });
    expect(read("session", plan(own.text, { ...strict, conflicts: "siblings" }))).toMatchObject({ ordered: true });
  });
});

test("a raft keyspace has linearizable writes and no quorums", () => {
  expect(() => parseKeyspaceContract("eventual; WriteConsistency: Eventual", "raft")).toThrow(/linearizable writes/);
  expect(() => parseKeyspaceContract("Quorum(R=2)", "raft")).toThrow(/ask for Linearizable/);
  expect(parseReadContract("Quorum(R=2)").replicas).toBe(2);
  expect(parseKeyspaceContract("Quorum(R=2); WriteConsistency: Quorum(W=2)", "dynamo").reads).toHaveLength(1);
});
