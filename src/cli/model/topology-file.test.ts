import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { loadTopology, parseTopology, shippedTopologies, topologyJsonSchema } from "./topology-file.ts";

describe("topologies that come with Cohort", () => {
  test.each(shippedTopologies())("%s is in order and has the name of its file", (name) => {
    expect(loadTopology(name).name).toBe(name);
  });
  test("there are three", () => expect(shippedTopologies()).toEqual(["one-rack", "three-regions", "three-zones"]));
});

describe("a wrong topology names the place and the way out", () => {
  const good = loadTopology("three-zones");
  const wrong: [string, unknown, RegExp][] = [
    ["no delays", { ...good, delays: [] }, /delays: none between n1 and n2; add one/],
    ["unknown leader", { ...good, leader: "n9" }, /leader: there is no "n9"; the names are n1, n2, n3/],
    ["shares", { ...good, clients: [{ name: "a", at: "zone-a", share: 0.5 }] }, /the shares add up to 0.5; make them/],
    ["a site nowhere", { ...good, clients: [{ name: "a", at: "zone-x", share: 1 }] }, /clients\[0\].at: there is no/],
    ["a word that is none", { ...good, leadr: "n1" }, /"leadr" in t.json is not known here/],
    ["a text for a number", { ...good, turnMs: "fast" }, /"turnMs" in t.json must be number/],
    ["an unknown kind", { ...good, disk: { kind: "gamma" } }, /"disk.kind" in t.json must be equal to one of/],
    ["a part of a kind is missing", { ...good, disk: { kind: "lognormal", medianMs: 1 } }, /disk.*p99Ms/],
    ["p99 below the median", { ...good, disk: { kind: "lognormal", medianMs: 2, p99Ms: 1 } }, /disk.p99Ms: 1 is below/],
    [
      "quantiles",
      {
        ...good,
        disk: {
          kind: "measured",
          quantiles: [
            [0, 2],
            [1, 1],
          ],
        },
      },
      /disk.quantiles\[1\]: .* must grow/,
    ],
    ["a name twice", { ...good, domains: [good.domains[0], good.domains[0]] }, /"region" is taken by domains\[0\]/],
    [
      "hasty elections",
      { ...good, raft: { heartbeatMs: 50, electionTimeoutMs: 60 } },
      /more than two heartbeats \(100\)/,
    ],
  ];
  test.each(wrong)("%s", (_, content, message) => {
    expect(() => parseTopology(JSON.stringify(content), "t.json")).toThrow(message);
  });
  test("no JSON", () => expect(() => parseTopology("{", "t.json")).toThrow(/t.json is not JSON/));
  test("no file", () => expect(() => loadTopology("three-moons")).toThrow(/there is no topology "three-moons"/));
});

test("the schema for editors is the one that is used", async () => {
  const file = await readFile(new URL("../../model/topologies/topology.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(file), "`cohort model topology --schema` prints it").toEqual(
    JSON.parse(JSON.stringify(topologyJsonSchema())),
  );
});
