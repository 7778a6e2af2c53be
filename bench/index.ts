/** What `npm run bench` runs: `sim`, `check`, `console`, `shards`, or, without a name, Cohort beside its peers. */
import process from "node:process";
import { parseArgs } from "node:util";

const [what, ...rest] = process.argv.slice(2);
if (what === "console") {
  const { values } = parseArgs({
    args: rest,
    options: {
      json: { type: "boolean", default: false },
      seconds: { type: "string", default: "60" },
      hours: { type: "string", default: "5" },
    },
  });
  const { benchConsole } = await import("./console.ts");
  await benchConsole(Number(values.seconds), Number(values.hours), values.json);
} else if (what === "shards") {
  const { values } = parseArgs({
    args: rest,
    options: {
      json: { type: "boolean", default: false },
      seconds: { type: "string", default: "5" },
      idle: { type: "string", default: "1000" },
      only: { type: "string", default: "throughput,moving,idle" },
    },
  });
  const { benchShards } = await import("./shards.ts");
  const only = new Set(values.only.split(","));
  await benchShards({ seconds: Number(values.seconds), idle: Number(values.idle), only, json: values.json });
} else if (what === "sim" || what === "check") {
  const { values } = parseArgs({
    args: rest,
    options: {
      json: { type: "boolean", default: false },
      histories: { type: "string" },
      operations: { type: "string", default: "1000000" },
    },
  });
  if (what === "sim") await (await import("./sim.ts")).benchSim(values.json);
  else (await import("./check.ts")).benchCheck(values.json, values.histories, Number(values.operations));
} else await import("./compare.ts");
