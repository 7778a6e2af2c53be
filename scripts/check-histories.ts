/**
 * Judges recorded histories whose verdicts are known: `check-histories.ts EXPECTED`, a JSON list of
 * `{file, model, property, holds}` with the files beside it. Each is judged by the command line, which finds the
 * format out, as for a user.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";

interface Row {
  readonly file: string;
  readonly model: string;
  readonly property: string;
  readonly holds: boolean;
}

/** What such lists call the models. */
const knownModels: Record<string, string> = {
  "cas-register(init nil)": "cas-register",
  'kv put/append/get (init "")': "kv",
  "rw-register txns": "rw-register",
};

const expected = process.argv[2];
if (expected === undefined) throw new Error("say which list: check-histories.ts EXPECTED");
const rows = JSON.parse(readFileSync(expected, "utf8")) as readonly Row[];
const main = join(import.meta.dirname, "../src/cli/main.ts");
let wrong = 0;
for (const row of rows) {
  const model = knownModels[row.model];
  if (model === undefined) throw new Error(`${row.file}: no model is known as ${row.model}`);
  const file = join(dirname(expected), row.file);
  const run = spawnSync(
    process.execPath,
    [main, "check", file, "--model", model, "--property", row.property, "--json"],
    { encoding: "utf8" },
  );
  const said = run.stdout === "" ? run.stderr : (JSON.parse(run.stdout) as { readonly verdict: string }).verdict;
  if (said === (row.holds ? "holds" : "broken")) continue;
  wrong++;
  console.error(`${row.file}, ${row.property}: ${row.holds ? "holds" : "broken"}, but judged ${said}`);
}
console.log(`${rows.length} histories with known verdicts: ${rows.length - wrong} judged so, ${wrong} otherwise`);
process.exitCode = wrong === 0 ? 0 : 1;
