import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newDesign, reportDesign } from "./document.ts";

let directory = "";
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "cohort-design-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const settings = {
  contract:
    "ReadConsistency: MonotonicRead ∧ BoundedStaleness(100ms)\nWriteConsistency: Linearizable\nPartitionBehavior: AvailabilityPreferred",
  topology: "three-zones",
};

test("a new document has every part and its figure; a report keeps what its author wrote, and nothing else changes", () => {
  const file = join(directory, "design.md");
  const { sections, figures } = newDesign(file, settings);
  expect(sections).toEqual(["contract", "price", "failures", "simulated", "alternatives"]);
  expect(readFileSync(figures[0]!, "utf8")).toContain("<svg");
  const first = readFileSync(file, "utf8");
  expect(first).toContain("| zone zone-a is cut off |");
  expect(first).not.toContain("| NO |");
  const edited = first
    .replace("## Contract", "We chose Raft because we can explain it.\n\n## Contract")
    .replace(/\| reads, all sites .*\n/, "| something stale |\n");
  writeFileSync(file, edited);
  reportDesign(file);
  expect(readFileSync(file, "utf8")).toBe(
    first.replace("## Contract", "We chose Raft because we can explain it.\n\n## Contract"),
  );
  expect(() => newDesign(file, settings)).toThrow(/exists/);
}, 120_000);

test.each([
  ["no settings", "# Design\n", /does not say which contract and topology/],
  ["settings that are no JSON", "<!-- cohort:design {x} -->\n", /the settings are not JSON/],
  [
    "a part without its end",
    `<!-- cohort:design ${JSON.stringify(settings)} -->\n<!-- cohort:begin price -->`,
    /design.md:2: the part "price" does not end/,
  ],
  [
    "an unknown part",
    `<!-- cohort:design ${JSON.stringify(settings)} -->\n\n<!-- cohort:begin prices -->`,
    /design.md:3: there is no part "prices"/,
  ],
])("%s is named with its place", (_, text, message) => {
  const file = join(directory, "design.md");
  writeFileSync(file, text);
  expect(() => reportDesign(file)).toThrow(message);
});
