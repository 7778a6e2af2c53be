import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { validate, validationMarkdown } from "./validation.ts";

test("predictions agree with the simulator in every configuration, and the page shows the same ones", () => {
  const all = validate();
  const configurations = [...new Set(all.map(({ configuration }) => configuration))];
  expect(configurations.length).toBeGreaterThanOrEqual(12);
  const figures = (part: string): number => all.filter(({ figure }) => figure.includes(part)).length;
  for (const part of ["read mean", "write p95", "proved age", "miss a write", "availability"])
    expect(figures(part), part).toBeGreaterThanOrEqual(3);
  expect(all.filter(({ agrees }) => !agrees)).toEqual([]);
  const page = readFileSync(new URL("../../../docs/predictions.md", import.meta.url), "utf8");
  const shown = (text: string): string[] =>
    text.split("\n").flatMap((line) => (line.startsWith("| ") ? [line.split("|").slice(1, 3).join("|")] : []));
  expect(shown(page), "`cohort model validate --write docs/predictions.md` writes it").toEqual(
    shown(validationMarkdown(all)),
  );
  expect(page).not.toContain("| NO |");
}, 120_000);
