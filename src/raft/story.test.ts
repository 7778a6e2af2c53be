import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Story } from "./story.suite.ts";

const folder = new URL("../../testdata/raft/", import.meta.url);

/** The story as it really goes: comments and commands kept, what happened below each command. */
function retell(text: string): string {
  const story = new Story();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("    ")) continue;
    lines.push(line);
    if (line.startsWith("> ")) for (const happened of story.run(line.slice(2).trim())) lines.push(`    ${happened}`);
  }
  return lines.join("\n");
}

const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

test("there are stories", () => expect(names.length).toBeGreaterThan(8));

for (const name of names) {
  // RETELL=1 writes down what happens now: only for someone who understands each difference.
  test(`story: ${name}`, () => {
    const file = new URL(name, folder);
    const told = readFileSync(file, "utf8");
    const real = retell(told);
    if (process.env["RETELL"] === "1") writeFileSync(file, real);
    else expect(real).toBe(told);
  });
}
