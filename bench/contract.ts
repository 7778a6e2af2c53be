/**
 * What a contract costs on a follower: gets that ask for nothing, and gets that are monotonic and at most 100 ms
 * stale, in turns on the same connection, so that both meet the same machine. The measure is processor time of the
 * node and the client for each get, and the rate.
 *
 *     node bench/contract.ts [--rounds 10] [--seconds 1] [--outstanding 256] [--data DIR]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../src/client/index.ts";
import { Cohort, nativeLoad } from "./cohort.ts";
import { processorMs } from "./processes.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    seconds: { type: "string", default: "1" },
    outstanding: { type: "string", default: "256" },
    data: { type: "string", default: tmpdir() },
  },
});
const contracts = ["eventual", "monotonic and bounded(100ms)"] as const;
const seconds = Number(values.seconds);
const outstanding = Number(values.outstanding);

const directory = mkdtempSync(join(values.data, "cohort-contract-"));
const cohort = await Cohort.start(directory);
const client = cohort.client();
await client.put("key-0", "value");
const leader = client.leader;
const [follower] = cohort.endpoints.filter((endpoint) => endpoint !== leader);
const node = 1 + cohort.endpoints.indexOf(follower!);
const reader = connect({ endpoints: [follower!] });
await reader.put("key-0", "seen");

const rates = new Map<string, number[]>(contracts.map((name) => [name, []]));
const costs = new Map<string, number[]>(contracts.map((name) => [name, []]));
const paths = new Set<boolean>();
for (let round = -1; round < Number(values.rounds); round++) {
  for (const consistency of round % 2 === 0 ? contracts : contracts.toReversed()) {
    const before = processorMs(cohort.pid(node)) + processorMs(process.pid);
    const { rate } = await nativeLoad(reader, {
      outstanding,
      seconds,
      warmup: 0,
      operation: async () => {
        const found = await reader.get("key-0", { consistency, prefer: follower! });
        paths.add(found?.kept.guarantee === "Linearizable");
      },
    });
    const spent = processorMs(cohort.pid(node)) + processorMs(process.pid) - before;
    // The first round warms up.
    if (round < 0) continue;
    rates.get(consistency)!.push(rate);
    costs.get(consistency)!.push((1000 * spent) / (rate * seconds));
  }
}
await reader.close();
await client.close();
await cohort.stop();
rmSync(directory, { recursive: true, force: true });

for (const name of contracts)
  console.log(
    `${name.padEnd(30)} ${Math.round(median(rates.get(name)!))} gets/s  ${median(costs.get(name)!).toFixed(2)} µs of processor a get`,
  );
const [free, kept] = contracts;
console.log(
  `overhead: ${percent(median(costs.get(kept)!) / median(costs.get(free)!) - 1)} of the processor, ${percent(1 - median(rates.get(kept)!) / median(rates.get(free)!))} of the rate${paths.has(true) ? " (some asked the leader)" : ""}`,
);

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
