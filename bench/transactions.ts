/**
 * Transactions beside plain writes, in a keyspace of three shards on three nodes: how many a second, as a share of the
 * plain ones, through the native client.
 *
 *     node bench/transactions.ts [--seconds 5] [--outstanding 256] [--data DIR]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { utf8 } from "../src/base/index.ts";
import type { Client } from "../src/client/index.ts";
import { evenStarts, pointOf } from "../src/placement/index.ts";
import { Cohort, nativeLoad } from "./cohort.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    outstanding: { type: "string", default: "256" },
    data: { type: "string", default: tmpdir() },
  },
});
const seconds = Number(values.seconds);
const outstanding = Number(values.outstanding);
const keyspace = "spread";
const shards = 3;
const value = new Uint8Array(128).fill(118);
const keys = 100_000;

/** A key of the next shard, which the same key always gets. */
const starts = evenStarts(shards);
const shardOf = (key: string): number => starts.findLastIndex((start) => start <= pointOf("hash", utf8(key)));
function elsewhere(key: string): string {
  const home = shardOf(key);
  for (let i = 0; ; i++) if (shardOf(`${key}/${i}`) !== home) return `${key}/${i}`;
}

const loads: readonly (readonly [string, (client: Client, key: string) => Promise<unknown>])[] = [
  ["put", (client, key) => client.put(key, value, { keyspace })],
  [
    "one shard, written",
    (client, key) =>
      client.transaction(
        async (tx) => {
          tx.put(key, value);
        },
        { keyspace },
      ),
  ],
  [
    "one shard, compared and written",
    (client, key) =>
      client.transaction({ keyspace, compare: [{ key, is: "!=", version: 7 }], then: [{ put: key, value }] }),
  ],
  [
    "one shard, read and written",
    (client, key) =>
      client.transaction(
        async (tx) => {
          await tx.get(key);
          tx.put(key, value);
        },
        { keyspace },
      ),
  ],
  [
    "two shards, written",
    (client, key) =>
      client.transaction(
        async (tx) => {
          tx.put(key, value);
          tx.put(elsewhere(key), value);
        },
        { keyspace },
      ),
  ],
  [
    "two shards, read and written",
    (client, key) =>
      client.transaction(
        async (tx) => {
          await Promise.all([tx.get(key), tx.get(elsewhere(key))]);
          tx.put(key, value);
          tx.put(elsewhere(key), value);
        },
        { keyspace },
      ),
  ],
];

const directory = mkdtempSync(join(values.data, "cohort-transactions-"));
const cohort = await Cohort.start(directory);
const made = await fetch(`${cohort.http(1)}/v1/keyspaces`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ name: keyspace, shards }),
});
if (!made.ok) throw new Error(await made.text());
const client = cohort.client();
await nativeLoad(client, { outstanding, seconds: 2, keys, operation: (one, key) => one.put(key, value, { keyspace }) });
let plain = 0;
console.log(`${outstanding} under way, ${seconds} s each, ${shards} shards on 3 nodes`);
console.log(
  `${"".padEnd(34)}${"rate /s".padStart(9)}${"of puts".padStart(9)}${"p50 ms".padStart(9)}${"p99 ms".padStart(9)}`,
);
for (const [name, operation] of loads) {
  const { rate, p50Ms, p99Ms, errors } = await nativeLoad(client, { outstanding, seconds, keys, operation });
  if (plain === 0) plain = rate;
  const cells = [Math.round(rate).toString(), (rate / plain).toFixed(2), p50Ms.toFixed(1), p99Ms.toFixed(1)];
  const failed = errors > 0 ? `   ${errors} failed` : "";
  console.log(`${name.padEnd(34)}${cells.map((cell) => cell.padStart(9)).join("")}${failed}`);
}
await client.close();
await cohort.stop();
rmSync(directory, { recursive: true, force: true });
