/**
 * The native protocol alone: puts, linearizable gets and bounded gets at several numbers of operations under way,
 * with the processor time that each operation costs the client and the nodes.
 *
 *     node bench/native.ts [--seconds 3] [--only put,get,bounded] [--endpoints 127.0.0.1:7401,…] [--data DIR] [--profile DIR]
 *
 * Without endpoints it starts three nodes of its own. `--profile` leaves a CPU profile of each in DIR.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect, type Client } from "../src/client/index.ts";
import { Cohort, nativeLoad } from "./cohort.ts";
import { processorMs } from "./processes.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    only: { type: "string", default: "put,get,bounded" },
    outstanding: { type: "string", default: "1,64,256,1024" },
    endpoints: { type: "string" },
    data: { type: "string", default: tmpdir() },
    profile: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const counts = values.outstanding.split(",").map(Number);
const value = new Uint8Array(128).fill(118);

const loads: Record<string, (client: Client, key: string) => Promise<unknown>> = {
  put: async (client, key) => client.put(key, value),
  get: async (client, key) => client.get(key),
  bounded: async (client, key) => client.get(key, { consistency: "bounded(1s)", prefer: "any" }),
};

if (values.profile !== undefined) {
  mkdirSync(values.profile, { recursive: true });
  process.env["NODE_OPTIONS"] = `--cpu-prof --cpu-prof-dir=${values.profile}`;
}
const directory = mkdtempSync(join(values.data, "cohort-native-"));
const cohort = values.endpoints === undefined ? await Cohort.start(directory) : undefined;
const client = cohort?.client() ?? connect({ endpoints: values.endpoints!.split(","), maxOutstandingWrites: 4096 });
const pids = [process.pid, ...(cohort === undefined ? [] : [1, 2, 3].map((node) => cohort.pid(node)))];

console.log(
  `${"operation".padEnd(10)}${"under way".padStart(10)}${"rate /s".padStart(10)}${"p50 ms".padStart(9)}${"p99 ms".padStart(9)}   processor µs per operation: client, nodes`,
);
for (const name of values.only.split(",")) {
  const operation = loads[name];
  if (operation === undefined) throw new Error(`there is no load "${name}": ${Object.keys(loads).join(", ")}`);
  await nativeLoad(client, { outstanding: 256, seconds: 1, warmup: 1, operation });
  for (const outstanding of counts) {
    const before = pids.map(processorMs);
    const { rate, p50Ms, p99Ms, errors } = await nativeLoad(client, { outstanding, seconds, warmup: 0, operation });
    const spent = pids.map((pid, i) => ((processorMs(pid) - before[i]!) * 1000) / (rate * seconds));
    const cells = [
      Math.round(rate).toString().padStart(10),
      p50Ms.toFixed(2).padStart(9),
      p99Ms.toFixed(2).padStart(9),
    ];
    const failed = errors > 0 ? `   ${errors} failed` : "";
    console.log(
      `${name.padEnd(10)}${String(outstanding).padStart(10)}${cells.join("")}   ${spent.map((us) => us.toFixed(1).padStart(6)).join(" ")}${failed}`,
    );
  }
}
await client.close();
await cohort?.stop();
rmSync(directory, { recursive: true, force: true });
