import { expect, test } from "vitest";
import { modelBalance } from "./index.ts";

const options = { nodes: 10, keys: 20_000, replicas: 1, virtualNodes: [1, 16, 256], seed: 1 };

test("what is measured agrees with the theory", () => {
  for (const replicas of [1, 3]) {
    for (const row of modelBalance({ ...options, replicas })) {
      expect(Math.abs(row.movement - row.movementInTheory), JSON.stringify(row)).toBeLessThan(
        row.virtualNodes === 1 ? 0.15 : 0.05,
      );
      // One ring of few points is one sample of a wide distribution.
      const factor = row.virtualNodes === undefined || row.virtualNodes >= 256 ? 2.2 : 4;
      expect(row.spread / row.spreadInTheory, JSON.stringify(row)).toBeGreaterThan(1 / factor);
      expect(row.spread / row.spreadInTheory, JSON.stringify(row)).toBeLessThan(factor);
    }
  }
});

test("virtual nodes even a ring out, and only counting modulo moves nearly everything", () => {
  const [modulo, one, some, many, drawn] = modelBalance(options);
  expect(one!.spread).toBeGreaterThan(some!.spread);
  expect(some!.spread).toBeGreaterThan(many!.spread);
  expect(modulo!.movement).toBeGreaterThan(0.85);
  for (const row of [some!, many!, drawn!]) expect(row.movement).toBeLessThan(0.15);
});
