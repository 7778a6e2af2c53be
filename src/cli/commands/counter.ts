import type { Command } from "commander";
import { print, printJson } from "../output.ts";
import {
  integerOf,
  keptLine,
  readSettings,
  withClient,
  withClientFlags,
  withReadFlags,
  type ClientFlags,
  type ReadFlags,
} from "./client-options.ts";

export function addCounterCommands(program: Command): void {
  const counter = program.command("counter").description("count, exactly once however often a request is sent");
  withClientFlags(counter.command("increment").argument("[name]", "which counter", "default"))
    .description("add to a counter")
    .option("--by <n>", "how much; may be negative", "1")
    .option("--w <n>", "in a keyspace without a leader: how many replicas have to have it")
    .addHelpText("after", "\nExample:\n  cohort counter increment visits --by 2")
    .action(async (name: string, flags: ClientFlags & { by: string; w?: string }) => {
      const by = integerOf(flags.by, "--by");
      const settings = flags.w === undefined ? {} : { w: integerOf(flags.w, "--w") };
      await withClient(flags, async (client) => show(flags, name, await client.counter(name).increment(by, settings)));
    });
  withReadFlags(counter.command("get").argument("[name]", "which counter", "default"))
    .description("read a counter")
    .addHelpText("after", "\nExample:\n  cohort counter get visits --consistency monotonic --at 127.0.0.1:7402")
    .action(async (name: string, flags: ReadFlags) => {
      await withClient(flags, async (client) =>
        show(flags, name, await client.counter(name).value(readSettings(flags))),
      );
    });
}

function show(
  flags: ClientFlags,
  name: string,
  {
    value,
    revision,
    kept,
  }: { readonly value: number; readonly revision: number; readonly kept: Parameters<typeof keptLine>[0] },
): void {
  if (flags.json) printJson({ name, value, revision, kept });
  else print(`${value}  ${keptLine(kept)}`);
}
