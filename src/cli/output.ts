/** How commands speak: colours where they are wanted, errors that say what to do, one JSON form. */
import { mkdirSync, writeFileSync } from "node:fs";
import { styleText } from "node:util";
import { CohortError, type ErrorCode } from "../contract/index.ts";

/** What the command was given is wrong, on its line or in a file: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly advice: string;

  constructor(message: string, advice = "`--help` shows how.", options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}

/** What a node or a library refuses because of what it was asked, whatever its state: the same as a wrong command line. */
const wrongRequests: ReadonlySet<ErrorCode> = new Set([
  "bad-request",
  "unknown-parameter",
  "bad-consistency",
  "contradiction",
  "unsupported",
]);

/** The command failed, and this is what to do about it: exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly advice: string | undefined;

  constructor(message: string, advice?: string, options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}

type Style = Parameters<typeof styleText>[0];

/** Styled for standard output; plain where that is no terminal or NO_COLOR is set. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(document: unknown): void {
  print(JSON.stringify(document));
}

/** Writes a file that the command line names. Throws a UsageError where that cannot be. */
export function writeOutput(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(
      `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`,
      "Name a file in a directory that exists and that you may write to.",
      { cause: error },
    );
  }
}

/** Makes a directory that the command line names. Throws a UsageError where that cannot be. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UsageError(
      `cannot make the directory ${path}: ${error instanceof Error ? error.message : String(error)}`,
      "Name one that exists, or that you may make.",
      { cause: error },
    );
  }
}

/** Shows an error on standard error, as JSON where the command speaks JSON; returns the exit code. */
export function reportError(error: unknown, json: boolean): number {
  const usage = error instanceof UsageError || (error instanceof CohortError && wrongRequests.has(error.code));
  const { message, advice } = describe(error);
  if (json)
    process.stderr.write(
      `${JSON.stringify({ error: error instanceof CohortError ? error.failure : { detail: message }, advice })}\n`,
    );
  else {
    const red = styleText("red", "error:", { stream: process.stderr });
    process.stderr.write(`${red} ${message}\n${advice === undefined ? "" : `       ${advice}\n`}`);
  }
  return usage ? 2 : 1;
}

function describe(error: unknown): { message: string; advice: string | undefined } {
  if (error instanceof CohortError) return { message: error.message, advice: error.advice };
  if (error instanceof CommandError || error instanceof UsageError)
    return { message: error.message, advice: error.advice };
  // Anything else is a mistake of ours: its stack is what a report needs.
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error), advice: undefined };
}

/** Milliseconds as people read them. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
