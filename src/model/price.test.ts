import { expect, test } from "vitest";
import { parseContract } from "../contract/index.ts";
import { priceOf } from "./price.ts";
import { topologies } from "./topologies.suite.ts";

const { oneRack, threeZones, threeRegions } = topologies;
const price = (text: string, topology = threeZones): ReturnType<typeof priceOf> =>
  priceOf(parseContract(text), topology, { draws: 4000 });

test("the same seed gives the same price", () => {
  expect(price("ReadConsistency: Session")).toEqual(price("ReadConsistency: Session"));
});

test("what is stronger never costs less", () => {
  for (const topology of [oneRack, threeZones, threeRegions]) {
    const [weak, strong] = [
      price("ReadConsistency: Eventual", topology),
      price("ReadConsistency: Linearizable", topology),
    ];
    expect(strong.reads.p50Ms).toBeGreaterThanOrEqual(weak.reads.p50Ms);
    expect(strong.staleness.fresh.value).toBe(1);
    expect(weak.staleness.fresh.value).toBeLessThan(1);
  }
});

test("a tighter bound sends more reads to the leader, and each answer proves less age than the bound", () => {
  const shares = [10, 50, 100, 200, 1000].map((boundMs) => {
    const { staleness } = price(`ReadConsistency: BoundedStaleness(${boundMs}ms)`, threeRegions);
    return staleness.local.value;
  });
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});

test("a linearizable read is as available as a write; an eventual one as anyone", () => {
  const { availability } = price("ReadConsistency: Linearizable; WriteConsistency: Linearizable");
  expect(availability.reads).toBe(availability.writes);
  const eventual = price("ReadConsistency: Eventual; PartitionBehavior: AvailabilityPreferred").availability;
  expect(eventual.reads).toBeGreaterThan(availability.reads);
  expect(eventual.degraded).toBeCloseTo(eventual.reads - eventual.writes, 12);
});

test("objectives are kept or at risk", () => {
  const { objectives } = price(
    "ReadConsistency: Linearizable; Latency: reads p99 < 20ms, writes p50 < 0.5ms; Availability: 99% over 30d",
  );
  expect(objectives.map(({ kept }) => kept)).toEqual([true, false, true]);
});
