/** The same seed makes the same trace in a browser as here: the simulator, bundled, in headless Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { build } from "vite";
import { openBrowser } from "./browser.ts";
import { runSeed, scenarios } from "../../src/sim/index.ts";

const names = [
  "basic",
  "snapshots-unreliable",
  "membership-crash",
  "unreliable-churn",
  "clock-skew",
  "torn-writes",
  "disk-corruption",
  "client-library-locks",
  "client-library-watches",
];
const seeds = [1, 2];

async function bundle(directory: string): Promise<string> {
  const entry = join(directory, "entry.ts");
  const room = new URL("../../src/sim/index.ts", import.meta.url).pathname;
  writeFileSync(
    entry,
    `import { openBrowser } from "./browser.ts";
import { runSeed, scenarios } from ${JSON.stringify(room)};
globalThis.digestOf = async (name, seed) =>
  (await runSeed(scenarios.find((scenario) => scenario.name === name), seed)).digest;`,
  );
  const built = await build({
    configFile: false,
    root: directory,
    logLevel: "error",
    build: { write: false, minify: false, lib: { entry, formats: ["iife"], name: "simulator", fileName: "simulator" } },
  });
  const [output] = Array.isArray(built) ? built : [built];
  if (output === undefined || !("output" in output)) throw new Error("nothing was bundled");
  return output.output[0].code;
}

test("seeds make the same traces in Chromium as on Node", { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), "cohort-browser-"));
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: await bundle(directory) });
    for (const name of names) {
      const scenario = scenarios.find((candidate) => candidate.name === name)!;
      for (const seed of seeds) {
        const there = await page.evaluate(`globalThis.digestOf(${JSON.stringify(name)}, ${seed})`);
        expect(there, `${name}, seed ${seed}`).toBe((await runSeed(scenario, seed)).digest);
      }
    }
  } finally {
    await browser.close();
    rmSync(directory, { recursive: true });
  }
});
