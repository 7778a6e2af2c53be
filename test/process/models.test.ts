/** `cohort model` and `cohort design` as processes: what they print, what they write, and what they say to wrong input. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cohort } from "./cluster.ts";

const directory = mkdtempSync(join(tmpdir(), "cohort-models-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Two at a time: that many processors there are. */
async function inPairs<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const take = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await run(next);
  };
  await Promise.all([take(), take()]);
}

test("a model prints its table and its source, and writes its figures as SVG", async () => {
  let drawn = 0;
  // What each of the others draws is tested beside its code.
  await inPairs(["staleness", "gossip", "domains"], async (model) => {
    const charts = join(directory, model);
    const { code, stdout, stderr } = await cohort(["model", model, "--svg", charts, "--json"]);
    expect(code, `${model}: ${stderr}`).toBe(0);
    const report = JSON.parse(stdout) as { title: string; source: string; data: unknown; files: string[] };
    expect(report.source).toMatch(/\d{4}|syllabus|edition/);
    expect(report.data).toBeDefined();
    drawn += report.files.length;
    for (const file of report.files) expect(readFileSync(file, "utf8")).toMatch(/^<svg [^]*<\/svg>\s*$/);
  });
  expect(drawn).toBeGreaterThanOrEqual(2);
  const { stdout } = await cohort(["model", "price", "linearizable", "--topology", "three-zones"]);
  expect(stdout).toMatch(/reads, all sites +[\d.]+ m?s/);
  expect(stdout).toContain("a majority is lost");
});

test("a design document is written, its numbers come anew, and what its author wrote stays", async () => {
  const file = join(directory, "design.md");
  const made = await cohort(["design", "new", file, "--topology", "one-rack", "--json"]);
  expect(made.code, made.stderr).toBe(0);
  const { figures } = JSON.parse(made.stdout) as { figures: string[] };
  expect(figures.length).toBeGreaterThan(0);
  const text = readFileSync(file, "utf8");
  for (const part of ["MonotonicRead", "predicted", "simulated", "lternatives"]) expect(text).toContain(part);
  const heading = /^## .*$/m.exec(text)![0];
  const changed = text
    .replace(heading, `${heading}\n\nWe chose this on a Tuesday.`)
    .replaceAll(/\d+\.\d+ ms/g, "9.99 ms");
  writeFileSync(file, changed);
  const report = await cohort(["design", "report", file]);
  expect(report.code, report.stderr).toBe(0);
  const again = readFileSync(file, "utf8");
  expect(again).toContain("We chose this on a Tuesday.");
  expect(again.replace("\n\nWe chose this on a Tuesday.", "")).toBe(text);
  expect(readdirSync(directory, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith(".svg"))).toBe(
    true,
  );
});

test("wrong input is told with its place and the way out", async () => {
  const wrong = join(directory, "wrong.json");
  writeFileSync(wrong, '{"name": "mine", "domains": 3}');
  const cases: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
    [["model", "price", "--topology", "four-regions"], 2, /four-regions[^]*(one-rack|cohort model topology)/],
    [["model", "price", "--topology", wrong], 2, /"domains" in .*wrong\.json must be array/],
    [["model", "price", "linearisable"], 2, /1:1: "linearisable"[^]*Linearizable/],
    [["model", "price", "eventual; WriteConsistency: Eventual"], 2, /follow the raft engine/],
    [["design", "new", join(directory, "no/design.md")], 2, /cannot write .*no\/design\.md/],
    [["model", "staleness", "--n", "3", "--r", "4"], 2, /4/],
    [["model", "gossip", "--nodes", "many"], 2, /many/],
    [["design", "report", join(directory, "none.md")], 2, /none\.md/],
  ];
  await inPairs(cases, async ([args, code, message]) => {
    const result = await cohort(args);
    expect(result.stderr, args.join(" ")).toMatch(message);
    expect(result.code, args.join(" ")).toBe(code);
  });
});
