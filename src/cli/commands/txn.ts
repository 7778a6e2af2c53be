import type { Command } from "commander";
import type { Condition, Step, StepOutcome } from "../../client/index.ts";
import { paint, print, printJson, UsageError } from "../output.ts";
import {
  integerOf,
  jsonBytes,
  keptLine,
  shown,
  withClient,
  withClientFlags,
  type ClientFlags,
} from "./client-options.ts";

type TxnFlags = ClientFlags & {
  readonly keyspace: string;
  readonly if: readonly string[];
  readonly then: readonly string[];
  readonly else: readonly string[];
};

const collect = (one: string, all: readonly string[]): readonly string[] => [...all, one];

export function addTxnCommand(program: Command): void {
  withClientFlags(program.command("txn"))
    .description("compare, then change several keys at once; exit code 0 whichever branch was done")
    .option("--keyspace <name>", "which keyspace", "default")
    .option(
      "--if <condition>",
      "KEY = VALUE, KEY exists, KEY missing, revision|version|created KEY =|!=|<|> N, or lock NAME = TOKEN; may be repeated",
      collect,
      [],
    )
    .option("--then <step>", "put KEY VALUE, delete KEY or get KEY; may be repeated", collect, [])
    .option("--else <step>", "what to do where a condition does not hold; may be repeated", collect, [])
    .addHelpText("after", "\nExample:\n  cohort txn --if 'job missing' --then 'put job me' --else 'get job'")
    .action(async (flags: TxnFlags) => {
      const transaction = {
        keyspace: flags.keyspace,
        compare: flags.if.map(parseCondition),
        then: flags.then.map(parseStep),
        else: flags.else.map(parseStep),
      };
      await withClient(flags, async (client) => {
        const { succeeded, revision, timestamp, steps, kept } = await client.transaction(transaction);
        if (flags.json) return printJson({ succeeded, revision, timestamp, steps: steps.map(stepJson), kept });
        const place = revision > 0 ? `revision ${revision}` : `several shards, timestamp ${timestamp}`;
        print(`${succeeded ? paint("green", "then") : paint("yellow", "else")}  ${place}  ${keptLine(kept)}`);
        for (const step of steps) print(`  ${stepText(step)}`);
      });
    });
}

const fields = { revision: "revision", version: "version", created: "createRevision" } as const;

/** Throws a UsageError that shows the forms. */
export function parseCondition(text: string): Condition {
  const existence = /^(\S+)\s+(exists|missing)$/.exec(text);
  if (existence) return { key: existence[1]!, exists: existence[2] === "exists" };
  const lock = /^lock\s+(\S+)\s*=\s*(\d+)$/.exec(text);
  if (lock) return { lock: lock[1]!, token: integerOf(lock[2]!, text) };
  const number = /^(revision|version|created)\s+(\S+)\s*(!=|=|<|>)\s*(\d+)$/.exec(text);
  if (number) {
    const [, field, key, is, operand] = number as unknown as [
      string,
      keyof typeof fields,
      string,
      "=" | "!=" | "<" | ">",
      string,
    ];
    return { key, is, [fields[field]]: integerOf(operand, text) } as Condition;
  }
  const value = /^(\S+)\s+(!=|=|<|>)\s(.*)$/s.exec(text);
  if (value) return { key: value[1]!, is: value[2] as "=" | "!=" | "<" | ">", value: value[3]! };
  throw new UsageError(
    `--if "${text}" is no condition; write for example "job = me", "job missing" or "revision job = 7"`,
  );
}

/** Throws a UsageError that shows the forms. */
export function parseStep(text: string): Step {
  const put = /^put\s+(\S+)\s(.*)$/s.exec(text);
  if (put) return { put: put[1]!, value: put[2]! };
  const other = /^(delete|get)\s+(\S+)$/.exec(text);
  if (other) return other[1] === "delete" ? { delete: other[2]! } : { get: other[2]! };
  throw new UsageError(`"${text}" is no step; write for example "put job me", "delete job" or "get job"`);
}

function stepText(step: StepOutcome): string {
  if ("put" in step) return step.previousRevision === 0 ? "created" : `replaced revision ${step.previousRevision}`;
  if ("delete" in step) return step.deleted ? `deleted revision ${step.previousRevision}` : "there was none to delete";
  return step.item === undefined ? "none" : shown(step.item.value);
}

function stepJson(step: StepOutcome): object {
  if (!("get" in step)) return step;
  const { item } = step;
  if (item === undefined) return { get: true, found: false };
  const { revision, createRevision, version } = item;
  return {
    get: true,
    found: true,
    ...jsonBytes(item.key, "key"),
    ...jsonBytes(item.value, "value"),
    revision,
    createRevision,
    version,
  };
}
