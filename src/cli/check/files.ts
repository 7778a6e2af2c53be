/** Which files an argument list of `cohort check` means. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../output.ts";

/** What histories in a directory are called; other files there are left alone. */
const endings = [".jsonl", ".json", ".edn", ".log", ".txt", ".awdit", ".plume"];

/** The files, with directories replaced by the histories in and below them, in order of name. Throws a UsageError. */
export function historiesOf(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (path === "-" || statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
    const found = readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    if (found.length === 0)
      throw new UsageError(`${path}: no history in it; their names end with ${endings.join(", ")}`);
    return found;
  });
}
