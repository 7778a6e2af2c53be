import { expect, test } from "vitest";
import { readCatalogue } from "./catalogue.ts";
import { parseContract } from "./contract.ts";
import { explain } from "./explain.ts";

test("the workshop's contract", () => {
  const contract = parseContract("monotonic and bounded(100ms); PartitionBehavior: AvailabilityPreferred");
  expect(explain(contract)).toMatchObject({
    implied: ["MonotonicRead", "Eventual"],
    rulesOut: ["MonotonicRead", "BoundedStaleness", "Eventual"],
    leavesOpen: ["ReadYourWrites", "MonotonicWrite", "WritesFollowReads"],
    engines: ["raft"],
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
