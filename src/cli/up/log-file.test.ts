import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LogFile } from "./log-file.ts";

test("a log goes on where it was, and the oldest parts go first", () => {
  const directory = mkdtempSync(join(tmpdir(), "cohort-log-"));
  const path = join(directory, "node.log");
  for (let run = 0; run < 2; run++) {
    const log = new LogFile(path, 10, 2);
    for (let i = 0; i < 4; i++) log.write(Buffer.from(`line ${run}${i}\n`));
    log.close();
  }
  expect(readdirSync(directory).sort()).toEqual(["node.log", "node.log.1", "node.log.2"]);
  expect(["node.log.2", "node.log.1", "node.log"].map((name) => readFileSync(join(directory, name), "utf8"))).toEqual([
    "line 11\n",
    "line 12\n",
    "line 13\n",
  ]);
  rmSync(directory, { recursive: true });
});
