import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import { CommandError, paint, print, printJson } from "../output.ts";
import { readContract } from "../contract/source.ts";
import { integerOf, keptLine, withClient, withClientFlags, type ClientFlags } from "./client-options.ts";

const contractHelp = "a file with the contract, or its text";

export function addKeyspaceCommands(program: Command): void {
  const keyspace = program.command("keyspace").description("keyspaces, and the contracts that their requests follow");
  withClientFlags(keyspace.command("list"))
    .description("the keyspaces there are, with their contracts")
    .addHelpText("after", "\nExample:\n  cohort keyspace list")
    .action(async (flags: ClientFlags) => withClient(flags, (client) => list(client, flags)));
  withClientFlags(keyspace.command("create").argument("<name>", "also the name of the counter that follows it"))
    .description("make a keyspace")
    .option("--contract <contract>", `${contractHelp} (default: linearizable)`)
    .addHelpText("after", "\nExample:\n  cohort keyspace create visits --contract contracts/workshop.contract")
    .action(async (name: string, flags: ClientFlags & { contract?: string }) => {
      const contract = flags.contract === undefined ? undefined : textOf(flags.contract, flags);
      await withClient(flags, async (client) => {
        const { revision, kept } = await client.createKeyspace(contract === undefined ? { name } : { name, contract });
        if (flags.json) printJson({ name, contract, revision, kept });
        else print(`${name}  ${keptLine(kept)}`);
      });
    });
  withClientFlags(keyspace.command("set-contract").argument("<name>").argument("<contract>", contractHelp))
    .description("change the contract of a keyspace")
    .option("--replaces <version>", "the version that it replaces; fails with `conflict` where it is another")
    .addHelpText(
      "after",
      "\nExample:\n  cohort keyspace set-contract default 'causal; PartitionBehavior: AvailabilityPreferred'",
    )
    .action(async (name: string, source: string, flags: ClientFlags & { replaces?: string }) => {
      const contract = textOf(source, flags);
      const version = flags.replaces === undefined ? {} : { expectedVersion: integerOf(flags.replaces, "--replaces") };
      await withClient(flags, async (client) => {
        const { revision, kept } = await client.setContract(name, contract, version);
        if (flags.json) printJson({ name, contract, revision, kept });
        else print(`${contract}\n${keptLine(kept)}`);
      });
    });
}

function textOf(source: string, flags: ClientFlags): string {
  const read = readContract(source, flags.json === true);
  if (read === undefined) throw new CommandError("the contract cannot be used", "See above what is wrong with it.");
  return read.contract.text;
}

async function list(client: Client, flags: ClientFlags): Promise<void> {
  const { keyspaces, kept } = await client.keyspaces();
  if (flags.json) return printJson({ keyspaces, kept });
  for (const { name, engine, version, contract } of keyspaces) {
    print(`${paint("bold", name)}  engine ${engine}, contract version ${version}`);
    for (const line of contract.trim().split("\n")) print(`  ${line}`);
  }
}
