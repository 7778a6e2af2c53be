import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isQuorum, majority, quorumValue, voteResult } from "./index.ts";

/** The definition, spelled out: the highest value v such that those at v or above are a quorum. */
function plainQuorumValue(voters: number[], outgoing: number[], valueOf: (node: number) => number): number {
  const values = [...voters, ...outgoing].map(valueOf).sort((a, b) => b - a);
  for (const value of values) {
    if (isQuorum({ voters, outgoing }, (node) => valueOf(node) >= value)) return value;
  }
  throw new Error("a full set is always a quorum");
}

const nodes = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 });
const joint = fc.record({ voters: nodes, outgoing: fc.oneof(fc.constant<number[]>([]), nodes) });

describe("counting", () => {
  test("majority table", () => {
    expect([1, 2, 3, 4, 5, 6, 7].map(majority)).toEqual([1, 2, 2, 3, 3, 4, 4]);
  });

  test("two quorums of one group share a node in each half", () => {
    fc.assert(
      fc.property(joint, fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }), (group, pick) => {
        const one = (node: number) => pick[node]!;
        const other = (node: number) => !pick[node]!;
        expect(isQuorum(group, one) && isQuorum(group, other)).toBe(false);
      }),
    );
  });

  test("the value of a quorum agrees with its definition", () => {
    fc.assert(
      fc.property(joint, fc.array(fc.nat(20), { minLength: 10, maxLength: 10 }), (group, values) => {
        const valueOf = (node: number) => values[node]!;
        expect(quorumValue(group, valueOf)).toBe(plainQuorumValue(group.voters, group.outgoing, valueOf));
      }),
    );
  });

  test("a vote is lost exactly when no completion could win it", () => {
    const vote = fc.constantFrom(true, false, undefined);
    fc.assert(
      fc.property(joint, fc.array(vote, { minLength: 10, maxLength: 10 }), (group, votes) => {
        const result = voteResult(group, (node) => votes[node]);
        const best = voteResult(group, (node) => votes[node] ?? true);
        expect(result === "lost").toBe(best === "lost");
        expect(result === "won").toBe(isQuorum(group, (node) => votes[node] === true));
      }),
    );
  });
});
