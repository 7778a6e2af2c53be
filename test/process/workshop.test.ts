/** The workshop's three failures on real processes, as a newcomer runs them; judged once more by `cohort check`. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cohort, temporaryDirectory } from "./cluster.ts";

const directory = temporaryDirectory();
const env = { COHORT_PORT_BASE: "30000" };
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Report {
  readonly verdict: string;
  readonly failures: readonly {
    readonly name: string;
    readonly evidence: string;
    readonly engines: readonly {
      readonly engine: string;
      readonly consistency: readonly {
        readonly subject: string;
        readonly verdict: string;
        readonly operations: number;
      }[];
      readonly availability: readonly { readonly node: number; readonly answered: readonly number[] }[];
      readonly recovery: Readonly<Record<string, unknown>>;
    }[];
  }[];
}

test("three failures, both engines: what was promised is kept, and the report has every part", async () => {
  const page = join(directory, "report.html");
  const histories = join(directory, "histories");
  const line = ["workshop", "--fault", "400ms", "--downtime", "1s", "--html", page, "--history", histories, "--json"];
  const { code, stdout, stderr } = await cohort(line, env);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as Report;
  expect(report.verdict).toBe("holds");
  expect(code).toBe(0);
  expect(report.failures.map(({ name }) => name)).toEqual(["node-fails", "partition", "long-downtime"]);
  const evidence = report.failures.map((failure) => failure.evidence);
  expect(evidence[0]).toMatch(/^process \d+ was ended by SIGKILL$/);
  expect(evidence[1]).toMatch(/^links of node \d to nodes \d and \d are cut$/);
  expect(evidence[2]).toMatch(/^process \d+ was ended by SIGKILL$/);
  for (const { engines } of report.failures) {
    expect(engines.map(({ engine }) => engine)).toEqual(["raft", "dynamo"]);
    for (const { consistency, availability, recovery } of engines) {
      expect(consistency.map(({ subject, verdict }) => [subject, verdict])).toEqual([
        ["keys", "holds"],
        ["counter", "holds"],
      ]);
      for (const { operations } of consistency) expect(operations).toBeGreaterThan(0);
      expect(availability.map(({ node }) => node)).toEqual([1, 2, 3, 1, 2, 3]);
      for (const times of ["firstWriteMs", "longestSilenceMs", "answersAgainMs", "caughtUpMs"])
        expect(recovery[times], times).toBeTypeOf("number");
    }
  }
  const [, , downtime] = report.failures;
  for (const { recovery } of downtime!.engines) expect(recovery["missedKeys"]).toBeGreaterThan(0);
  expect(readFileSync(page, "utf8").match(/<svg/g)).toHaveLength(12);
  expect(readdirSync(histories)).toHaveLength(12);
  const again = ["check", join(histories, "partition-dynamo-keys.jsonl"), "--model", "register", "--json"];
  expect(JSON.parse((await cohort(again)).stdout)).toMatchObject({ verdict: "holds", property: "linearizable" });
});
