import { Option, type Command } from "commander";
import type { Client } from "../../client/index.ts";
import { placements, type Placement } from "../../placement/index.ts";
import { paint, print, printJson, UsageError } from "../output.ts";
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
    .option("--contract <contract>", `${contractHelp} (default: linearizable; dynamo: quorums of r and w)`)
    .addOption(new Option("--engine <engine>", "how it is replicated").choices(["raft", "dynamo"]).default("raft"))
    .option("--replicas <n>", "dynamo: how many nodes have each key (default: 3)")
    .option("--r <n>", "dynamo: how many of them a read asks (default: what the contract needs, or a majority)")
    .option("--w <n>", "dynamo: how many of them a write waits for (default: what the contract needs, or a majority)")
    .addOption(
      new Option("--conflicts <how>", "dynamo: of concurrent writes the last one wins, or all stay").choices([
        "lww",
        "siblings",
      ]),
    )
    .option("--sloppy", "dynamo: other nodes stand in for replicas that are away")
    .option("--shards <n>", "raft: into how many groups its keys are cut (default: 1, beside all others)")
    .addOption(new Option("--placement <how>", "raft: how keys lie in several shards").choices(placements))
    .addHelpText(
      "after",
      "\nExamples:\n  cohort keyspace create visits --contract contracts/workshop.contract" +
        "\n  cohort keyspace create carts --engine dynamo --conflicts siblings --r 2 --w 2" +
        "\n  cohort keyspace create users --shards 6" +
        "\n  cohort keyspace create likes --engine dynamo --contract 'eventual; WriteConsistency: Eventual'",
    )
    .action(async (name: string, flags: CreateFlags) => {
      const contract = flags.contract === undefined ? undefined : textOf(flags.contract, flags);
      await withClient(flags, async (client) => {
        const { revision, kept } = await client.createKeyspace({
          name,
          engine: flags.engine,
          ...(contract !== undefined && { contract }),
          ...numbers(flags),
          ...(flags.placement !== undefined && { placement: flags.placement }),
          ...(flags.conflicts !== undefined && { conflicts: flags.conflicts }),
          ...(flags.sloppy !== undefined && { sloppy: flags.sloppy }),
        });
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

interface CreateFlags extends ClientFlags {
  readonly engine: "raft" | "dynamo";
  readonly contract?: string;
  readonly replicas?: string;
  readonly r?: string;
  readonly w?: string;
  readonly conflicts?: "lww" | "siblings";
  readonly sloppy?: true;
  readonly shards?: string;
  readonly placement?: Placement;
}

function numbers({ replicas, shards, r, w }: CreateFlags): {
  replicas?: number;
  shards?: number;
  r?: number;
  w?: number;
} {
  return {
    ...(replicas !== undefined && { replicas: integerOf(replicas, "--replicas") }),
    ...(shards !== undefined && { shards: integerOf(shards, "--shards") }),
    ...(r !== undefined && { r: integerOf(r, "--r") }),
    ...(w !== undefined && { w: integerOf(w, "--w") }),
  };
}

function textOf(source: string, flags: ClientFlags): string {
  const read = readContract(source, flags.json === true);
  if (read === undefined) throw new UsageError("the contract cannot be used", "See above what is wrong with it.");
  return read.contract.text;
}

async function list(client: Client, flags: ClientFlags): Promise<void> {
  const { keyspaces, kept } = await client.keyspaces();
  if (flags.json) return printJson({ keyspaces, kept });
  for (const { name, engine, version, contract, shards, placement, replicas, quorum } of keyspaces) {
    const counted =
      quorum === undefined ? "" : `, ${replicas} replicas, ${quorum.conflicts}${quorum.sloppy ? ", sloppy" : ""}`;
    const cut = placement === undefined ? "" : `, ${shards} shards by ${placement}`;
    print(`${paint("bold", name)}  engine ${engine}${counted}${cut}, contract version ${version}`);
    for (const line of contract.trim().split("\n")) print(`  ${line}`);
  }
}
