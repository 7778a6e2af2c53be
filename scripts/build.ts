/**
 * Makes `dist/` the package that is published: JavaScript and declarations of every room, and a
 * package.json without what only the repository needs (its own Node, its tools, its scripts).
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });

const source = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const rooms = readdirSync(dist, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(dist, entry.name, "index.js")))
  .map((entry) => entry.name)
  .sort();
const entryPoint = (room: string): object => ({ types: `./${room}/index.d.ts`, default: `./${room}/index.js` });

const manifest = {
  name: source.name,
  version: source.version,
  description: source.description,
  license: source.license,
  type: "module",
  engines: { node: ">=22.18" },
  bin: { cohort: "./cli/main.js" },
  // The package itself is its client library; every room is an entry point of its own.
  exports: {
    ...(rooms.includes("client") ? { ".": entryPoint("client") } : {}),
    ...Object.fromEntries(rooms.map((room) => [`./${room}`, entryPoint(room)])),
    "./package.json": "./package.json",
  },
  sideEffects: ["./cli/main.js"],
  dependencies: source.dependencies,
};
writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) copyFileSync(join(root, file), join(dist, file));
// The pages of the console, ready made.
execFileSync(process.execPath, [join(root, "console/build.ts")], { cwd: root, stdio: "inherit" });
cpSync(join(root, "console/dist"), join(dist, "console"), { recursive: true });
// What README links to.
cpSync(join(root, "docs"), join(dist, "docs"), { recursive: true });
cpSync(join(root, "contracts"), join(dist, "contracts"), { recursive: true });
cpSync(join(root, "src/model/topologies"), join(dist, "model/topologies"), { recursive: true });
console.log(`dist/ is ${manifest.name} ${manifest.version}: ${rooms.join(", ")}`);
