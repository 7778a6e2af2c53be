/** The pages of the console in a browser, on a cluster of three processes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { accessibilityProblems, complaintsOf, consoleBuilt, openBrowser } from "./browser.ts";
import { cleanUp, cohort, temporaryDirectory, Up } from "./cluster.ts";
import { differencePercent, failing, keptPicture, openShot, shots, type Colours, type Shot } from "./shots.ts";

const base = 26_000;
const url = `http://127.0.0.1:${base + 70}`;
const regression = join(import.meta.dirname, "../regressions/names-begin-anew.json");
let up: Up;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  up = new Up(base, temporaryDirectory(), []);
  [browser] = await Promise.all([openBrowser(), up.ready()]);
  await consoleBuilt(url);
});
afterAll(async () => {
  await browser?.close();
  await cleanUp([up]);
});
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  page = await context.newPage();
  complaints = complaintsOf(page);
});
afterEach(async () => {
  await context.close();
});

const nodeIs = (condition: string): string => `[data-condition="${condition}"]`;
async function leaderShown(): Promise<number> {
  const leader = page.locator(nodeIs("leader"));
  await leader.waitFor();
  return Number(await leader.getAttribute("data-node"));
}
async function counter(): Promise<number> {
  return Number((await page.getByTestId("counter-value").innerText()).replaceAll(",", ""));
}

describe("cluster", () => {
  test("the first load is small, and nothing comes from elsewhere", async () => {
    let bytes = 0;
    const hosts = new Set<string>();
    page.on("response", (response) => {
      hosts.add(new URL(response.url()).host);
      if (response.url().includes("feed")) return;
      void response
        .body()
        .then((body) => (bytes += response.url().endsWith("woff2") ? body.length : gzipSync(body).length))
        // One that is still under way when the page is left has no body.
        .catch(() => undefined);
    });
    await page.goto(url, { waitUntil: "load" });
    await leaderShown();
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(300_000);
    expect([...hosts]).toEqual([`127.0.0.1:${base + 70}`]);
    expect(complaints).toEqual([]);
  });

  test("a leader is killed from the page, another one leads, and the counter goes on", async () => {
    await page.goto(url);
    const killed = await leaderShown();
    await expect.poll(counter, { timeout: 5000 }).toBeGreaterThan(0);
    const term = Number(await page.getByTestId("term").innerText());
    await page.getByRole("button", { name: "Kill the leader", exact: true }).click();
    await page
      .locator(`[data-node="${killed}"]${nodeIs("down")}, [data-node="${killed}"]${nodeIs("starting")}`)
      .waitFor();
    await expect.poll(leaderShown, { timeout: 10_000 }).not.toBe(killed);
    expect(Number(await page.getByTestId("term").innerText())).toBeGreaterThan(term);
    const before = await counter();
    await expect.poll(counter, { timeout: 5000 }).toBeGreaterThan(before);
    await page.getByText(new RegExp(`node ${killed} ended by SIGKILL`)).waitFor();
    await page.locator(`[data-node="${killed}"]${nodeIs("follower")}`).waitFor({ timeout: 15_000 });
    expect(complaints).toEqual([]);
  });

  test("a link is cut one way from the picture, shown, and mended", async () => {
    await page.goto(url);
    await leaderShown();
    await page.getByRole("button", { name: "Link 1–2: works" }).press("Enter");
    await page.getByRole("button", { name: "Cut 1 → 2", exact: true }).click();
    await page.getByRole("button", { name: "Link 1–2: cut from 1 to 2" }).waitFor();
    await page.getByRole("button", { name: "Mend", exact: true }).click();
    await page.getByRole("button", { name: "Link 1–2: works" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("an answer says what was kept; the past can be looked at and not changed", async () => {
    await page.goto(url);
    await leaderShown();
    await page.getByRole("button", { name: "Increment" }).click();
    await page.getByRole("button", { name: "Read", exact: true }).click();
    await page
      .getByText(/kept: Linearizable/)
      .first()
      .waitFor();
    const slider = page.getByRole("slider", { name: "Moment that is shown" });
    await slider.press("ArrowLeft");
    await slider.press("ArrowLeft");
    await page.getByText("a moment of the past").waitFor();
    expect(await page.getByRole("button", { name: "Kill the leader", exact: true }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Live" }).click();
    await expect
      .poll(() => page.getByRole("button", { name: "Kill the leader", exact: true }).isDisabled())
      .toBe(false);
  });

  test("another site can neither look nor change anything", async () => {
    // The same server under another name is another site.
    await page.goto(`http://127.0.0.1:${base + 101}/healthz`);
    const blocked = await page.evaluate(async (target) => {
      const post = fetch(`${target}/v1/cluster/faults`, {
        method: "POST",
        body: '{"kind":"kill","node":"leader"}',
        headers: { "content-type": "application/json" },
      });
      const [one, other] = await Promise.allSettled([post, fetch(`${target}/console/feed`)]);
      return [one.status, other.status];
    }, url);
    expect(blocked).toEqual(["rejected", "rejected"]);
    const foreign = await fetch(`${url}/v1/cluster/faults`, {
      method: "POST",
      body: '{"kind":"heal"}',
      headers: { "content-type": "application/json", origin: "https://evil.example" },
    });
    expect(foreign.status).toBe(403);
  });
});

describe("lab", () => {
  const digest = async (): Promise<string> => page.getByTestId("digest").innerText();

  test("a seed has the same digest as on the command line", async () => {
    const ran = cohort(["sim", "run", "concurrent-starts", "--seed", "3", "--seeds", "1", "--jobs", "1", "--json"]);
    await page.goto(`${url}/lab#scenario=concurrent-starts&seed=3`);
    await page.getByTestId("verdict").waitFor();
    const shown = await digest();
    expect(JSON.parse((await ran).stdout)).toMatchObject({ digest: shown });
    await page.getByRole("button", { name: "Next seed" }).click();
    await expect.poll(digest, { timeout: 10_000 }).not.toBe(shown);
    expect(page.url()).toContain("seed=4");
    expect(complaints).toEqual([]);
  });

  test("a link to a failing run opens at the violation, made small, in plain words", async () => {
    await page.goto(`${url}/lab#scenario=${failing.scenario}&seed=${failing.seed}&plant=${failing.plant}`);
    const verdict = page.getByTestId("verdict");
    await verdict.getByText("Broken: election safety").waitFor({ timeout: 30_000 });
    await verdict.getByText("Two nodes believed at the same time").waitFor();
    await verdict.getByText(/Made small: \d+ faults and operations became \d+/).waitFor();
    expect(await page.getByRole("list", { name: "How it came to that" }).getByRole("listitem").count()).toBeGreaterThan(
      2,
    );
    const moment = page.getByTestId("moment");
    const heading = moment.getByRole("heading", { level: 2 });
    await expect.poll(() => heading.innerText()).toMatch(/^Event [\d,]+: node \d at/);
    const before = await heading.innerText();
    await page.getByRole("button", { name: "◂ Back" }).click();
    await expect.poll(() => heading.innerText()).not.toBe(before);
    await moment.locator(".state.acting").waitFor();
    // The digest is that of what is shown, as its file has it; that of the seed stands beside it.
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save as a replay file" }).click();
    const [saved, drawn] = await Promise.all([
      cohort(["sim", "replay", await (await download).path(), "--json"]),
      cohort(["sim", "replay", failing.scenario, "--seed", `${failing.seed}`, "--plant", failing.plant, "--json"]),
    ]);
    expect(saved.code).toBe(1);
    expect(JSON.parse(saved.stdout)).toMatchObject({ digest: await digest() });
    expect(JSON.parse(drawn.stdout)).toMatchObject({ digest: await page.getByTestId("digest-drawn").innerText() });
    expect(complaints).toEqual([]);
  });

  test("a replay file runs, and one that is none is refused with the reason", async () => {
    await page.goto(`${url}/lab#scenario=basic&seed=1`);
    await page.getByTestId("verdict").waitFor();
    const wanted = await cohort(["sim", "replay", regression, "--json"]);
    const { digest: expected } = JSON.parse(wanted.stdout) as { digest: string };
    const input = page.getByLabel("Open a replay file");
    await input.setInputFiles(regression);
    await expect.poll(digest, { timeout: 10_000 }).toBe(expected);
    await input.setInputFiles(join(import.meta.dirname, "../../package.json"));
    await page.getByRole("alert").getByText("not the file of a simulation").waitFor();
    // The schedule is in the address: whoever opens it sees the same run.
    const link = page.url();
    expect(link).toContain("#replay=");
    await page.goto("about:blank");
    await page.goto(link);
    await expect.poll(digest, { timeout: 10_000 }).toBe(expected);
    await page.goto("about:blank");
    await page.goto(link.slice(0, -40));
    await page.getByRole("alert").getByText("The link is damaged").waitFor();
  });

  test("the diagram zooms and moves by keyboard and wheel, and from afar shows how much there was", async () => {
    await page.goto(`${url}/lab#scenario=figure-8&seed=2`);
    await page.getByTestId("verdict").waitFor();
    const canvas = page.getByRole("img", { name: /Space-time diagram/ });
    const picture = async (): Promise<string> =>
      canvas.evaluate((node) => (node as unknown as { toDataURL(): string }).toDataURL());
    const near = await picture();
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page.getByText("the lanes show how many messages").waitFor();
    await expect.poll(picture).not.toBe(near);
    await canvas.hover();
    for (let turn = 0; turn < 12; turn++) await page.mouse.wheel(0, -400);
    await expect.poll(() => page.getByText("the lanes show how many messages").count()).toBe(0);
    const before = await picture();
    await canvas.press("Shift+ArrowRight");
    await expect.poll(picture).not.toBe(before);
    await canvas.press("End");
    await page.getByRole("button", { name: "Step ▸", disabled: true }).waitFor();
    expect(complaints).toEqual([]);
  });
});

describe("history", () => {
  test("an order is drawn where there is one, the obstacle where there is none, a circle for transactions", async () => {
    await page.goto(`${url}/history`);
    const judgement = page.getByTestId("judgement");
    await judgement.getByText("Broken: not linearizable").waitFor();
    await judgement.locator(".bar.stuck").waitFor();
    const example = page.getByLabel("example");
    await example.selectOption({ label: "A time-out, and yet an order exists" });
    await judgement.getByText("Holds: linearizable").waitFor();
    expect(await judgement.locator(".point").count()).toBeGreaterThan(2);
    await example.selectOption({ label: "Write skew: two transactions in a circle" });
    await judgement.getByText("Broken: write skew").waitFor();
    expect(await judgement.locator(".edge").count()).toBe(2);
    await page.getByLabel(/^history:/).fill("no history at all");
    await page.getByRole("button", { name: "Judge" }).click();
    await page.getByRole("alert").getByText("no known format").waitFor();
    expect(complaints).toEqual([]);
  });

  test("the live cluster is recorded, and its linearizable reads are", async () => {
    await page.goto(`${url}/history`);
    await page.getByRole("button", { name: "linearizable", exact: true }).click();
    await page.getByTestId("judgement").getByText("Holds: linearizable").waitFor({ timeout: 15_000 });
  });
});

describe("design", () => {
  test("a contract is priced on a topology; a contradiction is shown with what is possible, and taken", async () => {
    await page.goto(`${url}/design`);
    await page.getByTestId("price").getByText("reads, ms").waitFor({ timeout: 15_000 });
    await page.getByText(/Simulated: \d+ operations/).waitFor({ timeout: 15_000 });
    await page.getByRole("button", { name: "n2" }).click();
    await page.getByLabel("begin with").selectOption({ label: "What CAP forbids" });
    await page
      .getByText(/Linearizable reads cannot be AvailabilityPreferred/)
      .first()
      .waitFor();
    await page.locator(".possible").first().click();
    await page.getByText("No contradiction").waitFor();
    const editor = page.getByLabel("Contract", { exact: true }).locator(".cm-content");
    await editor.fill("ReadConsistency: Linearisable");
    await page
      .getByText(/write Linearizable/)
      .first()
      .waitFor();
    const download = page.waitForEvent("download");
    await page.getByLabel("begin with").selectOption({ label: "A shopping cart" });
    await page.getByRole("button", { name: "Save design.md" }).click({ timeout: 10_000 });
    expect((await download).suggestedFilename()).toBe("design.md");
    expect(complaints).toEqual([]);
  });
});

test("by keyboard alone: to the lab and back, a fault, an answer, the tour", async () => {
  await page.goto(url);
  await leaderShown();
  const focused = async (): Promise<string> =>
    page.evaluate<string>(
      'document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent?.trim() ?? ""',
    );
  const tabTo = async (wanted: RegExp): Promise<void> => {
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press("Tab");
      if (wanted.test(await focused())) return;
    }
    throw new Error(`the keyboard does not reach ${wanted}`);
  };
  await tabTo(/^Lab$/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Lab", level: 1 }).waitFor();
  await page.goBack();
  await leaderShown();
  await tabTo(/^Tour/);
  await page.keyboard.press("Enter");
  await page.getByText("Three real processes").waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByText("Three real processes").count()).toBe(0);
  await tabTo(/^Node 1 /);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /^Node 1, / }).waitFor();
  await tabTo(/^Read$/);
  await page.keyboard.press("Enter");
  await page
    .getByText(/kept: /)
    .first()
    .waitFor();
});

test("every page: axe finds nothing in light and dark, nothing is wider than a phone, and it looks as it did", async () => {
  await Promise.all(shots.map(look));
});

async function look(shot: Shot): Promise<void> {
  const shown = await openShot(browser, url, shot, "light");
  await compare(shown, shot, "light");
  expect(await accessibilityProblems(shown), shot.name).toEqual([]);
  await shown.getByRole("button", { name: "Dark colours" }).click();
  await shown.mouse.move(0, 0);
  await compare(shown, shot, "dark");
  // Nothing but colours is different.
  expect(await accessibilityProblems(shown, ["color-contrast"]), `${shot.name}, dark`).toEqual([]);
  await shown.setViewportSize({ width: 390, height: 840 });
  const overflow = await shown.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  expect(overflow, `${shot.name} is wider than a phone`).toBeLessThanOrEqual(0);
  await shown.context().close();
}

async function compare(shown: Page, shot: Shot, scheme: Colours): Promise<void> {
  const difference = (): Promise<number> =>
    shown.screenshot().then((picture) => differencePercent(picture, keptPicture(shot, scheme)));
  // Charts and simulated runs come a little later.
  await expect
    .poll(difference, {
      message: `${shot.name}, ${scheme}, differs from docs/images; where that is wanted: npm run screenshots`,
      timeout: 8000,
      interval: 500,
    })
    .toBeLessThan(shot.mayDifferPercent);
}

test("groups of shards and their leaders are a picture", async () => {
  const shards = 4;
  const made = await fetch(`http://127.0.0.1:${base + 101}/v1/keyspaces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "many", shards }),
  });
  expect(made.ok).toBe(true);
  await page.goto(url);
  await page.getByText("every shard has a leader").waitFor({ timeout: 15_000 });
  const table = page.getByRole("table");
  // Group 0, the three of the keyspace that a new cluster has, and these.
  const groups = 1 + 3 + shards;
  await expect.poll(() => table.getByRole("rowheader").count(), { timeout: 15_000 }).toBe(groups);
  await expect.poll(() => table.locator('[data-role="leader"]').count(), { timeout: 15_000 }).toBe(groups);
  await page
    .getByRole("button", { name: /^Node \d .*leads \d of 8/ })
    .first()
    .waitFor();
  expect(await accessibilityProblems(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

test("a page of a cluster that is gone says so, and what to do", async () => {
  await page.goto(url);
  await leaderShown();
  expect(await up.stop()).toBe(0);
  await page.getByRole("alert").getByText("The supervisor does not answer").waitFor({ timeout: 10_000 });
  expect(readFileSync(join(import.meta.dirname, "../../console/dist/index.html"), "utf8")).not.toContain("http:");
});
