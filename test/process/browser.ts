/** Debian's Chromium, and what every page of the console has to keep. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { chromium, type Browser, type Page } from "playwright-core";

const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Rejects where there is no browser: `apt-get install chromium`, or COHORT_CHROMIUM says where it is. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env["COHORT_CHROMIUM"] ?? "/usr/bin/chromium", args: quiet });
}

/** What a page complained about; a test ends with none. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.stack ?? error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return complaints;
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Everything that axe finds wrong with a page, in a line each; `rules`: these alone. */
export async function accessibilityProblems(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async (only) => {
    interface Found {
      readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
    }
    const { axe: loaded } = globalThis as unknown as { axe: { run(options: object): Promise<Found> } };
    const { violations } = await loaded.run(only === undefined ? {} : { runOnly: { type: "rule", values: only } });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  }, rules);
}

/** Waits until `cohort up` serves the pages and not their announcement. */
export async function consoleBuilt(url: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await (await fetch(url)).text()).includes("/assets/")) {
    if (performance.now() > deadline) throw new Error("the console was not built within 30 s");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
