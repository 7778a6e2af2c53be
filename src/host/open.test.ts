/** Nodes on real disks, in this process. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fromUtf8 } from "../base/index.ts";
import { connect } from "../client/index.ts";
import { hostConfig, memberAddresses } from "./cluster.suite.ts";
import { openHost, silentLogger, type Host, type HostConfig } from "./index.ts";
import { markLost } from "./rejoin.ts";

let directory = "";
let hosts: Host[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "cohort-open-"));
});
afterEach(async () => {
  await Promise.all(hosts.map(async (host) => host.close()));
  hosts = [];
  rmSync(directory, { recursive: true, force: true });
});

async function configs(count: number): Promise<HostConfig[]> {
  const members = await memberAddresses(count);
  return members.map(({ id }) => hostConfig(id, members, { dataDirectory: join(directory, `node-${id}`) }));
}

async function start(config: HostConfig): Promise<Host> {
  const host = await openHost(config, silentLogger);
  hosts.push(host);
  return host;
}

test("three nodes keep what they acknowledged across a restart of all", async () => {
  const all = await configs(3);
  const endpoints = all[0]!.members.map(({ native }) => native);
  await Promise.all(all.map(start));
  const before = connect({ endpoints });
  await Promise.all(Array.from({ length: 200 }, async (_, i) => before.put(`key-${i}`, `${i}`)));
  await before.counter("n").increment(7);
  await before.close();
  await Promise.all(hosts.splice(0).map(async (host) => host.close()));
  await Promise.all(all.map(start));
  const after = connect({ endpoints });
  expect(fromUtf8((await after.get("key-199"))!.value)).toBe("199");
  expect((await after.list({ limit: 500 })).items).toHaveLength(200);
  expect(await after.counter("n").value()).toMatchObject({ value: 7 });
  await after.close();
});

test("a data directory that is in use, of another node or another cluster is refused", async () => {
  const [config] = await configs(1);
  const host = await start(config!);
  await expect(openHost(config!, silentLogger)).rejects.toMatchObject({
    name: "StartupError",
    code: "data-directory-in-use",
  });
  await host.close();
  hosts = [];
  const members = config!.members.map((member) => ({ ...member, id: 2 }));
  await expect(openHost({ ...config!, members, nodeId: 2 }, silentLogger)).rejects.toMatchObject({
    code: "wrong-identity",
  });
  await expect(openHost({ ...config!, clusterId: "other" }, silentLogger)).rejects.toMatchObject({
    code: "wrong-identity",
  });
  await start(config!);
});

test("a port in use ends the start, names the port, and leaves nothing behind", async () => {
  const [one, two] = await configs(2);
  await start(one!);
  const members = two!.members.map((member) =>
    member.id === 2 ? { ...member, native: one!.members[0]!.native } : member,
  );
  const port = one!.members[0]!.native.split(":")[1];
  const clash = openHost({ ...two!, members }, silentLogger);
  await expect(clash).rejects.toMatchObject({ code: "address-in-use" });
  await expect(clash).rejects.toThrow(new RegExp(`port ${port} .*COHORT_PORT_BASE`));
  await start(two!);
});

describe("a damaged disk", () => {
  /** Three nodes with something written, of which the last is then stopped. */
  async function prepared(): Promise<HostConfig[]> {
    const all = await configs(3);
    await Promise.all(all.map(start));
    await write(all[0]!);
    await hosts.pop()!.close();
    return all;
  }

  async function write({ members }: HostConfig): Promise<void> {
    const client = connect({ endpoints: members.map(({ native }) => native) });
    await Promise.all(Array.from({ length: 50 }, async (_, i) => client.put(`key-${i}`, `${i}`)));
    await client.close();
  }

  async function untilRejoined(host: Host): Promise<void> {
    for (let i = 0; i < 500 && host.status().groups[0]!.rejoining; i++) await sleep(10);
    expect(host.status().groups[0]!.rejoining).toBe(false);
  }

  /** The first bytes of the first batch of the log, with many batches behind it. */
  function damageLog({ dataDirectory }: HostConfig): void {
    const log = join(dataDirectory, "log");
    const file = join(log, readdirSync(log).sort()[0]!);
    const bytes = readFileSync(file);
    bytes[512 + 40]! ^= 1;
    writeFileSync(file, bytes);
  }

  async function holdsAll(config: HostConfig): Promise<void> {
    const client = connect({ endpoints: [config.members[config.nodeId - 1]!.native] });
    expect(fromUtf8((await client.get("key-49", { consistency: "eventual" }))!.value)).toBe("49");
    await client.close();
  }

  test("in the middle of the log: what is left is put aside, the node rejoins, and restarts as before", async () => {
    const all = await prepared();
    damageLog(all[2]!);
    const host = await start(all[2]!);
    expect(host.status().groups[0]!.rejoining).toBe(true);
    await untilRejoined(host);
    await holdsAll(all[2]!);
    const { dataDirectory } = all[2]!;
    expect(readdirSync(join(dataDirectory, "damaged-1"))).toEqual(["log"]);
    expect(existsSync(join(dataDirectory, "rejoin.json"))).toBe(false);
    await hosts.pop()!.close();
    const again = await start(all[2]!);
    expect(again.status().groups[0]!.rejoining).toBe(false);
  });

  test("found while it ran, or told by the operator: log and state are put aside", async () => {
    const all = await prepared();
    const [, , config] = all;
    markLost(config!.dataDirectory, "log and state", "a row is damaged");
    await untilRejoined(await start(config!));
    await holdsAll(config!);
    expect(readdirSync(join(config!.dataDirectory, "damaged-1"))).toEqual(["log", "state"]);
    await hosts.pop()!.close();
    const host = await openHost(config!, silentLogger, { rejoin: true });
    hosts.push(host);
    await untilRejoined(host);
    await holdsAll(config!);
    expect(readdirSync(config!.dataDirectory)).toContain("damaged-2");
  });

  test("a log that is gone is not taken for a new one", async () => {
    const all = await prepared();
    rmSync(join(all[2]!.dataDirectory, "log"), { recursive: true });
    const host = await start(all[2]!);
    expect(host.status().groups[0]!.rejoining).toBe(true);
    await untilRejoined(host);
  });

  test("a node that is alone refuses it, and has nobody to rejoin", async () => {
    const [config] = await configs(1);
    await start(config!);
    await write(config!);
    await hosts.pop()!.close();
    damageLog(config!);
    await expect(openHost(config!, silentLogger)).rejects.toMatchObject({ name: "StartupError", code: "damaged" });
    await expect(openHost(config!, silentLogger, { rejoin: true })).rejects.toMatchObject({
      code: "bad-configuration",
    });
  });
});
