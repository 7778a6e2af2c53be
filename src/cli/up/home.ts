/** The directory of a local cluster: whose it is, who uses it, and how to empty it without hurting anyone else's. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { CommandError } from "../output.ts";

const format = 1;
const markerName = "cohort.json";
const ownEntry = /^(?:cohort\.json|cohort\.lock.*|node-\d+)$/;

const Marker = Type.Object({
  format: Type.Integer(),
  clusterId: Type.String({ minLength: 1 }),
  nodes: Type.Integer({ minimum: 1 }),
});
type Marker = Static<typeof Marker>;

export interface Home {
  readonly directory: string;
  readonly clusterId: string;
  readonly nodes: number;
  /** It was made just now. */
  readonly created: boolean;
}

export function nodeDirectory(home: Home, node: number): string {
  return join(home.directory, `node-${node}`);
}

/** Makes sure the directory exists and is ours or empty. Throws a CommandError otherwise. */
export function claimDirectory(path: string): string {
  const directory = resolve(path);
  mkdirSync(directory, { recursive: true });
  const entries = readdirSync(directory);
  const foreign = entries.filter((name) => !ownEntry.test(name));
  if (
    foreign.length > 0 ||
    (entries.some((name) => name.startsWith("node-")) && !existsSync(join(directory, markerName)))
  ) {
    throw new CommandError(
      `${directory} is not a data directory of Cohort${foreign.length > 0 ? `: it holds "${foreign[0]}"` : ` (no ${markerName})`}`,
      "Name another directory with --data. Nothing was changed.",
    );
  }
  return directory;
}

/** Removes what earlier clusters left in a claimed and locked directory. */
export function emptyDirectory(directory: string): void {
  for (const name of readdirSync(directory)) {
    // The marker goes last: while data is there, the directory stays recognisable.
    if (name.startsWith("node-")) rmSync(join(directory, name), { recursive: true });
  }
  rmSync(join(directory, markerName), { force: true });
}

/** The cluster that lives in a claimed and locked directory; a new one where there is none. */
export function openHome(directory: string, wantedNodes: number | undefined): Home {
  const path = join(directory, markerName);
  if (!existsSync(path)) {
    const marker: Marker = { format, clusterId: randomBytes(8).toString("hex"), nodes: wantedNodes ?? 3 };
    writeFileSync(path, `${JSON.stringify(marker)}\n`, { flush: true });
    return { directory, clusterId: marker.clusterId, nodes: marker.nodes, created: true };
  }
  const marker = readMarker(path);
  if (wantedNodes !== undefined && wantedNodes !== marker.nodes) {
    throw new CommandError(
      `the cluster in ${directory} has ${marker.nodes} nodes, not ${wantedNodes}`,
      "Leave --nodes out to continue it, or begin anew with --fresh (which deletes its data).",
    );
  }
  return { directory, clusterId: marker.clusterId, nodes: marker.nodes, created: false };
}

function readMarker(path: string): Marker {
  const broken = (detail: string, cause?: unknown): CommandError =>
    new CommandError(
      `${path} ${detail}`,
      "Restore it from a backup, or begin anew with --fresh (which deletes the data).",
      { cause },
    );
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw broken(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (!Value.Check(Marker, content)) throw broken("does not say which cluster this is");
  if (content.format > format) {
    throw new CommandError(
      `${path} is of format ${content.format}; this version knows up to ${format}`,
      "Run the version of Cohort that wrote it, or a later one.",
    );
  }
  return content;
}
