/** Pictures of every page of the console for README and documentation: light and dark, of a cluster of its own. */
import { mkdirSync } from "node:fs";
import { consoleBuilt, openBrowser } from "../test/process/browser.ts";
import { cleanUp, temporaryDirectory, Up } from "../test/process/cluster.ts";
import { colours, images, openShot, pathOf, shots } from "../test/process/shots.ts";

const base = 25_500;
const url = `http://127.0.0.1:${base + 70}`;

mkdirSync(images, { recursive: true });
const up = new Up(base, temporaryDirectory(), []);
const browser = await openBrowser();
try {
  await up.ready();
  await consoleBuilt(url);
  for (const scheme of colours) {
    for (const shot of shots) {
      const page = await openShot(browser, url, shot, scheme);
      await page.waitForTimeout(shot.settleMs);
      await page.screenshot({ path: pathOf(shot, scheme) });
      await page.context().close();
      console.log(pathOf(shot, scheme));
    }
  }
} finally {
  await browser.close();
  await cleanUp([up]);
}
