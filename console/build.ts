/** Builds the pages of the console into `console/dist/`. `--if-needed`: only where something is newer than what is there. */
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const root = join(import.meta.dirname, "..");
const dist = join(import.meta.dirname, "dist");
const stamp = join(dist, ".built");

/** The newest moment at which any input changed. Tests are none. */
function newestInput(): number {
  let newest = statSync(join(root, "package-lock.json")).mtimeMs;
  for (const folder of ["console", "src"]) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (/^dist|\.(?:test|suite)\.ts$|^(?:cli\/(?!model\/simulated)|host|api|client)\//.test(path)) continue;
      newest = Math.max(newest, statSync(join(root, folder, path)).mtimeMs);
    }
  }
  return newest;
}

const newest = newestInput();
if (!process.argv.includes("--if-needed") || !existsSync(stamp) || statSync(stamp).mtimeMs < newest) {
  process.env["NODE_ENV"] = "production";
  rmSync(stamp, { force: true });
  const { build } = await import("vite");
  await build({ configFile: join(import.meta.dirname, "vite.config.ts"), logLevel: "warn" });
  writeFileSync(stamp, "");
  // What changed while it was being built is newer than this.
  utimesSync(stamp, newest / 1000, Math.ceil(newest) / 1000);
}
