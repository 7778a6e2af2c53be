import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { properties } from "../check/index.ts";
import { readCatalogue } from "../contract/index.ts";
import { runCommandLine } from "./program.ts";

async function run(...line: string[]): Promise<{ code: number; out: string; errors: string }> {
  let out = "";
  let errors = "";
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true));
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((errors += String(text)), true));
  process.exitCode = 0;
  try {
    return { code: await runCommandLine(["node", "cohort", ...line]), out, errors };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
    process.exitCode = 0;
  }
}

test("every guarantee names properties that the checkers have", () => {
  for (const { checker } of Object.values(readCatalogue))
    for (const property of checker) expect(properties).toContain(property);
});

test("the workshop's contract is explained, from its file and as text", async () => {
  const { code, out } = await run("contract", "explain", "contracts/workshop.contract");
  expect(code).toBe(0);
  expect(out).toContain("∀a ∈ H, ∀b, c ∈ H|rd : a –vis→ b ∧ b –so→ c ⇒ a –vis→ c");
  expect(out).toContain("B  read at node 3  → 1");
  expect(out).toContain("reads PA/EL, writes PC/EC");
  const json = await run("contract", "explain", "monotonic and bounded(100ms)", "--json");
  expect(JSON.parse(json.out)).toMatchObject({
    implied: ["MonotonicRead", "Eventual"],
    reads: [{ guarantee: "MonotonicRead" }, { guarantee: "BoundedStaleness", boundMs: 100 }],
  });
});

test.each([
  [["linear and bounded(1s)"], 2, /1:1: "linear" is not a read guarantee[^]*\^{6}[^]*write: Linearizable/],
  [["linearizable; PartitionBehavior: AvailabilityPreferred"], 2, /Gilbert and Lynch[^]*possible \(2\)/],
  [["missing.contract"], 2, /there is no file missing\.contract/],
  [['{"reads": [{"guarantee": "Best"}]}'], 2, /\$\.reads\[0\]\.guarantee is "Best"/],
  [["{"], 2, /begins as JSON and is none/],
  [["causal", "--topology", "nowhere.json"], 2, /no topology "nowhere\.json"[^]*cohort model topology one-rack/],
  [["eventual; WriteConsistency: Eventual", "--topology", "one-rack"], 2, /follow the raft engine[^]*quorum-registers/],
  [[], 2, /missing required argument/],
])("explain %j fails with %i", async (line, code, message) => {
  const result = await run("contract", "explain", ...line);
  expect(result.errors).toMatch(message);
  expect(result.code).toBe(code);
});

test.each([
  ["reads p99 < 1s, writes p99 < 1s", 0, "kept", ["kept", "kept"]],
  ["reads p50 < 0.01ms, writes p99 < 1s", 1, "missed", ["missed", "kept"]],
])("objectives on trial: %s", async (latency, code, verdict, objectives) => {
  const contract = `monotonic; Latency: ${latency}`;
  const result = await run("contract", "check", contract, "--seeds", "2", "--faults", "none", "--jobs", "1", "--json");
  const told = JSON.parse(result.out) as { verdict: string; objectives: { verdict: string; operations: number }[] };
  expect(told.verdict).toBe(verdict);
  expect(told.objectives.map((objective) => objective.verdict)).toEqual(objectives);
  expect(told.objectives[0]!.operations).toBeGreaterThan(100);
  expect(result.code).toBe(code);
});

test("a contract on trial: kept by the engine, and broken where a mistake is planted, with a file to replay", async () => {
  const out = mkdtempSync(join(tmpdir(), "cohort-contract-"));
  try {
    const line = ["contract", "check", "contracts/workshop.contract", "--jobs", "1", "--out", out, "--json"];
    const kept = await run(...line, "--seeds", "4", "--faults", "partitions,crashes");
    expect(kept.code).toBe(0);
    expect(JSON.parse(kept.out)).toMatchObject({ verdict: "kept", seeds: 4, witnesses: [] });
    const planted = await run(
      ...line,
      "--seed",
      "2",
      "--seeds",
      "1",
      "--faults",
      "disks",
      "--plant",
      "session-token-ignored",
    );
    expect(planted.code).toBe(1);
    const { clauses, witnesses } = JSON.parse(planted.out) as {
      clauses: { clause: string; verdict: string }[];
      witnesses: { clause: string; file: string }[];
    };
    expect(clauses[0]).toMatchObject({ clause: "MonotonicRead", verdict: "broken" });
    const witness = witnesses.find(({ clause }) => clause === "MonotonicRead")!;
    const again = await run("sim", "replay", witness.file, "--json");
    expect(again.code).toBe(1);
    expect(again.out).toContain("MonotonicRead");
  } finally {
    rmSync(out, { recursive: true });
  }
});

test.each([
  [["workshop", "--faults", "floods"], 2, /there are partitions, crashes/],
  [["eventual; WriteConsistency: Eventual"], 2, /linearizable writes/],
  [["causal", "--seeds", "0"], 2, /--seeds takes a whole number from 1/],
])("check %j fails with %i", async (line, code, message) => {
  const result = await run("contract", "check", ...line);
  expect(result.errors).toMatch(message);
  expect(result.code).toBe(code);
});

test("diagnostics are data with --json", async () => {
  const { code, out } = await run("contract", "explain", "eventuel", "--json");
  expect(code).toBe(2);
  expect(JSON.parse(out)).toMatchObject({
    diagnostics: [{ from: 0, to: 8, line: 1, column: 1, suggestion: "Eventual" }],
  });
});
