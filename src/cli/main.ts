#!/usr/bin/env node
import process from "node:process";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`error: Cohort needs Node 22.18 or later; this is ${process.versions.node}\n`);
  process.stderr.write("       In a checkout, `npm start`, `npm run cohort -- …` and ./cohort bring their own.\n");
  process.exit(2);
}
// Not imported above: a Node that is too old has none, and would say that instead of the above.
const { enableCompileCache } = await import("node:module");
enableCompileCache();
const { runCommandLine } = await import("./program.ts");
// Setting the code instead of leaving at once lets output that is under way arrive.
process.exitCode = await runCommandLine(process.argv);
