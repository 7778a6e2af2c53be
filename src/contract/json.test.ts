import fc from "fast-check";
import Schema from "typebox/schema";
import { expect, test } from "vitest";
import { anyContract } from "./contract.suite.ts";
import { contradictionsOf } from "./contradictions.ts";
import { contractFromJson, contractSchema, contractToJson } from "./json.ts";

const isValid = (value: unknown): boolean => Schema.Check(contractSchema, value);

test("the JSON form says the same as the text, and the schema describes it", () => {
  fc.assert(
    fc.property(anyContract, (contract) => {
      fc.pre(contradictionsOf(contract).length === 0);
      const json: unknown = JSON.parse(JSON.stringify(contractToJson(contract)));
      expect(isValid(json)).toBe(true);
      expect(contractFromJson(json)).toEqual(contract);
    }),
  );
});

test.each([
  [[], /\$ is \[\]; it has to be an object/],
  [{ raeds: [] }, /no "raeds"; there are reads/],
  [{ reads: [] }, /\$\.reads is \[\]/],
  [{ reads: [{ guarantee: "Linear" }] }, /\$\.reads\[0\]\.guarantee is "Linear"; it has to be one of Linearizable/],
  [{ reads: [{ guarantee: "Causal", boundMs: 3 }] }, /\$\.reads\[0\] has no "boundMs"/],
  [{ reads: [{ guarantee: "BoundedStaleness" }] }, /\$\.reads\[0\]\.boundMs is missing/],
  [{ write: { guarantee: "Quorum", w: 0 } }, /\$\.write\.w is 0/],
  [{ partition: "Maybe" }, /\$\.partition is "Maybe"/],
  [{ latency: [{ percentile: 99 }] }, /\$\.latency\[0\]\.belowMs is missing/],
  [{ availability: { percent: 120, overMs: 1 } }, /no share up to 100%/],
])("%j is refused", (value, message) => {
  expect(() => contractFromJson(value)).toThrow(message);
  expect(isValid(value)).toBe(false);
});

test("contradictions are found in JSON as well", () => {
  const json = { reads: [{ guarantee: "Linearizable" }], partition: "AvailabilityPreferred" };
  expect(() => contractFromJson(json)).toThrow(expect.objectContaining({ code: "contradiction" }));
});
