/** Locks on real processes: a holder that stands still loses its lease, and its old token opens nothing any more. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanUp, cohort, temporaryDirectory, Up } from "./cluster.ts";

let up: Up;
beforeAll(async () => {
  up = new Up(31_000, temporaryDirectory(), []);
  await up.ready();
});
afterAll(() => cleanUp([up]));

const main = join(import.meta.dirname, "../../src/cli/main.ts");

async function post(
  node: number,
  path: string,
  body: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${up.http(node)}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const guarded = (lock: string, operand: unknown, value: string): object => ({
  compare: [{ key: lock, target: "lock", operand: Number(operand) }],
  then: [{ kind: "put", key: "ledger", value }],
});
const transactions = "/v1/keyspaces/default/transactions";

/** What the holder of the lock runs: it writes under its token, again and again, and says how that went. */
const writer = (url: string): string => `
  const { COHORT_LOCK_NAME: key, COHORT_LOCK_TOKEN: token } = process.env;
  console.log("token " + token);
  let last;
  setInterval(async () => {
    const body = { compare: [{ key, target: "lock", operand: Number(token) }], then: [{ kind: "put", key: "ledger", value: "old" }] };
    const response = await fetch(${JSON.stringify(url)}, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const now = (await response.json()).succeeded === true ? "written" : "refused";
    if (now !== last) console.log(now);
    last = now;
  }, 20);
  process.on("SIGTERM", () => setTimeout(() => process.exit(0), 300));
`;

test("a paused holder, an expired lease, a second holder: the old token is refused", async () => {
  const ttlMs = 1500;
  const args = ["lock", "ledger", "--ttl", `${ttlMs}ms`, "--note", "first", "--", process.execPath, "-e"];
  const holder = spawn(process.execPath, [main, ...args, writer(`${up.http(1)}${transactions}`)], {
    env: { ...process.env, ...up.env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let stderr = "";
  createInterface(holder.stdout).on("line", (line) => lines.push(line));
  holder.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  try {
    await expect.poll(() => lines, { timeout: 20_000 }).toEqual(["token 1", "written"]);
    // Kept alive for longer than its lease, it stays the only one.
    expect(await post(2, "/v1/locks/ledger", { waitMs: ttlMs + 500 })).toMatchObject({ status: 409 });
    process.kill(-holder.pid!, "SIGSTOP");
    const pausedAt = performance.now();
    const second = await post(2, "/v1/locks/ledger", { waitMs: 20_000, ttlMs: 60_000 });
    const grantedAfterMs = performance.now() - pausedAt;
    expect(second).toMatchObject({ status: 200, json: { token: expect.any(Number) as number } });
    expect(second.json["token"]).toBeGreaterThan(1);
    // A renewal leaves every third of a lease, so at least two thirds of one were left.
    expect(grantedAfterMs).toBeGreaterThan(ttlMs * 0.4);
    expect(grantedAfterMs).toBeLessThan(ttlMs + 3000);
    expect((await post(3, transactions, guarded("ledger", second.json["token"], "new"))).json).toMatchObject({
      succeeded: true,
    });
    process.kill(-holder.pid!, "SIGCONT");
    const [code] = (await once(holder, "close")) as [number | null];
    expect(lines).toEqual(["token 1", "written", "refused"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the lock "ledger" was lost/);
    const value = await fetch(`${up.http(1)}/v1/keyspaces/default/keys/ledger`);
    expect(await value.text()).toBe("new");
  } finally {
    if (holder.exitCode === null && holder.signalCode === null) process.kill(-holder.pid!, "SIGKILL");
  }
});

test("a lock outlives the leader: it is still held, and passed on in time", async () => {
  const held = await post(1, "/v1/locks/across", { ttlMs: 3000, note: "steady" });
  const status = JSON.parse((await cohort(["status", "--json"], up.env)).stdout) as { leader: number };
  await cohort(["fault", "kill", String(status.leader), "--for", "1s"], up.env);
  const survivor = (status.leader % 3) + 1;
  const next = await post(survivor, "/v1/locks/across?timeoutMs=20000", { waitMs: 20_000 });
  expect(next.status).toBe(200);
  expect(next.json["token"]).toBeGreaterThan(held.json["token"] as number);
});

test("cohort lock runs a command alone, passes its exit code on, and says who holds", async () => {
  const run = (...args: string[]) => cohort(["lock", "job", ...args], up.env);
  expect((await run()).stdout).toMatch(/^free/);
  const inner = ["--", process.execPath, main, "lock", "job", "--json"];
  const inside = await run("--note", "me", ...inner);
  expect(JSON.parse(inside.stdout)).toMatchObject({ holders: [{ note: "me" }], waiting: 0 });
  expect((await run("--", process.execPath, "-e", "process.exit(7)")).code).toBe(7);
  expect((await run("--", "/no/such/command")).code).toBe(127);
  const nested = await run("--", process.execPath, main, "lock", "job", "--wait", "0", "--", "true");
  expect(nested.code).toBe(1);
  expect(nested.stderr).toMatch(/is held, and 0 ms of waiting are over\n +Wait longer/);
  const json = await run("--json", "--", "true");
  expect(JSON.parse(json.stdout)).toMatchObject({ name: "job", lost: false, exitCode: 0 });
  expect((await run()).stdout).toMatch(/^free/);
  const wrong = await run("--ttl", "soon", "--", "true");
  expect(wrong).toMatchObject({ code: 2 });
});
