/** What people type and write into files, and what they are told when it is wrong. */
import { describe, expect, test } from "vitest";
import { groupsOf, linkOf } from "./commands/fault.ts";
import { parseCondition, parseStep } from "./commands/txn.ts";
import { checkNodeConfig } from "./node-config.ts";
import { portBase, portsOf } from "./ports.ts";

test("ports follow the base", () => {
  expect(portsOf(portBase({}), 2)).toEqual({ http: 7102, peer: 7302, native: 7402 });
  expect(portsOf(portBase({ COHORT_PORT_BASE: "17000" }), 1).http).toBe(17_101);
  for (const wrong of ["seven", "80", "70000", "7000.5"])
    expect(() => portBase({ COHORT_PORT_BASE: wrong })).toThrow(wrong);
});

test("groups of a partition", () => {
  for (const words of [["1", "/", "2,3"], ["1/2,3"], ["1", "/2", "3"]]) expect(groupsOf(words)).toEqual([[1], [2, 3]]);
  expect(() => groupsOf(["a", "/", "2"])).toThrow(/"a"; it has to be a whole number/);
});

test("links", () => {
  expect(linkOf("1-2")).toEqual({ from: 1, to: 2 });
  expect(linkOf("3")).toEqual({ from: 3 });
  expect(linkOf(undefined)).toEqual({});
  expect(() => linkOf("1..2")).toThrow(/no link; write 1-2/);
});

describe("transactions", () => {
  test.each([
    ["job missing", { key: "job", exists: false }],
    ["job exists", { key: "job", exists: true }],
    ["job = me and you", { key: "job", is: "=", value: "me and you" }],
    ["job != ", { key: "job", is: "!=", value: "" }],
    ["revision job > 7", { key: "job", is: ">", revision: 7 }],
    ["created job = 0", { key: "job", is: "=", createRevision: 0 }],
    ["lock backup = 3", { lock: "backup", token: 3 }],
    ["version a/b<3", { key: "a/b", is: "<", version: 3 }],
  ])("condition %s", (text, condition) => expect(parseCondition(text)).toEqual(condition));

  test.each([
    ["put a b c", { put: "a", value: "b c" }],
    ["put a ", { put: "a", value: "" }],
    ["delete a", { delete: "a" }],
    ["get a", { get: "a" }],
  ])("step %s", (text, step) => expect(parseStep(text)).toEqual(step));

  test.each(["", "job", "job is me"])("%j is no condition", (text) =>
    expect(() => parseCondition(text)).toThrow(/no condition; write/),
  );
  test.each(["", "put a", "delete", "grab a"])("%j is no step", (text) =>
    expect(() => parseStep(text)).toThrow(/no step; write/),
  );
});

describe("a node's configuration", () => {
  const member = (id: number) => ({ id, http: `h:${id}`, peer: `h:${id}`, native: `[::1]:${id}` });
  const good = { clusterId: "c", nodeId: 1, dataDirectory: "/d", members: [member(1), member(2)] };

  test("has defaults for what is left out", () => {
    expect(checkNodeConfig(good, "f")).toMatchObject({
      allowFaults: false,
      leases: true,
      electionTimeoutMs: 300,
      learners: [],
    });
  });

  test.each<[object, RegExp]>([
    [{ clusterId: "" }, /"clusterId" in f/],
    [{ nodeId: 3 }, /nodeId 3 is none of the members 1, 2/],
    [{ nodeId: "1" }, /"nodeId" in f must be integer/],
    [{ members: [] }, /"members"/],
    [{ members: [member(1), member(1)] }, /named twice/],
    [{ members: [{ ...member(1), http: "nowhere" }] }, /"members\.0\.http"/],
    [{ learners: [9] }, /learner is no member/],
    [{ logLevel: "loud" }, /"logLevel"/],
    [{ heartbeatMs: 200 }, /heartbeatMs 200 has to be at most half/],
    [{ colour: "blue" }, /"colour" in f is not known here/],
  ])("%j is refused", (change, message) => {
    expect(() => checkNodeConfig({ ...good, ...change }, "f")).toThrow(message);
  });
});
