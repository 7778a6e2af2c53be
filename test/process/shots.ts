/** Pictures of every page as README and the documentation show them, and how far two of them are apart. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import type { Browser, Page } from "playwright-core";
import { runSeed, scenarios } from "../../src/sim/index.ts";
import { complaintsOf } from "./browser.ts";

export const images = join(import.meta.dirname, "../../docs/images");
export const colours = ["light", "dark"] as const;
export type Colours = (typeof colours)[number];

/** A run that a planted mistake breaks: which seed it is changes with the protocol. */
export const failing = {
  scenario: "elections",
  plant: "votes-twice",
  seed: await failingSeed("elections", "votes-twice"),
};

async function failingSeed(name: string, plant: string): Promise<number> {
  const scenario = scenarios.find((known) => known.name === name)!;
  for (let seed = 1; seed < 300; seed++)
    if ((await runSeed(scenario, seed, [plant])).failure !== undefined) return seed;
  throw new Error(`${plant} is not found by 300 seeds of ${name}`);
}

export interface Shot {
  readonly name: string;
  readonly path: string;
  /** Appears when the page has something to show. */
  readonly ready: string;
  /** For a picture that is to be kept: until a live page has lived a little. */
  readonly settleMs: number;
  /** What may differ from the kept picture, in percent of all pixels: live pages differ in numbers and in who leads. */
  readonly mayDifferPercent: number;
}

export const shots: readonly Shot[] = [
  { name: "cluster", path: "/", ready: '[data-condition="leader"]', settleMs: 9000, mayDifferPercent: 30 },
  {
    name: "lab",
    path: `/lab#scenario=${failing.scenario}&seed=${failing.seed}&plant=${failing.plant}`,
    ready: ".state",
    settleMs: 1500,
    mayDifferPercent: 15,
  },
  { name: "history", path: "/history", ready: '[data-testid="judgement"]', settleMs: 300, mayDifferPercent: 8 },
  { name: "design", path: "/design", ready: '[data-testid="price"]', settleMs: 3000, mayDifferPercent: 8 },
];

const viewport = { width: 1280, height: 860 };

export function pathOf({ name }: Shot, scheme: Colours): string {
  return join(images, `console-${name}-${scheme}.png`);
}

/** Opens the page of a shot in a window of its own; the picture is taken by `pictureOf`. */
export async function openShot(browser: Browser, url: string, shot: Shot, colorScheme: Colours): Promise<Page> {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  await page.goto(url + shot.path);
  await page.locator(shot.ready).first().waitFor({ timeout: 30_000 });
  if (complaints.length > 0) throw new Error(`${shot.name} complains: ${complaints.join("; ")}`);
  return page;
}

/** The share of pixels that are clearly different, in percent. A picture of another size is another picture. */
export function differencePercent(one: Buffer, other: Buffer): number {
  const [a, b] = [PNG.sync.read(one), PNG.sync.read(other)];
  if (a.width !== b.width || a.height !== b.height) return 100;
  const different = pixelmatch(a.data, b.data, undefined, a.width, a.height, { threshold: 0.2 });
  return (100 * different) / (a.width * a.height);
}

export function keptPicture(shot: Shot, scheme: Colours): Buffer {
  return readFileSync(pathOf(shot, scheme));
}
