/** Where the contract of a command line comes from: a file, standard input, or the argument itself. */
import { readFileSync } from "node:fs";
import process from "node:process";
import {
  contractFromJson,
  diagnosticText,
  engineProblem,
  parse,
  type Contract,
  type Diagnostic,
} from "../../contract/index.ts";
import { paint, printJson, UsageError } from "../output.ts";

export interface Read {
  readonly contract: Contract;
  readonly text: string;
  readonly warnings: readonly Diagnostic[];
}

/** The contract; undefined where it is wrong, which is said on standard error then. */
export function readContract(source: string, json: boolean): Read | undefined {
  const text = textOf(source);
  if (text.trimStart().startsWith("{")) return { contract: contractFromJson(jsonOf(text, source)), text, warnings: [] };
  const { contract, diagnostics } = parse(text);
  if (contract !== undefined) return { contract, text, warnings: diagnostics };
  if (json) printJson({ diagnostics });
  else process.stderr.write(`${shown(text, diagnostics)}\n`);
  return undefined;
}

/** The contract, where the raft engine keeps it: that is what trials and prices follow. Throws a UsageError. */
export function ofRaft(contract: Contract): Contract {
  const problem = engineProblem(contract, "raft");
  if (problem === undefined) return contract;
  throw new UsageError(
    `trials and prices follow the raft engine, which does not keep ${problem}`,
    "`cohort contract explain` says which engine keeps it; `cohort sim run quorum-registers` tries keyspaces without a leader.",
  );
}

export function shown(text: string, diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .map((diagnostic) => {
      const { severity } = diagnostic;
      return `${paint(severity === "error" ? "red" : "yellow", `${severity}:`)} ${diagnosticText(text, diagnostic)}`;
    })
    .join("\n\n");
}

/** What could be the name of a file and is none is a contract. */
function textOf(source: string): string {
  try {
    return readFileSync(source === "-" ? 0 : source, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const looksLikeFile = /^[^\s:;()]*[./][^\s:;()]*$/.test(source);
    if (code === "ENOENT" && looksLikeFile)
      throw new UsageError(`there is no file ${source}`, "Give the path of a contract, or its text in quotes.", {
        cause: error,
      });
    if (code === "ENOENT" || code === "ENAMETOOLONG") return source;
    throw new UsageError(
      `${source} cannot be read: ${message}`,
      "Give the path of a contract, or its text in quotes.",
      {
        cause: error,
      },
    );
  }
}

function jsonOf(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${source} begins as JSON and is none: ${(error as Error).message}`,
      "`cohort contract schema` has its form; or write it as text: `cohort contract explain causal`.",
      { cause: error },
    );
  }
}
