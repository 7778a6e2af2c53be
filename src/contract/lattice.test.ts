import fc from "fast-check";
import { expect, test } from "vitest";
import { anyContract, anyRead } from "./contract.suite.ts";
import { plainReads, type ReadGuarantee } from "./guarantees.ts";
import { impliedReads, implies, normalReads, refines } from "./lattice.ts";

const anyReads = fc.array(anyRead, { maxLength: 5 });
const plain = (guarantee: (typeof plainReads)[number]): ReadGuarantee => ({ guarantee });
const bounded = (boundMs: number): ReadGuarantee => ({ guarantee: "BoundedStaleness", boundMs });

test("the chain and its branches", () => {
  expect(impliedReads([plain("Causal")])).toEqual(plainReads.slice(2));
  expect(impliedReads([plain("MonotonicRead"), plain("ReadYourWrites")])).toEqual([
    "MonotonicRead",
    "ReadYourWrites",
    "Eventual",
  ]);
  expect(implies([plain("Linearizable")], bounded(1))).toBe(true);
  expect(implies([plain("Sequential")], bounded(1_000_000))).toBe(false);
  expect(implies([bounded(100)], bounded(200))).toBe(true);
  expect(implies([bounded(200)], bounded(100))).toBe(false);
  expect(implies([bounded(1)], plain("MonotonicRead"))).toBe(false);
});

test("the four guarantees of sessions are a session", () => {
  const four = (["MonotonicRead", "ReadYourWrites", "MonotonicWrite", "WritesFollowReads"] as const).map(plain);
  expect(normalReads(four)).toEqual([plain("Session")]);
  expect(normalReads(four.slice(1))).toHaveLength(3);
});

test("implication is a preorder, and the normal form is the least text with the same meaning", () => {
  fc.assert(
    fc.property(anyReads, anyReads, anyRead, (a, b, one) => {
      const normal = normalReads(a);
      for (const guarantee of a) expect(implies(normal, guarantee)).toBe(true);
      for (const guarantee of normal) expect(implies(a, guarantee)).toBe(true);
      expect(normalReads(normal)).toEqual(normal);
      expect(normalReads([...a].reverse())).toEqual(normal);
      for (const [place, guarantee] of normal.entries()) {
        const rest = normal.filter((_, other) => other !== place);
        if (guarantee.guarantee !== "Eventual") expect(implies(rest, guarantee)).toBe(false);
      }
      // Transitive: what b says follows from a, so what follows from b follows from a.
      if (b.every((guarantee) => implies(a, guarantee)) && implies(b, one)) expect(implies(a, one)).toBe(true);
      // Monotone: more demands imply no less.
      if (implies(a, one)) expect(implies([...a, ...b], one)).toBe(true);
    }),
  );
});

test("a contract refines itself, and with more reads what it was before", () => {
  fc.assert(
    fc.property(anyContract, anyReads, (contract, more) => {
      expect(refines(contract, contract)).toBe(true);
      expect(refines({ ...contract, reads: normalReads([...contract.reads, ...more]) }, contract)).toBe(true);
    }),
  );
});
