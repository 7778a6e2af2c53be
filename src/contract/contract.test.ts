import { expect, test } from "vitest";
import { parseContract } from "./contract.ts";

test("what is left out is as strong as it can be", () => {
  expect(parseContract("")).toMatchObject({
    read: { linearizable: true, partition: "ConsistencyPreferred" },
    text: "ReadConsistency: Linearizable\nWriteConsistency: Linearizable\nPartitionBehavior: ConsistencyPreferred",
  });
});

test("a contract says how its reads go, and its canonical text says the same", () => {
  const contract = parseContract(
    "readconsistency: monotonic and bounded(100ms); WriteConsistency: linearizable\nPartitionBehavior: availabilitypreferred",
  );
  expect(contract.read).toMatchObject({
    linearizable: false,
    session: true,
    stalenessMs: 100,
    partition: "AvailabilityPreferred",
  });
  expect(contract.text).toContain("ReadConsistency: MonotonicRead ∧ BoundedStaleness(100ms)");
  expect(parseContract(contract.text)).toEqual(contract);
});

test.each([
  ["ReadConsistency Linearizable", /not a clause of a contract/],
  ["Colour: blue", /not a clause of a contract/],
  ["ReadConsistency: sometimes", /not a read guarantee/],
  ["ReadConsistency: eventual; ReadConsistency: session", /said twice/],
  ["PartitionBehavior: maybe", /not a clause here/],
  ["ReadConsistency: linearizable; PartitionBehavior: AvailabilityPreferred", /no system keeps both/],
  ["WriteConsistency: eventual", /linearizable writes/],
])("%s is refused", (text, message) => {
  expect(() => parseContract(text)).toThrow(message);
});
