import { Command, CommanderError } from "commander";
import { addCounterCommands } from "./commands/counter.ts";
import { integerOf } from "./commands/client-options.ts";
import { addFaultCommands } from "./commands/fault.ts";
import { addKeyspaceCommands } from "./commands/keyspace.ts";
import { addShardCommands } from "./commands/shard.ts";
import { addKvCommands } from "./commands/kv.ts";
import { addLockCommand } from "./commands/lock.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTxnCommand } from "./commands/txn.ts";
import { reportError } from "./output.ts";
import { version } from "./version.ts";

/** Runs one command line. Resolves to the exit code: 0 done, 1 failed, 2 the command line is wrong. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = new Command("cohort")
    .description("A replicated store that you can take apart.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("`--help` shows how.")
    .addHelpText("after", "\nExample:\n  cohort up\n  cohort counter increment\n  cohort status --watch");
  heedClosedOutput(argv[2] === "up" || argv[2] === "node");
  addUp(program);
  addNode(program);
  addStatusCommand(program);
  addCounterCommands(program);
  addKvCommands(program);
  addKeyspaceCommands(program);
  addShardCommands(program);
  addTxnCommand(program);
  addLockCommand(program);
  addFaultCommands(program);
  // These bring whole rooms with them, which a node should not carry and other commands not wait for.
  if (!program.commands.some((command) => command.name() === argv[2])) {
    const [
      { checkCommand },
      { contractCommand },
      { designCommand },
      { modelCommand },
      { simCommand },
      { workshopCommand },
    ] = await Promise.all([
      import("./check.ts"),
      import("./contract.ts"),
      import("./design.ts"),
      import("./model.ts"),
      import("./sim.ts"),
      import("./workshop.ts"),
    ]);
    for (const command of [checkCommand, contractCommand, designCommand, modelCommand, simCommand, workshopCommand])
      program.addCommand(command());
  }
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Help and version arrive here as well, with code 0; the rest has been printed.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, argv.includes("--json"));
  }
}

/** Where nobody reads on (`| head`), a command is done; what runs a cluster runs on. */
function heedClosedOutput(runsOn: boolean): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (!runsOn) process.exit();
  });
}

function addUp(program: Command): void {
  program
    .command("up")
    .description("a cluster on this machine: durable, supervised, with faults to play with")
    .option("--nodes <n>", "how many (default: as many as there are, or 3)")
    .option("--data <directory>", "where the data lives", ".cohort")
    .option("--shards <n>", "of the keyspace `sharded` that a new cluster begins with; 0: without it", "3")
    .option("--fresh", "delete the data of an earlier cluster there first")
    .option("--json", "what happens as one JSON document a line")
    .addHelpText(
      "after",
      "\nPorts start at COHORT_PORT_BASE (7000): HTTP 7101…, peers 7301…, native clients 7401…, console 7070.\n\nExample:\n  cohort up --nodes 5 --data /tmp/five",
    )
    .action(async (flags: { nodes?: string; shards: string; data: string; fresh?: true; json?: true }) => {
      const { runUp } = await import("./up/up.ts");
      const nodes = flags.nodes === undefined ? undefined : integerOf(flags.nodes, "--nodes");
      process.exitCode = await runUp({
        nodes,
        shards: integerOf(flags.shards, "--shards"),
        data: flags.data,
        fresh: flags.fresh === true,
        json: flags.json === true,
      });
    });
}

function addNode(program: Command): void {
  program
    .command("node")
    .description("one node of a cluster that spans machines; logs are JSON lines on standard output")
    .requiredOption("--config <file>", "its configuration, see docs/configuration.md")
    .option("--rejoin", "its disk was lost: puts aside what is there, and gets the data back from the other nodes")
    .option("--json", "logs are JSON lines in any case")
    .addHelpText("after", "\nExample:\n  cohort node --config node-1.json")
    .action(async (flags: { config: string; rejoin?: true }) => {
      const { runNode } = await import("./node.ts");
      process.exitCode = await runNode(flags.config, flags.rejoin === true);
    });
}
