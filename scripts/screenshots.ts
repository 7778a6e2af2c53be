/** Pictures of every page of the console for README and documentation: light and dark, of a cluster of its own. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { complaintsOf, consoleBuilt, openBrowser } from "../test/process/browser.ts";
import { cleanUp, temporaryDirectory, Up } from "../test/process/cluster.ts";

const base = 25_500;
const url = `http://127.0.0.1:${base + 70}`;
const out = join(import.meta.dirname, "../docs/images");

interface Shot {
  readonly name: string;
  readonly path: string;
  /** Appears when the page has something to show. */
  readonly ready: string;
  readonly settleMs: number;
}

const shots: readonly Shot[] = [
  { name: "cluster", path: "/", ready: '[data-condition="leader"]', settleMs: 9000 },
  { name: "lab", path: "/lab#scenario=elections&seed=1&plant=votes-twice", ready: ".state", settleMs: 1500 },
  { name: "history", path: "/history", ready: '[data-testid="judgement"]', settleMs: 300 },
  { name: "design", path: "/design", ready: '[data-testid="price"]', settleMs: 3000 },
];

mkdirSync(out, { recursive: true });
const up = new Up(base, temporaryDirectory(), []);
const browser = await openBrowser();
try {
  await up.ready();
  await consoleBuilt(url);
  for (const colorScheme of ["light", "dark"] as const) {
    for (const { name, path, ready, settleMs } of shots) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme });
      const page = await context.newPage();
      const complaints = complaintsOf(page);
      await page.goto(url + path);
      await page.locator(ready).first().waitFor({ timeout: 30_000 });
      await page.waitForTimeout(settleMs);
      await page.screenshot({ path: join(out, `console-${name}-${colorScheme}.png`) });
      if (complaints.length > 0) throw new Error(`${name} complains: ${complaints.join("; ")}`);
      await context.close();
      console.log(`docs/images/console-${name}-${colorScheme}.png`);
    }
  }
} finally {
  await browser.close();
  await cleanUp([up]);
}
