import { expect, test } from "vitest";
import { readCatalogue, writeCatalogue } from "./catalogue.ts";
import { parseContract } from "./contract.ts";
import { explain } from "./explain.ts";
import type { ReadGuarantee, ReadName } from "./guarantees.ts";
import { implies, neighboursOf } from "./lattice.ts";

test("the workshop's contract", () => {
  const contract = parseContract("monotonic and bounded(100ms); PartitionBehavior: AvailabilityPreferred");
  expect(explain(contract)).toMatchObject({
    implied: ["MonotonicRead", "Eventual"],
    rulesOut: ["MonotonicRead", "BoundedStaleness", "Eventual"],
    leavesOpen: ["ReadYourWrites", "MonotonicWrite", "WritesFollowReads"],
    engines: ["raft", "dynamo"],
    cap: { reads: "AP", writes: "CP" },
    pacelc: { reads: "PA/EL", writes: "PC/EC" },
  });
});

test("the strongest leaves nothing open, the weakest everything that is directly above it", () => {
  expect(explain(parseContract(""))).toMatchObject({
    leavesOpen: [],
    pacelc: { reads: "PC/EC" },
    engines: ["raft", "dynamo"],
  });
  const weakest = explain(
    parseContract("eventual; WriteConsistency: Eventual; PartitionBehavior: AvailabilityPreferred"),
  );
  expect(weakest).toMatchObject({ cap: { reads: "AP", writes: "AP" }, engines: ["dynamo"], rulesOut: ["Eventual"] });
  expect(weakest.leavesOpen).toContain("BoundedStaleness");
});

test("every anomaly is a history of at most five lines", () => {
  for (const { anomaly } of Object.values(readCatalogue)) {
    expect(anomaly.history.length).toBeGreaterThan(1);
    expect(anomaly.history.length).toBeLessThanOrEqual(5);
  }
});

test("every guarantee has all that is to be known of it", () => {
  for (const entry of [...Object.values(readCatalogue), ...Object.values(writeCatalogue)]) {
    expect(entry.definition.length).toBeGreaterThan(0);
    expect(entry.source).toMatch(/\(\d{4}\)/);
    for (const text of [entry.meaning, entry.cost, entry.model]) expect(text).not.toBe("");
    expect(entry.checker.length).toBeGreaterThan(0);
    expect(entry.raft ?? entry.dynamo).toBeDefined();
  }
});

test("neighbours in the lattice imply each other, directly", () => {
  const guaranteeOf = (guarantee: ReadName): ReadGuarantee =>
    guarantee === "BoundedStaleness"
      ? { guarantee, boundMs: 100 }
      : guarantee === "Quorum"
        ? { guarantee, r: 2 }
        : { guarantee };
  for (const name of Object.keys(readCatalogue) as ReadName[]) {
    const { stronger, weaker } = neighboursOf(name);
    for (const other of weaker) {
      expect(implies([guaranteeOf(name)], guaranteeOf(other))).toBe(true);
      expect(neighboursOf(other).stronger).toContain(name);
    }
    for (const other of stronger) expect(neighboursOf(other).weaker).toContain(name);
  }
});
