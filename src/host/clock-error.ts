import { execFile } from "node:child_process";
import type { ClockSource } from "./clock.ts";

/** Where the bound on this machine's clock error comes from: the configuration, or chrony where it runs. */
export const clockErrorSources = ["configured", "chrony"] as const;
export type ClockErrorSourceName = (typeof clockErrorSources)[number];

/** How wrong the wall clock may be now, milliseconds. */
export interface ClockErrorSource {
  readonly errorMs: number;
  close(): void;
}

export const configuredError = (errorMs: number): ClockErrorSource => ({ errorMs, close: () => {} });

/** Runs a command and hands over what it printed; undefined: it failed. */
export type RunCommand = (command: string, args: readonly string[], done: (output: string | undefined) => void) => void;

const pollMs = 10_000;
/** What chrony said is believed for so long, and grows meanwhile by what an oscillator may be off: 100 parts per million. */
const believedMs = 60_000;
const driftShare = 1e-4;

/**
 * The kernel keeps a bound for its clock (adjtimex), which Node cannot ask for without native code; chrony, which feeds it,
 * can be asked. While chrony is silent, or not synchronised itself, the configured bound holds.
 */
export function chronyError(
  configuredMs: number,
  clock: Pick<ClockSource, "mono">,
  run: RunCommand = runCommand,
): ClockErrorSource {
  let told: { readonly errorMs: number; readonly at: number } | undefined;
  const ask = (): void => {
    const asked = clock.mono();
    run("chronyc", ["-c", "tracking"], (output) => {
      const errorMs = output === undefined ? undefined : boundOf(output);
      // What is older than its question grows from then on.
      if (errorMs !== undefined) told = { errorMs, at: asked };
    });
  };
  ask();
  const timer = setInterval(ask, pollMs);
  timer.unref();
  return {
    get errorMs() {
      const ageMs = told === undefined ? Number.POSITIVE_INFINITY : clock.mono() - told.at;
      return told === undefined || ageMs > believedMs ? configuredMs : told.errorMs + ageMs * driftShare;
    },
    close: () => clearInterval(timer),
  };
}

/**
 * Milliseconds, by chrony's manual (`chronyc`, tracking): the clock is off by no more than the system time offset, the root
 * dispersion and half of the root delay together. undefined: it is not synchronised, or this is another program.
 */
export function boundOf(tracking: string): number | undefined {
  const fields = tracking.trim().split(",");
  const [offset, delay, dispersion] = [fields[4], fields[10], fields[11]].map(Number);
  if (fields.length !== 14 || fields[13] === "Not synchronised") return undefined;
  const seconds = Math.abs(offset!) + dispersion! + delay! / 2;
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function runCommand(command: string, args: readonly string[], done: (output: string | undefined) => void): void {
  execFile(command, [...args], { timeout: 2000, encoding: "utf8" }, (error, output) =>
    done(error === null ? output : undefined),
  );
}
