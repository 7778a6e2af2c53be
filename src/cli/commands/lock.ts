import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Command } from "commander";
import type { Client, Lock } from "../../client/index.ts";
import { paint, print, printJson, UsageError } from "../output.ts";
import { durationOf, integerOf, keptLine, withClient, withClientFlags, type ClientFlags } from "./client-options.ts";

interface LockFlags extends ClientFlags {
  readonly ttl: string;
  readonly wait: string | undefined;
  readonly permits: string;
  readonly note: string;
}

/** How long a command has to end by itself once the lock is lost. */
const graceMs = 2000;

export function addLockCommand(program: Command): void {
  withClientFlags(program.command("lock").argument("<name>", "which lock").argument("[command...]", "what to run"))
    .description("run a command while holding a lock; without a command: who holds it")
    .option("--ttl <duration>", "the lease: how long the lock outlives this process if it dies", "10s")
    .option("--wait <duration>", "give up where others hold it for so long; 0: at once (default: wait)")
    .option("--permits <n>", "how many may hold it at once", "1")
    .option("--note <text>", "what others read about its holder", "")
    .addHelpText(
      "after",
      `
The command finds its fencing token in COHORT_LOCK_TOKEN and the name in COHORT_LOCK_NAME. When the lease is lost the
command is sent SIGTERM, and SIGKILL ${graceMs / 1000} s later. The exit code is the command's; 1 where it did not run or lost the lock.

Example:
  cohort lock backup --ttl 30s --wait 1m -- ./backup.sh`,
    )
    .action(async (name: string, command: readonly string[], flags: LockFlags) => {
      await withClient(flags, async (client) => {
        if (command.length === 0) return show(client, name, flags);
        process.exitCode = await runLocked(client, name, command, flags);
      });
    });
}

async function show(client: Client, name: string, flags: LockFlags): Promise<void> {
  const { holders, waiting, kept } = await client.holders(name);
  if (flags.json) return printJson({ name, holders, waiting, kept });
  if (holders.length === 0) return print(`free  ${keptLine(kept)}`);
  for (const { token, note, remainingMs } of holders) {
    print(`token ${token}${note === "" ? "" : `  ${note}`}  ${paint("dim", `${remainingMs} ms left unless renewed`)}`);
  }
  print(`${waiting} waiting  ${keptLine(kept)}`);
}

async function runLocked(client: Client, name: string, command: readonly string[], flags: LockFlags): Promise<number> {
  const lock = await acquire(client, name, flags);
  const ended = await runWhileHeld(lock, command);
  await lock.release();
  if (flags.json) printJson({ name, token: lock.token, lost: lock.lost.aborted, exitCode: ended });
  if (!lock.lost.aborted) return ended;
  const reason: unknown = lock.lost.reason;
  process.stderr.write(
    `error: the lock "${name}" was lost: ${reason instanceof Error ? reason.message : String(reason)}\n`,
  );
  return 1;
}

async function acquire(client: Client, name: string, flags: LockFlags): Promise<Lock> {
  const waitMs =
    flags.wait === undefined ? undefined : /^0(ms|s|m)?$/.test(flags.wait) ? 0 : durationOf(flags.wait, "--wait");
  const permits = integerOf(flags.permits, "--permits");
  if (permits < 1) throw new UsageError(`--permits is "${flags.permits}"; at least one has to be able to hold it`);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error("interrupted while waiting"));
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const told = setTimeout(() => process.stderr.write(`waiting for the lock "${name}"\n`), 1000);
  try {
    return await client.lock(name, {
      ttlMs: durationOf(flags.ttl, "--ttl"),
      permits,
      note: flags.note,
      signal: stop.signal,
      ...(waitMs === undefined ? {} : { waitMs }),
    });
  } finally {
    clearTimeout(told);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** The exit code, as a shell tells it. */
async function runWhileHeld(lock: Lock, [file, ...args]: readonly string[]): Promise<number> {
  const env = { ...process.env, COHORT_LOCK_NAME: lock.name, COHORT_LOCK_TOKEN: String(lock.token) };
  const child = spawn(file!, args, { stdio: "inherit", env });
  // Whoever stops this command stops the other; the lock is given back when that has ended.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", pass).on("SIGTERM", pass);
  const onLost = (): void => endSoon(child);
  lock.lost.addEventListener("abort", onLost);
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    // The command could not be started: 127 where there is none, as shells say it.
    process.stderr.write(`error: ${file}: ${error instanceof Error ? error.message : String(error)}\n`);
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? 127 : 126;
  } finally {
    process.off("SIGINT", pass).off("SIGTERM", pass);
    lock.lost.removeEventListener("abort", onLost);
  }
}

function endSoon(child: ChildProcess): void {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  child.once("exit", () => clearTimeout(timer));
}
