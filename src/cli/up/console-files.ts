/**
 * Where the pages of the console are: in the published package they lie ready; in a checkout they are built once, and
 * again after a change, by a process of low priority beside the cluster, which does not wait for it.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { fileURLToPath } from "node:url";

const published = fileURLToPath(new URL("../../console", import.meta.url));
const builder = fileURLToPath(new URL("../../../console/build.ts", import.meta.url));
const built = fileURLToPath(new URL("../../../console/dist", import.meta.url));

export interface ConsoleFiles {
  /** Undefined while they are being made. */
  directory(): string | undefined;
  /** Builds what is missing or old; `onFailed` is told why where that fails. */
  prepare(onFailed: (why: string) => void): void;
  stop(): void;
}

export function consoleFiles(): ConsoleFiles {
  if (!import.meta.url.endsWith(".ts"))
    return { directory: () => published, prepare: () => undefined, stop: () => undefined };
  let ready = false;
  let child: ReturnType<typeof spawn> | undefined;
  return {
    directory: () => (ready ? built : undefined),
    prepare: (onFailed) => {
      if (!existsSync(builder)) return onFailed(`${builder} is missing`);
      child = spawn(process.execPath, [builder, "--if-needed"], { stdio: ["ignore", "ignore", "pipe"] });
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
      let complaint = "";
      child.stderr?.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
      child.on("error", (error) => onFailed(error.message));
      child.on("close", (code, signal) => {
        child = undefined;
        ready = code === 0;
        if (!ready && signal === null) onFailed(complaint.trim() || `exit code ${code}`);
      });
    },
    stop: () => void child?.kill(),
  };
}
