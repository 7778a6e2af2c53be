/** Draws docs/images/ from what the program really prints: `node scripts/pictures.ts`. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { terminalPicture } from "./terminal-picture.ts";

const root = join(import.meta.dirname, "..");
const main = join(root, "src/cli/main.ts");
const images = join(root, "docs/images");
const env = { ...process.env, FORCE_COLOR: "1" };
const prompt = (command: string): string => `\u001B[32m$\u001B[39m \u001B[1m${command}\u001B[22m`;

/** Runs a command and returns what it shows, one line each. */
function shown(command: string, args: readonly string[]): string[] {
  const { stdout } = spawnSync(command, args, { env, encoding: "utf8" });
  return stdout.trimEnd().split("\n");
}

const directory = mkdtempSync(join(tmpdir(), "cohort-picture-"));
const up = spawn(process.execPath, [main, "up", "--data", directory], { env, stdio: ["ignore", "pipe", "inherit"] });
let output = "";
up.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
while (!output.includes("Ctrl-C")) {
  if (up.exitCode !== null) throw new Error(`cohort up ended: ${output}`);
  await sleep(50);
}

const start = [prompt("npm start"), ...output.trimEnd().replaceAll(directory, ".cohort").split("\n")];
const curl = (words: string): string[] => [prompt(`curl ${words}`), ...shown("sh", ["-c", `curl -s ${words}`]), ""];
const command = (words: string): string[] => [
  prompt(`./cohort ${words}`),
  ...shown(process.execPath, [main, ...words.split(" ")]),
  "",
];
const counter = [
  ...curl("-X POST localhost:7101/counter/increment"),
  ...curl("'localhost:7102/counter/value?consistency=linearizable'"),
  ...curl("'localhost:7103/counter/value?consistency=monotonic'"),
  ...command("fault kill leader"),
  ...command("counter increment"),
  ...command("status").slice(0, -1),
];
const closed = new Promise((resolve) => up.once("close", resolve));
up.kill("SIGINT");
await closed;
rmSync(directory, { recursive: true });

mkdirSync(images, { recursive: true });
writeFileSync(
  join(images, "start.svg"),
  terminalPicture(start, "npm start: three nodes recover, elect a leader and are ready"),
);
writeFileSync(
  join(images, "counter.svg"),
  terminalPicture(counter, "A counter on three nodes, before and after its leader is killed"),
);
console.log(`${images}: start.svg, counter.svg`);
