import type { Command } from "commander";
import { callCluster } from "../cluster-http.ts";
import { paint, print, printJson } from "../output.ts";
import { integerOf } from "./client-options.ts";

interface ShardFlags {
  readonly endpoint: string | undefined;
  readonly json?: true;
}

interface Shard {
  readonly shard: string;
  readonly to?: string;
  readonly group: number;
  readonly replicas: readonly number[];
  readonly state: string;
  readonly movesTo?: number;
  readonly epoch: number;
}

const shardHelp = "its name, as `cohort shard list` shows it: where it begins, or `start`";

export function addShardCommands(program: Command): void {
  const shard = program.command("shard").description("the shards of a keyspace: where its keys are");
  withFlags(shard.command("list").argument("<keyspace>"))
    .description("which group has which keys, and where its replicas are")
    .addHelpText("after", "\nExample:\n  cohort shard list sharded")
    .action(async (keyspace: string, flags: ShardFlags) => list(keyspace, flags));
  withFlags(shard.command("split").argument("<keyspace>").argument("<shard>", shardHelp))
    .description("make two shards of one, in the same group")
    .option("--at <key>", "where the second begins; needed, and possible, where keys are placed by range")
    .addHelpText("after", "\nExample:\n  cohort shard split sharded start")
    .action(async (keyspace: string, name: string, flags: ShardFlags & { at?: string }) => {
      const at = flags.at === undefined ? {} : { at: flags.at };
      await change(keyspace, { action: "split", shard: name, ...at }, flags);
    });
  withFlags(shard.command("merge").argument("<keyspace>").argument("<shard>", shardHelp))
    .description("let a shard join the one before it, which has to be in the same group")
    .addHelpText("after", "\nExample:\n  cohort shard merge sharded 55555555")
    .action(async (keyspace: string, name: string, flags: ShardFlags) =>
      change(keyspace, { action: "merge", shard: name }, flags),
    );
  withFlags(shard.command("move").argument("<keyspace>").argument("<shard>", shardHelp))
    .description("move a shard to another group while it is served")
    .option("--to <group>", "the group that gets it (default: a new one, on the same nodes)")
    .addHelpText("after", "\nExample:\n  cohort shard move sharded start --to 2")
    .action(async (keyspace: string, name: string, flags: ShardFlags & { to?: string }) => {
      const to = flags.to === undefined ? {} : { to: integerOf(flags.to, "--to") };
      await change(keyspace, { action: "move", shard: name, ...to }, flags);
    });
}

function withFlags(command: Command): Command {
  return command
    .option("--endpoint <host:port>", "HTTP address of a node (default: the local cluster)")
    .option("--json", "one JSON document on standard output");
}

function pathOf(keyspace: string): string {
  return `/v1/keyspaces/${encodeURIComponent(keyspace)}/shards`;
}

async function list(keyspace: string, flags: ShardFlags): Promise<void> {
  const answer = (await callCluster("GET", pathOf(keyspace), flags.endpoint, undefined, "nodes")) as {
    readonly placement: string;
    readonly shards: readonly Shard[];
  };
  if (flags.json) return printJson(answer);
  print(`${paint("bold", keyspace)}  ${answer.shards.length} shards, placed by ${answer.placement}`);
  for (const { shard, to, group, replicas, state, movesTo } of answer.shards) {
    const moving = movesTo === undefined ? "" : ` to group ${movesTo}`;
    const range = `${shard.padEnd(8)} … ${(to ?? "end").padEnd(8)}`;
    const tone = state === "served" ? "green" : "yellow";
    print(`  ${range}  group ${group}  nodes ${replicas.join(", ")}  ${paint(tone, state)}${moving}`);
  }
}

async function change(keyspace: string, body: object, flags: ShardFlags): Promise<void> {
  const answer = await callCluster("POST", pathOf(keyspace), flags.endpoint, body, "nodes");
  if (flags.json) printJson(answer);
  else await list(keyspace, flags);
}
