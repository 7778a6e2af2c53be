import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const page = readFileSync(join(import.meta.dirname, "../../../docs/models.md"), "utf8");

test("docs/models.md has the source of every report", () => {
  const sources = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .flatMap((name) =>
      Array.from(
        readFileSync(join(import.meta.dirname, name), "utf8").matchAll(/\bsource:\s*"(?<text>[^"]+)"/g),
        (match) => match.groups!["text"]!,
      ),
    );
  expect(sources.length).toBeGreaterThan(8);
  for (const source of sources) expect(page).toContain(source);
});
