/** Nodes on real disks, in this process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fromUtf8 } from "../base/index.ts";
import { connect } from "../client/index.ts";
import { hostConfig, memberAddresses } from "./cluster.suite.ts";
import { openHost, silentLogger, type Host, type HostConfig } from "./index.ts";

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
